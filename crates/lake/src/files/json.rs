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
use super::paths::{FilePath, reader, unreadable};
use super::settings::{Named, Settings};
use super::shape::Shape;
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
    let mut of_file = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let values = read(file, &how)?;
        of_file.extend(std::iter::repeat_n(at, values.len()));
        rows.extend(values);
    }
    let found = match given.is_empty() {
        true => Shape::of(&rows),
        false => Shape::as_given(&rows, &given),
    };
    let found = match found {
        Shape::Object(_) => found,
        value => {
            let row = |value| Value::Object(Map::from_iter([("json".to_owned(), value)]));
            rows = rows.into_iter().map(row).collect();
            Shape::structure([("json".to_owned(), value)])
        }
    };
    for row in &mut rows {
        if row.is_null() {
            *row = Value::Object(Map::new());
        }
        found.fit(row);
    }
    let own = apart(&mut rows, &found);
    for (row, at) in rows.iter_mut().zip(of_file) {
        for of in &added {
            row[&of.name] = of.values[at].clone().map_or(Value::Null, Value::String);
        }
    }
    let of_added = added.iter().map(|of| (of.name.clone(), DataType::Utf8));
    let known = |name: &String| added.iter().any(|of| of.name == *name);
    let own: Vec<_> = own.into_iter().filter(|(name, _)| !known(name)).collect();
    let fields = own.iter().cloned().chain(of_added);
    let fields = fields.map(|(name, of)| Field::new(name, of, true));
    let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
    let batches = decode(&rows, &schema).map_err(from_arrow)?;
    let mut columns: Vec<String> = match given.is_empty() {
        true => own.iter().map(|(name, _)| quote(name)).collect(),
        false => given.iter().map(|column| wanted(column, &own)).collect(),
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
fn wanted((column, sql): &(Named, String), fields: &[(String, DataType)]) -> String {
    let own = fields.iter().enumerate();
    let own = own.map(|(at, (name, _))| (at, name));
    let own = own.into_iter().find(|(at, name)| column.is(*at, name));
    match (own, column) {
        (Some((_, name)), _) => format!("cast({0} as {sql}) as {0}", quote(name)),
        (None, Named::Name(name)) => format!("cast(null as {sql}) as {}", quote(name)),
        (None, Named::Place(at)) => format!("cast(null as {sql}) as column{at}"),
    }
}

/// The columns of the rows: names that differ by capitals alone get a number.
fn apart(rows: &mut [Value], found: &Shape) -> Vec<(String, DataType)> {
    let mut columns: Vec<(String, DataType)> = Vec::new();
    for (name, shape) in found.fields().into_iter().flatten() {
        let is_taken = |name: &str| columns.iter().any(|(of, _)| of.eq_ignore_ascii_case(name));
        let mut own = name.to_owned();
        let mut number = 1;
        while is_taken(&own) {
            own = format!("{name}_{number}");
            number += 1;
        }
        if own != name {
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                if let Some(value) = row.remove(name) {
                    row.insert(own.clone(), value);
                }
            }
        }
        columns.push((own, shape.data_type()));
    }
    columns
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
