//! Seeds: a CSV file of the project becomes a table.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Location, Node, suggest};
use forebay_lake::csv::{Chunk, Column, ColumnType, CsvFile, CsvOptions, Guess};
use forebay_lake::{Input, Lake, WriteMode, WriteOptions, Written};

use crate::relation;

const CHUNK: usize = 16_384;

/// Loads the seed's file as the whole table. Types are those of `column_types`, else inferred.
///
/// As dbt does it, short rows are filled up with nulls, `null` is null, digits with leading zeros
/// are a number, and a column without any value is one of integers.
pub async fn seed(
    lake: &Lake,
    root: &Path,
    node: &Node,
    seed: &Seed,
) -> Result<Written, Diagnostic> {
    let relation = relation(node)?;
    let (root, file, spec) = (root.to_owned(), node.location.file.clone(), seed.clone());
    let read = tokio::task::spawn_blocking(move || read(&root, &file, &spec)).await;
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

fn read(
    root: &Path,
    file: &Path,
    seed: &Seed,
) -> Result<(SchemaRef, Vec<RecordBatch>), Diagnostic> {
    let targets = targets(root, file, seed)?;
    let fields: Vec<Field> = targets
        .iter()
        .map(|target| Field::new(&target.column.name, target.data_type.clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let columns = targets.iter().map(|target| target.column.clone()).collect();
    let mut rows = open(root, file, seed)?.rows(columns, false);
    let mut batches = Vec::new();
    while let Some(chunk) = rows.next_chunk(CHUNK)? {
        batches.push(typed(file, &schema, &chunk)?);
    }
    Ok((schema, batches))
}

fn open(root: &Path, file: &Path, seed: &Seed) -> Result<CsvFile<BufReader<File>>, Diagnostic> {
    let input = File::open(root.join(file)).map_err(|error| {
        Diagnostic::environment(format!("the seed file cannot be read: {error}"))
            .at(Location::file(file))
    })?;
    let options = CsvOptions {
        delimiter: seed.delimiter,
        null_values: ["null", "NULL", "Null"].map(str::to_owned).to_vec(),
        pad_short_rows: true,
    };
    CsvFile::open(file, BufReader::new(input), options)
}

fn targets(root: &Path, file: &Path, seed: &Seed) -> Result<Vec<Target>, Diagnostic> {
    let csv = open(root, file, seed)?;
    let header = csv.header().to_vec();
    check_column_types(file, seed, &header)?;
    let mut guesses = vec![Guess::new(false); header.len()];
    csv.visit_values(|field, text| guesses[field].observe(text))?;
    let targets = header.into_iter().zip(guesses).enumerate();
    targets
        .map(|(field, (name, guess))| {
            let data_type = match declared(seed, &name) {
                Some(text) => sql_type(text).ok_or_else(|| unknown_type(file, &name, text))?,
                None => guess.kind().unwrap_or(ColumnType::Int64).data_type(),
            };
            let column = Column {
                kind: ColumnType::of(&data_type).unwrap_or_else(|| read_as(&data_type)),
                name,
                field: Some(field),
            };
            Ok(Target { column, data_type })
        })
        .collect()
}

fn check_column_types(file: &Path, seed: &Seed, header: &[String]) -> Result<(), Diagnostic> {
    let unknown = seed.column_types.keys().find(|name| {
        !header
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(Diagnostic::error(format!(
            "column_types names the column '{name}', which the seed does not have"
        ))
        .at(Location::new(file, 1, 0))
        .maybe_hint(suggest::nearest(name, header.iter().map(String::as_str)))),
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
    .hint("such as: varchar, integer, bigint, double, numeric(10, 2), boolean, date, timestamp")
}

/// The Arrow type of a SQL type's name.
fn sql_type(text: &str) -> Option<DataType> {
    let text = text.trim().to_ascii_lowercase();
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end_matches(')'))),
        None => (text.as_str(), None),
    };
    Some(match name {
        "varchar" | "text" | "string" | "char" | "character varying" | "character" | "uuid"
        | "bpchar" => DataType::Utf8,
        "boolean" | "bool" => DataType::Boolean,
        "tinyint" | "int1" => DataType::Int8,
        "smallint" | "int2" => DataType::Int16,
        "integer" | "int" | "int4" => DataType::Int32,
        "bigint" | "int8" | "int64" | "long" => DataType::Int64,
        "real" | "float4" => DataType::Float32,
        "double" | "double precision" | "float" | "float8" | "float64" => DataType::Float64,
        "numeric" | "decimal" | "number" => decimal(arguments)?,
        "date" => DataType::Date32,
        "timestamp"
        | "timestamptz"
        | "datetime"
        | "timestamp with time zone"
        | "timestamp without time zone" => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        _ => return None,
    })
}

fn decimal(arguments: Option<&str>) -> Option<DataType> {
    let Some(arguments) = arguments else {
        return Some(DataType::Decimal128(38, 9));
    };
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let valid = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
    valid.then_some(DataType::Decimal128(precision, scale))
}

/// What text is read as before it becomes a type that no text is read as itself.
fn read_as(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => ColumnType::Int64,
        DataType::Float32 => ColumnType::Float64,
        _ => ColumnType::String,
    }
}

fn typed(file: &Path, schema: &SchemaRef, chunk: &Chunk) -> Result<RecordBatch, Diagnostic> {
    if let Some(problem) = chunk.problems.first() {
        let column = problem
            .column
            .as_ref()
            .map_or(String::new(), |name| format!("{name}: "));
        return Err(
            Diagnostic::error(format!("{column}{}", problem.message)).at(Location::new(
                file,
                problem.line as u32,
                problem.character,
            )),
        );
    }
    let columns = chunk.batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| converted(file, column, field, chunk))
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|error| Diagnostic::internal(format!("seed rows make no batch: {error}")))
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
    let typed = cast_with_options(column, field.data_type(), &lenient).map_err(internal)?;
    // A value that does not fit has become null.
    let lost = (0..column.len()).find(|row| column.is_valid(*row) && typed.is_null(*row));
    let Some(row) = lost else {
        return Ok(typed);
    };
    let texts = cast(column, &DataType::Utf8).map_err(internal)?;
    let value = texts.as_string::<i32>().value(row).to_owned();
    let (name, kind) = (field.name(), field.data_type());
    let line = chunk.lines.value(row) as u32;
    Err(
        Diagnostic::error(format!("{name}: '{value}' does not fit the type {kind}"))
            .at(Location::new(file, line, 0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_types_by_their_usual_names() {
        assert_eq!(sql_type("VARCHAR(20)"), Some(DataType::Utf8));
        assert_eq!(sql_type("integer"), Some(DataType::Int32));
        assert_eq!(sql_type("double precision"), Some(DataType::Float64));
        assert_eq!(
            sql_type("numeric(10, 2)"),
            Some(DataType::Decimal128(10, 2))
        );
        assert_eq!(sql_type("decimal(5)"), Some(DataType::Decimal128(5, 0)));
        assert_eq!(sql_type("numeric(10, 11)"), None);
        assert_eq!(sql_type("colour"), None);
    }
}
