//! One commit: all that a write changes becomes visible in it, or nothing does.

use arrow::datatypes::{DataType, Schema};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{
    CommitBuilder, CommitProperties, TableReference, TransactionError,
};
use deltalake::kernel::{
    Action, Error as KernelError, Metadata, MetadataExt, Protocol, StructType, Transaction,
    new_metadata,
};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use forebay_core::{Diagnostic, Relation};
use serde_json::{Value, json};

use super::data_file::Target;
use super::declared::Declared;
use super::log::METADATA;
use super::marks;
use super::table::{Table, fault};
use crate::types::{WriteMode, WriteOptions};

/// Commits from one checkpoint to the next, in tables made here. Whoever opens a table reads all commits after the
/// newest checkpoint, twice: with the 100 that the library takes, a build in which each table is replaced spent two
/// fifths of its time on that.
const CHECKPOINTS: u64 = 10;

/// A commit made, or the news that another writer was faster.
pub(super) enum Outcome {
    Committed(Committed),
    Conflict,
}

pub(super) struct Committed {
    pub version: u64,
    /// The table as of this commit. None: what was read again after it failed.
    pub table: Option<DeltaTable>,
}

pub(super) async fn commit(
    target: &Target,
    table: Option<&Table>,
    actions: Vec<Action>,
    options: &WriteOptions,
) -> Result<Outcome, Diagnostic> {
    let relation = &target.relation;
    let snapshot = table.map(Table::snapshot).transpose()?;
    let reference = snapshot.map(|snapshot| snapshot as &dyn TableReference);
    let commit = CommitBuilder::from(properties(options))
        .with_actions(actions)
        .build(reference, target.log.clone(), operation(options));
    let prepared = commit.into_prepared_commit_future().await;
    let committed = prepared.map_err(|e| fault(relation, e))?.await;
    let post = match committed {
        Ok(post) => post,
        Err(error) if is_conflict(&error) => return Ok(Outcome::Conflict),
        Err(error) => return Err(fault(relation, error)),
    };
    let version = post.version;
    // The commit stands from here on: a checkpoint that fails makes reading slower, not wrong.
    let table = match post.await {
        Ok(finished) => {
            let mut table = DeltaTable::new(target.log.clone());
            table.state = Some(finished.snapshot);
            Some(table)
        }
        Err(error) => {
            tracing::warn!(%relation, version, %error, "no checkpoint was written");
            None
        }
    };
    Ok(Outcome::Committed(Committed { version, table }))
}

fn properties(options: &WriteOptions) -> CommitProperties {
    let txns = options.txns.iter();
    CommitProperties::default()
        // A conflict is ours to resolve: what to remove depends on what the other one added.
        .with_max_retries(0)
        .with_metadata([(METADATA.to_owned(), json!(options.metadata))])
        .with_application_transactions(
            txns.map(|txn| Transaction::new(&txn.app_id, txn.version))
                .collect(),
        )
        // Old versions stay readable: predictions and training sets point to them.
        .with_cleanup_expired_logs(Some(false))
}

fn operation(options: &WriteOptions) -> DeltaOperation {
    let write = |mode, replaced: Option<&String>| DeltaOperation::Write {
        mode,
        partition_by: None,
        predicate: replaced.cloned(),
    };
    let keyed = |keys: &[String]| DeltaOperation::Merge {
        predicate: None,
        merge_predicate: Some(keys.join(", ")),
        matched_predicates: Vec::new(),
        not_matched_predicates: Vec::new(),
        not_matched_by_source_predicates: Vec::new(),
    };
    match &options.mode {
        WriteMode::Append => write(SaveMode::Append, None),
        WriteMode::Overwrite => write(SaveMode::Overwrite, None),
        WriteMode::ReplaceWhere { condition } => write(SaveMode::Overwrite, Some(condition)),
        WriteMode::DeleteInsert { keys } | WriteMode::Merge { keys } => keyed(keys),
    }
}

fn is_conflict(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => matches!(
            source,
            TransactionError::VersionAlreadyExists(_)
                | TransactionError::CommitConflict(_)
                | TransactionError::MaxCommitAttempts(_)
        ),
        _ => false,
    }
}

/// The actions that give the table its columns and what is declared of them, where it lacks them.
pub(super) fn schema_actions(
    relation: &Relation,
    table: Option<&Table>,
    schema: &Schema,
    declared: &Declared,
) -> Result<Vec<Action>, Diagnostic> {
    let kernel: Result<StructType, _> = schema.try_into_kernel();
    let kernel = kernel.map_err(|error| {
        Diagnostic::internal(format!(
            "the columns of '{relation}' cannot be stored: {error}"
        ))
    })?;
    let Some(table) = table else {
        let metadata = declaring(metadata(&kernel)?, declared);
        return Ok(vec![
            Action::Protocol(protocol(schema)?),
            Action::Metadata(metadata.map_err(|error| fault(relation, error.into()))?),
        ]);
    };
    if same_columns(&*table.schema()?, schema) && *declared == table.declared()? {
        return Ok(Vec::new());
    }
    let snapshot = table.snapshot()?;
    let metadata = snapshot.metadata().clone().with_schema(&kernel);
    let metadata = metadata.and_then(|metadata| declaring(metadata, declared));
    let metadata = metadata.map_err(|error| fault(relation, error.into()))?;
    let mut actions = vec![Action::Metadata(metadata)];
    if has_local_times(schema) && snapshot.protocol().min_writer_version() < 7 {
        actions.insert(0, Action::Protocol(protocol(schema)?));
    }
    Ok(actions)
}

fn declaring(metadata: Metadata, declared: &Declared) -> Result<Metadata, KernelError> {
    let name = Declared::PROPERTY;
    match declared.value() {
        Some(value) => metadata.add_config_key(name.to_owned(), value),
        None if metadata.configuration().contains_key(name) => metadata.remove_config_key(name),
        None => Ok(metadata),
    }
}

pub(super) fn same_columns(one: &Schema, other: &Schema) -> bool {
    let columns = |schema: &Schema| -> Vec<_> {
        let fields = schema.fields().iter();
        fields
            .map(|f| (f.name().clone(), f.data_type().clone(), marks::marked(f)))
            .collect()
    };
    columns(one) == columns(other)
}

/// The oldest protocol, which every reader of Delta Lake knows; timestamps without a time zone need
/// the feature that is called so, and its writers name what older protocols imply.
fn protocol(schema: &Schema) -> Result<Protocol, Diagnostic> {
    let text = match has_local_times(schema) {
        false => json!({"minReaderVersion": 1, "minWriterVersion": 2}),
        true => json!({
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": [LOCAL_TIMES],
            "writerFeatures": WRITTEN,
        }),
    };
    serde_json::from_value(text).map_err(|error| Diagnostic::internal(error.to_string()))
}

const LOCAL_TIMES: &str = "timestampNtz";

/// The features of tables that are written here.
const WRITTEN: &[&str] = &["appendOnly", "invariants", LOCAL_TIMES];

fn has_local_times(schema: &Schema) -> bool {
    fn local(data_type: &DataType) -> bool {
        match data_type {
            DataType::Timestamp(_, zone) => zone.is_none(),
            DataType::List(item) => local(item.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| local(field.data_type())),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| local(field.data_type()))
}

fn metadata(schema: &StructType) -> Result<Metadata, Diagnostic> {
    let settings = [("delta.checkpointInterval", CHECKPOINTS.to_string())];
    new_metadata(schema, std::iter::empty::<String>(), settings)
        .map_err(|error| Diagnostic::internal(error.to_string()))
}

fn is_written(protocol: &Protocol) -> bool {
    let features = serde_json::to_value(protocol).unwrap_or_default();
    let known = |feature: &Value| WRITTEN.iter().any(|written| feature == written);
    match protocol.min_writer_version() {
        ..=2 => true,
        7 => features["writerFeatures"]
            .as_array()
            .is_some_and(|all| all.iter().all(known)),
        _ => false,
    }
}

/// Tables with features that this writer does not know are read, never written.
pub(super) fn check_writable(relation: &Relation, table: &Table) -> Result<(), Diagnostic> {
    let snapshot = table.snapshot()?;
    let metadata = snapshot.metadata();
    let guarded =
        |key: &&String| key.starts_with("delta.constraints.") || *key == "delta.appendOnly";
    let why = if !metadata.partition_columns().is_empty() {
        "it is partitioned"
    } else if !is_written(snapshot.protocol()) {
        "it uses newer features of Delta Lake"
    } else if metadata.configuration().keys().any(|key| guarded(&key)) {
        "it has constraints"
    } else {
        return Ok(());
    };
    Err(Diagnostic::error(format!(
        "table '{relation}' was made by another program and cannot be written here: {why}"
    ))
    .hint("write to another name, or drop the table first"))
}
