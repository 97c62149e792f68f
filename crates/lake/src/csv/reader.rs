//! Reads a CSV file: first its header, then its rows, as texts or as typed batches.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Int64Array, StringArray, StringBuilder};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use forebay_core::{Diagnostic, Location};

use super::column::ColumnBuilder;
use super::kind::ColumnType;
use super::record::{Marks, Record, Records};

/// How the file is written.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// One ASCII character.
    pub delimiter: char,
    /// Texts that stand for null. The empty text always does.
    pub null_values: Vec<String>,
    /// Rows that are too short are filled up with nulls instead of being a problem.
    pub pad_short_rows: bool,
    /// A blank line is a row without a value where there is one column, as DuckDB reads it.
    pub blank_rows: bool,
    /// Columns without a name are called `a`, `b`, ... by their place, and the second of one name `x_2`, as agate names
    /// them, by which dbt reads its seeds.
    pub completes_names: bool,
}

/// A column to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    /// Which field of a row it is; None gives a column of nulls.
    pub field: Option<usize>,
}

/// What is wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Row of the chunk's batch.
    pub row: usize,
    /// Line of the file, from one.
    pub line: u64,
    /// Character of the line, from one.
    pub character: u32,
    /// The column, where the problem is one field's.
    pub column: Option<String>,
    pub value: Option<String>,
    pub message: String,
}

/// Some consecutive rows of the file.
pub struct Chunk {
    /// One row a record, also where a record is a problem: what could not be read is null.
    pub batch: RecordBatch,
    /// The line on which each row starts.
    pub lines: Int64Array,
    /// The text of each row as the file has it; empty texts unless they are kept.
    pub raw: StringArray,
    pub problems: Vec<Problem>,
}

/// An open file whose header has been read.
pub struct CsvFile<R> {
    name: PathBuf,
    options: CsvOptions,
    header: Vec<String>,
    records: Records<R>,
    record: Record,
}

impl<R: BufRead> CsvFile<R> {
    /// Reads the header. `name` is what problems call the file.
    pub fn open(
        name: impl Into<PathBuf>,
        input: R,
        options: CsvOptions,
    ) -> Result<Self, Diagnostic> {
        let name = name.into();
        let delimiter = u8::try_from(options.delimiter).ok().filter(u8::is_ascii);
        let delimiter = delimiter.ok_or_else(|| {
            let text = format!(
                "the delimiter '{}' is not an ASCII character",
                options.delimiter
            );
            Diagnostic::error(text).at(Location::file(&name))
        })?;
        let mut file = Self {
            records: Records::new(input, Marks::with(delimiter)),
            record: Record::default(),
            header: Vec::new(),
            name,
            options,
        };
        file.read_header()?;
        Ok(file)
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    pub fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.options.null_values.iter().any(|null| null == text)
    }

    /// Calls `visit` with field number and text of every value that is not null. Rows that cannot
    /// be read are passed over: whoever reads them typed hears of them.
    pub fn visit_values(mut self, mut visit: impl FnMut(usize, &str)) -> Result<(), Diagnostic> {
        while self.next_record()? {
            let record = &self.record;
            if record.broken.is_some() || record.len() > self.header.len() {
                continue;
            }
            for i in 0..record.len() {
                let text = record.get(i);
                if !self.is_null(text) {
                    visit(i, text);
                }
            }
        }
        Ok(())
    }

    /// Goes on to read the rows as those columns.
    pub fn rows(self, columns: Vec<Column>, keep_raw: bool) -> CsvRows<R> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.data_type(), true))
            .collect();
        CsvRows {
            builders: columns.iter().map(|c| ColumnBuilder::new(c.kind)).collect(),
            schema: Arc::new(Schema::new(fields)),
            columns,
            keep_raw,
            file: self,
        }
    }

    fn next_record(&mut self) -> Result<bool, Diagnostic> {
        let read = self.records.read(&mut self.record);
        read.map_err(|error| unreadable(&self.name, &error))
    }

    fn read_header(&mut self) -> Result<(), Diagnostic> {
        if !self.next_record()? {
            return Err(
                Diagnostic::error("the file is empty: it has no header line")
                    .at(Location::file(&self.name))
                    .hint("a file without rows still needs the line with the column names"),
            );
        }
        let record = &self.record;
        if let Some((at, text)) = &record.broken {
            return Err(self.header_problem(*at, text.clone()));
        }
        if let Some(at) = record.raw().find('\r') {
            let text = "the lines end with a carriage return alone".to_owned();
            return Err(self
                .header_problem(at, text)
                .hint("save it with LF or CRLF line ends"));
        }
        self.records.keeps_blank = self.options.blank_rows && record.len() == 1;
        let mut names: Vec<String> = (0..record.len())
            .map(|i| record.get(i).to_owned())
            .collect();
        if self.options.completes_names {
            names = completed(&names);
        }
        let mut seen = HashSet::new();
        for (i, name) in names.iter().enumerate() {
            // Table columns are told apart without regard to case.
            let text = match &**name {
                "" => format!("column {} of the header has no name", i + 1),
                _ if !seen.insert(name.to_lowercase()) => {
                    format!("the header names the column '{name}' twice")
                }
                _ => continue,
            };
            return Err(self.header_problem(record.offset(i), text));
        }
        self.header = names;
        Ok(())
    }

    fn header_problem(&self, at: usize, text: String) -> Diagnostic {
        let (line, column) = self.record.position(at);
        Diagnostic::error(text).at(Location::new(&self.name, line as u32, column))
    }
}

/// [`CsvOptions::completes_names`].
fn completed(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let name = match &**name {
            "" => by_place(i),
            name => name.to_owned(),
        };
        let further = (2..).map(|n| format!("{name}_{n}"));
        let mut free = std::iter::once(name.clone()).chain(further);
        all.extend(free.find(|name| !all.contains(name)));
    }
    all
}

/// `a` to `z`, then `aa`, `bb` and so on.
fn by_place(i: usize) -> String {
    let letter = char::from(b'a' + (i % 26) as u8);
    letter.to_string().repeat(i / 26 + 1)
}

fn unreadable(name: &PathBuf, error: &io::Error) -> Diagnostic {
    let at = Location::file(name);
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Diagnostic::error(format!("the file cannot be unpacked: {error}"))
                .at(at)
                .hint("it may be cut off: fetch it again")
        }
        _ => Diagnostic::environment(format!("the file cannot be read: {error}")).at(at),
    }
}

/// The rows of a file as typed batches.
pub struct CsvRows<R> {
    file: CsvFile<R>,
    columns: Vec<Column>,
    builders: Vec<ColumnBuilder>,
    schema: SchemaRef,
    keep_raw: bool,
}

impl<R: BufRead> CsvRows<R> {
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Up to `limit` further rows; None at the end of the file.
    pub fn next_chunk(&mut self, limit: usize) -> Result<Option<Chunk>, Diagnostic> {
        let mut lines = Vec::with_capacity(limit);
        let mut raw = StringBuilder::new();
        let mut problems = Vec::new();
        while lines.len() < limit && self.file.next_record()? {
            self.append_record(lines.len(), &mut problems);
            lines.push(self.file.record.line as i64);
            raw.append_value(if self.keep_raw {
                self.file.record.raw()
            } else {
                ""
            });
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let arrays = self
            .builders
            .iter_mut()
            .map(ColumnBuilder::finish)
            .collect();
        let batch = RecordBatch::try_new(self.schema(), arrays)
            .map_err(|error| Diagnostic::internal(format!("CSV rows make no batch: {error}")))?;
        Ok(Some(Chunk {
            batch,
            lines: lines.into(),
            raw: raw.finish(),
            problems,
        }))
    }

    fn append_record(&mut self, row: usize, problems: &mut Vec<Problem>) {
        let file = &self.file;
        let record = &file.record;
        if let Some((at, text)) = broken(record, file.header.len(), file.options.pad_short_rows) {
            problems.push(problem(record, row, at, text));
            self.builders
                .iter_mut()
                .for_each(ColumnBuilder::append_null);
            return;
        }
        for (column, builder) in self.columns.iter().zip(&mut self.builders) {
            let index = column.field.filter(|index| *index < record.len());
            let text = index.map_or("", |index| record.get(index));
            if file.is_null(text) {
                builder.append_null();
            } else if !builder.append(text) {
                let at = index.map_or(0, |index| record.offset(index));
                let message = format!(
                    "'{}' is not of type {}",
                    shortened(text),
                    column.kind.name()
                );
                problems.push(Problem {
                    column: Some(column.name.clone()),
                    value: Some(text.to_owned()),
                    ..problem(record, row, at, message)
                });
            }
        }
    }
}

/// What makes the record as a whole unreadable, and where.
fn broken(record: &Record, expected: usize, pad: bool) -> Option<(usize, String)> {
    if record.broken.is_some() {
        return record.broken.clone();
    }
    let got = record.len();
    if got == expected || (pad && got < expected) {
        return None;
    }
    let at = match got > expected {
        true => record.offset(expected),
        false => record.raw().len(),
    };
    let fields = if got == 1 { "field" } else { "fields" };
    Some((
        at,
        format!("the row has {got} {fields}, the header has {expected}"),
    ))
}

fn problem(record: &Record, row: usize, at: usize, message: String) -> Problem {
    let (line, character) = record.position(at);
    Problem {
        row,
        line,
        character,
        column: None,
        value: None,
        message,
    }
}

/// The text as a message shows it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int64Type};

    use super::*;

    fn options() -> CsvOptions {
        CsvOptions {
            delimiter: ',',
            null_values: vec!["NA".into()],
            pad_short_rows: false,
            blank_rows: false,
            completes_names: false,
        }
    }

    fn open(text: &str) -> Result<CsvFile<&[u8]>, Diagnostic> {
        CsvFile::open("x.csv", text.as_bytes(), options())
    }

    fn column(name: &str, kind: ColumnType, field: usize) -> Column {
        Column {
            name: name.into(),
            kind,
            field: Some(field),
        }
    }

    #[test]
    fn rows_are_typed_and_problems_are_placed() {
        let file = open("id,wind\n1,2.5\n2,NA\nx,\"high\"\n4\n5,6,7\n").unwrap();
        let columns = vec![
            column("wind", ColumnType::Float64, 1),
            column("id", ColumnType::Int64, 0),
        ];
        let mut rows = file.rows(columns, true);
        let chunk = rows.next_chunk(100).unwrap().unwrap();
        assert!(rows.next_chunk(100).unwrap().is_none());
        assert_eq!(chunk.batch.num_rows(), 5);
        assert_eq!(
            chunk.batch.column(0).as_primitive::<Float64Type>().value(0),
            2.5
        );
        assert!(chunk.batch.column(0).is_null(1));
        assert_eq!(
            chunk.batch.column(1).as_primitive::<Int64Type>().value(1),
            2
        );
        assert_eq!(chunk.lines.values(), &[2, 3, 4, 5, 6]);
        assert_eq!(chunk.raw.value(2), "x,\"high\"");
        let found: Vec<String> = chunk
            .problems
            .iter()
            .map(|p| format!("{}:{} {}", p.line, p.character, p.message))
            .collect();
        assert_eq!(
            found,
            [
                "4:3 'high' is not of type float64",
                "4:1 'x' is not of type int64",
                "5:2 the row has 1 field, the header has 2",
                "6:5 the row has 3 fields, the header has 2",
            ]
        );
    }

    #[test]
    fn a_header_that_cannot_be_used_is_refused() {
        let refused = |text: &str| open(text).err().expect("refused").to_string();
        assert!(refused("").contains("the file is empty"));
        assert!(refused("a,b,A\n").contains("names the column 'A' twice\n  --> x.csv:1:5"));
        assert!(refused("a,,b\n").contains("column 2 of the header has no name"));
        assert!(refused("a,b\r1,2\r").contains("carriage return alone"));
    }

    #[test]
    fn a_header_can_be_completed() {
        let options = CsvOptions {
            completes_names: true,
            ..options()
        };
        let header = |text: &str| {
            let file = CsvFile::open("x.csv", text.as_bytes(), options.clone());
            file.map(|file| file.header().join(" "))
        };
        assert_eq!(header(",x,").unwrap(), "a x c");
        assert_eq!(header("x,x,,x,x_2").unwrap(), "x x_2 c x_3 x_2_2");
        assert_eq!(header("c,,").unwrap(), "c b c_2");
        let many = header(&",".repeat(27)).unwrap();
        assert!(many.ends_with("y z aa bb"), "{many}");
        assert!(header("X,x").is_err());
    }

    #[test]
    fn chunks_are_bounded_and_short_rows_can_be_padded() {
        let options = CsvOptions {
            pad_short_rows: true,
            ..options()
        };
        let file = CsvFile::open("x.csv", &b"a,b\n1,2\n3\n4,5\n"[..], options).unwrap();
        let mut rows = file.rows(vec![column("b", ColumnType::Int64, 1)], false);
        let first = rows.next_chunk(2).unwrap().unwrap();
        assert_eq!((first.batch.num_rows(), first.problems.len()), (2, 0));
        assert!(first.batch.column(0).is_null(1));
        assert_eq!(rows.next_chunk(2).unwrap().unwrap().batch.num_rows(), 1);
    }
}
