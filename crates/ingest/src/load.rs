//! Carries out a plan: one commit of the table for all files of the load.
//!
//! One commit a load, not one a file: a reader never sees half of a load, and a file that cannot
//! be read keeps the good ones beside it out too, so that a failed load changes nothing. Rows are
//! streamed, so its memory does not grow with the number of files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};
use forebay_checks::expectation::Expectations;
use forebay_core::ingest::{Connector, Ingest, OnNewColumn, WriteDisposition};
use forebay_core::{Diagnostic, Location, Node, Relation};
use forebay_lake::{
    BatchStream, Input, Lake, Rows, SchemaChange, TableInfo, TableKind, Txn, WriteMode,
    WriteOptions,
};
use futures::stream;
use tokio::sync::{mpsc, oneshot};

use crate::csv::scan::{Part, Scan};
use crate::csv::schema::{self, Target};
use crate::held::{HeldTable, MAX_HELD};
use crate::plan::{LoadPlan, PlannedFile, set_hash};
use crate::state::LoadState;
use crate::winners::Winners;
use crate::{blocking, source};

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that the table took in.
    pub rows: u64,
    /// Rows that were set aside.
    pub held: u64,
    /// Files that were read.
    pub files: usize,
    /// Version of the table afterwards.
    pub version: i64,
    pub warnings: Vec<Diagnostic>,
}

/// Loads the files that the plan names. All of them, or, with an error, none.
///
/// Safe to run again at any time: what the table has loaded since the plan was made is left out.
pub async fn load(
    lake: &Lake,
    root: &Path,
    node: &Node,
    plan: &LoadPlan,
    now: DateTime<Utc>,
) -> Result<Loaded, Diagnostic> {
    let (relation, ingest) = source(node)?;
    if let Some(problem) = plan.problem() {
        return Err(problem.at(ingest.location.clone()));
    }
    let state = LoadState::read(&lake.transactions(relation).await?);
    let info = lake.info(relation).await?;
    let files = still_to_read(plan, ingest, &state);
    if files.is_empty() {
        return Ok(Loaded {
            version: info.map_or(0, |info| info.version),
            ..Loaded::default()
        });
    }
    let table = table_schema(relation, info)?;
    let txns = txns(ingest, plan, &state, &files);
    let exists = table.is_some();
    let (scan, winners) = prepare(root, relation, ingest, files, table, now).await?;
    let options = write_options(node, ingest, &scan, txns, exists);
    write(lake, relation, scan, winners, options).await
}

/// The plan's files less those that the table has by now.
fn still_to_read(plan: &LoadPlan, ingest: &Ingest, state: &LoadState) -> Vec<PlannedFile> {
    let replace = ingest.write == WriteDisposition::Replace;
    if replace && state.holds_set(&set_hash(ingest, &plan.files)) {
        return Vec::new();
    }
    plan.to_read()
        .filter(|file| replace || state.loaded(&file.path) != Some(&file.load_id))
        .cloned()
        .collect()
}

fn table_schema(
    relation: &Relation,
    info: Option<TableInfo>,
) -> Result<Option<SchemaRef>, Diagnostic> {
    match info {
        Some(info) if info.kind == TableKind::View => Err(Diagnostic::error(format!(
            "{relation} is a view, and no rows can be loaded into it"
        ))),
        other => Ok(other.map(|info| info.schema)),
    }
}

fn txns(ingest: &Ingest, plan: &LoadPlan, state: &LoadState, files: &[PlannedFile]) -> Vec<Txn> {
    let mut txns: Vec<Txn> = files.iter().map(|file| state.file_txn(file)).collect();
    if ingest.write == WriteDisposition::Replace {
        txns.push(state.set_txn(&set_hash(ingest, &plan.files)));
    }
    txns
}

fn write_options(
    node: &Node,
    ingest: &Ingest,
    scan: &Scan,
    txns: Vec<Txn>,
    exists: bool,
) -> WriteOptions {
    let mode = match &ingest.write {
        WriteDisposition::Merge { .. } if exists => WriteMode::Merge {
            keys: scan.key_names(),
        },
        WriteDisposition::Append | WriteDisposition::Merge { .. } => WriteMode::Append,
        WriteDisposition::Replace => WriteMode::Overwrite,
    };
    let names: Vec<&str> = scan.files.iter().map(|file| file.path.as_str()).collect();
    WriteOptions {
        txns,
        schema_change: match ingest.on_new_column {
            OnNewColumn::Add => SchemaChange::AppendNew,
            OnNewColumn::Fail | OnNewColumn::Ignore => SchemaChange::Fail,
        },
        metadata: BTreeMap::from([
            ("forebay.node".to_owned(), node.id.to_string()),
            (
                "forebay.files".to_owned(),
                serde_json::json!(names).to_string(),
            ),
        ]),
        ..WriteOptions::new(mode)
    }
}

/// Settles columns and rules, and for a merge which of the rows of one key is the last.
async fn prepare(
    root: &Path,
    relation: &Relation,
    ingest: &Ingest,
    files: Vec<PlannedFile>,
    table: Option<SchemaRef>,
    now: DateTime<Utc>,
) -> Result<(Arc<Scan>, Option<Winners>), Diagnostic> {
    let (root, relation, ingest) = (root.to_owned(), relation.clone(), ingest.clone());
    blocking(move || {
        let Connector::Csv(connector) = &ingest.connector;
        let target = Target {
            relation: &relation,
            ingest: &ingest,
            table: table.as_deref(),
        };
        let resolved = schema::resolve(&root, connector, &files, &target)?;
        let scan = Scan {
            connector: connector.clone(),
            key: resolved.key(&ingest.write),
            expectations: Expectations::compile(&ingest.expect, &resolved.schema())?,
            on_bad_row: ingest.on_bad_row,
            root,
            relation: relation.clone(),
            files,
            resolved,
            now,
        };
        let winners = match scan.key.is_empty() {
            true => None,
            false => Some(Winners::find(&scan)?),
        };
        Ok((Arc::new(scan), winners))
    })
    .await
}

async fn write(
    lake: &Lake,
    relation: &Relation,
    scan: Arc<Scan>,
    winners: Option<Winners>,
    options: WriteOptions,
) -> Result<Loaded, Diagnostic> {
    let replace = options.mode == WriteMode::Overwrite;
    let held = HeldTable::open(lake, relation, scan.schema(), replace, &options.txns).await?;
    let (tell, mut told) = oneshot::channel();
    let rows = Rows {
        schema: scan.schema(),
        stream: rows(Arc::clone(&scan), winners, held, tell),
    };
    let written = lake.write(relation, Input::Stream(rows), options).await?;
    // Nobody tells where another load of the same files was faster and nothing was read.
    let (rows, held) = told.try_recv().unwrap_or_default();
    Ok(Loaded {
        rows,
        held,
        files: scan.files.len(),
        version: written.version,
        warnings: scan.resolved.warnings.clone(),
    })
}

/// The rows of the load. When the last of them is taken, and before the stream ends and the table
/// is committed, the held rows are written.
fn rows(
    scan: Arc<Scan>,
    winners: Option<Winners>,
    held: HeldTable,
    tell: oneshot::Sender<(u64, u64)>,
) -> BatchStream {
    let (send, receive) = mpsc::channel(2);
    let reader = tokio::task::spawn_blocking(move || read(&scan, winners, &send));
    let end = async move {
        let read = reader.await;
        let tally =
            read.map_err(|e| Diagnostic::internal(format!("reading files broke: {e}")))??;
        let count = tally.held.iter().map(|(_, batch)| batch.num_rows() as u64);
        let counts = (tally.rows, count.sum());
        held.write(tally.held).await?;
        // The receiver is gone only when the whole load is given up.
        let _ = tell.send(counts);
        Ok(())
    };
    let start = (receive, Some(Box::pin(end)));
    Box::pin(stream::unfold(start, |(mut receive, mut end)| async move {
        if let Some(batch) = receive.recv().await {
            return Some((Ok(batch), (receive, end)));
        }
        let ended: Result<(), Diagnostic> = end.take()?.await;
        ended.err().map(|error| (Err(error), (receive, end)))
    }))
}

/// What the reading side found.
#[derive(Default)]
struct Tally {
    rows: u64,
    /// With the number of their file.
    held: Vec<(usize, RecordBatch)>,
}

fn read(
    scan: &Scan,
    mut winners: Option<Winners>,
    send: &mpsc::Sender<RecordBatch>,
) -> Result<Tally, Diagnostic> {
    let mut tally = Tally::default();
    let mut held = 0;
    scan.run(|part: Part| {
        let rows = match &mut winners {
            None => part.rows,
            Some(winners) => winners.keep(&part.rows)?,
        };
        if let Some(batch) = part.held {
            held += batch.num_rows();
            tally.held.push((part.file, batch));
        }
        if held > MAX_HELD {
            return Err(too_many_held(&scan.files[part.file]));
        }
        tally.rows += rows.num_rows() as u64;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let given_up = |_| Diagnostic::environment("the load was given up while it was read");
        send.blocking_send(rows).map_err(given_up)
    })?;
    Ok(tally)
}

fn too_many_held(file: &PlannedFile) -> Diagnostic {
    Diagnostic::error(format!(
        "more than {MAX_HELD} rows of one load would be held"
    ))
    .at(Location::file(&file.path))
    .hint("a rule or a type that so many rows break is likely wrong itself")
}
