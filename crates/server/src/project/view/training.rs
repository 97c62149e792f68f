//! `/experiments` and `/training/<run id>`

use std::collections::BTreeMap;
use std::path::Path;

use forebay_core::{Diagnostic, ResourceType};
use forebay_ml::gates::GateResult;
use forebay_ml::train::{Evaluation, Importance};
use forebay_runner::Workspace;
use forebay_store::{ModelVersion, RegisteredModel, Run, RunState};
use forebay_ui::page::{
    CalibrationBin, Confusion, Experiment, ExperimentRow, Experiments, Gate, InputTable, LossPoint,
    MetricRow, NodeLink, Status, Training, TrainingRow,
};
use serde::de::DeserializeOwned;

const SHOWN_RUNS: usize = 1_000;
/// Metrics that get a column in the list, where runs have them.
const LISTED: [&str; 4] = ["roc_auc", "log_loss", "brier", "average_precision"];

pub fn experiments(workspace: &Workspace) -> Result<Experiments, Diagnostic> {
    let mut found: BTreeMap<String, ExperimentRow> = BTreeMap::new();
    for run in workspace.store.runs(None, SHOWN_RUNS)? {
        let row = found
            .entry(run.experiment.clone())
            .or_insert_with(|| ExperimentRow {
                name: run.experiment.clone(),
                runs: 0,
                // They come newest first.
                last_started_ms: Some(run.started_ms),
            });
        row.runs += 1;
    }
    Ok(Experiments {
        experiments: found.into_values().collect(),
    })
}

pub fn experiment(workspace: &Workspace, name: &str) -> Result<Option<Experiment>, Diagnostic> {
    let runs = workspace.store.runs(Some(name), SHOWN_RUNS)?;
    if runs.is_empty() {
        return Ok(None);
    }
    let models = workspace.store.registered_models()?;
    let has = |metric: &&&str| runs.iter().any(|run| run.metric(metric).is_some());
    let metrics: Vec<String> = LISTED
        .iter()
        .filter(has)
        .map(|name| (*name).to_owned())
        .collect();
    let row = |run: &Run| {
        let version = registered(&models, &run.id);
        TrainingRow {
            run_id: run.id.clone(),
            name: run.name.clone(),
            status: status(run.state),
            started_ms: run.started_ms,
            finished_ms: run.finished_ms,
            metrics: metrics.iter().map(|name| run.metric(name)).collect(),
            version: version.map(|(_, version)| version.version),
            aliases: version.map_or(Vec::new(), |(model, version)| {
                super::model::aliases(model, version.version)
            }),
        }
    };
    Ok(Some(Experiment {
        name: name.to_owned(),
        runs: runs.iter().map(row).collect(),
        metrics,
    }))
}

pub fn training(workspace: &Workspace, id: &str) -> Result<Option<Training>, Diagnostic> {
    let Some(run) = workspace.store.run(id)? else {
        return Ok(None);
    };
    let models = workspace.store.registered_models()?;
    let version = registered(&models, &run.id);
    let folder = workspace.artifacts(&run.artifact_path);
    let evaluation: Option<Evaluation> = artifact(&folder.join("evaluation.json"));
    let job = workspace
        .graph()
        .find(ResourceType::TrainingJob, &run.experiment);
    let mut page = Training {
        run_id: run.id.clone(),
        name: run.name.clone(),
        experiment: run.experiment.clone(),
        job: job.map(NodeLink::of),
        invocation: run.invocation_id.clone(),
        status: status(run.state),
        started_ms: run.started_ms,
        finished_ms: run.finished_ms,
        model: version.map_or_else(|| run.experiment.clone(), |(model, _)| model.name.clone()),
        version: version.map(|(model, version)| {
            (
                version.version,
                super::model::aliases(model, version.version),
            )
        }),
        metrics: Vec::new(),
        gates: gates(workspace, &run)?,
        params: run.params.clone().into_iter().collect(),
        inputs: run.inputs.iter().filter_map(input).collect(),
        training_hash: run.tags.get("training_hash").cloned(),
        train_rows: None,
        test_rows: None,
        roc: Vec::new(),
        calibration: Vec::new(),
        loss: Vec::new(),
        confusion: None,
        importance: importance(&folder),
    };
    if let Some(evaluation) = evaluation {
        add_evaluation(&mut page, evaluation);
    }
    Ok(Some(page))
}

fn add_evaluation(page: &mut Training, found: Evaluation) {
    page.train_rows = Some(found.train_rows);
    page.test_rows = Some(found.test_rows);
    page.metrics = found
        .metrics
        .iter()
        .map(|(name, value)| MetricRow {
            name: name.clone(),
            train: found.train_metrics.get(name).copied(),
            test: Some(*value),
            champion: None,
        })
        .collect();
    page.roc = found
        .roc
        .iter()
        .map(|point| (point.false_positive_rate, point.true_positive_rate))
        .collect();
    page.calibration = found
        .calibration
        .iter()
        .map(|bin| CalibrationBin {
            predicted: bin.predicted,
            observed: bin.observed,
            rows: bin.rows,
        })
        .collect();
    page.loss = (1..)
        .zip(&found.rounds)
        .map(|(round, loss)| LossPoint {
            round,
            train: Some(loss.train),
            test: Some(loss.test),
        })
        .collect();
    page.confusion = Some(Confusion {
        threshold: found.threshold,
        true_positives: found.confusion.true_positives,
        false_positives: found.confusion.false_positives,
        true_negatives: found.confusion.true_negatives,
        false_negatives: found.confusion.false_negatives,
    });
}

/// Gates as they came out when the run was registered or refused.
fn gates(workspace: &Workspace, run: &Run) -> Result<Vec<Gate>, Diagnostic> {
    let Some(invocation) = &run.invocation_id else {
        return Ok(Vec::new());
    };
    let found = workspace
        .store
        .node_runs(invocation)?
        .into_iter()
        .find(|node_run| {
            node_run.details["run_id"] == run.id.as_str() && node_run.details["gates"].is_array()
        });
    let results: Vec<GateResult> = found
        .and_then(|found| serde_json::from_value(found.details["gates"].clone()).ok())
        .unwrap_or_default();
    let gate = |result: GateResult| Gate {
        found: match (result.right, result.note) {
            (_, Some(note)) => note,
            (Some(right), None) => format!("{:.4} against {right:.4}", result.left),
            (None, None) => format!("{:.4}", result.left),
        },
        rule: result.expression,
        passed: result.passed,
    };
    Ok(results.into_iter().map(gate).collect())
}

fn importance(folder: &Path) -> Vec<(String, f64)> {
    let found: Vec<Importance> = artifact(&folder.join("importance.json")).unwrap_or_default();
    let total: f64 = found.iter().map(|importance| importance.gain).sum();
    let share = |i: &Importance| (i.feature.clone(), i.gain / total.max(f64::MIN_POSITIVE));
    found.iter().map(share).collect()
}

fn input(input: &forebay_store::RunInput) -> Option<InputTable> {
    let (relation, version) = input.as_table()?;
    Some(InputTable {
        relation,
        version,
        role: input.role().replace('_', " "),
    })
}

/// The version that the run became.
fn registered<'a>(
    models: &'a [RegisteredModel],
    run_id: &str,
) -> Option<(&'a RegisteredModel, &'a ModelVersion)> {
    models.iter().find_map(|model| {
        let version = model
            .versions
            .iter()
            .find(|version| version.run_id == run_id)?;
        Some((model, version))
    })
}

fn status(state: RunState) -> Status {
    match state {
        RunState::Running => Status::Running,
        RunState::Scheduled => Status::Queued,
        RunState::Finished => Status::Success,
        RunState::Failed => Status::Error,
        RunState::Killed => Status::Interrupted,
    }
}

/// None where the run left no such file.
fn artifact<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
