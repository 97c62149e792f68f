//! Files that a query reads: `read_csv('data/*.csv')`, `FROM 'data/x.parquet'`. Each becomes a table of the
//! query, with the columns and types that DuckDB would find in it.

mod added;
mod calls;
mod csv;
mod json;
mod kinds;
mod names;
mod parquet;
mod paths;
mod settings;
mod shape;
mod sniff;
mod whole;
mod written;

use std::path::Path;
use std::sync::Arc;

use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;
use forebay_core::Diagnostic;

pub(crate) use calls::{FileRead, SCHEMA, take};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
    Json,
    /// A column of JSON values.
    JsonTexts,
    Text,
    Bytes,
    /// The files' names alone.
    Names,
}

/// A file's rows, and the query over them that gives its columns.
pub(crate) struct Opened {
    pub rows: Arc<dyn TableProvider>,
    /// One expression a column, over the columns of `rows`.
    pub columns: Vec<String>,
    /// Which rows count.
    pub condition: Option<String>,
}

impl Opened {
    fn new(rows: Arc<dyn TableProvider>, columns: Vec<String>) -> Self {
        Self {
            rows,
            columns,
            condition: None,
        }
    }
}

/// Opens the files. Paths that are relative begin in the folder.
pub(crate) async fn open(
    read: FileRead,
    folder: &Path,
    state: &SessionState,
) -> Result<Opened, Diagnostic> {
    let may_be_none = read.format == Format::Names;
    let files = paths::expand(&read.paths, folder, may_be_none)?;
    match read.format {
        Format::Csv => {
            let session = state.config().get_extension::<crate::settings::Settings>();
            let is_zoned = session.is_some_and(|session| session.zone().is_some());
            csv::open(&files, read.settings, is_zoned)
        }
        Format::Json => json::open(&files, read.settings),
        Format::JsonTexts => json::texts(&files, read.settings),
        Format::Text => whole::contents(&files, read.settings, true),
        Format::Bytes => whole::contents(&files, read.settings, false),
        Format::Names => whole::names(&files, read.settings),
        Format::Parquet => parquet::open(&files, read.settings, state).await,
    }
}
