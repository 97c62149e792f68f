//! The rows of unit tests: written in YAML, as CSV or as SQL, in place or in a file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use forebay_core::unit_test::{Fixture, Row};
use forebay_core::{Diagnostic, suggest};
use serde_json::Value as Json;

use crate::problems::Problems;
use crate::properties::{FixtureDecl, FixtureFormat, RowsDecl};
use crate::text;

/// Reads what declarations mean.
pub(super) struct Fixtures<'a> {
    pub root: &'a Path,
    /// Files of the package's `tests/fixtures` by name.
    pub files: &'a BTreeMap<String, String>,
    pub problems: &'a Problems,
    /// Why the test cannot run.
    pub broken: RefCell<Option<Diagnostic>>,
}

impl Fixtures<'_> {
    /// `what` names the rows in messages; `seed` is the file of a seed that has them if the test
    /// says nothing.
    pub fn read(&self, decl: &FixtureDecl, what: &str, seed: Option<&str>) -> Option<Fixture> {
        let text = match (&decl.rows, &decl.file) {
            (Some(RowsDecl::Dict(rows)), _) => return Some(Fixture::Dict(sorted(rows.clone()))),
            (_, Some(name)) => self.file(decl, name)?,
            (Some(RowsDecl::Text(text)), None) => text.clone(),
            (None, None) => {
                let Some(seed) = seed else {
                    let message = format!("{what} has no rows");
                    self.problems
                        .push(Diagnostic::error(message).at(decl.at.clone()));
                    return None;
                };
                let text = self.problems.keep(text::read(self.root, seed))?;
                return Some(Fixture::Dict(self.csv(decl, &text)));
            }
        };
        Some(match decl.format {
            FixtureFormat::Sql => Fixture::Sql(text),
            FixtureFormat::Csv | FixtureFormat::Dict => {
                let mut rows = self.csv(decl, &text);
                rows.iter_mut()
                    .flat_map(|row| row.values_mut())
                    .for_each(empty_is_null);
                Fixture::Csv(sorted(rows))
            }
        })
    }

    fn file(&self, decl: &FixtureDecl, name: &str) -> Option<String> {
        let Some(file) = self.files.get(name) else {
            let names = self.files.keys().map(String::as_str);
            self.problems.push(
                Diagnostic::error(format!("no fixture file is called '{name}'"))
                    .at(decl.rows_at.clone())
                    .maybe_hint(suggest::nearest(name, names))
                    .hint(format!("it would be tests/fixtures/{name}.csv or .sql")),
            );
            return None;
        };
        self.problems.keep(text::read(self.root, file))
    }

    /// What is no CSV is an error of the test when it runs, as in dbt.
    fn csv(&self, decl: &FixtureDecl, text: &str) -> Vec<Row> {
        csv_rows(text).unwrap_or_else(|error| {
            let problem = Diagnostic::error(format!("the rows cannot be read as CSV: {error}"))
                .at(decl.rows_at.clone());
            self.broken.replace(Some(self.problems.postpone(problem)));
            Vec::new()
        })
    }
}

/// The first record names the columns. A short record leaves the last of them null.
fn csv_rows(text: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.trim_start().as_bytes());
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    let row = |record: csv::StringRecord| {
        let value = |at: usize| record.get(at).map_or(Json::Null, Json::from);
        let pairs = names.iter().enumerate();
        pairs
            .map(|(at, name)| (name.to_owned(), value(at)))
            .collect()
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() > names.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let (found, named) = (record.len(), names.len());
            return Err(format!(
                "line {line} has {found} fields, and the first line names {named}"
            ));
        }
        rows.push(row(record));
    }
    Ok(rows)
}

fn empty_is_null(value: &mut Json) {
    if value.as_str() == Some("") {
        *value = Json::Null;
    }
}

/// The first row without a null comes first: engines guess types from the first row.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    let full = |row: &Row| row.values().all(|value| !value.is_null());
    if let Some(at) = rows.iter().position(full) {
        rows.swap(0, at);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_texts_and_short_records_end_in_nulls() {
        let rows = csv_rows("id,name,at\n1,\"a, b\",\n2\n").unwrap();
        assert_eq!(
            json!(rows),
            json!([
                {"id": "1", "name": "a, b", "at": ""},
                {"id": "2", "name": null, "at": null},
            ])
        );
    }

    #[test]
    fn a_row_without_nulls_leads() {
        let rows = [json!({"a": null}), json!({"a": 1})];
        let rows = rows.map(|row| serde_json::from_value(row).unwrap());
        assert_eq!(json!(sorted(rows.to_vec())), json!([{"a": 1}, {"a": null}]));
    }
}
