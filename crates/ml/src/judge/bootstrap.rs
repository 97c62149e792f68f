//! Confidence intervals from resampled rows (Efron's percentile bootstrap).

use std::collections::BTreeMap;

use forebay_core::ml::Judging;
use serde::{Deserialize, Serialize};

use super::Scored;
use crate::rng::Rng;
use crate::{threads, trainer};

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub lower: f64,
    pub upper: f64,
}

const TAIL: f64 = 0.025;

/// Of every metric; none where resampling is off. What is not a number in a resample (one class
/// alone) is left out of its interval.
pub fn intervals(scored: &Scored, judging: &Judging, seed: u64) -> BTreeMap<String, Interval> {
    resample(scored, judging, seed, |rows| rows.metrics(judging))
}

/// Of the difference of every metric, the candidate's less the other's, over the same rows.
pub fn differences(
    scored: &Scored,
    other: &Scored,
    judging: &Judging,
    seed: u64,
) -> BTreeMap<String, Interval> {
    let difference = |rows: &[usize]| {
        let others = other.take(rows).metrics(judging);
        let mut found = scored.take(rows).metrics(judging);
        found.retain(|name, _| others.contains_key(name));
        for (name, value) in &mut found {
            *value -= others[name];
        }
        found
    };
    over_resamples(&scored.order(), judging.resamples, seed, difference)
}

fn resample(
    scored: &Scored,
    judging: &Judging,
    seed: u64,
    metrics: impl Fn(&Scored) -> BTreeMap<String, f64> + Sync,
) -> BTreeMap<String, Interval> {
    let order = scored.order();
    over_resamples(&order, judging.resamples, seed, |rows| {
        metrics(&scored.take(rows))
    })
}

/// Rows are drawn by their place in the order, and handed on in it.
fn over_resamples(
    order: &[usize],
    resamples: usize,
    seed: u64,
    metrics: impl Fn(&[usize]) -> BTreeMap<String, f64> + Sync,
) -> BTreeMap<String, Interval> {
    let mut found: Vec<(u64, BTreeMap<String, f64>)> = (0..resamples as u64)
        .map(|number| (number, BTreeMap::new()))
        .collect();
    threads::for_each(trainer::threads(), &mut found, |(number, metrics_of)| {
        let mut rng = Rng::new(seed ^ (*number).wrapping_mul(0xD1B5_4A32_D192_ED03));
        let mut times = vec![0_u32; order.len()];
        for _ in 0..order.len() {
            times[rng.below(order.len())] += 1;
        }
        let drawn = order.iter().zip(&times);
        let rows: Vec<usize> = drawn
            .flat_map(|(row, times)| std::iter::repeat_n(*row, *times as usize))
            .collect();
        *metrics_of = metrics(&rows);
    });
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in found.into_iter().flat_map(|(_, metrics)| metrics) {
        values.entry(name).or_default().push(value);
    }
    values
        .into_iter()
        .filter_map(|(name, values)| Some((name, interval(values)?)))
        .collect()
}

fn interval(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)? as f64;
    let at = |share: f64| {
        let place = share * last;
        let (low, high) = (
            values[place.floor() as usize],
            values[place.ceil() as usize],
        );
        low + (high - low) * place.fract()
    };
    Some(Interval {
        lower: at(TAIL),
        upper: at(1.0 - TAIL),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a share, the interval is known: p ± 1.96 sqrt(p (1 - p) / n).
    #[test]
    fn the_interval_of_a_share_is_the_known_one() {
        let labels: Vec<bool> = (0..2_000).map(|i| i % 4 != 0).collect();
        let scored = Scored::Binary {
            scores: vec![0.9; labels.len()],
            labels,
        };
        let judging = Judging {
            resamples: 1_000,
            ..Judging::default()
        };
        let found = intervals(&scored, &judging, 3)["accuracy"];
        let half = 1.96 * (0.75_f64 * 0.25 / 2_000.0).sqrt();
        assert!((found.lower - (0.75 - half)).abs() < 0.004, "{found:?}");
        assert!((found.upper - (0.75 + half)).abs() < 0.004, "{found:?}");
        assert_eq!(found, intervals(&scored, &judging, 3)["accuracy"]);
    }

    #[test]
    fn a_model_differs_from_itself_by_nothing() {
        let scored = Scored::Regression {
            labels: (0..100).map(f64::from).collect(),
            answers: (0..100).map(|i| f64::from(i * 7 % 100)).collect(),
        };
        let found = differences(&scored, &scored, &Judging::default(), 1)["rmse"];
        assert_eq!((found.lower, found.upper), (0.0, 0.0));
    }
}
