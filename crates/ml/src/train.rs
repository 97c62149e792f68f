//! Training and judging: rows in; a model, its evaluation and the profile of what it saw out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use forebay_checks::profile::{self, Profile};
use forebay_core::Diagnostic;
use forebay_core::ml::{GradientBoosting, Trainer};
use serde::{Deserialize, Serialize};

use crate::artifact;
use crate::encode::Encoder;
use crate::gbdt::{self, Labelled, Matrix, Objective};
use crate::metrics::{self, CalibrationBin, Confusion, RocPoint};
use crate::model::{self, Model};

/// What a run learns from and is judged on.
#[derive(Clone, Debug)]
pub struct TrainingInput {
    pub train: Vec<RecordBatch>,
    pub test: Vec<RecordBatch>,
    /// Column of the truth: boolean, or 0 and 1.
    pub label: String,
    /// Columns that the model reads, in its order.
    pub features: Vec<String>,
    pub trainer: Trainer,
    pub seed: u64,
    /// Identifies rows and definition; kept in the model.
    pub training_hash: String,
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Trained {
    pub model: Model,
    pub evaluation: Evaluation,
    /// Profile of the features and of `score` on the training rows: what drift is held against.
    pub reference: Profile,
    /// How much each feature lowered the training loss, most first.
    pub importance: Vec<Importance>,
}

/// How good a model is on rows that it has not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub train_rows: u64,
    pub test_rows: u64,
    /// On the test rows.
    pub metrics: BTreeMap<String, f64>,
    /// The same on the training rows: far better ones tell of overfitting.
    pub train_metrics: BTreeMap<String, f64>,
    /// Score at or above which accuracy, precision, recall, F1 and the confusion matrix say yes.
    pub threshold: f64,
    pub confusion: Confusion,
    pub roc: Vec<RocPoint>,
    pub calibration: Vec<CalibrationBin>,
    /// Mean log loss after each round.
    pub rounds: Vec<RoundLoss>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundLoss {
    pub train: f64,
    pub test: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    pub feature: String,
    pub gain: f64,
}

/// Column of the score in the profile, as in a prediction log.
const SCORE: &str = "score";
const THRESHOLD: f64 = 0.5;
const ROC_POINTS: usize = 200;
/// More threads than this gain little: most trees' leaves are too small to share.
const MOST_THREADS: usize = 8;

/// Trains on the training rows and judges on the test rows.
///
/// # Errors
/// The user's: no rows, one class, an ill-typed or null label, parameters out of range, a feature
/// that cannot be read, no feature with any value.
pub fn train(input: &TrainingInput) -> Result<Trained, Diagnostic> {
    let Trainer::GradientBoosting(parameters) = &input.trainer;
    check_parameters(parameters)?;
    let train_labels = labels(&input.train, &input.label, "training")?;
    let test_labels = labels(&input.test, &input.label, "test")?;
    let encoder = Encoder::fit(&input.train, &input.features, &train_labels)?;
    let train_matrix = encoder.matrix(&input.train)?;
    check_features(&train_matrix)?;
    let test_matrix = encoder.matrix(&input.test)?;
    let trained = gbdt::train(
        Labelled {
            matrix: &train_matrix,
            labels: &train_labels,
        },
        Some(Labelled {
            matrix: &test_matrix,
            labels: &test_labels,
        }),
        Objective::Logistic,
        parameters,
        input.seed,
        threads(),
    );
    let model = Model {
        format: model::FORMAT,
        label: input.label.clone(),
        training_hash: input.training_hash.clone(),
        features: encoder,
        booster: trained.booster,
    };
    let train_scores = model.booster.predict_all(&train_matrix);
    let test_scores = model.booster.predict_all(&test_matrix);
    let train_side = (truth(&train_labels), &train_scores[..]);
    let test_side = (truth(&test_labels), &test_scores[..]);
    Ok(Trained {
        evaluation: evaluate(train_side, test_side, &trained.curve),
        reference: reference(input, &train_scores)?,
        importance: importance(&model),
        model,
    })
}

/// Writes `evaluation.json`, `profile.json`, `importance.json` and last the folder `model`: once that
/// is there, all is.
pub fn write_artifacts(folder: &Path, trained: &Trained) -> Result<(), Diagnostic> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Diagnostic::environment(format!("cannot create {}: {error}", folder.display()))
    })?;
    artifact::write_json(&folder.join("evaluation.json"), &trained.evaluation)?;
    artifact::write_json(&folder.join("profile.json"), &trained.reference)?;
    artifact::write_json(&folder.join("importance.json"), &trained.importance)?;
    trained.model.write(&folder.join("model"))
}

fn evaluate(
    (train_truth, train_scores): (Vec<bool>, &[f64]),
    (truth, scores): (Vec<bool>, &[f64]),
    curve: &gbdt::Curve,
) -> Evaluation {
    let losses = curve.train.iter().zip(&curve.test).skip(1);
    Evaluation {
        train_rows: train_truth.len() as u64,
        test_rows: truth.len() as u64,
        metrics: metrics::all(&truth, scores, THRESHOLD),
        train_metrics: metrics::all(&train_truth, train_scores, THRESHOLD),
        threshold: THRESHOLD,
        confusion: Confusion::at(&truth, scores, THRESHOLD),
        roc: metrics::roc_curve(&truth, scores, ROC_POINTS),
        calibration: metrics::calibration(&truth, scores, metrics::CALIBRATION_BINS),
        rounds: losses
            .map(|(train, test)| RoundLoss {
                train: *train,
                test: *test,
            })
            .collect(),
    }
}

fn importance(model: &Model) -> Vec<Importance> {
    let mut importance: Vec<Importance> = model
        .feature_names()
        .zip(model.booster.gains())
        .map(|(feature, gain)| Importance {
            feature: feature.to_owned(),
            gain,
        })
        .collect();
    importance.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    importance
}

/// Profile of the training rows: the features as they came, and the scores.
fn reference(input: &TrainingInput, scores: &[f64]) -> Result<Profile, Diagnostic> {
    let mut columns = input.features.clone();
    columns.push(SCORE.to_owned());
    let mut rest = scores;
    let mut scored = Vec::with_capacity(input.train.len());
    for batch in &input.train {
        let (here, later) = rest.split_at(batch.num_rows());
        scored.push(with_score(batch, here)?);
        rest = later;
    }
    profile::build(&scored, &columns)
}

fn with_score(batch: &RecordBatch, scores: &[f64]) -> Result<RecordBatch, Diagnostic> {
    let schema = batch.schema();
    let kept = schema.fields().iter().enumerate();
    let (mut fields, mut arrays): (Vec<Arc<Field>>, Vec<ArrayRef>) = kept
        .filter(|(_, field)| field.name() != SCORE)
        .map(|(index, field)| (field.clone(), batch.column(index).clone()))
        .unzip();
    fields.push(Arc::new(Field::new(SCORE, DataType::Float64, false)));
    arrays.push(Arc::new(Float64Array::from(scores.to_vec())));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Diagnostic::internal(format!("cannot add scores: {error}")))
}

/// Labels as 0 and 1. `which` names the rows in errors: `training`, `test`.
fn labels(batches: &[RecordBatch], label: &str, which: &str) -> Result<Vec<f64>, Diagnostic> {
    let mut labels = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(label).ok_or_else(|| {
            Diagnostic::error(format!("the {which} rows lack the label column '{label}'"))
        })?;
        labels.extend(label_values(column, label, which)?);
    }
    if labels.is_empty() {
        return Err(Diagnostic::error(format!("there are no {which} rows"))
            .hint("look at the training job's split and filter, and at its spine"));
    }
    let first = labels[0];
    if labels.iter().all(|value| *value == first) {
        let class = if first == 1.0 { "true" } else { "false" };
        return Err(Diagnostic::error(format!(
            "label '{label}' is {class} in all {} {which} rows: there is nothing to tell apart",
            labels.len()
        ))
        .hint("look at the label's definition, and at the training job's split and filter"));
    }
    Ok(labels)
}

fn label_values(column: &ArrayRef, label: &str, which: &str) -> Result<Vec<f64>, Diagnostic> {
    let kind = column.data_type();
    let wrong = |what: String| {
        Diagnostic::error(format!("label '{label}' {what}")).hint("a label is boolean, or 0 and 1")
    };
    if column.null_count() > 0 {
        let rows = column.null_count();
        return Err(wrong(format!("is null in {rows} {which} rows or more"))
            .hint("leave such rows out with the training job's `filter`"));
    }
    if *kind != DataType::Boolean && !kind.is_numeric() {
        return Err(wrong(format!("has type {kind}")));
    }
    let numbers = cast(column, &DataType::Float64)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let numbers = numbers.as_primitive::<Float64Type>().values();
    match numbers
        .iter()
        .find(|value| **value != 0.0 && **value != 1.0)
    {
        Some(other) => Err(wrong(format!("has the value {other} in the {which} rows"))),
        None => Ok(numbers.to_vec()),
    }
}

fn truth(labels: &[f64]) -> Vec<bool> {
    labels.iter().map(|label| *label == 1.0).collect()
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

fn check_parameters(p: &GradientBoosting) -> Result<(), Diagnostic> {
    let most_leaves = usize::from(u16::MAX);
    let rules = [
        (
            "rounds",
            p.rounds as f64,
            (1..=100_000).contains(&p.rounds),
            "1 to 100000",
        ),
        (
            "learning_rate",
            p.learning_rate,
            p.learning_rate > 0.0 && p.learning_rate <= 1.0,
            "above 0, at most 1",
        ),
        (
            "max_leaves",
            p.max_leaves as f64,
            (2..=most_leaves).contains(&p.max_leaves),
            "2 to 65535",
        ),
        (
            "min_rows_in_leaf",
            p.min_rows_in_leaf as f64,
            p.min_rows_in_leaf >= 1,
            "at least 1",
        ),
        ("l2", p.l2, p.l2 >= 0.0 && p.l2.is_finite(), "0 or more"),
        (
            "max_bins",
            p.max_bins as f64,
            (2..=255).contains(&p.max_bins),
            "2 to 255",
        ),
        (
            "feature_fraction",
            p.feature_fraction,
            p.feature_fraction > 0.0 && p.feature_fraction <= 1.0,
            "above 0, at most 1",
        ),
    ];
    match rules.into_iter().find(|(_, _, holds, _)| !holds) {
        Some((name, value, _, range)) => Err(Diagnostic::error(format!(
            "trainer parameter {name} is {value}; it must be {range}"
        ))),
        None => Ok(()),
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS))
}

#[cfg(test)]
mod tests;
