//! run_results.json, version 6, and the SQL that ran in target/compiled and target/run.

use std::collections::HashMap;

use chrono::DateTime;
use forebay_core::{Diagnostic, Node, NodeId, ResourceType};
use forebay_runner::{Action, Plan, StepResult, Summary, Workspace};
use forebay_store::RunStatus;
use serde_json::{Value as Json, json};

use super::{metadata, write, write_sql};
use crate::args::{Global, Run, RunOperation, switch};
use crate::report::log::stamp;

/// Nothing with `--no-write-json`, but the SQL is written always, as dbt does.
pub fn run_results(
    workspace: &Workspace,
    global: &Global,
    options: &Run,
    plan: &Plan,
    summary: &Summary,
) -> Result<(), Diagnostic> {
    let folder = global.artifacts();
    let steps: HashMap<_, _> = plan.steps.iter().map(|step| (&step.node, step)).collect();
    for result in &summary.results {
        let action = steps.get(&result.node).map(|step| &step.action);
        sql(workspace, action, result, &folder)?;
    }
    results(
        workspace,
        global,
        &summary.results,
        summary.elapsed_ms,
        arguments(global, options),
    )
}

/// Of a macro that was called, and of what it was given.
pub fn operation(
    workspace: &Workspace,
    global: &Global,
    result: &StepResult,
    given: &RunOperation,
) -> Result<(), Diagnostic> {
    let mut arguments = arguments(global, &Run::default());
    arguments["macro"] = json!(given.name);
    arguments["args"] = json!(given.args);
    let elapsed_ms = result.finished_ms - result.started_ms.unwrap_or(result.finished_ms);
    results(
        workspace,
        global,
        std::slice::from_ref(result),
        elapsed_ms,
        arguments,
    )
}

/// Of `clone`, whose nodes are in no plan.
pub fn cloned(
    workspace: &Workspace,
    global: &Global,
    options: &Run,
    done: &[StepResult],
) -> Result<(), Diagnostic> {
    let took =
        |result: &StepResult| result.finished_ms - result.started_ms.unwrap_or(result.finished_ms);
    let elapsed_ms = done.iter().map(took).sum();
    results(
        workspace,
        global,
        done,
        elapsed_ms,
        arguments(global, options),
    )
}

/// What has been compiled and has not run.
pub struct Looked {
    pub id: NodeId,
    pub name: String,
    pub kind: ResourceType,
    pub sql: Option<String>,
}

impl Looked {
    pub fn at(node: &Node, sql: Option<String>) -> Self {
        Self {
            id: node.id.clone(),
            name: node.name.clone(),
            kind: node.resource_type(),
            sql,
        }
    }
}

/// Of what has been compiled and has not run.
pub fn compiled(
    workspace: &Workspace,
    global: &Global,
    looked: Vec<Looked>,
) -> Result<(), Diagnostic> {
    let now = workspace.clock.now_ms();
    let result = |looked: Looked| {
        let has_sql = looked.sql.is_some();
        let result = StepResult {
            node: looked.id,
            name: looked.name,
            resource_type: looked.kind,
            status: RunStatus::Success,
            attempts: 1,
            started_ms: Some(now),
            finished_ms: now,
            message: String::new(),
            details: json!({}),
            sql: looked.sql,
        };
        let mut shown = entry(workspace, &result);
        shown["status"] = json!("success");
        shown["adapter_response"] = json!({});
        // As in dbt, where nothing was compiled nothing is said of a table.
        if !has_sql {
            shown["compiled"] = Json::Null;
            shown["relation_name"] = Json::Null;
        }
        shown
    };
    let results = looked.into_iter().map(result).collect();
    document(global, results, 0, arguments(global, &Run::default()))
}

fn results(
    workspace: &Workspace,
    global: &Global,
    results: &[StepResult],
    elapsed_ms: i64,
    arguments: Json,
) -> Result<(), Diagnostic> {
    let results = results.iter().map(|result| entry(workspace, result));
    document(global, results.collect(), elapsed_ms, arguments)
}

fn document(
    global: &Global,
    results: Vec<Json>,
    elapsed_ms: i64,
    arguments: Json,
) -> Result<(), Diagnostic> {
    if !global.on(&switch::WRITE_JSON) {
        return Ok(());
    }
    let document = json!({
        "metadata": metadata("run-results/v6", global)?,
        "results": results,
        "elapsed_time": elapsed_ms as f64 / 1e3,
        "args": arguments,
    });
    write(
        &global.artifacts().join("run_results.json"),
        &document.to_string(),
    )
}

/// The call, as far as dbt names it: `retry` reads it again.
fn arguments(global: &Global, options: &Run) -> Json {
    let mut arguments: serde_json::Map<String, Json> = global
        .shown()
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let words: Vec<String> = std::env::args().skip(1).collect();
    arguments.insert(
        "invocation_command".into(),
        json!(format!("dbt {}", words.join(" "))),
    );
    arguments.insert("project_dir".into(), json!(global.project_dir));
    arguments.insert("profile".into(), json!(global.profile));
    arguments.insert("target".into(), json!(global.target));
    let (start, end) = (options.event_time_start, options.event_time_end);
    arguments.insert("event_time_start".into(), json!(start));
    arguments.insert("event_time_end".into(), json!(end));
    arguments.insert("sample".into(), json!(options.sample));
    arguments.insert("vars".into(), variables(global));
    Json::Object(arguments)
}

/// What `--vars` says, without its secrets.
fn variables(global: &Global) -> Json {
    let given = global.vars.as_deref().unwrap_or_default();
    let mut given = forebay_project::parse_mapping("--vars", given).unwrap_or_default();
    for (name, value) in &mut given {
        if name.starts_with("DBT_ENV_SECRET") {
            *value = json!("*****");
        }
    }
    Json::Object(given)
}

fn entry(workspace: &Workspace, result: &StepResult) -> Json {
    let node = workspace.graph().get(&result.node);
    let thread = match result.resource_type {
        ResourceType::Operation if result.node.as_str().starts_with("macro.") => "MainThread",
        ResourceType::Operation => "main",
        _ => "Thread-1 (worker)",
    };
    let skipped = matches!(
        result.status,
        RunStatus::Skipped | RunStatus::Interrupted | RunStatus::NoOp
    );
    let relation = node.and_then(|node| workspace.project.written(node));
    json!({
        "status": result.dbt_status(),
        "timing": if skipped { json!([]) } else { timing(result) },
        "thread_id": thread,
        "execution_time": result.seconds(),
        "adapter_response": result.adapter_response(),
        "message": result.dbt_message(),
        "failures": result.details.get("failures"),
        "unique_id": result.node,
        "compiled": result.sql.is_some(),
        "compiled_code": result.sql,
        "relation_name": relation,
        "batch_results": result.details["batches"],
    })
}

/// The query is compiled as part of the step, in no time that could be told.
fn timing(result: &StepResult) -> Json {
    let at = |ms: i64| DateTime::from_timestamp_millis(ms).map(stamp);
    let (started, finished) = (
        at(result.started_ms.unwrap_or(result.finished_ms)),
        at(result.finished_ms),
    );
    json!([
        {"name": "compile", "started_at": started, "completed_at": started},
        {"name": "execute", "started_at": started, "completed_at": finished},
    ])
}

fn sql(
    workspace: &Workspace,
    action: Option<&Action>,
    result: &StepResult,
    folder: &std::path::Path,
) -> Result<(), Diagnostic> {
    let node = workspace.graph().get(&result.node);
    let Some((node, sql)) = node.zip(result.sql.as_ref()) else {
        return Ok(());
    };
    let project = &workspace.project;
    write_sql(project, &folder.join("compiled"), node, sql)?;
    let to = project.written(node);
    let ran = match (to, action) {
        (Some(to), Some(Action::CreateTable { .. })) => format!("create table {to} as (\n{sql}\n)"),
        (Some(to), Some(Action::CreateView { .. })) => format!("create view {to} as (\n{sql}\n)"),
        (Some(to), Some(Action::UpdateTable { .. })) => format!("-- into {to}\n{sql}"),
        _ => sql.clone(),
    };
    write_sql(project, &folder.join("run"), node, &ran)
}
