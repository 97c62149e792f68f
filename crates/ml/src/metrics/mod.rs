//! How good answers are. In this file: the scores of a binary classifier.
//!
//! All functions take labels and scores of the same rows in the same order, at least one row. Where
//! a ratio has nothing below the line (a precision without a positive answer) it is 0; where both
//! classes are needed and one is missing, the result is NaN.

pub mod clusters;
pub mod multiclass;
pub mod regression;

use std::collections::BTreeMap;

use forebay_core::ml::{Costs, Task};
use serde::{Deserialize, Serialize};

/// Names of all metrics that [`all`] computes.
pub const NAMES: [&str; 9] = [
    "accuracy",
    "average_precision",
    "brier",
    "expected_calibration_error",
    "f1",
    "log_loss",
    "precision",
    "recall",
    "roc_auc",
];

/// Names of all metrics of a task; `cost` is there where costs are given.
pub fn names(task: Task) -> &'static [&'static str] {
    match task {
        Task::Binary => &NAMES,
        Task::Multiclass => &multiclass::NAMES,
        Task::Regression => &regression::NAMES,
        Task::Clusters => &clusters::NAMES,
    }
}

/// Whether a smaller value of the metric is a better one.
pub fn lower_is_better(metric: &str) -> bool {
    const LOWER: [&str; 8] = [
        "brier",
        "cost",
        "expected_calibration_error",
        "largest_share",
        "log_loss",
        "mae",
        "mean_squared_distance",
        "rmse",
    ];
    LOWER.contains(&metric)
}

/// Answers against truth at a threshold: a score at or above it answers yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

/// One point of the ROC curve: the rates when every score at or above the threshold answers yes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    pub false_positive_rate: f64,
    pub true_positive_rate: f64,
    /// None at the curve's start, where nothing answers yes.
    pub threshold: Option<f64>,
}

/// Rows of similar score: what was predicted of them and what came true.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean score.
    pub predicted: f64,
    /// Share of true labels.
    pub observed: f64,
    pub rows: u64,
}

/// Every metric by name.
pub fn all(labels: &[bool], scores: &[f64], threshold: f64) -> BTreeMap<String, f64> {
    let ranking = Ranking::new(labels, scores);
    let confusion = Confusion::at(labels, scores, threshold);
    let values = [
        confusion.accuracy(),
        ranking.average_precision(),
        brier(labels, scores),
        expected_calibration_error(&calibration(labels, scores, CALIBRATION_BINS)),
        confusion.f1(),
        log_loss(labels, scores),
        confusion.precision(),
        confusion.recall(),
        ranking.roc_auc(),
    ];
    NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect()
}

/// Bins of the calibration curve.
pub const CALIBRATION_BINS: usize = 10;

/// Mean negative log likelihood. Scores are kept off 0 and 1 by the smallest step of an `f64`.
pub fn log_loss(labels: &[bool], scores: &[f64]) -> f64 {
    mean(labels, scores, |label, score| {
        let score = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if label { score } else { 1.0 - score }).ln()
    })
}

/// Mean squared distance of score and truth.
pub fn brier(labels: &[bool], scores: &[f64]) -> f64 {
    mean(labels, scores, |label, score| {
        (score - f64::from(u8::from(label))).powi(2)
    })
}

fn mean(labels: &[bool], scores: &[f64], value: impl Fn(bool, f64) -> f64) -> f64 {
    let sum: f64 = labels
        .iter()
        .zip(scores)
        .map(|(label, score)| value(*label, *score))
        .sum();
    sum / labels.len() as f64
}

/// Probability that a true row scores above a false one, ties counting half.
pub fn roc_auc(labels: &[bool], scores: &[f64]) -> f64 {
    Ranking::new(labels, scores).roc_auc()
}

/// Mean of the precisions at each true row's threshold (a step function, nothing interpolated).
pub fn average_precision(labels: &[bool], scores: &[f64]) -> f64 {
    Ranking::new(labels, scores).average_precision()
}

/// The ROC curve with its ends, thinned to at most `points` (at least 2) evenly spread ones.
pub fn roc_curve(labels: &[bool], scores: &[f64], points: usize) -> Vec<RocPoint> {
    let ranking = Ranking::new(labels, scores);
    let last = ranking.steps.len();
    let points = points.max(2).min(last + 1);
    (0..points)
        .map(|i| ranking.roc_point(i * last / (points - 1)))
        .collect()
}

/// Rows in ascending order of score cut into `bins` runs of about equal size, equal scores together.
pub fn calibration(labels: &[bool], scores: &[f64], bins: usize) -> Vec<CalibrationBin> {
    let ranking = Ranking::new(labels, scores);
    let mut found: Vec<CalibrationBin> = Vec::new();
    let (mut rows, mut trues, mut sum) = (0, 0, 0.0);
    let (mut seen, mut before) = (0, (0, 0));
    // From the highest score down, then turned round: the ranking is descending.
    for step in &ranking.steps {
        let here = step.trues + step.falses - before.0 - before.1;
        trues += step.trues - before.0;
        before = (step.trues, step.falses);
        sum += step.score * here as f64;
        rows += here;
        seen += here;
        if seen * bins as u64 >= (found.len() as u64 + 1) * labels.len() as u64 {
            found.push(CalibrationBin {
                predicted: sum / rows as f64,
                observed: trues as f64 / rows as f64,
                rows,
            });
            (rows, trues, sum) = (0, 0, 0.0);
        }
    }
    found.reverse();
    found
}

/// Mean distance of predicted and observed over the bins, weighted by their rows.
pub fn expected_calibration_error(bins: &[CalibrationBin]) -> f64 {
    let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
    let distance = |bin: &CalibrationBin| (bin.predicted - bin.observed).abs() * bin.rows as f64;
    bins.iter().map(distance).sum::<f64>() / rows as f64
}

impl Confusion {
    pub fn at(labels: &[bool], scores: &[f64], threshold: f64) -> Self {
        let mut confusion = Self::default();
        for (label, score) in labels.iter().zip(scores) {
            let place = match (label, *score >= threshold) {
                (true, true) => &mut confusion.true_positives,
                (false, true) => &mut confusion.false_positives,
                (false, false) => &mut confusion.true_negatives,
                (true, false) => &mut confusion.false_negatives,
            };
            *place += 1;
        }
        confusion
    }

    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }

    /// The mean cost of a row.
    pub fn cost(&self, costs: Costs) -> f64 {
        let right = self.true_positives + self.true_negatives;
        let wrong = self.false_positives + self.false_negatives;
        let cost = costs.false_positive * self.false_positives as f64
            + costs.false_negative * self.false_negatives as f64;
        cost / (right + wrong) as f64
    }

    pub fn precision(&self) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    pub fn recall(&self) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    pub fn f1(&self) -> f64 {
        let errors = self.false_positives + self.false_negatives;
        ratio(2 * self.true_positives, 2 * self.true_positives + errors)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Distinct scores in descending order with how many rows lie at or above each.
struct Ranking {
    steps: Vec<Step>,
    trues: u64,
    falses: u64,
}

struct Step {
    score: f64,
    trues: u64,
    falses: u64,
}

impl Ranking {
    fn new(labels: &[bool], scores: &[f64]) -> Self {
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut trues, mut falses) = (0, 0);
        let mut steps: Vec<Step> = Vec::new();
        for (score, label) in rows {
            trues += u64::from(label);
            falses += u64::from(!label);
            let step = Step {
                score,
                trues,
                falses,
            };
            match steps.last_mut() {
                Some(last) if last.score == score => *last = step,
                _ => steps.push(step),
            }
        }
        Self {
            steps,
            trues,
            falses,
        }
    }

    fn roc_auc(&self) -> f64 {
        let (mut twice_area, mut before) = (0.0, (0, 0));
        for step in &self.steps {
            let width = (step.falses - before.1) as f64;
            twice_area += width * (step.trues + before.0) as f64;
            before = (step.trues, step.falses);
        }
        twice_area / 2.0 / (self.trues as f64 * self.falses as f64)
    }

    fn average_precision(&self) -> f64 {
        let (mut sum, mut before) = (0.0, 0);
        for step in &self.steps {
            sum += (step.trues - before) as f64 * ratio(step.trues, step.trues + step.falses);
            before = step.trues;
        }
        sum / self.trues as f64
    }

    /// The point after `step` steps from the curve's start.
    fn roc_point(&self, step: usize) -> RocPoint {
        let at = step.checked_sub(1).map(|index| &self.steps[index]);
        RocPoint {
            false_positive_rate: at.map_or(0.0, |s| s.falses as f64 / self.falses as f64),
            true_positive_rate: at.map_or(0.0, |s| s.trues as f64 / self.trues as f64),
            threshold: at.map(|s| s.score),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 12] = [
        true, false, true, true, false, false, true, false, false, true, false, false,
    ];
    const SCORES: [f64; 12] = [0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.3, 0.2, 0.2, 0.1];

    /// Expected values: scikit-learn 1.9.1 on the arrays above (`roc_auc_score`,
    /// `average_precision_score`, `log_loss`, `brier_score_loss`, `accuracy_score`, ... at 0.5).
    #[test]
    fn agrees_with_scikit_learn() {
        let found = all(&LABELS, &SCORES, 0.5);
        for (name, expected) in [
            ("roc_auc", 0.7142857142857143),
            ("average_precision", 0.6742424242424243),
            ("log_loss", 0.6320805100203107),
            ("brier", 0.2225),
            ("accuracy", 0.5833333333333334),
            ("precision", 0.5),
            ("recall", 0.8),
            ("f1", 0.6153846153846154),
        ] {
            assert!(
                (found[name] - expected).abs() < 1e-14,
                "{name} {}",
                found[name]
            );
        }
    }

    #[test]
    fn hand_counted_confusion() {
        let confusion = Confusion::at(&LABELS, &SCORES, 0.6);
        let counts = (confusion.true_positives, confusion.false_positives);
        assert_eq!(counts, (3, 2));
        assert_eq!(
            (confusion.true_negatives, confusion.false_negatives),
            (5, 2)
        );
        assert_eq!(confusion.precision(), 0.6);
        assert_eq!(Confusion::at(&LABELS, &SCORES, 2.0).precision(), 0.0);
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(roc_auc(&[true, false], &[0.5, 0.5]), 0.5);
        assert_eq!(roc_auc(&[true, false, false], &[0.5, 0.5, 0.1]), 0.75);
        assert!(roc_auc(&[true, true], &[0.1, 0.2]).is_nan());
    }

    #[test]
    fn the_roc_curve_keeps_its_ends_when_thinned() {
        let scores: Vec<f64> = (0..5_000).map(f64::from).collect();
        let labels: Vec<bool> = (0..5_000).map(|i| i % 3 == 0 || i > 4_000).collect();
        let curve = roc_curve(&labels, &scores, 200);
        assert_eq!(curve.len(), 200);
        let ends = [curve[0], curve[199]];
        assert_eq!(
            ends.map(|p| (p.false_positive_rate, p.true_positive_rate)),
            [(0.0, 0.0), (1.0, 1.0)]
        );
        assert!(
            curve
                .windows(2)
                .all(|p| p[0].true_positive_rate <= p[1].true_positive_rate)
        );
        let whole = roc_curve(&LABELS, &SCORES, 200);
        assert_eq!(whole.len(), 9, "eight distinct scores and the start");
    }

    #[test]
    fn calibration_bins_share_the_rows() {
        let scores: Vec<f64> = (0..1_000).map(|i| f64::from(i) / 1_000.0).collect();
        let labels: Vec<bool> = (0..1_000).map(|i| i % 10 == 0).collect();
        let bins = calibration(&labels, &scores, 10);
        assert_eq!(bins.len(), 10);
        assert!(
            bins.iter()
                .all(|bin| bin.rows == 100 && (bin.observed - 0.1).abs() < 1e-12)
        );
        assert!((bins[3].predicted - 0.3495).abs() < 1e-12);
        assert!((expected_calibration_error(&bins) - 0.40).abs() < 1e-2);
        assert_eq!(calibration(&labels, &[0.3; 1_000], 10).len(), 1);
    }
}
