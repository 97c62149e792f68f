//! A training job: a training set as of each row's moment, a run, a model with its evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use forebay_core::ml::{Parameters, Trainer, TrainingJob};
use forebay_core::{Diagnostic, Node, Relation, digest};
use forebay_ml::judge::Evaluation;
use forebay_ml::model::Model;
use forebay_ml::record::TrainingRecord;
use forebay_ml::train::{ToBeat, TrainingInput};
use forebay_ml::training_set::{self, TrainingSet};
use forebay_store::{Batch, Metric, Run, RunInput, RunState, RunStatus};
use serde_json::json;

use super::{Context, Outcome};
use crate::code_version;
use crate::workspace::Workspace;

mod built_in;
mod opened;
mod script;
mod search;

use opened::Opened;

/// A training under way.
struct Making<'a> {
    context: &'a Context<'a>,
    node: &'a Node,
    job: &'a TrainingJob,
    set: &'a TrainingSet,
    /// Of a script, the hash of its files.
    code: &'a str,
    run: &'a Run,
    record: TrainingRecord,
}

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    job: &TrainingJob,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let code = match &job.trainer {
        Trainer::Script(script) => script::code(&workspace.project.root, script)?,
        _ => String::new(),
    };
    let set = training_set::build(&workspace.lake, workspace.graph(), node, job, &code).await?;
    if let Some(known) = trained_before(workspace, node, &set)? {
        let message = format!("unchanged: the training set is that of run {}", known.id);
        return Ok(outcome(&known.id, &set, &known.metric_values(), message));
    }
    let mut run = new_run(context, node, job, &set);
    let root = &context.workspace.project.root;
    run.tags.extend(code_version::tags(root).await);
    workspace.store.start_run(&run)?;
    let opened = Opened::new(workspace, &run.id);
    match train(context, node, job, &set, &code, &run).await {
        Ok(evaluation) => {
            opened.finish(RunState::Finished, Batch::default())?;
            let metrics = evaluation.metrics;
            let message = format!("{} rows, {}", set.rows, headline(&metrics));
            Ok(outcome(&run.id, &set, &metrics, message))
        }
        Err(error) => {
            opened.finish(RunState::Failed, failure(&error))?;
            Err(error)
        }
    }
}

async fn train(
    context: &Context<'_>,
    node: &Node,
    job: &TrainingJob,
    set: &TrainingSet,
    code: &str,
    run: &Run,
) -> Result<Evaluation, Diagnostic> {
    let (record, input) = prepare(context.workspace, node, job, set, run).await?;
    let making = Making {
        context,
        node,
        job,
        set,
        code,
        run,
        record,
    };
    making.train(input).await
}

impl Making<'_> {
    /// Trains and judges; what comes out lies in the run's folder, its metrics in the store.
    async fn train(mut self, mut input: TrainingInput) -> Result<Evaluation, Diagnostic> {
        let workspace = self.context.workspace;
        let mut tuned = Parameters::new();
        if let Some(tuning) = &self.job.tuning {
            let found = search::search(&self, tuning, &input).await?;
            let tags = BTreeMap::from([(search::BEST_TRIAL.to_owned(), found.run)]);
            let batch = Batch {
                tags,
                ..Batch::default()
            };
            workspace.store.log(&self.run.id, &batch)?;
            tuned = found.parameters;
            input.trainer = self.job.trainer.with(&tuned).map_err(Diagnostic::error)?;
            self.record.job.trainer = input.trainer.clone();
        }
        let folder = workspace.artifacts(&self.run.artifact_path);
        self.record.write(&folder)?;
        let evaluation = match input.trainer.clone() {
            Trainer::Script(script) => script::train(&self, &script, input).await?,
            _ => built_in::train(input, folder).await?,
        };
        let batch = Batch {
            metrics: logged(&evaluation, workspace.clock.now_ms()),
            params: missing_params(workspace, &self.run.id, &tuned)?,
            ..Batch::default()
        };
        workspace.store.log(&self.run.id, &batch)?;
        Ok(evaluation)
    }
}

fn failure(error: &Diagnostic) -> Batch {
    Batch {
        tags: BTreeMap::from([("error".to_owned(), error.to_string())]),
        ..Batch::default()
    }
}

/// Those that the run does not have: a script may have logged them in its own spelling.
fn missing_params(
    workspace: &Workspace,
    run: &str,
    parameters: &Parameters,
) -> Result<BTreeMap<String, String>, Diagnostic> {
    let known = workspace.store.run(run)?;
    let known = known.map(|run| run.params).unwrap_or_default();
    let mut missing = flat(parameters);
    missing.retain(|name, _| !known.contains_key(name));
    Ok(missing)
}

/// Parameters as tracking tools show them; those without a value are left out.
fn flat(parameters: &Parameters) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let given = parameters.iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
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
    let hash = Some(("training_hash", set.hash.as_str()));
    let run = workspace.store.job_run(&node.name, hash)?;
    Ok(run.filter(|run| is_whole(&workspace.artifacts(&run.artifact_path))))
}

/// Whether what training writes is there: its evaluation and a model that can be registered.
fn is_whole(folder: &Path) -> bool {
    folder.join("evaluation.json").is_file() && folder.join("model").is_dir()
}

fn new_run(context: &Context<'_>, node: &Node, job: &TrainingJob, set: &TrainingSet) -> Run {
    let workspace = context.workspace;
    let started_ms = workspace.clock.now_ms();
    // No randomness is needed: an invocation runs a node's job once, and again only later.
    let id = format!("{}/{}/{started_ms}", context.invocation, node.id);
    let id = digest::hex(id.as_bytes())[..32].to_owned();
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
        started_ms,
        finished_ms: None,
        params: params(job),
        metrics: Vec::new(),
        tags: BTreeMap::from([
            ("training_hash".to_owned(), set.hash.clone()),
            (
                "mlflow.source.name".to_owned(),
                node.location.file.display().to_string(),
            ),
            ("mlflow.source.type".to_owned(), "JOB".to_owned()),
        ]),
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

/// The job's definition as flat parameters; those that a search is to find come later.
fn params(job: &TrainingJob) -> BTreeMap<String, String> {
    let mut params = match json!(job.trainer) {
        serde_json::Value::Object(trainer) => flat(&trainer),
        _ => BTreeMap::new(),
    };
    if let Some(tuning) = &job.tuning {
        params.retain(|name, _| !tuning.parameters.contains_key(name));
    }
    params.extend([
        ("label".to_owned(), job.label.clone()),
        ("split".to_owned(), job.split.to_string()),
        ("seed".to_owned(), job.seed.to_string()),
    ]);
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
