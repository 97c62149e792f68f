//! The engine as dbt sets it up: filters, Python's methods, printing, and nothing escaped.

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::ser::{PrettyFormatter, Serializer};

pub(crate) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::None);
    // As in dbt, a name that nobody knows prints as nothing; calling it is an error.
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_unknown_method_callback(python_method);
    env.set_formatter(super::python::format);
    env.set_debug(false);
    env.add_filter("as_bool", native);
    env.add_filter("as_number", native);
    env.add_filter("as_native", native);
    env.add_filter("as_text", |value: Value| value.to_string());
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("list", |value: Value| super::collections::list_of(&value));
    super::text_filters::add(&mut env);
    env.add_test("iterable", |value: Value| {
        !value.is_none() && value.try_iter().is_ok()
    });
    env.add_test("callable", |value: Value| value.kind() == ValueKind::Plain);
    env
}

/// As Jinja has it: what is no number is the default.
fn int(value: Value, default: Option<Value>, base: Option<u32>) -> Value {
    if let Some(text) = value.as_str() {
        let text = text.trim().replace('_', "");
        if let Ok(whole) = i64::from_str_radix(&text, base.unwrap_or(10)) {
            return Value::from(whole);
        }
    } else if value.is_integer() {
        return value;
    }
    let number = number(&value).filter(|number| number.is_finite());
    number.map_or(default.unwrap_or(Value::from(0)), |number| {
        Value::from(number.trunc() as i64)
    })
}

fn float(value: Value, default: Option<Value>) -> Value {
    number(&value).map_or(default.unwrap_or(Value::from(0.0)), Value::from)
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    }
}

/// Python's methods; those that the engine's own set lacks are here.
fn python_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let own = match value.as_str() {
        Some(text) => super::text_methods::call(text, method, args)?,
        None => None,
    };
    match own {
        Some(answer) => Ok(answer),
        None => unknown_method_callback(state, value, method, args),
    }
}

/// A text that spells a boolean, a number or null becomes it.
fn native(value: Value) -> Value {
    if value.kind() != ValueKind::String {
        return value;
    }
    let text = value.as_str().unwrap_or_default();
    match text {
        "True" | "true" => Value::from(true),
        "False" | "false" => Value::from(false),
        "None" | "none" => Value::from(()),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::from(whole),
            (_, Ok(number)) => Value::from(number),
            _ => value,
        },
    }
}

/// JSON as Python writes it, which hashes of texts in projects rely on: with blanks behind its signs, or a line for
/// each item, and what is not ASCII by its number.
pub(crate) fn json_text(json: &Json, sort: bool, indent: Option<usize>) -> String {
    let sorted;
    let json = if sort {
        sorted = sort_keys(json.clone());
        &sorted
    } else {
        json
    };
    let mut text = Vec::new();
    let written = match indent {
        None => json.serialize(&mut Serializer::with_formatter(&mut text, Spaced)),
        Some(indent) => {
            let by = " ".repeat(indent);
            let lines = PrettyFormatter::with_indent(by.as_bytes());
            json.serialize(&mut Serializer::with_formatter(&mut text, lines))
        }
    };
    written.expect("plain JSON can be written to memory");
    ascii(&String::from_utf8(text).expect("JSON is written as UTF-8"))
}

fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii() {
            true => out.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

pub(super) fn sort_keys(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries
                .into_iter()
                .map(|(key, value)| (key, sort_keys(value)))
                .collect()
        }
        Json::Array(items) => items.into_iter().map(sort_keys).collect(),
        scalar => scalar,
    }
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, w: &mut W) -> std::io::Result<()> {
        w.write_all(b": ")
    }
}
