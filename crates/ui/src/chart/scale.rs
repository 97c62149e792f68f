//! From values to pixels, and the round values that an axis names.

/// A linear or logarithmic scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
    log: bool,
}

impl Scale {
    pub fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self {
            domain,
            range,
            log: false,
        }
    }

    /// What is not above zero has no place on it: [`Scale::at`] answers NaN.
    pub fn logarithmic(self) -> Self {
        Self { log: true, ..self }
    }

    pub fn at(&self, value: f64) -> f64 {
        let place = |x: f64| if self.log { x.ln() } else { x };
        let (low, high, value) = (place(self.domain.0), place(self.domain.1), place(value));
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// About `wanted` round values (1, 2 or 5 times a power of ten) within the bounds.
pub(crate) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let rough = span / wanted.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power * 10.0);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Powers of ten within the bounds, with 2 and 5 times them where those are few; bounds above zero.
pub(crate) fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let times = |factors: &'static [f64]| {
        let all = decades.clone().flat_map(move |e| {
            let power = 10f64.powi(e);
            factors.iter().map(move |factor| factor * power)
        });
        let within = all.filter(|t| (low * 0.999..=high * 1.001).contains(t));
        within.collect::<Vec<f64>>()
    };
    let powers = times(&[1.0]);
    match powers.len() {
        0..=2 => times(&[1.0, 2.0, 5.0]),
        n if n > 8 => powers.into_iter().step_by(n.div_ceil(8)).collect(),
        _ => powers,
    }
}

/// Labels of ticks, all with the decimals that their step needs.
pub(crate) fn labels(ticks: &[f64]) -> Vec<String> {
    let step = match ticks {
        [a, b, ..] => (b - a).abs(),
        _ => 1.0,
    };
    let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    ticks.iter().map(|t| format!("{t:.decimals$}")).collect()
}

/// Round instants (milliseconds) within the bounds: whole seconds, minutes, hours or days.
pub(crate) fn time_ticks(from_ms: i64, to_ms: i64, wanted: usize) -> Vec<i64> {
    const STEPS: [i64; 21] = [
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        21_600_000,
        43_200_000,
        86_400_000,
        604_800_000,
    ];
    let span = to_ms.saturating_sub(from_ms);
    if span <= 0 {
        return vec![from_ms];
    }
    let rough = span / wanted.max(1) as i64;
    let step = STEPS.into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or_else(|| (rough / 86_400_000 + 1) * 86_400_000);
    let first = from_ms.div_euclid(step) + i64::from(from_ms.rem_euclid(step) != 0);
    (first..=to_ms.div_euclid(step)).map(|i| i * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(
            labels(&ticks(0.0, 1.0, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(ticks(3.0, 97.0, 5), [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(2.0, 2.0, 5), [2.0]);
        assert_eq!(labels(&ticks(0.51, 0.56, 4)), ["0.52", "0.54", "0.56"]);
    }

    #[test]
    fn a_logarithmic_scale_gives_every_decade_the_same_room() {
        let scale = Scale::new((0.01, 100.0), (0.0, 40.0)).logarithmic();
        assert!((scale.at(1.0) - 20.0).abs() < 1e-9);
        assert!(!scale.at(-1.0).is_finite());
        assert_eq!(log_ticks(0.01, 100.0), [0.01, 0.1, 1.0, 10.0, 100.0]);
        assert_eq!(log_ticks(0.3, 0.9), [0.5]);
        assert!(log_ticks(1e-30, 1e30).len() <= 9);
    }

    #[test]
    fn time_ticks_fall_on_whole_units() {
        assert_eq!(time_ticks(0, 4_000, 4), [0, 1_000, 2_000, 3_000, 4_000]);
        assert_eq!(
            time_ticks(61_000, 3_600_000, 4),
            [900_000, 1_800_000, 2_700_000, 3_600_000]
        );
        assert_eq!(time_ticks(5, 5, 4), [5]);
    }

    #[test]
    fn a_scale_without_width_answers_its_middle() {
        assert_eq!(Scale::new((0.0, 10.0), (100.0, 200.0)).at(2.5), 125.0);
        assert_eq!(Scale::new((3.0, 3.0), (0.0, 10.0)).at(3.0), 5.0);
    }
}
