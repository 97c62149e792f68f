//! Values as OpenTelemetry's JSON writes them.

use ::base64::Engine;
use ::base64::prelude::BASE64_STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::mlflow::value::{Double, Int};

/// Bytes in hexadecimal.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes
        .filter(|_| text.len() % 2 == 0)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is no id: write hexadecimal digits")))
}

pub fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map_err(D::Error::custom)
}

pub fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Int::deserialize(deserializer).map(|Int(number)| number)
}

pub fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::try_from(signed(deserializer)?).map_err(D::Error::custom)
}

pub fn double<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Double::deserialize(deserializer).map(|Double(number)| number)
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use serde_json::json;

    use crate::mlflow::otlp::message::{Any, Export};

    #[test]
    fn an_export_says_the_same_in_json_as_in_protobuf() {
        let values = json!([
            {"key": "text", "value": {"stringValue": "a"}},
            {"key": "int", "value": {"intValue": "-9007199254740993"}},
            {"key": "number", "value": {"intValue": 7}},
            {"key": "odd", "value": {"doubleValue": "NaN"}},
            {"key": "bytes", "value": {"bytesValue": "AQI="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}},
            {"key": "pairs", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"doubleValue": 0.5}}]}}},
            {"key": "none", "value": {}},
        ]);
        let span = json!({
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "name": "answer", "kind": 2,
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1_544_712_661_000_000_000_u64,
            "attributes": values, "status": {"code": 1}, "flags": 1, "unknown": {"x": []},
        });
        let sent = json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]});
        let read: Export = serde_json::from_value(sent).unwrap();
        let span = &read.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(
            (span.trace_id[0], span.span_id.len(), span.kind),
            (0x5b, 8, 2)
        );
        assert_eq!(
            span.end_time_unix_nano - span.start_time_unix_nano,
            1_000_000_000
        );
        let value = |n: usize| span.attributes[n].value.clone().unwrap().value;
        assert_eq!(value(1), Some(Any::Int(-9_007_199_254_740_993)));
        assert_eq!(
            (value(2), value(4)),
            (Some(Any::Int(7)), Some(Any::Bytes(vec![1, 2])))
        );
        assert!(matches!(value(3), Some(Any::Double(odd)) if odd.is_nan()));
        assert_eq!(value(7), None);
        let bytes = read.encode_to_vec();
        assert_eq!(Export::decode(&bytes[..]).unwrap().encode_to_vec(), bytes);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["abc", "zz", "ü"] {
            let sent = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": id}]}]}]});
            assert!(serde_json::from_value::<Export>(sent).is_err(), "{id}");
        }
    }
}
