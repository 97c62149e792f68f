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
