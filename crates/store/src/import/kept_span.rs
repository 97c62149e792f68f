//! A span as MLflow keeps it in its database and in files, made the protobuf JSON that is kept here.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// Ids stay base64. MLflow's attributes are texts of JSON each, and its links name traces as its
/// clients do (`tr-...`).
pub fn span_content(kept: &Value) -> Value {
    let mut content = Map::new();
    let same = [
        "trace_id",
        "span_id",
        "parent_span_id",
        "name",
        "start_time_unix_nano",
        "end_time_unix_nano",
    ];
    for name in same {
        if let Some(value) = kept.get(name).filter(|value| !value.is_null()) {
            content.insert(name.to_owned(), value.clone());
        }
    }
    let read = |value: &Value| match value.as_str().map(serde_json::from_str) {
        Some(Ok(read)) => any(&read),
        _ => any(value),
    };
    content.insert("attributes".to_owned(), pairs(&kept["attributes"], read));
    put(&mut content, "events", &kept["events"], event);
    put(&mut content, "links", &kept["links"], link);
    let mut status = kept["status"].clone();
    if let Some(status) = status.as_object_mut() {
        status.retain(|_, value| *value != json!(""));
    }
    content.insert("status".to_owned(), status);
    Value::Object(content)
}

/// An empty list is left out.
fn put(content: &mut Map<String, Value>, name: &str, kept: &Value, form: fn(&Value) -> Value) {
    let items: Vec<Value> = kept.as_array().into_iter().flatten().map(form).collect();
    if !items.is_empty() {
        content.insert(name.to_owned(), json!(items));
    }
}

fn event(kept: &Value) -> Value {
    let attributes = pairs(&kept["attributes"], any);
    json!({"time_unix_nano": kept["time_unix_nano"], "name": kept["name"], "attributes": attributes})
}

fn link(kept: &Value) -> Value {
    let id = |name: &str| {
        let text = kept[name].as_str().unwrap_or_default();
        BASE64_STANDARD.encode(bytes(text.rsplit('/').next().unwrap_or(text)))
    };
    json!({"trace_id": id("trace_id"), "span_id": id("span_id"), "attributes": pairs(&kept["attributes"], any)})
}

/// Of hexadecimal digits; none of what is no id.
fn bytes(id: &str) -> Vec<u8> {
    let digits = id.strip_prefix("tr-").unwrap_or(id).as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let read: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    read.unwrap_or_default()
}

/// Pairs of protobuf's JSON.
fn pairs(map: &Value, value: impl Fn(&Value) -> Value) -> Value {
    let pairs = map.as_object().into_iter().flatten();
    pairs
        .map(|(key, kept)| json!({"key": key, "value": value(kept)}))
        .collect()
}

/// OpenTelemetry's `AnyValue`.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({"bool_value": value}),
        Value::Number(number) if number.is_f64() => json!({"double_value": number}),
        Value::Number(number) => json!({"int_value": number}),
        Value::String(text) => json!({"string_value": text}),
        Value::Array(items) => {
            json!({"array_value": {"values": items.iter().map(any).collect::<Vec<_>>()}})
        }
        Value::Object(_) => json!({"kvlist_value": {"values": pairs(value, any)}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_its_links() {
        let kept = json!({
            "name": "look",
            "links": [{"trace_id": "tr-0102", "span_id": "ff00", "attributes": {"why": "retry"}}],
        });
        let link = &span_content(&kept)["links"][0];
        assert_eq!(
            (&link["trace_id"], &link["span_id"]),
            (&json!("AQI="), &json!("/wA="))
        );
        assert_eq!(link["attributes"][0]["value"]["string_value"], "retry");
        assert!(span_content(&json!({"links": []})).get("links").is_none());
    }
}
