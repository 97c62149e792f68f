//! `node_info` and `run_result` of events: a node as dbt describes it there.

use chrono::DateTime;
use forebay_core::{NodeId, ResourceType};
use forebay_project::RunHook;
use forebay_runner::{Step, StepResult, Workspace};
use forebay_store::RunStatus;
use serde_json::{Value as Json, json};

/// What a node is, from its entry in the manifest; nodes that dbt does not know have less of it.
pub fn of_step(workspace: &Workspace, step: &Step, result: Option<&StepResult>, now: &str) -> Json {
    let entry = workspace.project.described(&step.node).unwrap_or_default();
    let mut info = of_entry(&entry, &step.node, step.resource_type);
    info["node_name"] = json!(step.name);
    info["node_started_at"] = json!(
        result
            .and_then(|r| moment(r.started_ms?))
            .unwrap_or(now.to_owned())
    );
    if let Some(result) = result {
        info["node_status"] = result.dbt_status();
        let ran = result.status != RunStatus::Skipped;
        let finished = moment(result.finished_ms).filter(|_| ran);
        info["node_finished_at"] = json!(finished.unwrap_or_default());
    }
    info
}

/// A hook of the run, as dbt describes its own node for it.
pub fn of_hook(hook: &RunHook, database: &str) -> Json {
    let entry = json!({
        "alias": hook.name,
        "config": {"materialized": "view"},
        "database": database,
        "path": format!("hooks/{}.sql", hook.name),
    });
    let mut info = of_entry(&entry, &hook.id, ResourceType::Operation);
    info["node_name"] = json!(hook.name);
    info
}

fn of_entry(entry: &Json, id: &NodeId, kind: ResourceType) -> Json {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let meta = entry["config"]["meta"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let written = |value: &Json| value.as_str().map_or(value.to_string(), str::to_owned);
    let meta: serde_json::Map<String, Json> = meta
        .iter()
        .map(|(key, value)| (key.clone(), written(value).into()))
        .collect();
    json!({
        "materialized": text(&entry["config"]["materialized"]),
        "meta": meta,
        "node_checksum": text(&entry["checksum"]["checksum"]),
        "node_finished_at": "",
        "node_name": "",
        "node_path": text(&entry["path"]),
        "node_relation": {
            "alias": text(&entry["alias"]),
            "database": text(&entry["database"]),
            "relation_name": text(&entry["relation_name"]),
            "schema": text(&entry["schema"]),
        },
        "node_started_at": "",
        "node_status": "started",
        "resource_type": kind.as_str(),
        "unique_id": id,
    })
}

/// How a node ended.
pub fn run_result(result: &StepResult) -> Json {
    let timing = |name: &str, from: i64, to: i64| json!({"name": name, "started_at": stamped(from), "completed_at": stamped(to)});
    let timings = result.started_ms.map(|started| {
        let compiled = timing("compile", started, started);
        [compiled, timing("execute", started, result.finished_ms)]
    });
    json!({
        "adapter_response": result.adapter_response(),
        "execution_time": result.seconds(),
        "message": result.dbt_message().unwrap_or_default(),
        "num_failures": result.details["failures"].as_u64().unwrap_or(0),
        "status": result.dbt_status(),
        "thread": "Thread-1 (worker)",
        "timing_info": timings.as_ref().map_or(&[][..], |timings| timings),
    })
}

fn stamped(ms: i64) -> Option<String> {
    DateTime::from_timestamp_millis(ms).map(super::log::stamp)
}

/// Without a zone, as dbt has it there.
fn moment(ms: i64) -> Option<String> {
    let at = DateTime::from_timestamp_millis(ms)?;
    Some(at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
}
