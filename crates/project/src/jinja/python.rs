//! Values print as they do in Python, where dbt's templates were written: `True`, `None`, `['a']`.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, Output, State, Value};

use super::collections::is_tuple;

/// The environment's formatter.
pub(crate) fn format(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    write_text(out, value).map_err(Error::from)
}

fn write_text(out: &mut dyn Write, value: &Value) -> std::fmt::Result {
    match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::String => out.write_str(value.as_str().unwrap_or_default()),
        _ => write_repr(out, value, 0),
    }
}

/// Python's `repr` of plain data.
pub(crate) fn json_repr(json: &serde_json::Value) -> String {
    repr(&Value::from(minijinja::value::Serde(json)))
}

/// Python's `repr`.
pub(crate) fn repr(value: &Value) -> String {
    let mut text = String::new();
    write_repr(&mut text, value, 0).expect("writing to a string cannot fail");
    text
}

/// Python's `repr` of a mapping, an empty one too.
pub(crate) fn map_repr(value: &Value) -> String {
    let mut text = String::new();
    map(&mut text, value, 0).expect("writing to a string cannot fail");
    text
}

/// The name of its type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq if is_tuple(value) => "tuple",
        ValueKind::Seq => "list",
        ValueKind::Map => "dict",
        _ => "object",
    }
}

/// Values nested deeper are not written: one may hold itself.
const DEPTH: usize = 100;

fn write_repr(out: &mut dyn Write, value: &Value, depth: usize) -> std::fmt::Result {
    match value.kind() {
        ValueKind::None => out.write_str("None"),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::String => quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Map if depth > DEPTH => out.write_str("..."),
        ValueKind::Seq if is_tuple(value) => sequence(out, value, ["(", ")"], depth),
        ValueKind::Seq => sequence(out, value, ["[", "]"], depth),
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(number) if number.is_finite() => out.write_str(&float(number)),
            _ => out.write_str(&value.to_string().to_lowercase()),
        },
        // One without keys may be an object that renders itself.
        ValueKind::Map if value.try_iter().is_ok_and(|mut i| i.next().is_some()) => {
            map(out, value, depth)
        }
        _ => write!(out, "{value}"),
    }
}

/// The fewest digits that are the number, and an exponent from 1e16 up and below 1e-4.
fn float(number: f64) -> String {
    let text = format!("{number:?}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

fn sequence(
    out: &mut dyn Write,
    value: &Value,
    [open, close]: [&str; 2],
    depth: usize,
) -> std::fmt::Result {
    out.write_str(open)?;
    let mut count = 0;
    for item in value.try_iter().into_iter().flatten() {
        if count > 0 {
            out.write_str(", ")?;
        }
        write_repr(out, &item, depth + 1)?;
        count += 1;
    }
    if is_tuple(value) && count == 1 {
        out.write_str(",")?;
    }
    out.write_str(close)
}

fn map(out: &mut dyn Write, value: &Value, depth: usize) -> std::fmt::Result {
    out.write_str("{")?;
    for (i, key) in value.try_iter().into_iter().flatten().enumerate() {
        if i > 0 {
            out.write_str(", ")?;
        }
        write_repr(out, &key, depth + 1)?;
        out.write_str(": ")?;
        write_repr(out, &value.get_item(&key).unwrap_or_default(), depth + 1)?;
    }
    out.write_str("}")
}

fn quoted(out: &mut dyn Write, text: &str) -> std::fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c == quote => write!(out, "\\{c}")?,
            c => out.write_char(c)?,
        }
    }
    out.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::value::Serde;
    use serde_json::json;

    #[test]
    fn values_look_as_in_python() {
        let value = Value::from(Serde(json!([1, true, null, "it's", {"a": 1.5}, "x\n"])));
        assert_eq!(
            repr(&value),
            "[1, True, None, \"it's\", {'a': 1.5}, 'x\\n']"
        );
    }

    #[test]
    fn numbers_have_an_exponent_where_python_writes_one() {
        let numbers = [1e15, 1e16, 1.5e-5, 0.0001, 2.0].map(float);
        assert_eq!(
            numbers,
            ["1000000000000000.0", "1e+16", "1.5e-05", "0.0001", "2.0"]
        );
    }

    #[test]
    fn empty_values_and_values_that_hold_themselves_are_written() {
        use super::super::collections::{dict, list};
        let empty = [dict([]), list([]), dict([(Value::from("a"), dict([]))])];
        let texts: Vec<_> = empty.iter().map(Value::to_string).collect();
        assert_eq!(texts, ["{}", "[]", "{'a': {}}"]);
        let mut deep = list([]);
        for _ in 0..1_000 {
            deep = list([deep]);
        }
        assert!(repr(&deep).contains("[...]"));
    }
}
