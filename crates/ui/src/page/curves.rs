//! Metrics over steps or time, and how they are asked to be drawn.

use crate::chart::{Axis, Mark, Plot, series, spark};
use crate::format;
use crate::markup::Markup;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    pub step: i64,
    pub at_ms: i64,
    pub value: f64,
}

/// How curves are drawn, as an address says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Metrics that are drawn together; none draws each for itself.
    pub metrics: Vec<String>,
    /// A logarithmic axis of values.
    pub log: bool,
    /// Over the time since the first value, not over steps.
    pub by_time: bool,
}

impl Drawing {
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut drawing = Self::default();
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("metric", _) => drawing.metrics.push(value),
                ("scale", "log") => drawing.log = true,
                ("over", "time") => drawing.by_time = true,
                _ => {}
            }
        }
        drawing
    }

    /// Lines with their names, over one pair of axes.
    pub(crate) fn plot(&self, title: &str, lines: &[(String, &[CurvePoint])]) -> Markup {
        let drawn: Vec<Vec<(f64, f64)>> = lines
            .iter()
            .map(|(_, points)| self.points(points))
            .collect();
        let all = || drawn.iter().flatten();
        let y = match self.log {
            true => Axis::log("", all().map(|p| p.1)),
            false => Axis::over("", all().map(|p| p.1)),
        };
        let over = if self.by_time { "seconds" } else { "step" };
        let x = Axis::over(over, all().map(|p| p.0));
        let description = format!("{title} over {over}, {} values", all().count());
        let label = |label: &str| match lines.len() {
            1 => String::new(),
            _ => format::clip(label, 40),
        };
        let marks = (0..).zip(lines.iter().zip(drawn));
        let marks = marks.map(|(nth, ((name, _), points))| Mark::Line {
            class: series(nth),
            label: label(name),
            points,
        });
        let marks = marks.collect();
        let plot = Plot {
            title: format::clip(title, 60),
            description,
            x,
            y,
            marks,
        };
        plot.figure()
    }

    fn points(&self, points: &[CurvePoint]) -> Vec<(f64, f64)> {
        let first = points.iter().map(|p| p.at_ms).min().unwrap_or_default();
        let mut drawn: Vec<(f64, f64)> = points
            .iter()
            .map(|p| match self.by_time {
                true => ((p.at_ms - first) as f64 / 1e3, p.value),
                false => (p.step as f64, p.value),
            })
            .collect();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        drawn
    }
}

pub(crate) fn small(points: &[CurvePoint]) -> Markup {
    let points: Vec<(f64, f64)> = points.iter().map(|p| (p.step as f64, p.value)).collect();
    spark(&points)
}

/// What `val_loss`, `train/loss` and `loss` share, so that they are drawn together.
pub(crate) fn family(key: &str) -> &str {
    const PARTS: [&str; 7] = [
        "training",
        "train",
        "validation",
        "valid",
        "val",
        "test",
        "eval",
    ];
    let stripped = PARTS.iter().find_map(|part| key.strip_prefix(part));
    let Some(rest) = stripped else { return key };
    // LightGBM and XGBoost number their sets: `valid_0-auc`.
    let numbered = rest
        .strip_prefix('_')
        .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let rest = numbered
        .filter(|rest| rest.starts_with('-'))
        .unwrap_or(rest);
    match rest.strip_prefix(['_', '-', '/', '.']) {
        Some(name) if !name.is_empty() => name,
        _ => key,
    }
}

/// Keys of one family together, in the order in which the families come.
pub(crate) fn families<'k>(
    keys: impl IntoIterator<Item = &'k str>,
) -> Vec<(&'k str, Vec<&'k str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for key in keys {
        let name = family(key);
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(key),
            None => found.push((name, vec![key])),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_one_quantity_are_a_family() {
        for key in [
            "loss",
            "val_loss",
            "train/loss",
            "valid_0-loss",
            "eval.loss",
            "training_loss",
        ] {
            assert_eq!(family(key), "loss", "{key}");
        }
        for key in ["validity", "train_", "tests", "f1"] {
            assert_eq!(family(key), key);
        }
        let found = families(["loss", "acc", "val_loss"]);
        assert_eq!(
            found,
            [("loss", vec!["loss", "val_loss"]), ("acc", vec!["acc"])]
        );
    }

    #[test]
    fn a_curve_over_time_begins_at_zero() {
        let drawing = Drawing::read([
            ("over".into(), "time".into()),
            ("scale".into(), "log".into()),
        ]);
        let point = |step, at_ms| CurvePoint {
            step,
            at_ms,
            value: 1.0,
        };
        let drawn = drawing.points(&[point(1, 7_000), point(0, 5_000)]);
        assert_eq!(drawn, [(0.0, 1.0), (2.0, 1.0)]);
        assert!(drawing.log);
    }
}
