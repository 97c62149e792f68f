//! `traces/...`

use std::collections::BTreeMap;

use forebay_store::{Search, Trace, TraceState};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::{Void, found};
use super::value::{Int, Texts, experiment_id, limit, required};
use super::{Problem, Tracking, assessments, moment, new_id};

#[derive(Deserialize)]
struct Experiment {
    experiment_id: Option<String>,
}

/// Where traces are; of the places that MLflow knows, an experiment is ours.
#[derive(Deserialize)]
struct Location {
    mlflow_experiment: Option<Experiment>,
}

impl Location {
    fn read(self) -> Result<i64, Problem> {
        match self.mlflow_experiment {
            Some(experiment) => experiment_id(experiment.experiment_id),
            None => Err(Problem::invalid(
                "traces are kept in experiments: the location must be a mlflow_experiment",
            )),
        }
    }
}

#[derive(Deserialize)]
struct Info {
    trace_id: Option<String>,
    client_request_id: Option<String>,
    trace_location: Option<Location>,
    request_time: Option<String>,
    execution_duration: Option<String>,
    state: Option<String>,
    request_preview: Option<String>,
    response_preview: Option<String>,
    #[serde(default)]
    trace_metadata: BTreeMap<String, String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    assessments: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Wrapped {
    trace_info: Option<Info>,
}

#[derive(Deserialize)]
pub struct Start {
    trace: Option<Wrapped>,
}

pub fn start(tracking: &Tracking, asked: Start) -> Result<Value, Problem> {
    let lacking = || Problem::invalid("the request lacks 'trace.trace_info'");
    let info = asked
        .trace
        .and_then(|trace| trace.trace_info)
        .ok_or_else(lacking)?;
    let trace = read(tracking, info)?;
    let artifacts = |path: &str| tracking.artifacts.uri(path);
    tracking.store.start_trace(&trace, artifacts)?;
    one(tracking, &trace.id)
}

fn read(tracking: &Tracking, info: Info) -> Result<Trace, Problem> {
    let id = match info.trace_id {
        Some(id) if !id.is_empty() => id,
        _ => format!("tr-{}", new_id()),
    };
    let location = info
        .trace_location
        .ok_or_else(|| Problem::invalid("the trace lacks its 'trace_location'"))?;
    let now_ms = tracking.now_ms();
    let assessments = info.assessments.into_iter();
    let assessments = assessments
        .map(|form| assessments::read(&id, form, now_ms))
        .collect::<Result<_, _>>()?;
    Ok(Trace {
        experiment_id: location.read()?,
        client_request_id: info.client_request_id.unwrap_or_default(),
        state: state(info.state.as_deref().unwrap_or_default())?,
        started_ms: match info.request_time {
            Some(text) => moment::read_time("request_time", &text)?,
            None => now_ms,
        },
        duration_ms: match info.execution_duration {
            Some(text) => Some(moment::read_duration("execution_duration", &text)?),
            None => None,
        },
        request_preview: info.request_preview.unwrap_or_default(),
        response_preview: info.response_preview.unwrap_or_default(),
        metadata: info.trace_metadata,
        tags: info.tags,
        assessments,
        id,
    })
}

fn state(text: &str) -> Result<TraceState, Problem> {
    match text {
        "" => Ok(TraceState::Unspecified),
        text => TraceState::parse(text).ok_or_else(|| {
            Problem::invalid(format!(
                "a trace's state is OK, ERROR or IN_PROGRESS, not '{text}'"
            ))
        }),
    }
}

fn form(trace: &Trace) -> Value {
    let mut form = json!({
        "trace_id": trace.id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": trace.experiment_id.to_string()},
        },
        "request_time": moment::time(trace.started_ms),
        "state": trace.state.as_str(),
    });
    if let Some(ms) = trace.duration_ms {
        form["execution_duration"] = json!(moment::duration(ms));
    }
    for (name, text) in [
        ("client_request_id", &trace.client_request_id),
        ("request_preview", &trace.request_preview),
        ("response_preview", &trace.response_preview),
    ] {
        if !text.is_empty() {
            form[name] = json!(text);
        }
    }
    for (name, pairs) in [("trace_metadata", &trace.metadata), ("tags", &trace.tags)] {
        if !pairs.is_empty() {
            form[name] = json!(pairs);
        }
    }
    if !trace.assessments.is_empty() {
        form["assessments"] = trace.assessments.iter().map(assessments::form).collect();
    }
    form
}

/// With its spans.
fn whole(tracking: &Tracking, trace: &Trace) -> Result<Value, Problem> {
    let mut answer = json!({"trace_info": form(trace)});
    let spans = tracking.store.spans(&trace.id)?;
    if !spans.is_empty() {
        let read = |text: &String| serde_json::from_str::<Value>(text);
        let spans: Result<Vec<Value>, _> = spans.iter().map(read).collect();
        answer["spans"] = json!(spans.map_err(|error| Problem::failed(error.to_string()))?);
    }
    Ok(answer)
}

fn one(tracking: &Tracking, id: &str) -> Result<Value, Problem> {
    let trace = tracking.store.trace(id)?;
    Ok(json!({"trace": {"trace_info": form(&trace)}}))
}

#[derive(Deserialize)]
pub struct Id {
    trace_id: Option<Texts>,
}

/// It stands in the path, and the client repeats it in the query.
pub fn trace_id(text: Option<Texts>) -> Result<String, Problem> {
    required(
        "trace_id",
        text.and_then(|texts| texts.0.into_iter().next()),
    )
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    one(tracking, &trace_id(asked.trace_id)?)
}

pub fn get_whole(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    let trace = tracking.store.trace(&trace_id(asked.trace_id)?)?;
    Ok(json!({"trace": whole(tracking, &trace)?}))
}

#[derive(Deserialize)]
pub struct Ids {
    trace_ids: Option<Texts>,
}

impl Ids {
    fn read(self) -> Result<Vec<String>, Problem> {
        let ids = self.trace_ids.unwrap_or_default().0;
        match ids.len() {
            0..=1000 => Ok(ids),
            n => Err(Problem::invalid(format!("1000 traces at most, not {n}"))),
        }
    }
}

pub fn get_many(tracking: &Tracking, asked: Ids) -> Result<Value, Problem> {
    let traces = tracking.store.traces(&asked.read()?)?;
    let traces: Result<Vec<Value>, _> = traces.iter().map(|trace| whole(tracking, trace)).collect();
    Ok(found("traces", traces?, None))
}

pub fn get_infos(tracking: &Tracking, asked: Ids) -> Result<Value, Problem> {
    let traces = tracking.store.traces(&asked.read()?)?;
    Ok(found(
        "trace_infos",
        traces.iter().map(form).collect(),
        None,
    ))
}

#[derive(Deserialize)]
pub struct Find {
    #[serde(default)]
    locations: Vec<Location>,
    filter: Option<String>,
    max_results: Option<Int>,
    order_by: Option<Texts>,
    page_token: Option<String>,
}

pub fn search(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    if asked.locations.is_empty() {
        return Err(Problem::invalid("the request lacks 'locations'"));
    }
    let experiments = asked.locations.into_iter().map(Location::read);
    let experiments: Vec<i64> = experiments.collect::<Result<_, _>>()?;
    let search = Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        limit: limit(asked.max_results, 100, 500)?,
        page_token: &asked.page_token.unwrap_or_default(),
        ..Search::default()
    };
    let page = tracking.store.search_traces(&experiments, &search)?;
    Ok(found(
        "traces",
        page.items.iter().map(form).collect(),
        page.next,
    ))
}

#[derive(Deserialize)]
pub struct Tag {
    trace_id: Option<Texts>,
    key: Option<Texts>,
    value: Option<String>,
}

impl Tag {
    fn key(&self) -> Result<String, Problem> {
        required(
            "key",
            self.key.as_ref().and_then(|key| key.0.first().cloned()),
        )
    }
}

pub fn set_tag(tracking: &Tracking, asked: Tag) -> Result<Void, Problem> {
    let tag = (asked.key()?, asked.value.unwrap_or_default());
    let id = trace_id(asked.trace_id)?;
    tracking.store.set_trace_tags(&id, &[tag].into())?;
    Ok(Void {})
}

pub fn delete_tag(tracking: &Tracking, asked: Tag) -> Result<Void, Problem> {
    let key = asked.key()?;
    tracking
        .store
        .delete_trace_tag(&trace_id(asked.trace_id)?, &key)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Delete {
    experiment_id: Option<String>,
    max_timestamp_millis: Option<Int>,
    max_traces: Option<Int>,
    request_ids: Option<Texts>,
}

/// By their ids, or all up to a time: one of the two must be said.
pub fn delete(tracking: &Tracking, asked: Delete) -> Result<Value, Problem> {
    let ids = asked.request_ids.unwrap_or_default().0;
    let until = asked.max_timestamp_millis.map(|Int(ms)| ms);
    if ids.is_empty() == until.is_none() {
        return Err(Problem::invalid(
            "give either max_timestamp_millis or request_ids: what to delete must be said one way",
        ));
    }
    let most = match asked.max_traces {
        None => None,
        Some(Int(n)) if n > 0 && ids.is_empty() => Some(n as u64),
        Some(Int(n)) => {
            return Err(Problem::invalid(format!(
                "max_traces is a positive number beside max_timestamp_millis, not {n}"
            )));
        }
    };
    let experiment = experiment_id(asked.experiment_id)?;
    let gone = tracking
        .store
        .delete_traces(experiment, &ids, until, most)?;
    Ok(json!({"traces_deleted": gone}))
}

#[derive(Deserialize)]
pub struct LinkRun {
    trace_ids: Option<Texts>,
    run_id: Option<String>,
}

pub fn link_to_run(tracking: &Tracking, asked: LinkRun) -> Result<Void, Problem> {
    let ids = asked.trace_ids.unwrap_or_default().0;
    let run_id = required("run_id", asked.run_id)?;
    tracking.store.link_traces_to_run(&ids, &run_id)?;
    Ok(Void {})
}

#[derive(Deserialize)]
struct PromptVersion {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
pub struct LinkPrompts {
    trace_id: Option<Texts>,
    #[serde(default)]
    prompt_versions: Vec<PromptVersion>,
}

pub fn link_prompts(tracking: &Tracking, asked: LinkPrompts) -> Result<Void, Problem> {
    let prompt = |prompt: PromptVersion| {
        let (name, version) = (
            required("name", prompt.name)?,
            required("version", prompt.version)?,
        );
        Ok(format!("{name}/{version}"))
    };
    let prompts = asked.prompt_versions.into_iter().map(prompt);
    let prompts = prompts.collect::<Result<Vec<_>, Problem>>()?;
    tracking
        .store
        .link_prompts_to_trace(&trace_id(asked.trace_id)?, &prompts)?;
    Ok(Void {})
}
