//! The built-in trainers, one a file: encoded rows in, a predictor out.

mod gradient_boosting;
mod k_means;
mod regression;

use arrow::array::RecordBatch;
use forebay_core::Diagnostic;
use forebay_core::ml::{ClassWeights, Split, Task, Trainer};

use crate::encode::Encoder;
use crate::folds;
use crate::gbdt::{Curve, Matrix};
use crate::linear::Link;
use crate::model::Predictor;

/// Changes with what a trainer makes of the same rows and parameters: part of a training's hash.
pub const REVISION: u32 = 2;
/// More threads than this gain little: most trees' leaves are too small to share.
const MOST_THREADS: usize = 8;

/// Rows with what they are to be answered with.
#[derive(Clone, Debug)]
pub struct Rows {
    pub batches: Vec<RecordBatch>,
    pub labels: Vec<f64>,
}

impl Rows {
    pub fn take(&self, rows: &[usize]) -> Result<Self, Diagnostic> {
        Ok(Self {
            batches: folds::take(&self.batches, rows)?,
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
        })
    }
}

/// What is asked of a trainer, beside rows.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub task: Task,
    pub classes: usize,
    pub features: &'a [String],
    pub split: &'a Split,
    pub seed: u64,
    pub threads: usize,
}

pub struct Fitted {
    pub features: Encoder,
    pub predictor: Predictor,
    /// Losses by round, where there are rounds.
    pub curve: Curve,
}

/// Encoded rows.
pub struct Encoded<'a> {
    pub encoder: &'a Encoder,
    pub matrix: &'a Matrix,
    pub labels: &'a [f64],
}

/// Fits on the rows; `watched` are only looked at, to tell how the loss on them went.
pub fn fit(
    trainer: &Trainer,
    wanted: &Wanted<'_>,
    rows: &Rows,
    watched: Option<&Rows>,
) -> Result<Fitted, Diagnostic> {
    let encoder = Encoder::fit(
        &rows.batches,
        wanted.features,
        &order_by(wanted, &rows.labels),
    )?;
    let matrix = encoder.matrix(&rows.batches)?;
    check_features(&matrix)?;
    let data = Encoded {
        encoder: &encoder,
        matrix: &matrix,
        labels: &rows.labels,
    };
    let mut curve = Curve::default();
    let predictor = match trainer {
        Trainer::GradientBoosting(parameters) => {
            let fitted = gradient_boosting::fit(parameters, wanted, rows, &data, watched)?;
            curve = fitted.1;
            fitted.0
        }
        Trainer::LogisticRegression(p) => regression::fit(p, wanted, &data, Link::Logistic),
        Trainer::LinearRegression(p) => regression::fit(p, wanted, &data, Link::Identity),
        Trainer::KMeans(parameters) => k_means::fit(parameters, wanted, &data),
        Trainer::Script(script) => {
            return Err(Diagnostic::internal(format!(
                "{} is a script, not a built-in trainer",
                script.script
            )));
        }
    };
    Ok(Fitted {
        features: encoder,
        predictor,
        curve,
    })
}

/// What categories are ordered by: the label; of several classes, whether it is the most frequent.
fn order_by(wanted: &Wanted<'_>, labels: &[f64]) -> Vec<f64> {
    if wanted.task != Task::Multiclass {
        return labels.to_vec();
    }
    let mut counts = vec![0_usize; wanted.classes];
    labels.iter().for_each(|label| counts[*label as usize] += 1);
    let most = (0..counts.len()).rev().max_by_key(|class| counts[*class]);
    labels
        .iter()
        .map(|label| f64::from(u8::from(Some(*label as usize) == most)))
        .collect()
}

/// A weight for each row of a 0/1 label; None: all the same.
pub fn row_weights(weights: ClassWeights, labels: &[f64]) -> Option<Vec<f64>> {
    let trues = labels.iter().filter(|label| **label == 1.0).count() as f64;
    let rows = labels.len() as f64;
    let (of_false, of_true) = match weights {
        ClassWeights::Equal => return None,
        ClassWeights::True(weight) => (1.0, weight),
        ClassWeights::Balanced => (rows / (2.0 * (rows - trues)), rows / (2.0 * trues)),
    };
    let weight = |label: &f64| if *label == 1.0 { of_true } else { of_false };
    Some(labels.iter().map(weight).collect())
}

fn check_features(matrix: &Matrix) -> Result<(), Diagnostic> {
    if matrix.width() == 0 {
        return Err(Diagnostic::error("the training job has no features"));
    }
    let empty = |column: &usize| matrix.column(*column).iter().all(|value| value.is_nan());
    if (0..matrix.width()).all(|column| empty(&column)) {
        return Err(
            Diagnostic::error("every feature is null in all training rows")
                .hint("look at the feature views' join keys, timestamps and ttl"),
        );
    }
    Ok(())
}

pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS))
}
