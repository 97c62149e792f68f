//! Decides the columns of a load: from the table, the files' headers, the settings and the values.

use std::path::Path;

use arrow::datatypes::{Field, Schema};
use forebay_core::ingest::{CsvFiles, Ingest, OnNewColumn, WriteDisposition};
use forebay_core::{Diagnostic, Location, Relation, suggest};
use forebay_lake::csv::{Column, ColumnType, CsvFile, Guess};

use super::{files, options};
use crate::metadata;
use crate::plan::PlannedFile;

/// What the load must agree with.
pub struct Target<'a> {
    pub relation: &'a Relation,
    pub ingest: &'a Ingest,
    /// The table as it is, if it is.
    pub table: Option<&'a Schema>,
}

/// The columns of a load, and what could not be known of them.
#[derive(Debug)]
pub struct Resolved {
    pub columns: Vec<(String, ColumnType)>,
    /// For each file, the field of each column; None where the file is older than the column.
    pub fields: Vec<Vec<Option<usize>>>,
    pub warnings: Vec<Diagnostic>,
}

impl Resolved {
    /// The schema of what is read from the files.
    pub fn schema(&self) -> Schema {
        let columns = self.columns.iter();
        let fields: Vec<Field> = columns
            .map(|(name, kind)| Field::new(name, kind.data_type(), true))
            .collect();
        Schema::new(fields)
    }

    /// The columns of the merge key, none where the load does not merge.
    pub fn key(&self, write: &WriteDisposition) -> Vec<usize> {
        let WriteDisposition::Merge { key } = write else {
            return Vec::new();
        };
        let at = |name: &String| {
            self.columns
                .iter()
                .position(|(column, _)| same(column, name))
        };
        key.iter().filter_map(at).collect()
    }

    /// The columns to read from a file.
    pub fn columns_of(&self, file: usize) -> Vec<Column> {
        let fields = self.fields[file].iter();
        let columns = self.columns.iter().zip(fields);
        columns
            .map(|((name, kind), field)| Column {
                name: name.clone(),
                kind: *kind,
                field: *field,
            })
            .collect()
    }
}

/// Resolves the columns. Reads all headers, and all values too where a type must be inferred.
pub fn resolve(
    root: &Path,
    connector: &CsvFiles,
    files: &[PlannedFile],
    target: &Target<'_>,
) -> Result<Resolved, Diagnostic> {
    let mut headers = Vec::with_capacity(files.len());
    for file in files {
        headers.push(read_header(root, connector, file)?);
    }
    let names = target.names(files, &headers)?;
    target.check_settings(&names)?;
    let fields: Vec<Vec<Option<usize>>> = headers
        .iter()
        .map(|header| names.iter().map(|name| position(header, name)).collect())
        .collect();
    let known: Vec<Option<ColumnType>> = names
        .iter()
        .map(|name| target.known_type(name))
        .collect::<Result<_, _>>()?;
    let guesses = match known.iter().all(Option::is_some) {
        true => vec![Guess::new(true); names.len()],
        false => infer(root, connector, files, &fields)?,
    };
    let mut warnings = Vec::new();
    let columns = names.into_iter().zip(known).zip(guesses);
    let columns = columns
        .map(|((name, known), guess)| {
            let kind = known.or(guess.kind()).unwrap_or_else(|| {
                warnings.push(target.nothing_to_infer(&name));
                ColumnType::String
            });
            (name, kind)
        })
        .collect();
    Ok(Resolved {
        columns,
        fields,
        warnings,
    })
}

fn read_header(
    root: &Path,
    connector: &CsvFiles,
    file: &PlannedFile,
) -> Result<Vec<String>, Diagnostic> {
    let opened = files::open(root, file)?;
    let csv = CsvFile::open(&file.path, opened.input, options(connector))?;
    let header = csv.header().to_vec();
    match header.iter().find(|name| metadata::is_reserved(name)) {
        None => Ok(header),
        Some(name) => Err(Diagnostic::error(format!(
            "the column '{name}' has a name that every loaded row has of its own"
        ))
        .at(Location::new(&file.path, 1, 0))
        .hint("rename it in the file")),
    }
}

/// Table columns are told apart without regard to case.
fn position(header: &[String], name: &str) -> Option<usize> {
    header.iter().position(|field| same(field, name))
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// One guess a column, over all values of all files.
fn infer(
    root: &Path,
    connector: &CsvFiles,
    files: &[PlannedFile],
    fields: &[Vec<Option<usize>>],
) -> Result<Vec<Guess>, Diagnostic> {
    let columns = fields.first().map_or(0, Vec::len);
    let mut guesses = vec![Guess::new(true); columns];
    for (file, fields) in files.iter().zip(fields) {
        let opened = files::open(root, file)?;
        let csv = CsvFile::open(&file.path, opened.input, options(connector))?;
        let mut column_of = vec![None; csv.header().len()];
        for (column, field) in fields.iter().enumerate() {
            if let Some(field) = field {
                column_of[*field] = Some(column);
            }
        }
        csv.visit_values(|field, text| {
            if let Some(column) = column_of[field] {
                guesses[column].observe(text);
            }
        })?;
    }
    Ok(guesses)
}

impl Target<'_> {
    fn table_columns(&self) -> Option<Vec<String>> {
        let fields = self.table?.fields().iter().map(|field| field.name());
        Some(
            fields
                .filter(|name| !metadata::is_reserved(name))
                .cloned()
                .collect(),
        )
    }

    /// The columns of the load in order. File by file: a column that an earlier file (or the
    /// table) has must be there, one that they lack is new.
    fn names(
        &self,
        files: &[PlannedFile],
        headers: &[Vec<String>],
    ) -> Result<Vec<String>, Diagnostic> {
        let table = self.table_columns();
        let replace = self.ingest.write == WriteDisposition::Replace;
        let first = headers.first().cloned().unwrap_or_default();
        let mut names = match &table {
            // All files are read again, the first of them may be older than some columns.
            Some(columns) if !replace => columns.clone(),
            _ => first,
        };
        for (file, header) in files.iter().zip(headers) {
            self.check_missing(&names, header, file)?;
            self.take_in(&mut names, header, file)?;
        }
        if let (true, Some(columns), Some(last)) = (replace, table, files.last()) {
            self.check_missing(&columns, &names, last)?;
            let all = std::mem::replace(&mut names, columns);
            self.take_in(&mut names, &all, last)?;
        }
        Ok(names)
    }

    fn check_missing(
        &self,
        names: &[String],
        header: &[String],
        file: &PlannedFile,
    ) -> Result<(), Diagnostic> {
        let missing: Vec<&str> = names
            .iter()
            .filter(|name| position(header, name).is_none())
            .map(String::as_str)
            .collect();
        let Some(name) = missing.first() else {
            return Ok(());
        };
        let candidates = header.iter().map(String::as_str);
        Err(Diagnostic::error(format!(
            "the header lacks {} of {}",
            listed(&missing),
            self.relation
        ))
        .at(Location::new(&file.path, 1, 0))
        .maybe_hint(suggest::nearest(name, candidates)))
    }

    fn take_in(
        &self,
        names: &mut Vec<String>,
        header: &[String],
        file: &PlannedFile,
    ) -> Result<(), Diagnostic> {
        let new: Vec<&str> = header
            .iter()
            .filter(|name| position(names, name).is_none())
            .map(String::as_str)
            .collect();
        match (self.ingest.on_new_column, new.is_empty()) {
            (_, true) | (OnNewColumn::Ignore, _) => Ok(()),
            (OnNewColumn::Add, _) => {
                let new: Vec<String> = new.into_iter().map(str::to_owned).collect();
                names.extend(new);
                Ok(())
            }
            (OnNewColumn::Fail, _) => Err(Diagnostic::error(format!(
                "the header has {}, which {} does not have",
                listed(&new),
                self.relation
            ))
            .at(Location::new(&file.path, 1, 0))
            .hint("`on_new_column: add` takes new columns in, `ignore` leaves them out")),
        }
    }

    /// Settings that name columns must name columns that are there.
    fn check_settings(&self, names: &[String]) -> Result<(), Diagnostic> {
        let keys = match &self.ingest.write {
            WriteDisposition::Merge { key } => key.as_slice(),
            WriteDisposition::Append | WriteDisposition::Replace => &[],
        };
        let typed = self
            .ingest
            .column_types
            .keys()
            .map(|name| ("column_types", name));
        let keys = keys.iter().map(|name| ("the key", name));
        for (setting, name) in typed.chain(keys) {
            if position(names, name).is_none() {
                let candidates = names.iter().map(String::as_str);
                return Err(self
                    .error(format!(
                        "{setting} names the column '{name}', which no file has"
                    ))
                    .maybe_hint(suggest::nearest(name, candidates)));
            }
        }
        Ok(())
    }

    /// The type that the settings or the table give; None where it must be inferred.
    fn known_type(&self, name: &str) -> Result<Option<ColumnType>, Diagnostic> {
        let declared = self.declared_type(name)?;
        let Some(field) = self
            .table
            .and_then(|table| table.fields().iter().find(|field| same(field.name(), name)))
        else {
            return Ok(declared);
        };
        let stored = ColumnType::of(field.data_type());
        match (declared, stored) {
            (Some(declared), _) if self.ingest.write == WriteDisposition::Replace => {
                Ok(Some(declared))
            }
            (Some(declared), Some(stored)) if declared != stored => Err(self
                .error(format!(
                    "column_types makes '{name}' a column of type {}, and in {} it is {}",
                    declared.name(),
                    self.relation,
                    stored.name()
                ))
                .hint("a table keeps its types; `replace` writes it anew with others")),
            (_, Some(stored)) => Ok(Some(stored)),
            (_, None) => Err(self.error(format!(
                "the column '{name}' of {} has the type {}, which no CSV value is read as",
                self.relation,
                field.data_type()
            ))),
        }
    }

    fn declared_type(&self, name: &str) -> Result<Option<ColumnType>, Diagnostic> {
        let declared = self
            .ingest
            .column_types
            .iter()
            .find(|(key, _)| same(key, name));
        let Some((_, text)) = declared else {
            return Ok(None);
        };
        ColumnType::parse(text).map(Some).ok_or_else(|| {
            let names: Vec<&str> = ColumnType::names().collect();
            self.error(format!(
                "column_types gives '{name}' the type '{text}', which is none"
            ))
            .hint(format!("the types are {}", names.join(", ")))
        })
    }

    fn nothing_to_infer(&self, name: &str) -> Diagnostic {
        Diagnostic::warning(format!(
            "the column '{name}' of {} has no value to infer a type from: it is taken for text",
            self.relation
        ))
        .at(self.ingest.location.clone())
        .hint("column_types can state its type")
    }

    fn error(&self, text: String) -> Diagnostic {
        Diagnostic::error(text).at(self.ingest.location.clone())
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [name] => format!("the column '{name}'"),
        [name, others @ ..] => format!("the column '{name}' and {} more", others.len()),
        [] => "no column".into(),
    }
}
