//! sources.json, version 3: how old the sources were.

use std::path::Path;

use chrono::SecondsFormat;
use forebay_checks::freshness::FreshnessOutcome;
use forebay_core::{Diagnostic, Node};
use forebay_project::Project;
use serde_json::{Value as Json, json};

use super::{metadata, write};
use crate::args::Global;
use crate::report::log::stamp;

/// One source's answer, or why there is none.
pub struct Measured<'a> {
    pub node: &'a Node,
    pub outcome: Result<FreshnessOutcome, Diagnostic>,
    pub seconds: f64,
}

pub fn sources(
    project: &Project,
    global: &Global,
    path: &Path,
    measured: &[Measured<'_>],
    elapsed: f64,
) -> Result<(), Diagnostic> {
    let document = json!({
        "metadata": metadata("sources/v3", global)?,
        "results": measured.iter().map(|measured| entry(project, measured)).collect::<Vec<Json>>(),
        "elapsed_time": elapsed,
    });
    write(path, &document.to_string())
}

fn entry(project: &Project, measured: &Measured<'_>) -> Json {
    let node = measured.node;
    match &measured.outcome {
        Err(problem) => json!({
            "unique_id": node.id,
            "error": problem.message,
            "status": "runtime error",
        }),
        Ok(outcome) if outcome.max_loaded_at.is_none() => json!({
            "unique_id": node.id,
            "error": outcome.message,
            "status": "runtime error",
        }),
        Ok(outcome) => json!({
            "unique_id": node.id,
            "max_loaded_at": outcome.max_loaded_at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, false)),
            "snapshotted_at": stamp(outcome.snapshotted_at),
            "max_loaded_at_time_ago_in_s": outcome.age.map_or(0.0, |age| age.micros() as f64 / 1e6),
            "status": outcome.status,
            "criteria": project.entry(&node.id).map(|entry| entry["freshness"].clone()),
            "adapter_response": {"_message": "OK"},
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": measured.seconds,
        }),
    }
}
