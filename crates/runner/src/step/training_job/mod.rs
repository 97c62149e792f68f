//! A training job: a training set as of each row's moment, a run, a model with its evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use forebay_core::ml::{Trainer, TrainingJob};
use forebay_core::{Diagnostic, Node, Relation, digest};
use forebay_ml::judge::Evaluation;
use forebay_ml::model::Model;
use forebay_ml::record::TrainingRecord;
use forebay_ml::train::{ToBeat, TrainingInput};
use forebay_ml::training_set::{self, TrainingSet};
use forebay_store::{Batch, Metric, Run, RunInput, RunState, RunStatus};
use serde_json::json;

use super::{Context, Outcome};
use crate::workspace::Workspace;

mod built_in;
mod opened;
mod script;

use opened::Opened;

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    job: &TrainingJob,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    if job.tuning.is_some() {
        return Err(Diagnostic::error(format!(
            "training job '{}' has 'tune', which is read but not run yet",
            node.name
        ))
        .hint("write the parameters under 'trainer'"));
    }
    let code = match &job.trainer {
        Trainer::Script(script) => script::code(&workspace.project.root, script)?,
        _ => String::new(),
    };
    let set = training_set::build(&workspace.lake, workspace.graph(), node, job, &code).await?;
    if let Some(known) = trained_before(workspace, node, &set)? {
        let message = format!("unchanged: the training set is that of run {}", known.id);
        return Ok(outcome(&known.id, &set, &known.metric_values(), message));
    }
    let run = new_run(context, node, job, &set);
    workspace.store.start_run(&run)?;
    let opened = Opened::new(workspace, &run.id);
    match train(context, node, job, &set, &run).await {
        Ok(evaluation) => {
            opened.finish(RunState::Finished, Batch::default())?;
            let metrics = evaluation.metrics;
            let message = format!("{} rows, {}", set.rows, headline(&metrics));
            Ok(outcome(&run.id, &set, &metrics, message))
        }
        Err(error) => {
            let tags = BTreeMap::from([("error".to_owned(), error.to_string())]);
            let batch = Batch {
                tags,
                ..Batch::default()
            };
            opened.finish(RunState::Failed, batch)?;
            Err(error)
        }
    }
}

/// Trains and judges; what comes out lies in the run's folder, its metrics in the store.
async fn train(
    context: &Context<'_>,
    node: &Node,
    job: &TrainingJob,
    set: &TrainingSet,
    run: &Run,
) -> Result<Evaluation, Diagnostic> {
    let workspace = context.workspace;
    let (record, input) = prepare(workspace, node, job, set, run).await?;
    let folder = workspace.artifacts(&run.artifact_path);
    record.write(&folder)?;
    let evaluation = match &job.trainer {
        Trainer::Script(script) => {
            let given = script::Given {
                run,
                record: &record,
                script,
                folder,
            };
            script::train(context, &given, input).await?
        }
        _ => built_in::train(input, folder).await?,
    };
    let batch = Batch {
        metrics: logged(&evaluation, workspace.clock.now_ms()),
        ..Batch::default()
    };
    workspace.store.log(&run.id, &batch)?;
    Ok(evaluation)
}

/// The rows, and all that is known of them.
async fn prepare(
    workspace: &Workspace,
    node: &Node,
    job: &TrainingJob,
    set: &TrainingSet,
    run: &Run,
) -> Result<(TrainingRecord, TrainingInput), Diagnostic> {
    let spine = spine_schema(workspace, job).await?;
    let columns = columns(workspace, &set.relation).await?;
    let schemas = (&*spine, &*columns);
    let record = TrainingRecord::new(workspace.graph(), node, job, set, schemas, &run.id)?;
    let (train, test) = training_set::split(&workspace.lake, job, set).await?;
    let input = TrainingInput {
        train,
        test,
        label: job.label.clone(),
        features: record.feature_names(),
        trainer: job.trainer.clone(),
        split: job.split.clone(),
        judging: job.judging.clone(),
        seed: job.seed,
        training_hash: set.hash.clone(),
        champion: champion(workspace, job)?,
    };
    Ok((record, input))
}

/// The version that holds the alias, where it can be scored here: not a script's.
fn champion(workspace: &Workspace, job: &TrainingJob) -> Result<Option<ToBeat>, Diagnostic> {
    let version = workspace.store.version_by_alias(&job.model, &job.alias)?;
    Ok(version.and_then(|version| {
        let model = Model::read(&workspace.artifacts(&version.artifact_path)).ok()?;
        Some(ToBeat {
            version: version.version,
            run_id: version.run_id,
            model,
        })
    }))
}

/// The same rows under the same definition give the same model to the bit, so it is not made again.
fn trained_before(
    workspace: &Workspace,
    node: &Node,
    set: &TrainingSet,
) -> Result<Option<Run>, Diagnostic> {
    let runs = workspace.store.runs(Some(&node.name), 10_000)?;
    Ok(runs.into_iter().find(|run| {
        run.state == RunState::Finished
            && run.invocation_id.is_some()
            && run.tags.get("training_hash") == Some(&set.hash)
            && is_whole(&workspace.artifacts(&run.artifact_path))
    }))
}

/// Whether what training writes is there: its evaluation and a model that can be registered.
fn is_whole(folder: &Path) -> bool {
    folder.join("evaluation.json").is_file() && folder.join("model").is_dir()
}

fn new_run(context: &Context<'_>, node: &Node, job: &TrainingJob, set: &TrainingSet) -> Run {
    let workspace = context.workspace;
    // No randomness is needed: an invocation runs a node's job once.
    let id = digest::hex(format!("{}/{}", context.invocation, node.id).as_bytes())[..32].to_owned();
    let mut inputs: Vec<RunInput> = set
        .inputs
        .iter()
        .map(|(relation, version)| RunInput::table(relation, *version, role(relation)))
        .collect();
    inputs.push(RunInput::table(&set.relation, set.version, "training_set"));
    Run {
        artifact_path: format!("{}/{id}", node.name),
        id,
        // The store finds the experiment by its name.
        experiment_id: 0,
        experiment: node.name.clone(),
        name: node.name.clone(),
        user_id: String::new(),
        state: RunState::Running,
        deleted_ms: None,
        invocation_id: Some(context.invocation.to_owned()),
        started_ms: workspace.clock.now_ms(),
        finished_ms: None,
        params: params(job),
        metrics: Vec::new(),
        tags: BTreeMap::from([("training_hash".to_owned(), set.hash.clone())]),
        inputs,
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    }
}

fn role(relation: &Relation) -> &'static str {
    match relation.schema.as_str() {
        "features" => "feature_view",
        _ => "spine",
    }
}

/// The job's definition as flat parameters, as tracking tools show them.
fn params(job: &TrainingJob) -> BTreeMap<String, String> {
    let mut params = BTreeMap::from([
        ("label".to_owned(), job.label.clone()),
        ("split".to_owned(), job.split.to_string()),
        ("seed".to_owned(), job.seed.to_string()),
    ]);
    if let serde_json::Value::Object(trainer) = json!(job.trainer) {
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        params.extend(
            trainer
                .iter()
                .map(|(key, value)| (key.clone(), text(value))),
        );
    }
    params
}

async fn spine_schema(workspace: &Workspace, job: &TrainingJob) -> Result<SchemaRef, Diagnostic> {
    let relation = workspace
        .graph()
        .get(&job.spine)
        .and_then(|spine| spine.relation.as_ref());
    let relation = relation.ok_or_else(|| {
        Diagnostic::internal(format!(
            "the training set was read from {}, which is no table",
            job.spine
        ))
    })?;
    columns(workspace, relation).await
}

async fn columns(workspace: &Workspace, relation: &Relation) -> Result<SchemaRef, Diagnostic> {
    let sql = format!("select * from {}", relation.sql());
    workspace.lake.schema_of(&sql).await
}

/// Final values, and the loss by round as history.
fn logged(evaluation: &Evaluation, now_ms: i64) -> Vec<Metric> {
    let metric = |key: &str, step: i64, value: f64| Metric {
        key: key.to_owned(),
        step,
        timestamp_ms: now_ms,
        value,
    };
    let last = evaluation
        .metrics
        .iter()
        .map(|(key, value)| metric(key, 0, *value));
    let curve = evaluation
        .rounds
        .iter()
        .enumerate()
        .flat_map(|(round, losses)| {
            let step = round as i64 + 1;
            [
                metric("train_log_loss_by_round", step, losses.train),
                metric("test_log_loss_by_round", step, losses.test),
            ]
        });
    last.chain(curve).collect()
}

fn outcome(
    run_id: &str,
    set: &TrainingSet,
    metrics: &BTreeMap<String, f64>,
    message: String,
) -> Outcome {
    let details = json!({
        "run_id": run_id,
        "training_set": set.relation.to_string(),
        "training_set_version": set.version,
        "training_hash": set.hash,
        "rows": set.rows,
        "metrics": metrics,
    });
    Outcome::new(RunStatus::Success, message, details)
}

fn headline(metrics: &BTreeMap<String, f64>) -> String {
    let shown = ["roc_auc", "log_loss", "rmse", "r2", "mean_squared_distance"];
    let texts = shown.iter().filter_map(|name| {
        let value = metrics.get(*name)?;
        Some(format!("{name} {value:.4}"))
    });
    texts.collect::<Vec<_>>().join(", ")
}
