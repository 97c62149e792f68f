//! Traces of an experiment's folder, with their spans and assessments.

use std::path::Path;

use forebay_core::Diagnostic;
use forebay_store::{Assessment, Experiment, History, Imported, Trace, TraceState};
use serde_json::Value;

use super::{Meta, files, folders, values};
use crate::trace::{assessment, in_the_store, spans_of_file, time_ms};
use crate::{Target, artifacts};

/// So many are handed over at a time: spans may be large.
const PART: usize = 100;

pub fn import(
    place: &Path,
    experiment: &Experiment,
    target: &Target<'_>,
    all: &mut Imported,
) -> Result<(), Diagnostic> {
    let is_trace = |folder: &std::path::PathBuf| folder.join("trace_info.yaml").exists();
    let found: Vec<_> = folders(&place.join("traces"))
        .into_iter()
        .filter(is_trace)
        .collect();
    for some in found.chunks(PART) {
        let mut part = History::of(experiment.clone());
        for folder in some {
            let mut trace = trace(folder, experiment)?;
            let files = format!("{}/traces/{}/artifacts", experiment.artifact_path, trace.id);
            artifacts::copy_folder(&folder.join("artifacts"), &target.artifacts.join(&files))?;
            let location = format!("mlflow-artifacts:/{files}");
            trace
                .tags
                .insert("mlflow.artifactLocation".to_owned(), location);
            let spans = spans_of_file(&folder.join("artifacts"), &trace.id)?;
            if !spans.is_empty() {
                in_the_store(&mut trace);
            }
            part.traces.push((trace, spans));
        }
        target.add(&part, all)?;
    }
    Ok(())
}

/// MLflow 2 called some of its parts otherwise.
fn trace(folder: &Path, experiment: &Experiment) -> Result<Trace, Diagnostic> {
    let meta = Meta::of_file(folder.join("trace_info.yaml"))?;
    let either = |newer: &str, older: &str| match meta.text(newer) {
        empty if empty.is_empty() => meta.text(older),
        text => text,
    };
    let started_ms = match meta.number("timestamp_ms") {
        Some(ms) => ms,
        None => time_ms(&meta.text("request_time")).map_err(|error| meta.wrong(&error.message))?,
    };
    let id = either("trace_id", "request_id");
    Ok(Trace {
        experiment_id: experiment.id,
        client_request_id: meta.text("client_request_id"),
        state: TraceState::parse(&either("state", "status")).unwrap_or_default(),
        started_ms,
        duration_ms: either("execution_duration_ms", "execution_time_ms")
            .parse()
            .ok(),
        request_preview: meta.text("request_preview"),
        response_preview: meta.text("response_preview"),
        metadata: values(&folder.join("request_metadata"))?,
        tags: values(&folder.join("tags"))?,
        assessments: assessments(&folder.join("assessments"), &id)?,
        id,
    })
}

/// The oldest first.
fn assessments(folder: &Path, trace_id: &str) -> Result<Vec<Assessment>, Diagnostic> {
    let mut found = Vec::new();
    for (_, path) in files(folder, "") {
        let meta = Meta::of_file(path)?;
        let made = meta.text("create_time");
        found.push((made, assessment(&Value::Object(meta.values), trace_id)));
    }
    found.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
    Ok(found
        .into_iter()
        .map(|(_, assessment)| assessment)
        .collect())
}
