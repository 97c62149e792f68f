//! Traces, with their spans and assessments.

use std::collections::BTreeMap;

use forebay_core::Diagnostic;
use forebay_store::{Experiment, History, Imported, Span, Trace, TraceState};
use serde_json::{Value, json};

use super::{API_3, SERVED, Server, list, text};
use crate::Target;
use crate::trace::{assessment, in_the_store, is_in_the_store, span, spans_of_file, time_ms};

/// Traces whose spans are asked for at a time: those of agents are large.
const AT_ONCE: usize = 20;

impl Server {
    pub(super) fn traces(
        &self,
        experiment: &Experiment,
        target: &Target<'_>,
        all: &mut Imported,
    ) -> Result<(), Diagnostic> {
        let place = json!({"experiment_id": experiment.id.to_string()});
        let location = json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": place});
        let asked = json!({"locations": [location], "max_results": 500});
        let found = self.pages_if_known(&format!("{API_3}/traces/search"), asked, "traces")?;
        for some in found.chunks(AT_ONCE) {
            let mut spans = self.spans(some)?;
            let mut part = History::of(experiment.clone());
            for found in some {
                let mut trace = trace(found, experiment)?;
                let place = trace.tags.get("mlflow.artifactLocation").cloned();
                let place = place.unwrap_or_default();
                self.copy_files(&place, target)?;
                let spans = match (spans.remove(&trace.id), place.strip_prefix(SERVED)) {
                    (Some(spans), _) => spans,
                    (None, Some(path)) => spans_of_file(&target.artifacts.join(path), &trace.id)?,
                    (None, None) => Vec::new(),
                };
                if !spans.is_empty() {
                    in_the_store(&mut trace);
                }
                part.traces.push((trace, spans));
            }
            target.add(&part, all)?;
        }
        Ok(())
    }

    /// By trace. Those of others are a file among their artifacts.
    fn spans(&self, traces: &[Value]) -> Result<BTreeMap<String, Vec<Span>>, Diagnostic> {
        let kept = traces.iter().filter(|trace| is_in_the_store(trace));
        let ids: Vec<String> = kept.map(|trace| text(trace, "trace_id")).collect();
        let query: Vec<_> = ids.iter().map(|id| ("trace_ids", id.as_str())).collect();
        if query.is_empty() {
            return Ok(BTreeMap::new());
        }
        let answer = self
            .client
            .get(&format!("{API_3}/traces/batchGet"), &query)?;
        let mut spans = BTreeMap::new();
        for whole in list(&answer, "traces") {
            let id = text(&whole["trace_info"], "trace_id");
            let of_trace = list(&whole, "spans")
                .iter()
                .map(|found| span(found, &id))
                .collect();
            spans.insert(id, of_trace);
        }
        Ok(spans)
    }
}

fn trace(found: &Value, experiment: &Experiment) -> Result<Trace, Diagnostic> {
    let id = text(found, "trace_id");
    let assessments = list(found, "assessments");
    Ok(Trace {
        experiment_id: experiment.id,
        client_request_id: text(found, "client_request_id"),
        state: TraceState::parse(&text(found, "state")).unwrap_or_default(),
        started_ms: time_ms(&text(found, "request_time"))?,
        duration_ms: duration_ms(&text(found, "execution_duration")),
        request_preview: text(found, "request_preview"),
        response_preview: text(found, "response_preview"),
        metadata: map(&found["trace_metadata"]),
        tags: map(&found["tags"]),
        assessments: assessments.iter().map(|a| assessment(a, &id)).collect(),
        id,
    })
}

/// `1.500s`; None while the trace goes on.
fn duration_ms(text: &str) -> Option<i64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Some((seconds * 1000.0).round() as i64)
}

fn map(pairs: &Value) -> BTreeMap<String, String> {
    let names = pairs.as_object().into_iter().flat_map(|map| map.keys());
    names
        .map(|name| (name.clone(), text(pairs, name)))
        .collect()
}
