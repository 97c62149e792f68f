//! YAML with places: a tree in which every key and value knows its line and column.
//!
//! Built on the parser's events rather than on serde, because a reader that reports all problems
//! at once needs the places of keys, of duplicates and of values that turn out to be wrong later.

mod fields;
mod parse;
mod scalar;
mod slips;

use forebay_core::Location;
use serde_json::Value as Json;

pub(crate) use fields::{Doc, Fields, Unknown, form_of};
pub(crate) use parse::{parse, parse_file};
pub(crate) use scalar::{MOMENT, Scalar};

/// Line and column, both from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub line: u32,
    pub column: u32,
}

impl Mark {
    pub fn in_file(self, file: &str) -> Location {
        Location::new(file, self.line, self.column)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Yaml {
    pub at: Mark,
    pub value: Value,
    /// The text with its Jinja, where that has been rendered.
    pub written: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Yaml>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub key_at: Mark,
    pub value: Yaml,
}

impl Yaml {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.json.is_null())
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if !scalar.json.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Yaml]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Yaml> {
        let entry = self.as_map()?.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Yaml> {
        match &mut self.value {
            Value::Map(entries) => {
                let entry = entries.iter_mut().find(|entry| entry.key == key)?;
                Some(&mut entry.value)
            }
            _ => None,
        }
    }

    /// What the value is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Scalar(scalar) => match &scalar.json {
                Json::Null => "nothing",
                Json::Bool(_) => "true or false",
                Json::Number(_) => "a number",
                _ => "a text",
            },
        }
    }

    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.json.clone(),
            Value::List(items) => items.iter().map(Yaml::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect(),
        }
    }

    /// The same for variables: dates and moments begin with [`MOMENT`].
    pub fn to_values(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.value(),
            Value::List(items) => items.iter().map(Yaml::to_values).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_values()))
                .collect(),
        }
    }

    /// The value before its Jinja was rendered.
    pub fn to_written(&self) -> Json {
        match (&self.written, &self.value) {
            (Some(text), _) => Json::from(&**text),
            (None, Value::Scalar(scalar)) => scalar.json.clone(),
            (None, Value::List(items)) => items.iter().map(Yaml::to_written).collect(),
            (None, Value::Map(entries)) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_written()))
                .collect(),
        }
    }

    pub fn from_json(json: Json, at: Mark) -> Self {
        let value = match json {
            Json::Array(items) => {
                Value::List(items.into_iter().map(|i| Self::from_json(i, at)).collect())
            }
            Json::Object(map) => Value::Map(
                map.into_iter()
                    .map(|(key, value)| Entry {
                        key,
                        key_at: at,
                        value: Self::from_json(value, at),
                    })
                    .collect(),
            ),
            scalar => Value::Scalar(Scalar::from_json(scalar)),
        };
        Self {
            at,
            value,
            written: None,
        }
    }
}
