//! Page tokens: the place in the order of a page's last item, opaque to the client.

use std::fmt::Write;

use rusqlite::types::Value;
use serde_json::json;

use crate::Error;

/// One value for each term of the order.
pub fn write(place: &[Value]) -> String {
    let json = |value: &Value| match value {
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Null | Value::Blob(_) => json!(null),
    };
    let text = json!(place.iter().map(json).collect::<Vec<_>>()).to_string();
    let mut token = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        write!(token, "{byte:02x}").expect("a string takes all");
    }
    token
}

pub fn read(token: &str, terms: usize) -> Result<Vec<Value>, Error> {
    let foreign = || Error::invalid("the page_token is none of this search");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = token.as_bytes().chunks(2).map(byte).collect();
    let values: Vec<serde_json::Value> = bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(foreign)?;
    let value = |value: serde_json::Value| match value {
        serde_json::Value::Null => Some(Value::Null),
        serde_json::Value::String(text) => Some(Value::Text(text)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Some(Value::Integer(integer)),
            None => number.as_f64().map(Value::Real),
        },
        _ => None,
    };
    let place: Option<Vec<Value>> = values.into_iter().map(value).collect();
    place
        .filter(|place| place.len() == terms)
        .ok_or_else(foreign)
}
