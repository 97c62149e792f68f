//! `runs/...` and `metrics/...`

use forebay_store::{
    Batch, Dataset, Metric, ModelMetric, ModelOutput, NewRun, Run, RunInput, RunState, Search,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::experiments::stage;
use super::form::{self, Void};
use super::value::{Double, Int, Pair, Texts, experiment_id, limit, pairs, required};
use super::{Problem, Tracking, new_id};

const RUN_NAME: &str = "mlflow.runName";

#[derive(Deserialize)]
pub struct Create {
    experiment_id: Option<String>,
    user_id: Option<String>,
    run_name: Option<String>,
    start_time: Option<Int>,
    tags: Option<Vec<Pair>>,
}

#[derive(Serialize)]
pub struct One {
    run: form::Run,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<One, Problem> {
    let id = new_id();
    let tags = pairs(asked.tags);
    let tagged = tags.get(RUN_NAME).cloned();
    let name = match (asked.run_name.filter(|name| !name.is_empty()), tagged) {
        (Some(name), Some(tag)) if name != tag => {
            return Err(Problem::invalid(format!(
                "the run's name is '{name}', its tag '{RUN_NAME}' says '{tag}'"
            )));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => format!("run-{}", &id[..8]),
    };
    tracking.store.create_run(&NewRun {
        id: &id,
        experiment_id: experiment_id(asked.experiment_id.or(Some("0".to_owned())))?,
        name: &name,
        user_id: &asked.user_id.unwrap_or_default(),
        started_ms: asked
            .start_time
            .map_or_else(|| tracking.now_ms(), |Int(ms)| ms),
        tags: &tags,
    })?;
    one(tracking, &id)
}

/// A run is named by `run_id`; old clients call it `run_uuid`.
#[derive(Deserialize)]
pub struct Id {
    run_id: Option<String>,
    run_uuid: Option<String>,
}

impl Id {
    pub fn read(self) -> Result<String, Problem> {
        required(
            "run_id",
            self.run_id.filter(|id| !id.is_empty()).or(self.run_uuid),
        )
    }
}

pub fn find(tracking: &Tracking, id: &str) -> Result<Run, Problem> {
    let found = tracking.store.run(id)?;
    found.ok_or_else(|| Problem::missing(format!("there is no run with id '{id}'")))
}

fn one(tracking: &Tracking, id: &str) -> Result<One, Problem> {
    let run = find(tracking, id)?;
    Ok(One {
        run: form::run(&run, &tracking.artifacts),
    })
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<One, Problem> {
    one(tracking, &asked.read()?)
}

#[derive(Deserialize)]
pub struct Find {
    experiment_ids: Option<Texts>,
    filter: Option<String>,
    run_view_type: Option<String>,
    max_results: Option<Int>,
    order_by: Option<Texts>,
    page_token: Option<String>,
}

#[derive(Serialize)]
pub struct Found {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<form::Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub fn search(tracking: &Tracking, asked: Find) -> Result<Found, Problem> {
    let experiments = asked.experiment_ids.unwrap_or_default().0.into_iter();
    let experiments = experiments
        .map(|id| experiment_id(Some(id)))
        .collect::<Result<Vec<_>, _>>()?;
    let search = Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        stage: stage(asked.run_view_type.as_deref())?,
        limit: limit(asked.max_results, 1000, 50_000)?,
        page_token: &asked.page_token.unwrap_or_default(),
    };
    let page = tracking.store.search_runs(&experiments, &search)?;
    let form = |run| form::run(run, &tracking.artifacts);
    Ok(Found {
        runs: page.items.iter().map(form).collect(),
        next_page_token: page.next,
    })
}

#[derive(Deserialize)]
pub struct Update {
    #[serde(flatten)]
    id: Id,
    status: Option<Value>,
    end_time: Option<Int>,
    run_name: Option<String>,
}

#[derive(Serialize)]
pub struct Updated {
    run_info: form::RunInfo,
}

pub fn update(tracking: &Tracking, asked: Update) -> Result<Updated, Problem> {
    let id = asked.id.read()?;
    let state = asked.status.as_ref().map(state).transpose()?;
    let name = asked.run_name.filter(|name| !name.is_empty());
    tracking.store.update_run(
        &id,
        state,
        asked.end_time.map(|Int(ms)| ms),
        name.as_deref(),
    )?;
    Ok(Updated {
        run_info: form::run_info(&find(tracking, &id)?, &tracking.artifacts),
    })
}

/// Protobuf takes a name or a number.
fn state(status: &Value) -> Result<RunState, Problem> {
    let number = status.as_i64();
    match (status.as_str().unwrap_or_default(), number) {
        ("RUNNING", _) | (_, Some(1)) => Ok(RunState::Running),
        ("SCHEDULED", _) | (_, Some(2)) => Ok(RunState::Scheduled),
        ("FINISHED", _) | (_, Some(3)) => Ok(RunState::Finished),
        ("FAILED", _) | (_, Some(4)) => Ok(RunState::Failed),
        ("KILLED", _) | (_, Some(5)) => Ok(RunState::Killed),
        _ => Err(Problem::invalid(format!(
            "a run's status is RUNNING, SCHEDULED, FINISHED, FAILED or KILLED, not {status}"
        ))),
    }
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    tracking
        .store
        .delete_run(&asked.read()?, tracking.now_ms())?;
    Ok(Void {})
}

pub fn restore(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    tracking.store.restore_run(&asked.read()?)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Measured {
    key: Option<String>,
    value: Option<Double>,
    timestamp: Option<Int>,
    step: Option<Int>,
    model_id: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

#[derive(Deserialize)]
pub struct LogMetric {
    #[serde(flatten)]
    id: Id,
    #[serde(flatten)]
    metric: Measured,
}

pub fn log_metric(tracking: &Tracking, asked: LogMetric) -> Result<Void, Problem> {
    let id = asked.id.read()?;
    let mut batch = Batch::default();
    add(&mut batch, &id, asked.metric)?;
    tracking.store.log(&id, &batch)?;
    Ok(Void {})
}

/// A metric that names a model is the run's and the model's.
fn add(batch: &mut Batch, run_id: &str, measured: Measured) -> Result<(), Problem> {
    let key = required("key", measured.key)?;
    let (Some(Double(value)), Some(Int(timestamp_ms))) = (measured.value, measured.timestamp)
    else {
        return Err(Problem::invalid(format!(
            "metric '{key}' lacks its value or its timestamp"
        )));
    };
    let metric = Metric {
        key,
        step: measured.step.map_or(0, |Int(step)| step),
        timestamp_ms,
        value,
    };
    if let Some(model_id) = measured.model_id.filter(|id| !id.is_empty()) {
        batch.model_metrics.push(ModelMetric {
            metric: metric.clone(),
            model_id,
            run_id: run_id.to_owned(),
            dataset_name: measured.dataset_name.unwrap_or_default(),
            dataset_digest: measured.dataset_digest.unwrap_or_default(),
        });
    }
    batch.metrics.push(metric);
    Ok(())
}

#[derive(Deserialize)]
pub struct Named {
    #[serde(flatten)]
    id: Id,
    key: Option<String>,
    value: Option<String>,
}

pub fn log_parameter(tracking: &Tracking, asked: Named) -> Result<Void, Problem> {
    let param = (required("key", asked.key)?, asked.value.unwrap_or_default());
    let batch = Batch {
        params: [param].into(),
        ..Batch::default()
    };
    tracking.store.log(&asked.id.read()?, &batch)?;
    Ok(Void {})
}

pub fn set_tag(tracking: &Tracking, asked: Named) -> Result<Void, Problem> {
    let tag = (required("key", asked.key)?, asked.value.unwrap_or_default());
    let batch = Batch {
        tags: [tag].into(),
        ..Batch::default()
    };
    tracking.store.log(&asked.id.read()?, &batch)?;
    Ok(Void {})
}

pub fn delete_tag(tracking: &Tracking, asked: Named) -> Result<Void, Problem> {
    tracking
        .store
        .delete_run_tag(&asked.id.read()?, &required("key", asked.key)?)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct LogBatch {
    run_id: Option<String>,
    metrics: Option<Vec<Measured>>,
    params: Option<Vec<Pair>>,
    tags: Option<Vec<Pair>>,
}

pub fn log_batch(tracking: &Tracking, asked: LogBatch) -> Result<Void, Problem> {
    let id = required("run_id", asked.run_id)?;
    let params = asked.params.unwrap_or_default();
    let mut batch = Batch {
        tags: pairs(asked.tags),
        ..Batch::default()
    };
    for Pair { key, value } in params {
        if batch
            .params
            .insert(key.clone(), value.clone())
            .is_some_and(|known| known != value)
        {
            return Err(Problem::invalid(format!(
                "the batch has two values for parameter '{key}'"
            )));
        }
    }
    for measured in asked.metrics.unwrap_or_default() {
        add(&mut batch, &id, measured)?;
    }
    tracking.store.log(&id, &batch)?;
    Ok(Void {})
}

#[derive(Deserialize)]
struct ModelRef {
    model_id: Option<String>,
    step: Option<Int>,
}

#[derive(Deserialize)]
struct DatasetForm {
    name: Option<String>,
    digest: Option<String>,
    source_type: Option<String>,
    source: Option<String>,
    schema: Option<String>,
    profile: Option<String>,
}

#[derive(Deserialize)]
struct DatasetInput {
    tags: Option<Vec<Pair>>,
    dataset: DatasetForm,
}

#[derive(Deserialize)]
pub struct LogInputs {
    run_id: Option<String>,
    datasets: Option<Vec<DatasetInput>>,
    models: Option<Vec<ModelRef>>,
}

pub fn log_inputs(tracking: &Tracking, asked: LogInputs) -> Result<Void, Problem> {
    let input = |input: DatasetInput| RunInput {
        tags: pairs(input.tags),
        dataset: Dataset {
            name: input.dataset.name.unwrap_or_default(),
            digest: input.dataset.digest.unwrap_or_default(),
            source_type: input.dataset.source_type.unwrap_or_default(),
            source: input.dataset.source.unwrap_or_default(),
            schema: input.dataset.schema,
            profile: input.dataset.profile,
        },
    };
    let datasets: Vec<RunInput> = asked
        .datasets
        .unwrap_or_default()
        .into_iter()
        .map(input)
        .collect();
    let models = asked.models.unwrap_or_default().into_iter();
    let models = models
        .map(|model| required("model_id", model.model_id))
        .collect::<Result<Vec<_>, _>>()?;
    tracking
        .store
        .log_inputs(&required("run_id", asked.run_id)?, &datasets, &models)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct LogOutputs {
    run_id: Option<String>,
    models: Option<Vec<ModelRef>>,
}

pub fn log_outputs(tracking: &Tracking, asked: LogOutputs) -> Result<Void, Problem> {
    let output = |model: ModelRef| {
        let model_id = required("model_id", model.model_id)?;
        Ok(ModelOutput {
            model_id,
            step: model.step.map_or(0, |Int(step)| step),
        })
    };
    let models = asked.models.unwrap_or_default().into_iter();
    let models = models.map(output).collect::<Result<Vec<_>, Problem>>()?;
    tracking
        .store
        .log_outputs(&required("run_id", asked.run_id)?, &models)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct History {
    #[serde(flatten)]
    id: Id,
    metric_key: Option<String>,
    page_token: Option<String>,
    max_results: Option<Int>,
}

pub fn metric_history(tracking: &Tracking, asked: History) -> Result<Value, Problem> {
    let id = asked.id.read()?;
    let key = required("metric_key", asked.metric_key)?;
    find(tracking, &id)?;
    let limit = limit(asked.max_results, usize::MAX, 1_000_000)?;
    let page =
        tracking
            .store
            .metric_page(&id, &key, limit, &asked.page_token.unwrap_or_default())?;
    let metrics: Vec<form::Metric> = page.items.iter().map(form::metric).collect();
    let mut answer = json!({});
    if !metrics.is_empty() {
        answer["metrics"] = json!(metrics);
    }
    if let Some(next) = page.next {
        answer["next_page_token"] = json!(next);
    }
    Ok(answer)
}
