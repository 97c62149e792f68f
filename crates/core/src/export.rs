//! Files that a table is handed out as.

use serde::{Deserialize, Serialize};

/// A file beside a table, with its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Below the project's folder, or absolute.
    pub location: String,
    pub format: ExportFormat,
    /// What of SQL reads the file, where that gives other types than were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    /// A folder of files in the place of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<Folder>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// The columns whose values name folders within it, and that files lack.
    pub by: Vec<String>,
    pub existing: Existing,
}

/// What becomes of files that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Nothing is written beside them.
    Refuse,
    Replace,
    /// But for those that are written anew.
    Keep,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    Parquet,
    Csv {
        header: bool,
        /// One ASCII character.
        delimiter: char,
        /// The text for what is missing.
        null: String,
    },
    /// One object a line.
    Json,
}
