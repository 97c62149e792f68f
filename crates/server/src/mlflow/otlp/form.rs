//! A span in protobuf's JSON with snake_case names, and what is searched by.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use forebay_store as store;
use serde_json::{Value, json};

use super::message::{Any, AnyValue, KeyValue, Span};
use crate::mlflow::Problem;
use crate::mlflow::value::Double;

/// How much of what went in and came out a listing shows, in characters.
const PREVIEW: usize = 1000;
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// # Errors
/// Where its ids are not of 16 and 8 bytes, or its times are beyond the year 2262.
pub fn span(span: &Span) -> Result<store::Span, Problem> {
    if span.trace_id.len() != 16 || span.span_id.len() != 8 {
        return Err(Problem::invalid(format!(
            "span '{}' has a trace id of {} bytes and an id of {}: they are 16 and 8 bytes",
            span.name,
            span.trace_id.len(),
            span.span_id.len()
        )));
    }
    let time = |ns: u64| {
        i64::try_from(ns).map_err(|_| Problem::invalid("a span's time is beyond the year 2262"))
    };
    let ended = span.end_time_unix_nano > 0;
    Ok(store::Span {
        trace_id: format!("tr-{}", hex(&span.trace_id)),
        id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        name: span.name.clone(),
        kind: attribute(span, "mlflow.spanType").unwrap_or("UNKNOWN".to_owned()),
        status: match span.status.as_ref().map_or(0, |status| status.code) {
            1 => "OK",
            2 => "ERROR",
            _ => "UNSET",
        }
        .to_owned(),
        started_ns: time(span.start_time_unix_nano)?,
        finished_ns: ended.then(|| time(span.end_time_unix_nano)).transpose()?,
        inputs: attribute(span, "mlflow.spanInputs").unwrap_or_default(),
        outputs: attribute(span, "mlflow.spanOutputs").unwrap_or_default(),
        content: form(span).to_string(),
    })
}

/// The beginning of an attribute's text, or of its JSON.
fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    let text = match plain(found.value.as_ref()?) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(text.chars().take(PREVIEW).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn form(span: &Span) -> Value {
    let mut form = json!({
        "trace_id": BASE64_STANDARD.encode(&span.trace_id),
        "span_id": BASE64_STANDARD.encode(&span.span_id),
    });
    put(&mut form, "trace_state", json!(span.trace_state));
    put(
        &mut form,
        "parent_span_id",
        json!(BASE64_STANDARD.encode(&span.parent_span_id)),
    );
    put(&mut form, "name", json!(span.name));
    if let Some(kind) = KINDS
        .get(usize::try_from(span.kind).unwrap_or(0))
        .filter(|_| span.kind != 0)
    {
        form["kind"] = json!(kind);
    }
    form["start_time_unix_nano"] = json!(span.start_time_unix_nano);
    if span.end_time_unix_nano > 0 {
        form["end_time_unix_nano"] = json!(span.end_time_unix_nano);
    }
    put(&mut form, "attributes", pairs(&span.attributes));
    let event = |event: &super::message::Event| {
        let mut form = json!({"time_unix_nano": event.time_unix_nano, "name": event.name});
        put(&mut form, "attributes", pairs(&event.attributes));
        form
    };
    put(&mut form, "events", span.events.iter().map(event).collect());
    let link = |link: &super::message::Link| {
        let mut form = json!({
            "trace_id": BASE64_STANDARD.encode(&link.trace_id),
            "span_id": BASE64_STANDARD.encode(&link.span_id),
        });
        put(&mut form, "trace_state", json!(link.trace_state));
        put(&mut form, "attributes", pairs(&link.attributes));
        form
    };
    put(&mut form, "links", span.links.iter().map(link).collect());
    if let Some(status) = &span.status {
        let mut said = json!({});
        put(&mut said, "message", json!(status.message));
        match status.code {
            1 => said["code"] = json!("STATUS_CODE_OK"),
            2 => said["code"] = json!("STATUS_CODE_ERROR"),
            _ => {}
        }
        form["status"] = said;
    }
    form
}

/// Left out where empty, as protobuf does.
fn put(form: &mut Value, name: &str, value: Value) {
    let is_empty = match &value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if !is_empty {
        form[name] = value;
    }
}

fn pairs(pairs: &[KeyValue]) -> Value {
    let pair = |pair: &KeyValue| {
        let value = pair.value.as_ref().map_or(json!({}), any);
        json!({"key": pair.key, "value": value})
    };
    pairs.iter().map(pair).collect()
}

fn any(value: &AnyValue) -> Value {
    match &value.value {
        None => json!({}),
        Some(Any::Text(text)) => json!({"string_value": text}),
        Some(Any::Bool(value)) => json!({"bool_value": value}),
        Some(Any::Int(value)) => json!({"int_value": value}),
        Some(Any::Double(value)) => json!({"double_value": Double(*value)}),
        Some(Any::Bytes(bytes)) => json!({"bytes_value": BASE64_STANDARD.encode(bytes)}),
        Some(Any::Array(array)) => {
            let mut form = json!({});
            put(&mut form, "values", array.values.iter().map(any).collect());
            json!({"array_value": form})
        }
        Some(Any::Pairs(list)) => {
            let mut form = json!({});
            put(&mut form, "values", pairs(&list.values));
            json!({"kvlist_value": form})
        }
    }
}

/// As JSON that people write.
fn plain(value: &AnyValue) -> Value {
    match &value.value {
        None => Value::Null,
        Some(Any::Text(text)) => json!(text),
        Some(Any::Bool(value)) => json!(value),
        Some(Any::Int(value)) => json!(value),
        Some(Any::Double(value)) => json!(Double(*value)),
        Some(Any::Bytes(bytes)) => json!(BASE64_STANDARD.encode(bytes)),
        Some(Any::Array(array)) => array.values.iter().map(plain).collect(),
        Some(Any::Pairs(list)) => {
            let pair = |pair: &KeyValue| {
                (
                    pair.key.clone(),
                    pair.value.as_ref().map_or(Value::Null, plain),
                )
            };
            Value::Object(list.values.iter().map(pair).collect())
        }
    }
}
