//! Seeds: a CSV file of the project becomes a table.

mod guess;
mod quotes;
mod types;

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Location, Node};
use forebay_lake::csv::{Chunk, Column, ColumnType, CsvFile, CsvOptions};
use forebay_lake::{Dialect, Input, Lake, WriteMode, WriteOptions, Written, without_exponent};

use crate::relation;
use guess::Guess;
use types::sql_type;

const CHUNK: usize = 16_384;

/// What dbt takes for null when it infers types.
const NULLS: &[&str] = &["null", "NULL", "Null"];

/// Loads the seed's file as the whole table. Types are those of `column_types`, else inferred.
///
/// As dbt does it, short rows are filled up with nulls, digits with leading zeros are a number, and a
/// column without any value is one of integers. The text `null` is null, but under DuckDB's name: there
/// its own reader loads the file, which knows the empty text only, and takes single quotes for quotes
/// where there are no double ones.
pub async fn seed(
    lake: &Lake,
    root: &Path,
    node: &Node,
    seed: &Seed,
) -> Result<Written, Diagnostic> {
    let relation = relation(node)?;
    let (root, file, spec) = (root.to_owned(), node.location.file.clone(), seed.clone());
    let (dialect, zone) = (lake.dialect(), lake.time_zone().cloned());
    let read = tokio::task::spawn_blocking(move || {
        let source = Source::open(&root, &file, &spec, dialect)?;
        Source { zone, ..source }.read()
    });
    let read = read.await;
    let (schema, batches) =
        read.map_err(|error| Diagnostic::internal(format!("reading a seed broke: {error}")))??;
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(relation, Input::Batches(schema, batches), options)
        .await
}

/// A column as it is read from text, and as the table has it.
struct Target {
    column: Column,
    data_type: DataType,
}

/// A seed's file in memory, and how it is read.
struct Source<'a> {
    file: &'a Path,
    seed: &'a Seed,
    dialect: Dialect,
    /// Of texts of instants that name no offset, where it is not UTC.
    zone: Option<Arc<str>>,
    text: Vec<u8>,
}

impl<'a> Source<'a> {
    fn open(
        root: &Path,
        file: &'a Path,
        seed: &'a Seed,
        dialect: Dialect,
    ) -> Result<Self, Diagnostic> {
        let mut text = std::fs::read(root.join(file)).map_err(|error| {
            Diagnostic::environment(format!("the seed file cannot be read: {error}"))
                .at(Location::file(file))
        })?;
        if dialect == Dialect::DuckDb {
            quotes::double(&mut text, seed.delimiter);
        }
        Ok(Self {
            file,
            seed,
            dialect,
            zone: None,
            text,
        })
    }

    fn read(&self) -> Result<(SchemaRef, Vec<RecordBatch>), Diagnostic> {
        let targets = self.targets()?;
        let fields: Vec<Field> = targets
            .iter()
            .map(|target| Field::new(&target.column.name, target.data_type.clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let columns = targets.iter().map(|target| target.column.clone()).collect();
        let nulls = match self.dialect {
            Dialect::DuckDb => &[],
            Dialect::Postgres => NULLS,
        };
        let mut rows = self.csv(nulls)?.rows(columns, false);
        let mut batches = Vec::new();
        while let Some(chunk) = rows.next_chunk(CHUNK)? {
            batches.push(self.typed(&schema, &chunk)?);
        }
        Ok((schema, batches))
    }

    fn csv(&self, nulls: &[&str]) -> Result<CsvFile<Cursor<&[u8]>>, Diagnostic> {
        let options = CsvOptions {
            delimiter: self.seed.delimiter,
            null_values: nulls.iter().map(|null| (*null).to_owned()).collect(),
            // DuckDB refuses them.
            pad_short_rows: self.dialect != Dialect::DuckDb,
            blank_rows: self.dialect == Dialect::DuckDb,
            completes_names: true,
        };
        CsvFile::open(self.file, Cursor::new(&self.text), options)
    }

    /// What `column_types` says of columns that the seed lacks is of other seeds of its folder.
    fn targets(&self) -> Result<Vec<Target>, Diagnostic> {
        let csv = self.csv(NULLS)?;
        let header = csv.header().to_vec();
        let mut guesses = vec![Guess::new(); header.len()];
        let mut seen = vec![Seen::default(); header.len()];
        csv.visit_values(|field, text| {
            guesses[field].observe(text);
            seen[field].observe(text);
        })?;
        let targets = header.into_iter().zip(guesses).zip(seen).enumerate();
        targets
            .map(|(field, ((name, guess), seen))| {
                let name = match self.seed.quote_columns {
                    true => name,
                    false => name.trim().to_owned(),
                };
                let (data_type, floats) = match declared(self.seed, &name) {
                    Some(text) => {
                        let unknown = || unknown_type(self.file, &name, text);
                        (sql_type(text, self.dialect).ok_or_else(unknown)?, false)
                    }
                    None => (guess.data_type(), guess.is_whole_floats()),
                };
                let column = Column {
                    kind: match (floats, self.dialect) {
                        (true, _) => ColumnType::Float64,
                        _ if self.is_zoned(&data_type) => ColumnType::String,
                        (false, Dialect::DuckDb) => seen.read_as(&data_type),
                        (false, Dialect::Postgres) => read_as(&data_type),
                    },
                    name,
                    field: Some(field),
                };
                Ok(Target { column, data_type })
            })
            .collect()
    }

    /// Whether texts of the type are read by the zone's clock.
    fn is_zoned(&self, data_type: &DataType) -> bool {
        self.zone.is_some() && matches!(data_type, DataType::Timestamp(_, Some(_)))
    }

    /// Texts of instants that name no offset are of the zone.
    fn placed(&self, texts: &ArrayRef, data_type: &DataType) -> ArrayRef {
        match (&self.zone, texts.as_string_opt::<i32>()) {
            (Some(zone), Some(texts)) if self.is_zoned(data_type) => {
                let texts = texts.iter();
                let texts = texts.map(|text| text.map(|text| Lake::with_offset(zone, text)));
                Arc::new(texts.collect::<StringArray>())
            }
            _ => Arc::clone(texts),
        }
    }

    fn typed(&self, schema: &SchemaRef, chunk: &Chunk) -> Result<RecordBatch, Diagnostic> {
        if let Some(problem) = chunk.problems.first() {
            let column = problem
                .column
                .as_ref()
                .map_or(String::new(), |name| format!("{name}: "));
            let field = problem.column.as_ref().zip(problem.value.as_ref());
            let field =
                field.and_then(|(name, value)| Some((value, schema.field_with_name(name).ok()?)));
            // Of the type that SQL calls it by.
            let message = match field {
                Some((value, field)) => format!(
                    "'{value}' is not of type {}",
                    forebay_lake::sql_type(field.data_type())
                ),
                None => problem.message.clone(),
            };
            let at = Location::new(self.file, problem.line as u32, problem.character);
            return Err(Diagnostic::error(format!("{column}{message}")).at(at));
        }
        let columns = chunk.batch.columns().iter().zip(schema.fields());
        let columns = columns
            .map(|(column, field)| {
                let column = self.placed(column, field.data_type());
                converted(self.file, &column, field, chunk)
            })
            .collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|error| Diagnostic::internal(format!("seed rows make no batch: {error}")))
    }
}

fn declared<'a>(seed: &'a Seed, name: &str) -> Option<&'a str> {
    let found = seed
        .column_types
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, text)| text.as_str())
}

fn unknown_type(file: &Path, name: &str, text: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "column_types gives '{name}' the type '{text}', which is unknown"
    ))
    .at(Location::file(file))
    .of_setting(&format!("column_types.{name}"))
    .hint("such as: varchar, integer, bigint, double, numeric(10, 2), boolean, date, timestamp")
}

/// Of which types all values of a column are.
#[derive(Clone)]
struct Seen([(ColumnType, bool); 4]);

impl Default for Seen {
    fn default() -> Self {
        use ColumnType::{Date, Float64, Int64, LocalTimestamp};
        Self([Int64, Float64, Date, LocalTimestamp].map(|kind| (kind, true)))
    }
}

impl Seen {
    fn observe(&mut self, text: &str) {
        for (kind, all) in &mut self.0 {
            *all = *all && kind.accepts(text);
        }
    }

    fn are(&self, kind: ColumnType) -> bool {
        self.0.contains(&(kind, true))
    }

    /// As DuckDB casts the texts: numbers with fractions are whole numbers when they are rounded, and the day of a moment
    /// is a date.
    fn read_as(&self, data_type: &DataType) -> ColumnType {
        use ColumnType::{Date, Float64, Int64, LocalTimestamp};
        match read_as(data_type) {
            Int64 if !self.are(Int64) && self.are(Float64) => Float64,
            Date if !self.are(Date) && self.are(LocalTimestamp) => LocalTimestamp,
            kind => kind,
        }
    }
}

/// What text is read as before it becomes the type.
fn read_as(data_type: &DataType) -> ColumnType {
    if let Some(kind) = ColumnType::of(data_type) {
        return kind;
    }
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => ColumnType::Int64,
        DataType::Timestamp(_, None) => ColumnType::LocalTimestamp,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        _ => ColumnType::String,
    }
}

fn converted(
    file: &Path,
    column: &ArrayRef,
    field: &Field,
    chunk: &Chunk,
) -> Result<ArrayRef, Diagnostic> {
    let lenient = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let internal = |error| Diagnostic::internal(format!("seed values cannot be cast: {error}"));
    let rounded: ArrayRef;
    let column = match column.as_primitive_opt::<Float64Type>() {
        Some(numbers) if field.data_type().is_integer() => {
            rounded = Arc::new(numbers.unary::<_, Float64Type>(f64::round));
            &rounded
        }
        _ => column,
    };
    let mut typed = cast_with_options(column, field.data_type(), &lenient).map_err(internal)?;
    if typed.data_type().is_decimal() && typed.null_count() > column.null_count() {
        let texts = cast(column, &DataType::Utf8).map_err(internal)?;
        let texts = texts.as_string::<i32>().iter();
        let numbers: StringArray = texts.map(|text| text.map(without_exponent)).collect();
        typed = cast_with_options(&numbers, field.data_type(), &lenient).map_err(internal)?;
    }
    // A value that does not fit has become null.
    let lost = (0..column.len()).find(|row| column.is_valid(*row) && typed.is_null(*row));
    let Some(row) = lost else {
        return Ok(typed);
    };
    let texts = cast(column, &DataType::Utf8).map_err(internal)?;
    let value = texts.as_string::<i32>().value(row).to_owned();
    let (name, kind) = (field.name(), field.data_type());
    let line = chunk.lines.value(row) as u32;
    Err(Diagnostic::error(format!(
        "{name}: '{value}' does not fit the type {}",
        forebay_lake::sql_type(kind)
    ))
    .at(Location::new(file, line, 0)))
}
