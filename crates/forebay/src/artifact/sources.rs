//! sources.json, version 3: how old the sources were.

use std::path::Path;

use forebay_checks::freshness::FreshnessOutcome;
use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Node, Span};
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
    global: &Global,
    path: &Path,
    measured: &[Measured<'_>],
    elapsed: f64,
) -> Result<(), Diagnostic> {
    let document = json!({
        "metadata": metadata("sources/v3", global)?,
        "results": measured.iter().map(entry).collect::<Vec<Json>>(),
        "elapsed_time": elapsed,
    });
    write(path, &document.to_string())
}

fn entry(measured: &Measured<'_>) -> Json {
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
            "max_loaded_at": outcome.max_loaded_at.map(stamp),
            "snapshotted_at": stamp(outcome.snapshotted_at),
            "max_loaded_at_time_ago_in_s": outcome.age.map_or(0.0, |age| age.micros() as f64 / 1e6),
            "status": outcome.status,
            "criteria": criteria(node),
            "adapter_response": {},
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": measured.seconds,
        }),
    }
}

fn criteria(node: &Node) -> Json {
    let Spec::Source(source) = &node.spec else {
        return json!({});
    };
    let limits = source.freshness.clone().unwrap_or_default();
    json!({
        "warn_after": limit(limits.warn_after),
        "error_after": limit(limits.error_after),
        "filter": limits.filter,
    })
}

/// dbt counts in minutes, hours or days.
fn limit(span: Option<Span>) -> Json {
    let Some(span) = span else {
        return json!({"count": null, "period": null});
    };
    match span.micros() / 60_000_000 {
        m if m % 1440 == 0 => json!({"count": m / 1440, "period": "day"}),
        m if m % 60 == 0 => json!({"count": m / 60, "period": "hour"}),
        m => json!({"count": m, "period": "minute"}),
    }
}
