//! Tables: the SQL engine, the Delta warehouse, the SQL dialect, the point-in-time join and column
//! lineage.
//!
//! No type of the engine or of the table format is in a public signature: Arrow batches and schemas
//! go in and come out.

pub mod csv;
pub mod exchange;
pub mod expr;
pub mod lineage;
pub mod pit;

mod dialect;
mod engine;
mod export;
mod export_folder;
mod files;
mod functions;
mod info;
mod lake;
mod named;
mod narrowed;
mod settings;
mod statements;
mod types;
mod warehouse;

pub use dialect::local;
pub use engine::sql_type;
pub use functions::{lengths, to_exact, without_exponent};
pub use lake::Lake;
pub use statements::Executed;
pub use types::{
    BatchStream, Commit, Dialect, Input, LakeOptions, Rows, SchemaChange, TableInfo, TableKind,
    Txn, WriteMode, WriteOptions, Written,
};
