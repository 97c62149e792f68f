//! Files that a query reads: `read_csv('data/*.csv')`, `FROM 'data/x.parquet'`. Each becomes a table of the
//! query, with the columns and types that DuckDB would find in it.

mod calls;
mod csv;
mod json;
mod kinds;
mod parquet;
mod paths;
mod settings;
mod sniff;

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
}

/// A file's rows, and the query over them that gives its columns.
pub(crate) struct Opened {
    pub rows: Arc<dyn TableProvider>,
    /// One expression a column, over the columns of `rows`.
    pub columns: Vec<String>,
}

/// Opens the files. Paths that are relative begin in the folder.
pub(crate) async fn open(
    read: FileRead,
    folder: &Path,
    state: &SessionState,
) -> Result<Opened, Diagnostic> {
    let files = paths::expand(&read.paths, folder)?;
    match read.format {
        Format::Csv => csv::open(&files, read.settings),
        Format::Json => json::open(&files, read.settings),
        Format::Parquet => parquet::open(&files, read.settings, state).await,
    }
}
