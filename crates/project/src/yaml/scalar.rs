//! What an unquoted YAML text means: dbt's projects are written for YAML 1.1's rules.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

/// Begins a text that stands for a date or a moment, where those are told from texts. No file has it.
pub(crate) const MOMENT: char = '\u{fdd0}';

/// A single value: its text as written, and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub text: String,
    pub json: Json,
    is_moment: bool,
}

impl Scalar {
    pub fn quoted(text: String) -> Self {
        Self {
            json: Json::String(text.clone()),
            text,
            is_moment: false,
        }
    }

    pub fn plain(text: String) -> Self {
        Self {
            json: resolve(&text),
            is_moment: is_moment(&text),
            text,
        }
    }

    /// What it stands for, dates and moments among it.
    pub fn value(&self) -> Json {
        match self.is_moment {
            true => format!("{MOMENT}{}", self.text).into(),
            false => self.json.clone(),
        }
    }

    pub fn from_json(json: Json) -> Self {
        let text = match &json {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        Self {
            text,
            json,
            is_moment: false,
        }
    }
}

/// Dates stay texts: only variables need them as anything else.
fn resolve(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Json::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => true.into(),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => false.into(),
        _ => integer(text)
            .or_else(|| float(text))
            .or_else(|| sixties(text))
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

/// `10:30` is 630: numbers to the base of sixty.
fn sixties(text: &str) -> Option<Json> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = digits.split(':');
    let first = parts.next()?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let clean = first.replace('_', "");
    if !first.starts_with(|c: char| ('1'..='9').contains(&c)) || !is_number(&clean) {
        return None;
    }
    let mut total: i64 = clean.parse().ok()?;
    let mut count = 0;
    for part in parts {
        let value: i64 = part
            .parse()
            .ok()
            .filter(|_| is_number(part) && part.len() < 3)?;
        total = total
            .checked_mul(60)?
            .checked_add(value)
            .filter(|_| value < 60)?;
        count += 1;
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    (count > 0).then(|| (sign * total).into())
}

/// `2024-01-31`, or a day with a time.
fn is_moment(text: &str) -> bool {
    static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
        let time = r"(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?";
        let zone = r"(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?";
        let pattern = format!(
            r"^(?:[0-9]{{4}}-[0-9][0-9]-[0-9][0-9]|[0-9]{{4}}-[0-9][0-9]?-[0-9][0-9]?{time}{zone})$"
        );
        Regex::new(&pattern).expect("a valid pattern")
    });
    text.starts_with(|c: char| c.is_ascii_digit()) && MOMENT.is_match(text)
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
            ("10:30", json!(630)),
            ("-1:00:01", json!(-3601)),
            ("10:90", json!("10:90")),
            ("01:30", json!("01:30")),
            ("-", json!("-")),
        ] {
            assert_eq!(Scalar::plain(text.into()).json, meaning, "{text}");
        }
        assert_eq!(Scalar::quoted("yes".into()).json, json!("yes"));
        for text in [
            "2024-01-31",
            "2024-1-3 9:00:00",
            "2024-01-31T10:00:00.5 +02:00",
        ] {
            assert!(
                Scalar::plain(text.into())
                    .value()
                    .as_str()
                    .unwrap()
                    .starts_with(MOMENT),
                "{text}"
            );
            assert_eq!(Scalar::quoted(text.into()).value(), json!(text));
        }
        assert_eq!(Scalar::plain("2024-1-3".into()).value(), json!("2024-1-3"));
    }
}
