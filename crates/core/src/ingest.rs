//! How a source table is filled: the values of an `ingest/*.yml` file.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Location;

/// One table's load, from `ingest/*.yml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ingest {
    pub connector: Connector,
    pub write: WriteDisposition,
    /// Types that the file states instead of the inferred ones, by column: `int64`, `float64`,
    /// `string`, `boolean`, `date`, `timestamp` (UTC).
    pub column_types: IndexMap<String, String>,
    pub on_bad_row: OnBadRow,
    pub on_new_column: OnNewColumn,
    pub expect: Vec<Expectation>,
    pub location: Location,
}

/// Where rows come from. One variant a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Connector {
    Csv(CsvFiles),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvFiles {
    /// A glob, relative to the project folder; loaded in the order of their names. `.gz` is unpacked.
    pub path: String,
    pub delimiter: char,
    /// Texts that stand for a missing value. The empty text always does.
    pub null_values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disposition", rename_all = "snake_case")]
pub enum WriteDisposition {
    /// Rows of files not seen before are added.
    Append,
    /// The table becomes the rows of the files as they are now.
    Replace,
    /// Rows of new files replace those with the same key.
    Merge { key: Vec<String> },
}

/// What a row that cannot be read does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRow {
    #[default]
    Fail,
    Hold,
}

/// What a column that the table does not have yet does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNewColumn {
    #[default]
    Fail,
    Add,
    Ignore,
}

/// A rule that every loaded row is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    pub column: String,
    pub rule: Rule,
    pub on_fail: OnFail,
    pub location: Location,
}

/// Null values pass every rule but `NotNull`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    NotNull,
    /// Both bounds inclusive.
    Range {
        min: Option<f64>,
        max: Option<f64>,
    },
    AcceptedValues {
        values: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// The row is set aside with the reason; the load goes on.
    #[default]
    Hold,
    /// The load fails, and nothing of it is written.
    Fail,
}
