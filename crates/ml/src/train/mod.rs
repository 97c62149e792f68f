//! Training and judging: rows in; a model, its evaluation and the profile of what it saw out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use forebay_checks::profile::{self, Profile};
use forebay_core::Diagnostic;
use forebay_core::ml::{Judging, Split, Task, Trainer};
use serde::{Deserialize, Serialize};

use crate::gbdt::Curve;
use crate::judge::{self, Champion, Evaluation, RoundLoss, Scored, finite};
use crate::model::{self, Model};
use crate::trainer::{self, Fitted, Rows, Wanted};
use crate::{artifact, folds};

mod target;

pub use crate::trainer::threads;
pub use target::Target;

/// What a run learns from and is judged on.
#[derive(Clone, Debug)]
pub struct TrainingInput {
    pub train: Vec<RecordBatch>,
    pub test: Vec<RecordBatch>,
    /// Column of the truth; empty where the trainer needs none.
    pub label: String,
    /// Columns that the model reads, in its order.
    pub features: Vec<String>,
    pub trainer: Trainer,
    /// How rows are held out of the training rows.
    pub split: Split,
    pub judging: Judging,
    pub seed: u64,
    /// Identifies rows and definition; kept in the model.
    pub training_hash: String,
    pub champion: Option<ToBeat>,
}

/// The version that holds the alias.
#[derive(Clone, Debug)]
pub struct ToBeat {
    pub version: u64,
    pub run_id: String,
    pub model: Model,
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Trained {
    pub model: Model,
    pub evaluation: Evaluation,
    /// Profile of the features and of `score` on the training rows: what drift is held against.
    pub reference: Profile,
    /// How much each feature lowered the training loss (trees) or weighs (linear), most first.
    pub importance: Vec<Importance>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    pub feature: String,
    pub gain: f64,
}

/// Column of the score in the profile, as in a prediction log.
const SCORE: &str = "score";
/// Rows of the example beside a model.
const EXAMPLE_ROWS: usize = 5;

/// Trains on the training rows and judges on the test rows.
///
/// # Errors
/// The user's: no rows, one class, an ill-typed or null label, parameters out of range, a feature
/// that cannot be read, no feature with any value.
pub fn train(input: &TrainingInput) -> Result<Trained, Diagnostic> {
    let target = Target::of(&input.trainer, &input.label, &input.train)?;
    let train = labelled(&target, &input.train, "training")?;
    let test = labelled(&target, &input.test, "test")?;
    let wanted = wanted(input, &target);
    let fitted = trainer::fit(&input.trainer, &wanted, &train, Some(&test))?;
    let folds = cross_validate(input, &wanted, &train)?;
    let curve = fitted.curve.clone();
    let model = model(input, target, fitted);
    let train_scored = scored(&model, &train)?;
    let mut evaluation = judge_model(input, &model, &test)?;
    evaluation.train_rows = train.labels.len() as u64;
    evaluation.train_metrics = metrics(&train_scored, &input.judging);
    evaluation.folds = folds;
    evaluation.rounds = rounds(&curve);
    Ok(Trained {
        evaluation,
        reference: reference(input, &train_scored)?,
        importance: importance(&model),
        model,
    })
}

fn labelled(target: &Target, batches: &[RecordBatch], which: &str) -> Result<Rows, Diagnostic> {
    Ok(Rows {
        labels: target.values(batches, which)?,
        batches: batches.to_vec(),
    })
}

fn wanted<'a>(input: &'a TrainingInput, target: &Target) -> Wanted<'a> {
    Wanted {
        task: target.task,
        classes: target.classes.len(),
        features: &input.features,
        split: &input.split,
        seed: input.seed,
        threads: trainer::threads(),
    }
}

fn model(input: &TrainingInput, target: Target, fitted: Fitted) -> Model {
    Model {
        format: model::FORMAT,
        task: target.task,
        label: target.label,
        classes: target.classes,
        training_hash: input.training_hash.clone(),
        features: fitted.features,
        predictor: fitted.predictor,
    }
}

fn scored(model: &Model, rows: &Rows) -> Result<Scored, Diagnostic> {
    let answers = model.answers(&rows.batches)?;
    Scored::new(model.task, &rows.labels, answers)
        .ok_or_else(|| Diagnostic::internal("the model does not answer its own task"))
}

/// The metrics of each fold, by a model that was trained without it.
fn cross_validate(
    input: &TrainingInput,
    wanted: &Wanted<'_>,
    train: &Rows,
) -> Result<Vec<BTreeMap<String, f64>>, Diagnostic> {
    let count = input.judging.folds;
    if count == 0 {
        return Ok(Vec::new());
    }
    let cuts = folds::folds(&train.batches, &input.split, count, input.seed)?;
    let judge = |cut: &folds::Cut| held_out(input, wanted, train, cut);
    cuts.iter().map(judge).collect()
}

/// Of every metric that is defined in all folds.
fn means(folds: &[BTreeMap<String, f64>]) -> BTreeMap<String, f64> {
    let mean = |name: &String| {
        let values: Option<Vec<f64>> = folds.iter().map(|fold| fold.get(name).copied()).collect();
        Some((
            name.clone(),
            values?.iter().sum::<f64>() / folds.len() as f64,
        ))
    };
    folds
        .first()
        .into_iter()
        .flat_map(|fold| fold.keys())
        .filter_map(mean)
        .collect()
}

/// The metrics on a cut's test rows of a model of its training rows.
fn held_out(
    input: &TrainingInput,
    wanted: &Wanted<'_>,
    rows: &Rows,
    cut: &folds::Cut,
) -> Result<BTreeMap<String, f64>, Diagnostic> {
    if cut.train.is_empty() || cut.test.is_empty() {
        return Err(Diagnostic::error(
            "there are too few training rows (or groups) to hold some of them out",
        ));
    }
    let (train, test) = (rows.take(&cut.train)?, rows.take(&cut.test)?);
    let fitted = trainer::fit(&input.trainer, wanted, &train, None)?;
    metrics_of(&fitted, wanted.task, &test, &input.judging)
}

fn metrics_of(
    fitted: &Fitted,
    task: Task,
    rows: &Rows,
    judging: &Judging,
) -> Result<BTreeMap<String, f64>, Diagnostic> {
    let matrix = fitted.features.matrix(&rows.batches)?;
    let scored = Scored::new(task, &rows.labels, fitted.predictor.answers(&matrix));
    let scored = scored.ok_or_else(|| Diagnostic::internal("a model answers another task"))?;
    Ok(metrics(&scored, judging))
}

/// Every metric that is defined on the rows.
pub fn metrics(scored: &Scored, judging: &Judging) -> BTreeMap<String, f64> {
    finite(scored.metrics(judging))
}

/// About how many bytes a trial of a built-in trainer holds: its own copy of the rows, the encoded
/// features, their bins, and a few numbers a row.
pub fn memory(input: &TrainingInput) -> u64 {
    let of = |batches: &[RecordBatch]| {
        let arrow: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        arrow + rows(batches) * (input.features.len() * 9 + 64)
    };
    // Beside all rows those of the fold that is made.
    let copies = if input.judging.folds > 0 { 2 } else { 1 };
    (of(&input.train) * copies + of(&input.test)) as u64
}

pub fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// What trials of a search learn from and are judged on: training rows alone, by `folds` of them or,
/// where that is 0, by a part that is held out. `share` of what they learn from is kept: its latest
/// rows, where they are in the order of time.
pub fn for_trials(
    input: &TrainingInput,
    share: f64,
    folds: usize,
) -> Result<TrainingInput, Diagnostic> {
    let mut cut = trial_cut(input, folds)?;
    let wanted = (cut.train.len() as f64 * share).ceil() as usize;
    cut.train.drain(..cut.train.len().saturating_sub(wanted));
    Ok(TrainingInput {
        train: folds::take(&input.train, &cut.train)?,
        test: folds::take(&input.train, &cut.test)?,
        champion: None,
        judging: Judging {
            folds,
            ..input.judging.clone()
        },
        ..input.clone()
    })
}

/// How many rows a trial learns from at most.
pub fn trial_rows(input: &TrainingInput, folds: usize) -> Result<usize, Diagnostic> {
    Ok(trial_cut(input, folds)?.train.len())
}

fn trial_cut(input: &TrainingInput, folds: usize) -> Result<folds::Cut, Diagnostic> {
    match folds {
        0 => folds::hold_out(&input.train, &input.split, HELD_OUT, input.seed),
        _ => Ok(folds::Cut {
            train: (0..rows(&input.train)).collect(),
            test: Vec::new(),
        }),
    }
}

/// The metrics on the test rows of a model of the training rows, which is not kept; where folds are
/// asked for, their means over models of the others.
pub fn try_out(
    input: &TrainingInput,
    target: &Target,
    threads: usize,
) -> Result<BTreeMap<String, f64>, Diagnostic> {
    let train = labelled(target, &input.train, "training")?;
    let wanted = Wanted {
        threads,
        ..wanted(input, target)
    };
    if input.judging.folds > 0 {
        return Ok(means(&cross_validate(input, &wanted, &train)?));
    }
    let test = labelled(target, &input.test, "held-out")?;
    let fitted = trainer::fit(&input.trainer, &wanted, &train, None)?;
    metrics_of(&fitted, target.task, &test, &input.judging)
}

/// Share of the training rows that trials are judged on.
const HELD_OUT: f64 = 0.2;

/// All that is found out about a model on the test rows.
fn judge_model(
    input: &TrainingInput,
    model: &Model,
    test: &Rows,
) -> Result<Evaluation, Diagnostic> {
    let scored = scored(model, test)?;
    let mut evaluation = judge(&scored, &test.batches, input)?;
    evaluation.classes = model.classes.clone();
    evaluation.permutation = judge::permutation(
        model,
        &model.features.matrix(&test.batches)?,
        &test.labels,
        &input.judging,
        input.seed,
    );
    Ok(evaluation)
}

/// What scored test rows tell of any model, ours or a script's.
pub fn judge(
    scored: &Scored,
    test: &[RecordBatch],
    input: &TrainingInput,
) -> Result<Evaluation, Diagnostic> {
    let mut evaluation = Evaluation::of(scored, &input.judging, input.seed);
    let columns = &input.judging.slices;
    evaluation.slices = judge::slices(columns, test, scored, &input.judging)?;
    evaluation.champion = champion(scored, test, input);
    Ok(evaluation)
}

/// None where there is none, or where these rows lack what it reads: then its run's own metrics are
/// what is left to compare with.
fn champion(scored: &Scored, test: &[RecordBatch], input: &TrainingInput) -> Option<Champion> {
    let champion = input.champion.as_ref()?;
    let task = scored.task();
    let target = Target {
        label: input.label.clone(),
        task,
        classes: champion.model.classes.clone(),
    };
    let labels = target.values(test, "test").ok()?;
    let answers = champion.model.answers(test).ok()?;
    if champion.model.task != task {
        return None;
    }
    let other = Scored::new(task, &labels, answers)?;
    Some(Champion {
        version: champion.version,
        run_id: champion.run_id.clone(),
        metrics: finite(other.metrics(&input.judging)),
        differences: judge::differences(scored, &other, &input.judging, input.seed),
    })
}

fn rounds(curve: &Curve) -> Vec<RoundLoss> {
    let losses = curve.train.iter().zip(&curve.test).skip(1);
    losses
        .map(|(train, test)| RoundLoss {
            train: *train,
            test: *test,
        })
        .collect()
}

/// Writes `evaluation.json`, `profile.json`, `importance.json` and last the folder `model`: once that
/// is there, all is.
pub fn write_artifacts(
    folder: &Path,
    trained: &Trained,
    input: &TrainingInput,
) -> Result<(), Diagnostic> {
    write_evaluation(folder, &trained.evaluation, &trained.reference)?;
    artifact::write_json(&folder.join("importance.json"), &trained.importance)?;
    trained.model.write(&folder.join("model"), &example(input))
}

pub fn write_evaluation(
    folder: &Path,
    evaluation: &Evaluation,
    reference: &Profile,
) -> Result<(), Diagnostic> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Diagnostic::environment(format!("cannot create {}: {error}", folder.display()))
    })?;
    artifact::write_json(&folder.join("evaluation.json"), evaluation)?;
    artifact::write_json(&folder.join("profile.json"), reference)
}

/// The first training rows.
fn example(input: &TrainingInput) -> RecordBatch {
    let first = input.train.iter().find(|batch| batch.num_rows() > 0);
    match first {
        Some(batch) => batch.slice(0, batch.num_rows().min(EXAMPLE_ROWS)),
        None => RecordBatch::new_empty(Arc::new(Schema::empty())),
    }
}

fn importance(model: &Model) -> Vec<Importance> {
    let mut importance: Vec<Importance> = model
        .feature_names()
        .zip(model.predictor.weights())
        .map(|(feature, gain)| Importance {
            feature: feature.to_owned(),
            gain,
        })
        .collect();
    importance.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    importance
}

/// Profile of the training rows: the features as they came, and the scores.
///
/// Where the answer is no single number there is no score to profile.
fn reference(input: &TrainingInput, scored: &Scored) -> Result<Profile, Diagnostic> {
    let Some(mut scores) = scored.numbers() else {
        return profile::build(&input.train, &input.features);
    };
    let mut batches = Vec::with_capacity(input.train.len());
    for batch in &input.train {
        let (own, rest) = scores.split_at(batch.num_rows());
        batches.push(with_score(batch, own)?);
        scores = rest;
    }
    let mut columns = input.features.clone();
    columns.push(SCORE.to_owned());
    profile::build(&batches, &columns)
}

/// For a script: the features on the training rows, the scores on the test rows.
pub fn reference_of_script(input: &TrainingInput, scored: &Scored) -> Result<Profile, Diagnostic> {
    let mut found = profile::build(&input.train, &input.features)?;
    let Some(scores) = scored.numbers() else {
        return Ok(found);
    };
    let schema = Arc::new(Schema::new(vec![Field::new(
        SCORE,
        DataType::Float64,
        false,
    )]));
    let column: ArrayRef = Arc::new(Float64Array::from(scores.to_vec()));
    let batch = RecordBatch::try_new(schema, vec![column])
        .map_err(|error| Diagnostic::internal(format!("cannot profile scores: {error}")))?;
    found
        .columns
        .extend(profile::build(&[batch], &[SCORE.to_owned()])?.columns);
    Ok(found)
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

#[cfg(test)]
mod tests;
