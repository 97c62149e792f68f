//! CSV files as tables, read row by row as the query asks for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use forebay_core::{Diagnostic, Location, quote};

use super::Opened;
use super::kinds::{Builder, Kind, Order};
use super::paths::{reader, unreadable};
use super::settings::{Named, Settings};
use super::sniff::{Found, Said, Sniffed, kinds, sniff};
use crate::csv::{Record, Records};
use crate::engine::from_engine;

const FILE_NAME: &str = "filename";
/// Batches that are read ahead.
const AHEAD: usize = 2;

pub(super) fn open(files: &[PathBuf], mut settings: Settings) -> Result<Opened, Diagnostic> {
    let said = said(&mut settings)?;
    let all_columns = settings.fields(&["columns"])?;
    let mut given = settings.fields(&["types", "dtypes", "column_types"])?;
    let renamed = settings
        .texts(&["names", "column_names"])?
        .unwrap_or_default();
    let by_name = settings.flag("union_by_name")? == Some(true);
    let with_file = settings.flag("filename")? == Some(true);
    settings.pass_over(&[
        "auto_detect",
        "sample_size",
        "parallel",
        "buffer_size",
        "max_line_size",
    ]);
    settings.end()?;

    let mut parts = Vec::new();
    for file in files {
        let mut sniffed = sniff(file, &said)?;
        let fixed = all_columns.iter().map(|(name, _)| match name {
            Named::Name(name) => name.clone(),
            Named::Place(at) => format!("column{at}"),
        });
        let fixed: Vec<String> = fixed.chain(renamed.iter().cloned()).collect();
        for (at, name) in fixed.into_iter().enumerate().take(sniffed.names.len()) {
            sniffed.names[at] = name;
        }
        parts.push((file.clone(), sniffed));
    }
    given.extend(all_columns);
    let (names, found) = united(&parts, by_name)?;
    let found = kinds(&files[0], &names, &found, &said)?;
    let mut columns = Vec::new();
    for (at, (name, kind)) in names.iter().zip(found).enumerate() {
        let sql = given.iter().find(|(column, _)| column.is(at, name));
        columns.push(match sql {
            Some((_, sql)) => (name.clone(), Kind::Text, Some(sql.clone())),
            None => (name.clone(), kind?, None),
        });
    }
    let selected = columns.iter().map(|(name, _, sql)| match sql {
        Some(sql) => format!("cast({} as {sql}) as {}", quote(name), quote(name)),
        None => quote(name),
    });
    let mut selected: Vec<String> = selected.collect();
    let mut fields: Vec<Field> = columns
        .iter()
        .map(|(name, kind, _)| Field::new(name, kind.data_type(), true))
        .collect();
    if with_file {
        selected.push(FILE_NAME.to_owned());
        fields.push(Field::new(FILE_NAME, Kind::Text.data_type(), true));
    }
    let schema = Arc::new(Schema::new(fields));
    let streams = parts.into_iter().map(|(path, sniffed)| {
        let columns = columns.iter().map(|(name, kind, _)| Column {
            name: name.clone(),
            kind: *kind,
            place: sniffed
                .names
                .iter()
                .position(|own| own.eq_ignore_ascii_case(name)),
        });
        Arc::new(CsvStream {
            columns: columns.collect(),
            said: said.clone(),
            schema: Arc::clone(&schema),
            path,
            sniffed,
            with_file,
        }) as Arc<dyn PartitionStream>
    });
    let rows =
        StreamingTable::try_new(Arc::clone(&schema), streams.collect()).map_err(from_engine)?;
    Ok(Opened {
        rows: Arc::new(rows),
        columns: selected,
    })
}

fn said(settings: &mut Settings) -> Result<Said, Diagnostic> {
    let one = |text: Option<String>, what: &str| match text.as_deref() {
        None => Ok(None),
        Some("\\t") => Ok(Some(b'\t')),
        Some(text) if text.len() == 1 => Ok(Some(text.as_bytes()[0])),
        Some(text) => Err(Diagnostic::error(format!(
            "{what} '{text}' is not one ASCII character"
        ))),
    };
    let delimiter = one(settings.text(&["delim", "sep", "delimiter"])?, "delim")?;
    for key in ["quote", "escape"] {
        if one(settings.text(&[key])?, key)?.is_some_and(|given| given != b'"') {
            return Err(Diagnostic::error(format!("{key} can only be '\"'")));
        }
    }
    let order = match settings.text(&["dateformat", "date_format"])? {
        None => None,
        Some(format) => Some(match format.replace(['/', '.'], "-").as_str() {
            "%Y-%m-%d" => Order::Ymd,
            "%m-%d-%Y" => Order::Mdy,
            "%d-%m-%Y" => Order::Dmy,
            _ => {
                return Err(
                    Diagnostic::error(format!("dateformat '{format}' is not understood"))
                        .hint("read the column as text, and use strptime()"),
                );
            }
        }),
    };
    Ok(Said {
        delimiter,
        order,
        header: settings.flag("header")?,
        nulls: settings.texts(&["nullstr", "null"])?.unwrap_or_default(),
        skip: usize::try_from(settings.number("skip")?.unwrap_or(0)).unwrap_or(0),
        all_text: settings.flag("all_varchar")? == Some(true),
    })
}

/// The columns of all files together. Without `by_name` each must have those of the first.
fn united(
    parts: &[(PathBuf, Sniffed)],
    by_name: bool,
) -> Result<(Vec<String>, Vec<Found>), Diagnostic> {
    let Some((first, sniffed)) = parts.first() else {
        return Ok(Default::default());
    };
    let (mut names, mut found) = (sniffed.names.clone(), sniffed.found.clone());
    for (file, sniffed) in &parts[1..] {
        if !by_name && sniffed.names.len() != names.len() {
            return Err(other_columns(file, first));
        }
        for (name, own) in sniffed.names.iter().zip(&sniffed.found) {
            match names
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
            {
                Some(at) => found[at].merge(own),
                None if by_name => {
                    names.push(name.clone());
                    found.push(own.clone());
                }
                None => return Err(other_columns(file, first)),
            }
        }
    }
    Ok((names, found))
}

fn other_columns(file: &Path, first: &Path) -> Diagnostic {
    let first = first.display();
    Diagnostic::error(format!("the file has other columns than {first}"))
        .at(Location::file(file))
        .hint("union_by_name = true gives each file the columns of all")
}

#[derive(Debug)]
struct CsvStream {
    path: PathBuf,
    sniffed: Sniffed,
    said: Said,
    columns: Vec<Column>,
    schema: SchemaRef,
    with_file: bool,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// Among the fields of the file. None: the file lacks it.
    place: Option<usize>,
}

impl PartitionStream for CsvStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let size = context.session_config().batch_size();
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), AHEAD);
        let batches = stream.tx();
        let rows = Rows {
            path: self.path.clone(),
            delimiter: self.sniffed.delimiter,
            width: self.sniffed.names.len(),
            passed: self.said.skip + usize::from(self.sniffed.has_header),
            said: self.said.clone(),
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            with_file: self.with_file,
        };
        stream.spawn_blocking(move || {
            rows.read(size, |batch| batches.blocking_send(Ok(batch)).is_ok())
                .map_err(|problem| DataFusionError::External(Box::new(problem)))
        });
        stream.build()
    }
}

struct Rows {
    path: PathBuf,
    delimiter: u8,
    width: usize,
    /// Rows before the first that counts.
    passed: usize,
    said: Said,
    columns: Vec<Column>,
    schema: SchemaRef,
    with_file: bool,
}

impl Rows {
    /// Gives batches of so many rows, until they are not wanted any more.
    fn read(
        &self,
        size: usize,
        mut give: impl FnMut(RecordBatch) -> bool,
    ) -> Result<(), Diagnostic> {
        let mut records = Records::new(reader(&self.path)?, self.delimiter);
        let mut record = Record::default();
        let mut builders: Vec<Builder> = self.columns.iter().map(|c| c.kind.builder()).collect();
        let (mut passed, mut count) = (0, 0);
        loop {
            let more = records.read(&mut record);
            let more = more.map_err(|error| unreadable(&self.path, &error))?;
            if count == size || (!more && count > 0) {
                let batch = self.batch(&mut builders, count).map_err(from_engine)?;
                if !give(batch) {
                    return Ok(());
                }
                count = 0;
            }
            if !more {
                return Ok(());
            }
            if passed < self.passed {
                passed += 1;
                continue;
            }
            self.append(&record, &mut builders)?;
            count += 1;
        }
    }

    fn append(&self, record: &Record, builders: &mut [Builder]) -> Result<(), Diagnostic> {
        let at = |offset: usize, message: String| {
            let (line, column) = record.position(offset);
            Diagnostic::error(message).at(Location::new(&self.path, line as u32, column))
        };
        if let Some((offset, why)) = &record.broken {
            return Err(at(*offset, why.clone()));
        }
        if record.len() != self.width {
            let message = format!("the row has {} fields, not {}", record.len(), self.width);
            return Err(at(0, message));
        }
        for (column, builder) in self.columns.iter().zip(builders) {
            let text = column.place.map(|place| record.get(place));
            let text = text.filter(|text| !self.said.is_null(text));
            if !builder.append(text) {
                let place = column.place.unwrap_or(0);
                let message = format!(
                    "'{}' is no {} as the values of '{}' before it are",
                    text.unwrap_or_default(),
                    crate::engine::sql_type(&column.kind.data_type()),
                    column.name
                );
                return Err(at(record.offset(place), message).hint(format!(
                    "types = {{'{}': 'varchar'}} reads the column as text",
                    column.name
                )));
            }
        }
        Ok(())
    }

    fn batch(&self, builders: &mut [Builder], rows: usize) -> EngineResult<RecordBatch> {
        let mut arrays: Vec<_> = builders.iter_mut().map(Builder::finish).collect();
        if self.with_file {
            let name = self.path.to_string_lossy();
            let names =
                arrow::array::StringArray::from_iter_values(std::iter::repeat_n(name, rows));
            arrays.push(Arc::new(names));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}
