//! How good a model is on rows that it has not seen: the evaluation of a run.

mod bootstrap;
mod permutation;
mod scored;
mod slices;
mod thresholds;

use std::collections::BTreeMap;
use std::path::Path;

use forebay_core::Diagnostic;
use forebay_core::ml::{Judging, Task};
use serde::{Deserialize, Serialize};

use crate::metrics::{self, CalibrationBin, Confusion, RocPoint};

pub use bootstrap::{Interval, differences, intervals};
pub use permutation::{Permutation, permutation};
pub use scored::Scored;
pub use slices::{Slice, slices};
pub use thresholds::{Threshold, thresholds};

/// The newest format of `evaluation.json`. Format 1 had no number; it is read as this one, with
/// what it lacks empty.
pub const FORMAT: u32 = 2;
const ROC_POINTS: usize = 200;

/// How good a model is on rows that it has not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    #[serde(default = "first_format")]
    pub format: u32,
    #[serde(default = "binary")]
    pub task: Task,
    /// Of a multiclass label.
    #[serde(default)]
    pub classes: Vec<String>,
    pub train_rows: u64,
    pub test_rows: u64,
    /// On the test rows.
    pub metrics: BTreeMap<String, f64>,
    /// 95 % confidence intervals of the metrics, from resampled test rows.
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// The metrics on the training rows: far better ones tell of overfitting. Empty for a script.
    pub train_metrics: BTreeMap<String, f64>,
    /// By fold, the metrics of a model that was trained without it.
    #[serde(default)]
    pub folds: Vec<BTreeMap<String, f64>>,
    /// Score at or above which accuracy, precision, recall, F1, cost and the confusion say yes.
    pub threshold: f64,
    /// Of a binary label.
    #[serde(default)]
    pub confusion: Option<Confusion>,
    /// Of a multiclass label: rows by true class, then by the class answered.
    #[serde(default)]
    pub class_confusion: Vec<Vec<u64>>,
    pub roc: Vec<RocPoint>,
    pub calibration: Vec<CalibrationBin>,
    /// What each threshold of a binary label would give.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// The same metrics on the rows of one value of a column.
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// How much worse the main metric gets when a feature's values are shuffled, most first.
    #[serde(default)]
    pub permutation: Vec<Permutation>,
    /// The version to beat, on the same test rows.
    #[serde(default)]
    pub champion: Option<Champion>,
    /// Mean loss after each round.
    pub rounds: Vec<RoundLoss>,
}

fn first_format() -> u32 {
    1
}

fn binary() -> Task {
    Task::Binary
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundLoss {
    pub train: f64,
    pub test: f64,
}

/// The version that held the alias when the run was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Champion {
    pub version: u64,
    pub run_id: String,
    pub metrics: BTreeMap<String, f64>,
    /// The candidate's metric less the champion's, each resample's rows the same for both.
    pub differences: BTreeMap<String, Interval>,
}

/// Without what is not a number where a class is missing: no file could hold it.
pub fn finite(mut metrics: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    metrics.retain(|_, value| value.is_finite());
    metrics
}

impl Evaluation {
    /// Reads `evaluation.json` of a run's folder.
    pub fn read(folder: &Path) -> Result<Self, Diagnostic> {
        let path = folder.join("evaluation.json");
        let text = std::fs::read(&path).map_err(|error| {
            Diagnostic::environment(format!("cannot read {}: {error}", path.display()))
                .hint("the run's artifacts are gone; train again")
        })?;
        let found: Self = serde_json::from_slice(&text).map_err(|error| {
            Diagnostic::environment(format!("{} is damaged: {error}", path.display()))
        })?;
        match found.format {
            1..=FORMAT => Ok(found),
            newer => Err(Diagnostic::error(format!(
                "{} has format {newer}; this Forebay reads formats up to {FORMAT}",
                path.display()
            ))),
        }
    }

    /// What the test rows tell alone.
    pub fn of(test: &Scored, judging: &Judging, seed: u64) -> Self {
        let mut evaluation = Self {
            format: FORMAT,
            task: test.task(),
            classes: Vec::new(),
            train_rows: 0,
            test_rows: test.rows() as u64,
            metrics: finite(test.metrics(judging)),
            intervals: intervals(test, judging, seed),
            train_metrics: BTreeMap::new(),
            folds: Vec::new(),
            threshold: judging.threshold,
            confusion: None,
            class_confusion: Vec::new(),
            roc: Vec::new(),
            calibration: Vec::new(),
            thresholds: Vec::new(),
            slices: Vec::new(),
            permutation: Vec::new(),
            champion: None,
            rounds: Vec::new(),
        };
        match test {
            Scored::Binary { labels, scores } => {
                evaluation.confusion = Some(Confusion::at(labels, scores, judging.threshold));
                evaluation.roc = metrics::roc_curve(labels, scores, ROC_POINTS);
                evaluation.calibration =
                    metrics::calibration(labels, scores, metrics::CALIBRATION_BINS);
                evaluation.thresholds = thresholds(labels, scores, judging.costs);
            }
            Scored::Multiclass { labels, shares } => {
                evaluation.class_confusion = metrics::multiclass::confusion(labels, shares);
            }
            Scored::Regression { labels, answers } => {
                evaluation.calibration =
                    metrics::regression::calibration(labels, answers, metrics::CALIBRATION_BINS);
            }
            Scored::Clusters { .. } => {}
        }
        evaluation
    }
}

#[cfg(test)]
mod tests;
