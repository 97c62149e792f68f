//! What an unquoted YAML text means: dbt's projects are written for YAML 1.1's rules.

use serde_json::Value as Json;

/// A single value: its text as written, and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub text: String,
    pub json: Json,
}

impl Scalar {
    pub fn quoted(text: String) -> Self {
        Self {
            json: Json::String(text.clone()),
            text,
        }
    }

    pub fn plain(text: String) -> Self {
        Self {
            json: resolve(&text),
            text,
        }
    }

    pub fn from_json(json: Json) -> Self {
        let text = match &json {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        Self { text, json }
    }
}

/// Dates stay texts: nothing in a project file needs them as anything else.
fn resolve(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Json::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => true.into(),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => false.into(),
        _ => integer(text)
            .or_else(|| float(text))
            .unwrap_or_else(|| Json::String(text.to_owned())),
    }
}

fn integer(text: &str) -> Option<Json> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let clean = digits.replace('_', "");
    let (radix, body) = match clean.as_bytes() {
        [b'0', b'x', ..] => (16, &clean[2..]),
        [b'0', b'o', ..] => (8, &clean[2..]),
        [b'0', b'b', ..] => (2, &clean[2..]),
        [b'0', _, ..] => (8, &clean[1..]),
        _ => (10, &clean[..]),
    };
    let magnitude = i64::from_str_radix(body, radix).ok()?;
    let negative = text.starts_with('-');
    Some(if negative { -magnitude } else { magnitude }.into())
}

/// A float needs a digit and a point, so that versions like `1e3` and `v2` stay texts.
fn float(text: &str) -> Option<Json> {
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E' | '_');
    if !text.chars().all(numeric) || !text.contains('.') {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    serde_json::Number::from_f64(value).map(Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_texts_mean_what_dbt_reads() {
        for (text, meaning) in [
            ("yes", json!(true)),
            ("off", json!(false)),
            ("~", json!(null)),
            ("12", json!(12)),
            ("-7", json!(-7)),
            ("0x1f", json!(31)),
            ("010", json!(8)),
            ("1_000", json!(1000)),
            ("1.5", json!(1.5)),
            ("2013-10-01", json!("2013-10-01")),
            ("1.2.3", json!("1.2.3")),
            (".", json!(".")),
            ("5 min", json!("5 min")),
            ("-", json!("-")),
        ] {
            assert_eq!(Scalar::plain(text.into()).json, meaning, "{text}");
        }
        assert_eq!(Scalar::quoted("yes".into()).json, json!("yes"));
    }
}
