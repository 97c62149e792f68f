//! Runs hooks: around a step, and around a whole run.

use std::collections::BTreeSet;

use chrono::DateTime;
use forebay_core::{Diagnostic, ResourceType};
use forebay_project::{CompileState, Compiled, Hook, Question, RunHook, When};
use forebay_store::RunStatus;
use serde_json::{Map, Value, json};

use crate::event::{Event, Reporter, StepResult};
use crate::live;
use crate::workspace::Workspace;

/// Those of a node. One that fails ends them.
pub async fn around_step(
    workspace: &Workspace,
    hooks: &[Hook],
    state: &CompileState,
) -> Result<(), Diagnostic> {
    for hook in hooks {
        run(workspace, hook, state.clone()).await?;
    }
    Ok(())
}

/// `on-run-start`, or `on-run-end`, which sees what the run did as `results` and where as `schemas`.
/// After one that fails the rest is skipped.
///
/// # Errors
/// A template of `on-run-start` fails: nothing may run then.
pub async fn around_run(
    workspace: &Workspace,
    when: When,
    results: &[StepResult],
    reporter: &dyn Reporter,
) -> Result<Vec<StepResult>, Diagnostic> {
    let project = &workspace.project;
    if project.run_hooks(when, &Map::new()).is_empty() {
        return Ok(Vec::new());
    }
    let variables = match when {
        When::Before => Map::new(),
        When::After => variables(workspace, results),
    };
    let hooks = project.run_hooks(when, &variables);
    let mut done: Vec<StepResult> = Vec::new();
    for (index, hook) in hooks.iter().enumerate() {
        let place = (index + 1, hooks.len());
        let result = match done.last().map(|result| result.status) {
            Some(RunStatus::Error | RunStatus::Skipped) => skipped(workspace, hook),
            _ => one(workspace, when, hook, place, reporter).await?,
        };
        pass_on(workspace, reporter);
        reporter.report(&Event::HookFinished {
            hook,
            place,
            result: &result,
        });
        done.push(result);
    }
    Ok(done)
}

async fn one(
    workspace: &Workspace,
    when: When,
    hook: &RunHook,
    place: (usize, usize),
    reporter: &dyn Reporter,
) -> Result<StepResult, Diagnostic> {
    reporter.report(&Event::HookStarted { hook, place });
    let started_ms = workspace.clock.now_ms();
    let (sql, ran) = match render(workspace, &hook.hook, CompileState::default()).await {
        Ok(sql) => {
            let ran = execute(workspace, &hook.hook, &sql).await;
            (Some(sql), ran)
        }
        Err(problem) if when == When::Before => return Err(problem),
        Err(problem) => (None, Err(problem)),
    };
    let (status, message) = match ran {
        Ok(()) => (RunStatus::Success, format!("{} passed", hook.label)),
        Err(problem) => (
            RunStatus::Error,
            format!("{} failed, error:\n {problem}", hook.label),
        ),
    };
    Ok(StepResult {
        status,
        started_ms: Some(started_ms),
        message,
        details: json!({"failures": u8::from(status == RunStatus::Error)}),
        sql,
        ..skipped(workspace, hook)
    })
}

fn skipped(workspace: &Workspace, hook: &RunHook) -> StepResult {
    StepResult {
        node: hook.id.clone(),
        name: hook.name.clone(),
        resource_type: ResourceType::Operation,
        status: RunStatus::Skipped,
        attempts: 1,
        started_ms: None,
        finished_ms: workspace.clock.now_ms(),
        message: format!("{} skipped", hook.label),
        details: json!({"failures": 1}),
        sql: None,
    }
}

/// Hands on what templates have said.
pub fn pass_on(workspace: &Workspace, reporter: &dyn Reporter) {
    for message in workspace.voice.take() {
        reporter.report(&Event::Said { message: &message });
    }
}

/// Runs a hook: what its template asks, and the statements that its text renders to.
async fn run(workspace: &Workspace, hook: &Hook, state: CompileState) -> Result<(), Diagnostic> {
    let sql = render(workspace, hook, state).await?;
    execute(workspace, hook, &sql).await
}

/// What the template renders to, once what it asks has been answered.
pub async fn render(
    workspace: &Workspace,
    hook: &Hook,
    state: CompileState,
) -> Result<String, Diagnostic> {
    let template = hook.clone();
    let ran = live::run(workspace, state, move |project, state| {
        match project.compile_hook(&template, state, &mut Vec::new())? {
            Compiled::Sql(sql) => Ok(sql),
            Compiled::Asks(question) => Err(unanswered(&question)),
        }
    });
    ran.await
}

async fn execute(workspace: &Workspace, hook: &Hook, sql: &str) -> Result<(), Diagnostic> {
    if sql.is_empty() {
        return Ok(());
    }
    let ran = workspace.lake.execute(sql).await;
    ran.map(drop).map_err(|problem| hook.placed(problem))
}

fn unanswered(question: &Question) -> Diagnostic {
    Diagnostic::internal(format!(
        "a hook asked for {question:?}, and nobody answered"
    ))
}

fn variables(workspace: &Workspace, results: &[StepResult]) -> Map<String, Value> {
    let graph = workspace.graph();
    let relation = |result: &StepResult| graph.get(&result.node)?.relation.clone();
    let written =
        |result: &&StepResult| !result.resource_type.is_test() && result.status.lets_children_run();
    let schemas: BTreeSet<String> = results
        .iter()
        .filter(written)
        .filter_map(|result| Some(relation(result)?.schema))
        .collect();
    let database = workspace.project.database();
    let places: Vec<_> = schemas.iter().map(|schema| (database, schema)).collect();
    // Hooks that did well are no results for hooks.
    let told = |result: &&StepResult| {
        result.resource_type != ResourceType::Operation || result.status == RunStatus::Error
    };
    let results: Vec<Value> = results
        .iter()
        .filter(told)
        .map(|result| told_of(workspace, result))
        .collect();
    Map::from_iter([
        ("results".to_owned(), Value::Array(results)),
        ("database_schemas".to_owned(), json!(places)),
        ("schemas".to_owned(), json!(schemas)),
    ])
}

/// A result as templates see it, with its node.
fn told_of(workspace: &Workspace, result: &StepResult) -> Value {
    let mut node = workspace.project.entry(&result.node).unwrap_or_else(|| {
        json!({
            "unique_id": result.node,
            "name": result.name,
            "resource_type": result.resource_type.as_str(),
        })
    });
    node["compiled"] = result.sql.is_some().into();
    node["compiled_code"] = json!(result.sql);
    if let Some(known) = workspace.graph().get(&result.node) {
        let compiled = workspace.project.compiled_path(known);
        let below = |folder: &str| workspace.target.join(folder).join(&compiled);
        if result.sql.is_some() {
            node["compiled_path"] = json!(below("compiled"));
            node["build_path"] = json!(below("run"));
        }
        for (name, value) in properties(&node) {
            node[name] = value;
        }
    }
    let at = |ms: i64| {
        let at = DateTime::from_timestamp_millis(ms);
        at.map(|at| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
    };
    let timing = result.started_ms.map_or(json!([]), |started| {
        json!([
            {"name": "compile", "started_at": at(started), "completed_at": at(started)},
            {"name": "execute", "started_at": at(started), "completed_at": at(result.finished_ms)},
        ])
    });
    json!({
        "status": result.dbt_status(),
        "message": result.dbt_message(),
        "execution_time": result.seconds(),
        "failures": result.details["failures"],
        "unique_id": result.node,
        "thread_id": "Thread-1 (worker)",
        "timing": timing,
        "adapter_response": result.adapter_response(),
        "batch_results": null,
        "node": node,
    })
}

/// What a node answers in dbt besides the fields that its manifest shows.
fn properties(node: &Value) -> [(&'static str, Value); 16] {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let is_refable = matches!(text("resource_type"), "model" | "seed" | "snapshot");
    let is_ephemeral = node["config"]["materialized"] == "ephemeral";
    let (version, name) = (&node["version"], text("name"));
    let is_versioned = text("resource_type") == "model" && !version.is_null();
    let keeps = &node["config"]["store_failures"];
    let list = |of: &Value| match of {
        Value::Array(_) => of.clone(),
        _ => json!([]),
    };
    [
        ("identifier", node["alias"].clone()),
        ("is_refable", is_refable.into()),
        ("is_relational", (is_refable || *keeps == true).into()),
        ("is_ephemeral", is_ephemeral.into()),
        ("is_ephemeral_model", (is_refable && is_ephemeral).into()),
        ("is_versioned", is_versioned.into()),
        (
            "is_latest_version",
            (is_versioned && *version == node["latest_version"]).into(),
        ),
        ("is_external_node", false.into()),
        (
            "search_name",
            match version {
                Value::Null => name.into(),
                Value::String(version) => format!("{name}.v{version}").into(),
                version => format!("{name}.v{version}").into(),
            },
        ),
        ("depends_on_nodes", list(&node["depends_on"]["nodes"])),
        ("depends_on_macros", list(&node["depends_on"]["macros"])),
        (
            "file_id",
            format!("{}://{}", text("package_name"), text("original_file_path")).into(),
        ),
        ("config_call_dict", json!({})),
        (
            "empty",
            (text("resource_type") != "seed" && text("raw_code").trim().is_empty()).into(),
        ),
        ("should_store_failures", (*keeps == true).into()),
        ("extra_ctes", json!([])),
    ]
}
