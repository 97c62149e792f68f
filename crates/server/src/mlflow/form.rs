//! Answers in the protocol's form.

use std::collections::BTreeMap;

use forebay_store::{self as store, RunState};
use serde::Serialize;
use serde_json::{Value, json};

use super::Artifacts;
use super::value::{Double, Pair};

/// Nothing to say.
#[derive(Serialize)]
pub struct Void {}

/// A page of a list.
pub fn found(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({});
    if !items.is_empty() {
        answer[name] = json!(items);
    }
    if let Some(next) = next {
        answer["next_page_token"] = json!(next);
    }
    answer
}

pub fn pairs(map: &BTreeMap<String, String>) -> Vec<Pair> {
    let pair = |(key, value): (&String, &String)| Pair {
        key: key.clone(),
        value: value.clone(),
    };
    map.iter().map(pair).collect()
}

/// Left out where it is empty, as protobuf does.
fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

fn stage(deleted_ms: Option<i64>) -> &'static str {
    if deleted_ms.is_some() {
        "deleted"
    } else {
        "active"
    }
}

#[derive(Serialize)]
pub struct Experiment {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair>,
}

pub fn experiment(experiment: &store::Experiment, artifacts: &Artifacts) -> Experiment {
    Experiment {
        experiment_id: experiment.id.to_string(),
        name: experiment.name.clone(),
        artifact_location: artifacts.uri(&experiment.artifact_path),
        lifecycle_stage: stage(experiment.deleted_ms),
        last_update_time: experiment.updated_ms,
        creation_time: experiment.created_ms,
        tags: pairs(&experiment.tags),
    }
}

#[derive(Serialize)]
pub struct RunInfo {
    run_id: String,
    run_uuid: String,
    run_name: String,
    experiment_id: String,
    user_id: String,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
}

#[derive(Serialize)]
pub struct Metric {
    key: String,
    value: Double,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    dataset_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dataset_digest: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    model_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    run_id: String,
}

pub fn metric(metric: &store::Metric) -> Metric {
    Metric {
        key: metric.key.clone(),
        value: Double(metric.value),
        timestamp: metric.timestamp_ms,
        step: metric.step,
        dataset_name: String::new(),
        dataset_digest: String::new(),
        model_id: String::new(),
        run_id: String::new(),
    }
}

fn model_metric(found: &store::ModelMetric) -> Metric {
    Metric {
        dataset_name: found.dataset_name.clone(),
        dataset_digest: found.dataset_digest.clone(),
        model_id: found.model_id.clone(),
        run_id: found.run_id.clone(),
        ..metric(&found.metric)
    }
}

#[derive(Serialize)]
pub struct Run {
    info: RunInfo,
    data: RunData,
    inputs: RunInputs,
    outputs: RunOutputs,
}

#[derive(Serialize)]
struct RunData {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Pair>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair>,
}

#[derive(Serialize)]
struct RunInputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<Value>,
}

#[derive(Serialize)]
struct RunOutputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<Value>,
}

pub fn run_info(run: &store::Run, artifacts: &Artifacts) -> RunInfo {
    RunInfo {
        run_id: run.id.clone(),
        run_uuid: run.id.clone(),
        run_name: run.name.clone(),
        experiment_id: run.experiment_id.to_string(),
        user_id: run.user_id.clone(),
        status: RunState::as_str(run.state),
        start_time: run.started_ms,
        end_time: run.finished_ms,
        artifact_uri: artifacts.uri(&run.artifact_path),
        lifecycle_stage: stage(run.deleted_ms),
    }
}

pub fn run(run: &store::Run, artifacts: &Artifacts) -> Run {
    let output =
        |output: &store::ModelOutput| json!({"model_id": output.model_id, "step": output.step});
    Run {
        info: run_info(run, artifacts),
        data: RunData {
            metrics: run.metrics.iter().map(metric).collect(),
            params: pairs(&run.params),
            tags: pairs(&run.tags),
        },
        inputs: RunInputs {
            dataset_inputs: run.inputs.iter().map(dataset_input).collect(),
            model_inputs: run
                .model_inputs
                .iter()
                .map(|id| json!({"model_id": id}))
                .collect(),
        },
        outputs: RunOutputs {
            model_outputs: run.model_outputs.iter().map(output).collect(),
        },
    }
}

fn dataset_input(input: &store::RunInput) -> Value {
    let dataset = &input.dataset;
    let mut form = json!({
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
    });
    for (name, value) in [("schema", &dataset.schema), ("profile", &dataset.profile)] {
        if let Some(value) = value {
            form[name] = json!(value);
        }
    }
    json!({"tags": pairs(&input.tags), "dataset": form})
}

pub fn logged_model(model: &store::LoggedModel, artifacts: &Artifacts) -> Value {
    let mut info = json!({
        "model_id": model.id,
        "experiment_id": model.experiment_id.to_string(),
        "name": model.name,
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "artifact_uri": artifacts.uri(&model.artifact_path),
        "status": format!("LOGGED_MODEL_{}", model.status.as_str()),
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
    });
    put_list(&mut info, "tags", pairs(&model.tags));
    let mut data = json!({});
    put_list(&mut data, "params", pairs(&model.params));
    put_list(
        &mut data,
        "metrics",
        model.metrics.iter().map(model_metric).collect(),
    );
    json!({"info": info, "data": data})
}

pub fn registered_model(model: &store::RegisteredModel, artifacts: &Artifacts) -> Value {
    let mut form = json!({
        "name": model.name,
        "creation_timestamp": model.created_ms,
        "last_updated_timestamp": model.updated_ms,
    });
    put(&mut form, "description", &model.description);
    let latest = model.latest_versions();
    put_list(
        &mut form,
        "latest_versions",
        latest.into_iter().map(|v| version(v, artifacts)).collect(),
    );
    put_list(&mut form, "tags", pairs(&model.tags));
    let alias =
        |(alias, version): (&String, &u64)| json!({"alias": alias, "version": version.to_string()});
    put_list(
        &mut form,
        "aliases",
        model.aliases.iter().map(alias).collect(),
    );
    form
}

pub fn version(version: &store::ModelVersion, artifacts: &Artifacts) -> Value {
    // A training job's version lies where our artifacts do; a client's says itself where.
    let source = match version.training_hash.is_empty() {
        true => version.source.clone(),
        false => artifacts.uri(&version.source),
    };
    let mut form = json!({
        "name": version.model,
        "version": version.version.to_string(),
        "creation_timestamp": version.created_ms,
        "last_updated_timestamp": version.updated_ms,
        "current_stage": version.stage,
        "description": version.description,
        "source": source,
        "run_id": version.run_id,
        "status": "READY",
        "run_link": version.run_link,
    });
    put(&mut form, "model_id", &version.model_id);
    put(&mut form, "user_id", &version.user_id);
    put_list(&mut form, "tags", pairs(&version.tags));
    put_list(&mut form, "aliases", version.aliases.clone());
    form
}

fn put(form: &mut Value, name: &str, text: &str) {
    if !text.is_empty() {
        form[name] = json!(text);
    }
}

fn put_list<T: Serialize>(form: &mut Value, name: &str, list: Vec<T>) {
    if !is_empty(&list) {
        form[name] = json!(list);
    }
}
