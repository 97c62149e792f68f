//! Traces as MLflow's clients write them: what its server sends and its folders hold.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::DateTime;
use forebay_core::Diagnostic;
use forebay_store::{Assessment, AssessmentKind, Span, Trace, span_content};
use serde_json::{Value, json};

/// The tag that says whether a trace's spans are beside it in the store, or in a file.
const SPANS: (&str, &str) = ("mlflow.trace.spansLocation", "TRACKING_STORE");

pub fn is_in_the_store(trace: &Value) -> bool {
    trace["tags"][SPANS.0].as_str() == Some(SPANS.1)
}

/// Clients ask for the spans where the trace says that they are.
pub fn in_the_store(trace: &mut Trace) {
    let (tag, place) = SPANS;
    trace.tags.insert(tag.to_owned(), place.to_owned());
}

/// `2013-01-01T00:00:00.250Z`
pub fn time_ms(text: &str) -> Result<i64, Diagnostic> {
    let time = DateTime::parse_from_rfc3339(text);
    let time =
        time.map_err(|_| Diagnostic::environment(format!("'{text}' is no time of a trace")))?;
    Ok(time.timestamp_millis())
}

/// It has one of the fields of the kinds, which holds its value.
pub fn assessment(found: &Value, trace_id: &str) -> Assessment {
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

/// Of protobuf's JSON.
pub fn span(found: &Value, trace_id: &str) -> Span {
    let kind = items(found, "attributes").find(|pair| pair["key"] == "mlflow.spanType");
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

/// `traces.json` in the folder of a trace's artifacts; none where there is no such file.
pub fn spans_of_file(folder: &Path, trace_id: &str) -> Result<Vec<Span>, Diagnostic> {
    let path = folder.join("traces.json");
    let Ok(text) = fs::read(&path) else {
        return Ok(Vec::new());
    };
    let read: Value = serde_json::from_slice(&text)
        .map_err(|error| Diagnostic::error(format!("{} has no spans: {error}", path.display())))?;
    let form = |kept: &Value| span(&span_content(&of_version_3(kept)), trace_id);
    Ok(items(&read, "spans").map(form).collect())
}

/// A span as MLflow 3 writes it: MLflow 2 named its parts otherwise, and 3.5 wrote ids in hexadecimal.
fn of_version_3(kept: &Value) -> Value {
    let mut span = kept.clone();
    if let Some(context) = kept.get("context") {
        let event = |event: &Value| {
            let attributes = &event["attributes"];
            json!({"name": event["name"], "time_unix_nano": event["timestamp"], "attributes": attributes})
        };
        let events: Vec<Value> = items(kept, "events").map(event).collect();
        span = json!({
            "trace_id": context["trace_id"],
            "span_id": context["span_id"],
            "parent_span_id": kept["parent_id"],
            "name": kept["name"],
            "start_time_unix_nano": kept["start_time"],
            "end_time_unix_nano": kept["end_time"],
            "status": {"code": kept["status_code"], "message": kept["status_message"]},
            "attributes": kept["attributes"],
            "events": events,
        });
    }
    for name in ["trace_id", "span_id", "parent_span_id"] {
        if let Some(bytes) = span[name].as_str().and_then(of_hex) {
            span[name] = json!(BASE64_STANDARD.encode(bytes));
        }
    }
    let code = text(&span["status"], "code");
    if !code.starts_with("STATUS_CODE_") {
        span["status"]["code"] = json!(format!("STATUS_CODE_{code}"));
    }
    span
}

/// None of what is no id in hexadecimal.
fn of_hex(id: &str) -> Option<Vec<u8>> {
    let digits = id.trim_start_matches("tr-").trim_start_matches("0x");
    let is_id = matches!(digits.len(), 16 | 32) && digits.is_ascii();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    is_id.then(|| (0..digits.len()).step_by(2).map(byte).collect())?
}

/// Ids are base64 in protobuf's JSON.
fn hex(text: &str) -> String {
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn whole(value: &Value, name: &str) -> Option<i64> {
    let number = &value[name];
    number.as_i64().or_else(|| number.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_every_version_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let older = json!({
            "name": "ask", "context": {"span_id": "0x00000000000000ff", "trace_id": "0x000000000000000000000000000000ff"},
            "parent_id": "0x00000000000000fe", "start_time": 5, "end_time": 9, "status_code": "ERROR", "status_message": "no",
            "attributes": {"mlflow.spanType": "\"TOOL\""}, "events": [{"name": "e", "timestamp": 7, "attributes": {"a": 1}}],
        });
        let of_3_5 = json!({
            "name": "ask", "trace_id": "tr-000000000000000000000000000000ff", "span_id": "00000000000000ff",
            "parent_span_id": "00000000000000fe", "start_time_unix_nano": 5, "end_time_unix_nano": 9,
            "status": {"code": "ERROR", "message": "no"}, "attributes": {"mlflow.spanType": "\"TOOL\""},
            "events": [{"name": "e", "time_unix_nano": 7, "attributes": {"a": 1}}],
        });
        let newer = json!({
            "name": "ask", "trace_id": "AAAAAAAAAAAAAAAAAAAA/w==", "span_id": "AAAAAAAAAP8=",
            "parent_span_id": "AAAAAAAAAP4=", "start_time_unix_nano": 5, "end_time_unix_nano": 9,
            "status": {"code": "STATUS_CODE_ERROR", "message": "no"}, "attributes": {"mlflow.spanType": "\"TOOL\""},
            "events": [{"name": "e", "time_unix_nano": 7, "attributes": {"a": 1}}],
        });
        let file = json!({"spans": [older, of_3_5, newer]});
        fs::write(folder.path().join("traces.json"), file.to_string()).unwrap();
        let spans = spans_of_file(folder.path(), "tr-1").unwrap();
        let found = &spans[2];
        assert_eq!(
            (
                found.id.as_str(),
                found.parent_id.as_str(),
                found.kind.as_str(),
                found.status.as_str()
            ),
            ("00000000000000ff", "00000000000000fe", "TOOL", "ERROR")
        );
        assert_eq!((found.started_ns, found.finished_ns), (5, Some(9)));
        assert_eq!((&spans[0], &spans[1]), (found, found));
        assert_eq!(
            spans_of_file(&folder.path().join("none"), "tr-1").unwrap(),
            []
        );
    }
}
