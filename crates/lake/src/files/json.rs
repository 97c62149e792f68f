//! JSON files as tables: an object a row, in a list or one after the other.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use forebay_core::{Diagnostic, Location, quote};
use serde_json::{Map, Value};

use super::Opened;
use super::added::{self, Added};
use super::kinds::{ISO, Kind};
use super::paths::{FilePath, reader, unreadable};
use super::settings::{Named, Settings};
use crate::engine::{from_arrow, from_engine};

const BATCH: usize = 8192;

pub(super) fn open(files: &[FilePath], mut settings: Settings) -> Result<Opened, Diagnostic> {
    let given = settings.fields(&["columns"])?;
    settings.text(&["format"])?;
    let how = How::of(&mut settings)?;
    let added = added::columns(files, &mut settings)?;
    settings.pass_over(&["auto_detect", "sample_size", "union_by_name", "records"]);
    settings.end()?;
    let mut rows = Vec::new();
    for (at, file) in files.iter().enumerate() {
        for mut row in read(file, &how)? {
            if !row.is_object() {
                row = Value::Object(Map::from_iter([("json".to_owned(), row)]));
            }
            for of in &added {
                row[&of.name] = of.values[at].clone().map_or(Value::Null, Value::String);
            }
            rows.push(row);
        }
    }
    let mut shape = Shape::Nothing;
    rows.iter().for_each(|row| shape.observe(row));
    let Shape::Object(fields) = &shape else {
        return Err(
            Diagnostic::error("the file holds no JSON objects").at(Location::file(&files[0].path))
        );
    };
    rows.iter_mut().for_each(|row| shape.fit(row));
    let schema = Arc::new(Schema::new(of_fields(fields)));
    let batches = decode(&rows, &schema).map_err(from_arrow)?;
    let mut columns: Vec<String> = match given.is_empty() {
        true => {
            let own = fields.iter().map(|(name, _)| name);
            own.filter(|name| !added.iter().any(|of| of.name == **name))
                .map(|name| quote(name))
                .collect()
        }
        false => given.iter().map(|column| wanted(column, fields)).collect(),
    };
    columns.extend(added.iter().map(Added::item));
    let rows = MemTable::try_new(schema, vec![batches]).map_err(from_engine)?;
    Ok(Opened::new(Arc::new(rows), columns))
}

/// The JSON values, a text each.
pub(super) fn texts(files: &[FilePath], mut settings: Settings) -> Result<Opened, Diagnostic> {
    settings.text(&["format"])?;
    let how = How::of(&mut settings)?;
    settings.end()?;
    let mut rows = Vec::new();
    for file in files {
        rows.extend(read(file, &how)?);
    }
    let rows = rows.iter().map(Value::to_string);
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows));
    let batch = RecordBatch::try_from_iter([("json", texts)]).map_err(from_arrow)?;
    let rows = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(from_engine)?;
    let column = "cast(json as json) as json".to_owned();
    Ok(Opened::new(Arc::new(rows), vec![column]))
}

/// A column that is asked for, with its type: null where the file has none of its name.
fn wanted((column, sql): &(Named, String), fields: &[(String, Shape)]) -> String {
    let own = fields.iter().enumerate();
    let own = own.map(|(at, (name, _))| (at, name));
    let own = own.into_iter().find(|(at, name)| column.is(*at, name));
    match (own, column) {
        (Some((_, name)), _) => format!("cast({0} as {sql}) as {0}", quote(name)),
        (None, Named::Name(name)) => format!("cast(null as {sql}) as {}", quote(name)),
        (None, Named::Place(at)) => format!("cast(null as {sql}) as column{at}"),
    }
}

/// How the file is read.
struct How {
    is_packed: Option<bool>,
    passes_over_broken: bool,
}

impl How {
    fn of(settings: &mut Settings) -> Result<Self, Diagnostic> {
        settings.pass_over(&["maximum_object_size"]);
        for key in ["timestampformat", "dateformat"] {
            if let Some(other) = settings
                .text(&[key])?
                .filter(|of| of != "iso" && of != "auto")
            {
                return Err(
                    Diagnostic::error(format!("{key} '{other}' is not understood"))
                        .hint("read the column as text, and use strptime()"),
                );
            }
        }
        Ok(Self {
            is_packed: settings.packed()?,
            passes_over_broken: settings.flag("ignore_errors")? == Some(true),
        })
    }
}

/// The file's values: those of its lists, or those that follow each other.
fn read(file: &FilePath, how: &How) -> Result<Vec<Value>, Diagnostic> {
    let mut text = String::new();
    let file = &file.path;
    let read = reader(file, how.is_packed)?.read_to_string(&mut text);
    read.map_err(|error| unreadable(file, &error))?;
    if how.passes_over_broken && !text.trim_start().starts_with('[') {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        return Ok(lines.flat_map(serde_json::from_str).collect());
    }
    let broken = |error: serde_json::Error| {
        let at = Location::new(file, error.line() as u32, error.column() as u32);
        Diagnostic::error(format!("this is no JSON: {error}")).at(at)
    };
    let mut rows = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match value.map_err(broken)? {
            Value::Array(values) => rows.extend(values),
            value => rows.push(value),
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

const TEXTS: [Kind; 4] = [Kind::Time, Kind::Date(ISO), Kind::Timestamp, Kind::Instant];

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
    let dates = [Kind::Date(ISO), Kind::Timestamp];
    for chain in [numbers.as_slice(), dates.as_slice()] {
        let place = |kind: &Kind| chain.iter().position(|known| known == kind);
        if let (Some(one), Some(other)) = (place(&one), place(&other)) {
            return chain[one.max(other)].clone();
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
