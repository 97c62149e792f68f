//! What the lake takes and gives: plain data, Arrow batches as the currency.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use forebay_core::{Diagnostic, Relation};
use serde::{Deserialize, Serialize};

/// Where a lake lives and how much of the machine it may use.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// The warehouse folder: `root/<schema>/<table>` is a Delta table.
    pub root: PathBuf,
    /// Bytes that running queries may hold in memory together; beyond it they spill.
    pub memory_limit: usize,
    /// Partitions that one query runs in.
    pub threads: usize,
    /// Folder for spilled data; emptied of nothing but its own files.
    pub spill: PathBuf,
    pub dialect: Dialect,
    /// What SQL may write before a schema: `"shop"."main"."orders"`. It is not kept with anything.
    pub database: String,
    /// Where relative paths of files begin that queries read: `FROM 'data/x.csv'`.
    pub files: PathBuf,
    /// Settings of the database whose SQL is meant, by name.
    pub settings: Vec<(String, String)>,
}

/// Whose SQL is meant where PostgreSQL and DuckDB read the same text differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    #[default]
    Postgres,
    DuckDb,
}

/// Batches as they become ready. All have the schema of the [`Rows`] that they belong to.
pub type BatchStream = Pin<Box<dyn futures::Stream<Item = Result<RecordBatch, Diagnostic>> + Send>>;

/// A query's answer.
pub struct Rows {
    pub schema: SchemaRef,
    pub stream: BatchStream,
}

/// Rows to write or to join.
pub enum Input {
    /// A query over the lake.
    Sql(String),
    /// Batches in memory, each with the given schema.
    Batches(SchemaRef, Vec<RecordBatch>),
    /// Batches from elsewhere, taken as they come.
    Stream(Rows),
}

impl Input {
    pub(crate) fn sql(&self) -> Option<&str> {
        match self {
            Self::Sql(sql) => Some(sql),
            Self::Batches(..) | Self::Stream(_) => None,
        }
    }
}

/// What a write does to the rows that are there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// They stay.
    Append,
    /// They go, and the table takes the input's schema.
    Overwrite,
    /// Rows whose key occurs in the input are replaced by the input's rows. A null key matches nothing.
    DeleteInsert { keys: Vec<String> },
    /// Upsert: matched rows take the input's values, the others are inserted. A key of a row that is there and occurs
    /// twice in the input is an error. A null key matches nothing.
    Merge { keys: Vec<String> },
    /// Rows for which the condition holds go. It is SQL over the table's columns alone.
    ReplaceWhere { condition: String },
}

impl WriteMode {
    /// The columns that identify a row, for the modes that replace rows.
    pub fn keys(&self) -> Option<&[String]> {
        match self {
            Self::Append | Self::Overwrite | Self::ReplaceWhere { .. } => None,
            Self::DeleteInsert { keys } | Self::Merge { keys } => Some(keys),
        }
    }
}

/// A Delta `txn` action: the application's own progress, recorded in the commit that holds the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    pub app_id: String,
    pub version: i64,
}

/// What happens when the input's columns are not the table's. Overwrite ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaChange {
    /// Columns that only the input has are dropped, columns that it lacks are null.
    #[default]
    Ignore,
    /// The write fails.
    Fail,
    /// New columns are added to the table, columns that the input lacks are null.
    AppendNew,
    /// New columns are added, and columns that the input lacks leave the table.
    Sync,
}

/// How to write.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    pub mode: WriteMode,
    /// Recorded with the data. When all are recorded already, nothing is written.
    pub txns: Vec<Txn>,
    pub schema_change: SchemaChange,
    /// Goes into the commit's `commitInfo`.
    pub metadata: BTreeMap<String, String>,
}

impl WriteOptions {
    /// A write with no transactions and no metadata that ignores schema changes.
    pub fn new(mode: WriteMode) -> Self {
        Self {
            mode,
            txns: Vec::new(),
            schema_change: SchemaChange::default(),
            metadata: BTreeMap::new(),
        }
    }
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table's version afterwards.
    pub version: i64,
    /// Rows in the input.
    pub rows: u64,
    /// All transactions were recorded already: nothing was written.
    pub skipped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    Table,
    View,
}

/// A table or view as it is at one version.
#[derive(Clone, Debug)]
pub struct TableInfo {
    pub relation: Relation,
    pub kind: TableKind,
    pub schema: SchemaRef,
    /// Version of the Delta table, or of the view's definition.
    pub version: i64,
    /// None for views, and where a file carries no count.
    pub rows: Option<u64>,
    pub bytes: u64,
    pub files: usize,
    /// When this version was committed, milliseconds since 1970.
    pub modified_ms: i64,
    pub view_sql: Option<String>,
}

/// One commit of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub version: i64,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// `WRITE`, `MERGE`, `CREATE TABLE`...
    pub operation: String,
    /// What the writer passed as [`WriteOptions::metadata`].
    pub metadata: BTreeMap<String, String>,
}
