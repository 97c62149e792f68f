//! JSON files as tables: an object a row, in a list or one after the other.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use forebay_core::{Diagnostic, Location, quote};
use serde_json::{Map, Value};

use super::Opened;
use super::kinds::Kind;
use super::paths::{reader, unreadable};
use super::settings::Settings;
use crate::engine::{from_arrow, from_engine};

const BATCH: usize = 8192;

pub(super) fn open(files: &[PathBuf], mut settings: Settings) -> Result<Opened, Diagnostic> {
    let given = settings.fields(&["columns"])?;
    settings.text(&["format"])?;
    settings.pass_over(&[
        "auto_detect",
        "sample_size",
        "union_by_name",
        "maximum_object_size",
    ]);
    settings.end()?;
    let mut rows = Vec::new();
    for file in files {
        rows.extend(read(file)?);
    }
    let mut shape = Shape::Nothing;
    rows.iter().for_each(|row| shape.observe(row));
    let Shape::Object(fields) = &shape else {
        return Err(
            Diagnostic::error("the file holds no JSON objects").at(Location::file(&files[0]))
        );
    };
    rows.iter_mut().for_each(|row| shape.fit(row));
    let schema = Arc::new(Schema::new(of_fields(fields)));
    let batches = decode(&rows, &schema).map_err(from_arrow)?;
    let columns = fields.iter().enumerate().map(|(at, (name, _))| {
        let name = quote(name);
        match given
            .iter()
            .find(|(column, _)| column.is(at, name.trim_matches('"')))
        {
            Some((_, sql)) => format!("cast({name} as {sql}) as {name}"),
            None => name,
        }
    });
    Ok(Opened {
        columns: columns.collect(),
        rows: Arc::new(MemTable::try_new(schema, vec![batches]).map_err(from_engine)?),
    })
}

/// The file's objects.
fn read(file: &Path) -> Result<Vec<Value>, Diagnostic> {
    let mut text = String::new();
    let read = reader(file)?.read_to_string(&mut text);
    read.map_err(|error| unreadable(file, &error))?;
    let mut rows = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            let at = Location::new(file, error.line() as u32, error.column() as u32);
            Diagnostic::error(format!("this is no JSON: {error}")).at(at)
        })?;
        match value {
            Value::Array(values) => rows.extend(values),
            value => rows.push(value),
        }
    }
    for row in &mut rows {
        if !row.is_object() {
            *row = Value::Object(Map::from_iter([("json".to_owned(), row.take())]));
        }
    }
    Ok(rows)
}

/// What all values of a place in the file are.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Nothing,
    Scalar(Kind),
    List(Box<Shape>),
    Object(Vec<(String, Shape)>),
    /// Values of different shapes: the JSON itself, as text.
    Json,
}

const TEXTS: [Kind; 4] = [
    Kind::Time,
    Kind::Date(super::kinds::Order::Ymd),
    Kind::Timestamp,
    Kind::Instant,
];

impl Shape {
    fn observe(&mut self, value: &Value) {
        let own = std::mem::replace(self, Shape::Nothing);
        *self = own.with(value);
    }

    fn with(self, value: &Value) -> Shape {
        match (self, value) {
            (own, Value::Null) => own,
            (Shape::Nothing, Value::Array(_)) => Shape::List(Box::new(Shape::Nothing)).with(value),
            (Shape::Nothing, Value::Object(fields)) if !fields.is_empty() => {
                Shape::Object(Vec::new()).with(value)
            }
            (Shape::Nothing, Value::Object(_)) => Shape::Json,
            (Shape::Nothing, scalar) => Shape::Scalar(kind(scalar)),
            (Shape::List(mut item), Value::Array(values)) => {
                values.iter().for_each(|value| item.observe(value));
                Shape::List(item)
            }
            (Shape::Object(mut own), Value::Object(fields)) => {
                for (name, value) in fields {
                    match own.iter_mut().find(|(known, _)| known == name) {
                        Some((_, shape)) => shape.observe(value),
                        None => own.push((name.clone(), Shape::Nothing.with(value))),
                    }
                }
                Shape::Object(own)
            }
            (Shape::Scalar(own), scalar) if !scalar.is_array() && !scalar.is_object() => {
                Shape::Scalar(wider(own, kind(scalar)))
            }
            _ => Shape::Json,
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Shape::Nothing | Shape::Json => DataType::Utf8,
            Shape::Scalar(kind) => kind.data_type(),
            Shape::List(item) => DataType::new_list(item.data_type(), true),
            Shape::Object(fields) => DataType::Struct(of_fields(fields)),
        }
    }

    /// Writes as text what is text to the shape.
    fn fit(&self, value: &mut Value) {
        match (self, value) {
            (_, Value::Null) => {}
            (Shape::Json, value) => *value = Value::String(value.to_string()),
            (Shape::Scalar(Kind::Text), value) if !value.is_string() => {
                *value = Value::String(value.to_string());
            }
            (Shape::List(item), Value::Array(values)) => {
                values.iter_mut().for_each(|value| item.fit(value));
            }
            (Shape::Object(own), Value::Object(fields)) => {
                for (name, shape) in own {
                    if let Some(value) = fields.get_mut(name) {
                        shape.fit(value);
                    }
                }
            }
            _ => {}
        }
    }
}

fn of_fields(fields: &[(String, Shape)]) -> Fields {
    let fields = fields.iter();
    fields
        .map(|(name, shape)| Field::new(name, shape.data_type(), true))
        .collect()
}

fn kind(scalar: &Value) -> Kind {
    match scalar {
        Value::Bool(_) => Kind::Boolean,
        Value::Number(number) if number.is_i64() => Kind::Whole,
        Value::Number(number) if number.is_u64() => Kind::Huge,
        Value::Number(_) => Kind::Double,
        Value::String(text) => {
            let found = TEXTS.into_iter().find(|kind| kind.accepts(text));
            found.unwrap_or(Kind::Text)
        }
        _ => Kind::Text,
    }
}

fn wider(one: Kind, other: Kind) -> Kind {
    let numbers = [Kind::Whole, Kind::Huge, Kind::Double];
    let dates = [TEXTS[1], Kind::Timestamp];
    for chain in [numbers.as_slice(), dates.as_slice()] {
        let place = |kind| chain.iter().position(|known| *known == kind);
        if let (Some(one), Some(other)) = (place(one), place(other)) {
            return chain[one.max(other)];
        }
    }
    if one == other { one } else { Kind::Text }
}

fn decode(rows: &[Value], schema: &Arc<Schema>) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut decoder = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(BATCH)
        .build_decoder()?;
    let mut batches = Vec::new();
    for chunk in rows.chunks(BATCH) {
        decoder.serialize(chunk)?;
        batches.extend(decoder.flush()?);
    }
    Ok(batches)
}
