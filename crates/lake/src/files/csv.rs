//! CSV files as tables, read row by row as the query asks for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use forebay_core::{Diagnostic, Location, quote};

use super::Opened;
use super::added::{self, Added};
use super::kinds::{Builder, Kind};
use super::paths::{FilePath, reader, unreadable};
use super::settings::{Named, Settings};
use super::sniff::{Found, SAMPLE, Said, Sniffed, kinds, sniff};
use crate::csv::{Marks, Record, Records};
use crate::engine::from_engine;

/// Batches that are read ahead.
const AHEAD: usize = 2;

/// Where the session has a time zone, instants are read as a cast reads them.
pub(super) fn open(
    files: &[FilePath],
    mut settings: Settings,
    is_zoned: bool,
) -> Result<Opened, Diagnostic> {
    let said = said(&mut settings)?;
    let all_columns = settings.fields(&["columns"])?;
    let mut given = settings.fields(&["types", "dtypes", "column_types"])?;
    let renamed = settings
        .texts(&["names", "column_names"])?
        .unwrap_or_default();
    let with_empty = settings.texts(&["force_not_null"])?.unwrap_or_default();
    let by_name = settings.flag("union_by_name")? == Some(true);
    let added = added::columns(files, &mut settings)?;
    settings.pass_over(&[
        "parallel",
        "buffer_size",
        "max_line_size",
        "maximum_line_size",
        "files_to_sniff",
        "new_line",
        "strict_mode",
    ]);
    settings.end()?;

    let mut parts = Vec::new();
    for file in files {
        let mut sniffed = sniff(&file.path, &said)?;
        let fixed = all_columns.iter().map(|(name, _)| match name {
            Named::Name(name) => name.clone(),
            Named::Place(at) => format!("column{at}"),
        });
        let fixed: Vec<String> = fixed.chain(renamed.iter().cloned()).collect();
        for (at, name) in fixed.into_iter().enumerate().take(sniffed.names.len()) {
            sniffed.names[at] = name;
        }
        parts.push((file.path.clone(), sniffed));
    }
    given.extend(all_columns);
    let (names, found) = united(&parts, by_name)?;
    let found = kinds(&found, &said);
    let mut columns = Vec::new();
    for (at, (name, kind)) in names.iter().zip(found).enumerate() {
        // What the names of folders say stands in the place of the file's own.
        if added.iter().any(|of| of.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let sql = given.iter().find(|(column, _)| column.is(at, name));
        let sql = sql.map(|(_, sql)| sql.clone());
        // A format that is said counts for columns whose type is said too.
        let by_format = match sql.as_deref().map(str::to_lowercase).as_deref() {
            Some("date") => said.dates.clone(),
            Some("timestamp") => said.timestamps.clone(),
            _ => None,
        };
        columns.push(match (by_format, sql) {
            (Some(kind), _) => (name.clone(), kind, None),
            (None, Some(sql)) => (name.clone(), Kind::Text, Some(sql)),
            (None, None) if kind == Kind::Instant && is_zoned => {
                (name.clone(), Kind::Text, Some("timestamptz".to_owned()))
            }
            (None, None) => (name.clone(), kind, None),
        });
    }
    let selected = columns.iter().map(|(name, _, sql)| match sql {
        Some(sql) => format!("cast({} as {sql}) as {}", quote(name), quote(name)),
        None => quote(name),
    });
    let selected = selected.chain(added.iter().map(Added::item)).collect();
    let casts = columns.iter().filter_map(|(name, _, sql)| {
        let (name, sql) = (quote(name), sql.as_ref()?);
        Some(format!(
            "({name} is null or try_cast({name} as {sql}) is not null)"
        ))
    });
    let fits = casts.collect::<Vec<_>>().join(" and ");
    let fields = columns
        .iter()
        .map(|(name, kind, _)| Field::new(name, kind.data_type(), true));
    let texts = added
        .iter()
        .map(|of| Field::new(&of.name, Kind::Text.data_type(), true));
    let schema = Arc::new(Schema::new(fields.chain(texts).collect::<Vec<_>>()));
    let streams = parts.into_iter().enumerate().map(|(at, (path, sniffed))| {
        let columns = columns.iter().map(|(name, kind, _)| Column {
            name: name.clone(),
            kind: kind.clone(),
            place: sniffed
                .names
                .iter()
                .position(|own| own.eq_ignore_ascii_case(name)),
            is_never_null: with_empty.iter().any(|of| of.eq_ignore_ascii_case(name)),
        });
        Arc::new(CsvStream {
            columns: columns.collect(),
            said: said.clone(),
            schema: Arc::clone(&schema),
            path,
            sniffed,
            added: added.iter().map(|of| of.values[at].clone()).collect(),
        }) as Arc<dyn PartitionStream>
    });
    let rows =
        StreamingTable::try_new(Arc::clone(&schema), streams.collect()).map_err(from_engine)?;
    Ok(Opened {
        condition: (said.passes_over_broken && !fits.is_empty()).then_some(fits),
        ..Opened::new(Arc::new(rows), selected)
    })
}

fn said(settings: &mut Settings) -> Result<Said, Diagnostic> {
    let finds_out = settings.flag("auto_detect")? != Some(false);
    let delimiter = sign(settings, &["delim", "sep", "delimiter"])?.flatten();
    let header = settings.flag("header")?;
    let encoding = settings.text(&["encoding"])?;
    if let Some(other) = encoding.filter(|name| !is_utf8(name)) {
        return Err(Diagnostic::error(format!(
            "files are read as UTF-8, not as '{other}'"
        )));
    }
    if settings.flag("allow_quoted_nulls")? == Some(false) {
        return Err(Diagnostic::error(
            "allow_quoted_nulls = false is not supported: an empty text is null, in quotes or not",
        )
        .hint("force_not_null = ['column'] keeps the column's empty texts"));
    }
    let format = |text: Option<String>, of: fn(Arc<str>) -> Kind| text.map(|text| of(text.into()));
    let sample = settings.number("sample_size")?;
    Ok(Said {
        delimiter: delimiter.or((!finds_out).then_some(b',')),
        quote: sign(settings, &["quote"])?,
        escape: sign(settings, &["escape"])?.flatten(),
        comment: sign(settings, &["comment"])?.flatten(),
        header: header.or((!finds_out).then_some(false)),
        dates: format(settings.text(&["dateformat", "date_format"])?, Kind::DateBy),
        timestamps: format(
            settings.text(&["timestampformat", "timestamp_format"])?,
            Kind::MomentBy,
        ),
        nulls: settings.texts(&["nullstr", "null"])?.unwrap_or_default(),
        skip: usize::try_from(settings.number("skip")?.unwrap_or(0)).unwrap_or(0),
        all_text: settings.flag("all_varchar")? == Some(true),
        // All of them where it is negative.
        sample: sample.map_or(SAMPLE, |rows| usize::try_from(rows).unwrap_or(usize::MAX)),
        passes_over_broken: settings.flag("ignore_errors")? == Some(true),
        pads: settings.flag("null_padding")? == Some(true),
        normalizes_names: settings.flag("normalize_names")? == Some(true),
        is_packed: settings.packed()?,
    })
}

/// One character, or none where the text is empty.
fn sign(settings: &mut Settings, keys: &[&'static str]) -> Result<Option<Option<u8>>, Diagnostic> {
    Ok(match settings.text(keys)?.as_deref() {
        None => None,
        Some("") => Some(None),
        Some("\\t") => Some(Some(b'\t')),
        Some(text) if text.len() == 1 => Some(Some(text.as_bytes()[0])),
        Some(text) => {
            return Err(Diagnostic::error(format!(
                "{} '{text}' is not one ASCII character",
                keys[0]
            )));
        }
    })
}

fn is_utf8(name: &str) -> bool {
    ["utf-8", "utf8"]
        .iter()
        .any(|utf8| name.eq_ignore_ascii_case(utf8))
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
    /// The texts of the columns that have one value in all rows.
    added: Vec<Option<String>>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// Among the fields of the file. None: the file lacks it.
    place: Option<usize>,
    /// Its empty texts are texts.
    is_never_null: bool,
}

impl Column {
    fn text<'a>(&self, record: &'a Record, said: &Said) -> Option<&'a str> {
        let text = record.get(self.place.filter(|place| *place < record.len())?);
        let is_null = match self.is_never_null {
            true => !text.is_empty() && said.is_null(text),
            false => said.is_null(text),
        };
        (!is_null).then_some(text)
    }
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
            marks: self.sniffed.marks,
            width: self.sniffed.names.len(),
            passed: self.said.skip + usize::from(self.sniffed.has_header),
            said: self.said.clone(),
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            added: self.added.clone(),
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
    marks: Marks,
    width: usize,
    /// Rows before the first that counts.
    passed: usize,
    said: Said,
    columns: Vec<Column>,
    schema: SchemaRef,
    added: Vec<Option<String>>,
}

impl Rows {
    /// Gives batches of so many rows, until they are not wanted any more.
    fn read(
        &self,
        size: usize,
        mut give: impl FnMut(RecordBatch) -> bool,
    ) -> Result<(), Diagnostic> {
        let mut records = Records::new(reader(&self.path, self.said.is_packed)?, self.marks);
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
            if !self.said.passes_over_broken || self.is_whole(&record) {
                self.append(&record, &mut builders)?;
                count += 1;
            }
        }
    }

    fn has_width(&self, record: &Record) -> bool {
        match self.said.pads {
            true => record.len() <= self.width,
            false => record.len() == self.width,
        }
    }

    /// Whether all of the row can be read.
    fn is_whole(&self, record: &Record) -> bool {
        let fits = |column: &Column| {
            let text = column.text(record, &self.said);
            text.is_none_or(|text| column.kind.accepts(text))
        };
        record.broken.is_none() && self.has_width(record) && self.columns.iter().all(fits)
    }

    fn append(&self, record: &Record, builders: &mut [Builder]) -> Result<(), Diagnostic> {
        let at = |offset: usize, message: String| {
            let (line, column) = record.position(offset);
            Diagnostic::error(message).at(Location::new(&self.path, line as u32, column))
        };
        if let Some((offset, why)) = &record.broken {
            return Err(at(*offset, why.clone()));
        }
        if !self.has_width(record) {
            let message = format!("the row has {} fields, not {}", record.len(), self.width);
            return Err(at(0, message));
        }
        for (column, builder) in self.columns.iter().zip(builders) {
            let text = column.text(record, &self.said);
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
        for text in &self.added {
            let texts = std::iter::repeat_n(text.as_deref(), rows);
            arrays.push(Arc::new(texts.collect::<StringArray>()));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}
