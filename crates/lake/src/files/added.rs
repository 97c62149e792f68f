//! Columns that have one value in all rows of a file: its name, and what the names of its folders say, such as
//! `year=2024/month=1/x.parquet`.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, quote};
use url::form_urlencoded;

use super::kinds::{ISO, Kind};
use super::paths::FilePath;
use super::settings::{Named, Settings};

pub(super) struct Added {
    pub name: String,
    /// The SQL type. The values are texts.
    sql: String,
    /// One for each file.
    pub values: Vec<Option<String>>,
}

impl Added {
    /// The column in its type, of a table that has it as text.
    pub(super) fn item(&self) -> String {
        let name = quote(&self.name);
        format!("cast({name} as {}) as {name}", self.sql)
    }
}

pub(super) fn columns(
    files: &[FilePath],
    settings: &mut Settings,
) -> Result<Vec<Added>, Diagnostic> {
    let mut added = Vec::new();
    if let Some(name) = settings.flag_or_name("filename")? {
        added.push(Added {
            name,
            sql: "varchar".to_owned(),
            values: files.iter().map(|file| Some(file.name.clone())).collect(),
        });
    }
    let wanted = settings.flag("hive_partitioning")?;
    let given = settings.fields(&["hive_types"])?;
    let finds_types = settings.flag("hive_types_autocast")? != Some(false);
    let of_files: Vec<_> = files.iter().map(|file| of_folders(&file.name)).collect();
    let Some(first) = of_files.first().filter(|_| wanted != Some(false)) else {
        return Ok(added);
    };
    let is_alike = |of: &BTreeMap<String, _>| of.keys().eq(first.keys());
    if !of_files.iter().all(is_alike) {
        return match wanted {
            Some(_) => Err(Diagnostic::error(
                "not all files are in folders with the same names of columns",
            )
            .hint("hive_partitioning = false reads them without the folders' columns")),
            None => Ok(added),
        };
    }
    for name in first.keys() {
        let values: Vec<_> = of_files.iter().map(|of| of[name].clone()).collect();
        let said = given.iter().find(|(given, _)| match given {
            Named::Name(given) => given.eq_ignore_ascii_case(name),
            Named::Place(_) => false,
        });
        let sql = match said {
            Some((_, sql)) => sql.clone(),
            None if finds_types => sql_type(&values).to_owned(),
            None => "varchar".to_owned(),
        };
        added.push(Added {
            name: name.clone(),
            sql,
            values,
        });
    }
    Ok(added)
}

/// The columns in the names of the folders, by their names.
fn of_folders(path: &str) -> BTreeMap<String, Option<String>> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let parts = folders.split('/').filter_map(|part| part.split_once('='));
    let parts = parts.filter(|(name, _)| !name.is_empty());
    parts
        .map(|(name, value)| {
            let value = match value {
                "__HIVE_DEFAULT_PARTITION__" => None,
                value => Some(unescaped(value)),
            };
            (name.to_owned(), value)
        })
        .collect()
}

/// With what is written as `%20`.
fn unescaped(value: &str) -> String {
    let pair = format!("v={}", value.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn sql_type(values: &[Option<String>]) -> &'static str {
    let kinds = [
        (Kind::Whole, "bigint"),
        (Kind::Date(ISO), "date"),
        (Kind::Timestamp, "timestamp"),
    ];
    // A code such as 01 is a number here.
    let plain = |value: &str| match value.trim_start_matches('0') {
        "" => "0".to_owned(),
        value => value.to_owned(),
    };
    let fits = |kind: &Kind| {
        values
            .iter()
            .flatten()
            .all(|value| kind.accepts(&plain(value)))
    };
    let found = kinds.into_iter().find(|(kind, _)| fits(kind));
    found.map_or("varchar", |(_, sql)| sql)
}
