//! JSON against JSON: whether one holds the other, one changed by others, and what a value is made of.

use arrow::array::{BooleanArray, StringArray};
use datafusion::common::exec_err;
use datafusion::error::Result;
use serde_json::{Map, Value};

use super::function::{Function, Takes, boolean, json, lenient, strict};
use super::json_checked::checked;
use super::json_text::{members, normal, quoted, unquoted};

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["json_contains"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: boolean,
        run: |arrays| {
            strict::<BooleanArray, _>(arrays, |row| {
                Ok(Some(has(&read(row.text(0))?, &read(row.text(1))?)))
            })
        },
    },
    Function {
        names: &["json_merge_patch"],
        takes: &[Takes::Text],
        count: (2, usize::MAX),
        gives: json,
        run: |arrays| {
            lenient::<StringArray, _>(arrays, |row| {
                let mut merged: Option<String> = None;
                for argument in 0..row.len() {
                    merged = match row.is_null(argument) {
                        true => None,
                        false => {
                            read(row.text(argument))?;
                            Some(patched(merged.as_deref(), row.text(argument).trim()))
                        }
                    };
                }
                Ok(merged)
            })
        },
    },
    Function {
        names: &["json_structure"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(Kind::of(&read(row.text(0))?).shown().to_string()))
            })
        },
    },
];

fn read(json: &str) -> Result<Value> {
    serde_json::from_str(json).or_else(|_| {
        exec_err!(
            "this is no JSON: {}",
            checked(json)?.chars().take(60).collect::<String>()
        )
    })
}

/// Whether the value, or one within it, has all of the other.
fn has(value: &Value, wanted: &Value) -> bool {
    if is_part(value, wanted) {
        return true;
    }
    match value {
        Value::Array(items) => items.iter().any(|item| has(item, wanted)),
        Value::Object(members) => members.values().any(|member| has(member, wanted)),
        _ => false,
    }
}

fn is_part(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(members), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            members
                .get(key)
                .is_some_and(|member| is_part(member, wanted))
        }),
        (Value::Array(items), Value::Array(wanted)) => wanted
            .iter()
            .all(|wanted| items.iter().any(|item| is_part(item, wanted))),
        _ => value == wanted,
    }
}

/// The value changed as RFC 7396 says. Members that are changed stand behind those that are kept.
fn patched(value: Option<&str>, patch: &str) -> String {
    if !patch.starts_with('{') {
        return normal(patch);
    }
    let held = match value {
        Some(value) if value.starts_with('{') => members(value),
        _ => Vec::new(),
    };
    let changes = members(patch);
    let key_of = |member: &(&str, &str)| unquoted(member.0);
    let is_changed = |key: &str| changes.iter().any(|change| key_of(change) == key);
    let mut all: Vec<(String, String)> = held
        .iter()
        .filter(|member| !is_changed(&key_of(member)))
        .map(|member| (key_of(member), normal(member.1)))
        .collect();
    for change in changes.iter().filter(|change| change.1 != "null") {
        let key = key_of(change);
        let before = held.iter().find(|member| key_of(member) == key);
        let changed = patched(before.map(|member| member.1), change.1);
        all.push((key, changed));
    }
    let all = all
        .iter()
        .map(|(key, value)| format!("{}:{value}", quoted(key)));
    format!("{{{}}}", all.collect::<Vec<_>>().join(","))
}

/// What DuckDB says that a value is made of.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Null,
    Plain(&'static str),
    List(Box<Kind>),
    Structure(Vec<(String, Kind)>),
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Plain("BOOLEAN"),
            Value::String(_) => Self::Plain("VARCHAR"),
            Value::Number(number) => Self::Plain(match number {
                _ if number.is_u64() => "UBIGINT",
                _ if number.is_i64() => "BIGINT",
                _ => "DOUBLE",
            }),
            Value::Array(items) => Self::List(Box::new(
                items.iter().map(Self::of).fold(Self::Null, Self::and),
            )),
            Value::Object(members) if members.is_empty() => Self::Plain("JSON"),
            Value::Object(members) => {
                let members = members.iter();
                Self::Structure(
                    members
                        .map(|(key, of)| (key.clone(), Self::of(of)))
                        .collect(),
                )
            }
        }
    }

    /// The kind of values of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, other) | (other, Self::Null) => other,
            (one, other) if one == other => one,
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.and(*other))),
            (Self::Structure(mut all), Self::Structure(others)) => {
                for (key, of) in others {
                    match all.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, known)) => {
                            *known = std::mem::replace(known, Self::Null).and(of);
                        }
                        None => all.push((key, of)),
                    }
                }
                Self::Structure(all)
            }
            (Self::Plain(one), Self::Plain(other)) => Self::Plain(match [one, other] {
                ["DOUBLE", "UBIGINT" | "BIGINT" | "HUGEINT"]
                | ["UBIGINT" | "BIGINT" | "HUGEINT", "DOUBLE"] => "DOUBLE",
                ["UBIGINT" | "HUGEINT", "BIGINT"] | ["BIGINT" | "HUGEINT", "UBIGINT"] => "HUGEINT",
                ["BIGINT" | "UBIGINT", "HUGEINT"] => "HUGEINT",
                _ => "JSON",
            }),
            _ => Self::Plain("JSON"),
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Null => Value::from("NULL"),
            Self::Plain(name) => Value::from(*name),
            Self::List(item) => Value::Array(vec![item.shown()]),
            Self::Structure(members) => {
                let members = members.iter();
                let shown = members.map(|(key, of)| (key.clone(), of.shown()));
                Value::Object(shown.collect::<Map<_, _>>())
            }
        }
    }
}
