//! Traces, with their spans and assessments.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::DateTime;
use forebay_core::Diagnostic;
use forebay_store::{
    Assessment, AssessmentKind, Experiment, History, Imported, Span, Trace, TraceState,
};
use serde_json::{Value, json};

use super::{API_3, Server, list, text, whole};
use crate::Target;

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
                let trace = trace(found, experiment)?;
                if let Some(place) = trace.tags.get("mlflow.artifactLocation") {
                    self.copy_files(place, target)?;
                }
                let spans = spans.remove(&trace.id).unwrap_or_default();
                part.traces.push((trace, spans));
            }
            target.add(&part, all)?;
        }
        Ok(())
    }

    /// By trace. Those of others are a file among their artifacts.
    fn spans(&self, traces: &[Value]) -> Result<BTreeMap<String, Vec<Span>>, Diagnostic> {
        let is_kept = |trace: &&Value| {
            trace["tags"]["mlflow.trace.spansLocation"].as_str() == Some("TRACKING_STORE")
        };
        let ids: Vec<String> = traces
            .iter()
            .filter(is_kept)
            .map(|t| text(t, "trace_id"))
            .collect();
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

/// `2013-01-01T00:00:00.250Z`
fn time_ms(text: &str) -> Result<i64, Diagnostic> {
    let time = DateTime::parse_from_rfc3339(text);
    let time = time.map_err(|_| {
        Diagnostic::environment(format!("the server gives '{text}' as the time of a trace"))
    })?;
    Ok(time.timestamp_millis())
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

/// It has one of the fields of the kinds, which holds its value.
fn assessment(found: &Value, trace_id: &str) -> Assessment {
    let is_kind = |(_, field): &&(AssessmentKind, &str)| found.get(*field).is_some();
    let kind = AssessmentKind::ALL.iter().find(is_kind);
    let kind = kind.map_or(AssessmentKind::Feedback, |(kind, _)| *kind);
    let held = &found[kind.as_str()];
    let written = held["serialized_value"]["value"].as_str();
    let value = written.and_then(|text| serde_json::from_str(text).ok());
    let mut content = found.clone();
    if let Some(content) = content.as_object_mut() {
        content.retain(|name, _| name != "assessment_id" && name != "valid");
    }
    Assessment {
        id: text(found, "assessment_id"),
        trace_id: trace_id.to_owned(),
        name: text(found, "assessment_name"),
        kind,
        value: value.unwrap_or_else(|| held["value"].clone()).to_string(),
        is_valid: found["valid"].as_bool().unwrap_or(true),
        overrides: text(found, "overrides"),
        content: content.to_string(),
    }
}

fn span(found: &Value, trace_id: &str) -> Span {
    let attributes = list(found, "attributes");
    let kind = attributes
        .iter()
        .find(|pair| text(pair, "key") == "mlflow.spanType");
    let kind = kind.and_then(|pair| pair["value"]["string_value"].as_str());
    let status = text(&found["status"], "code");
    Span {
        trace_id: trace_id.to_owned(),
        id: hex(&text(found, "span_id")),
        parent_id: hex(&text(found, "parent_span_id")),
        name: text(found, "name"),
        kind: kind.unwrap_or("UNKNOWN").to_owned(),
        status: match status.trim_start_matches("STATUS_CODE_") {
            known @ ("OK" | "ERROR") => known.to_owned(),
            _ => "UNSET".to_owned(),
        },
        started_ns: whole(found, "start_time_unix_nano").unwrap_or(0),
        finished_ns: whole(found, "end_time_unix_nano"),
        content: found.to_string(),
        ..Span::default()
    }
}

/// Ids are base64 in protobuf's JSON.
fn hex(text: &str) -> String {
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
