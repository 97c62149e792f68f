//! The pages' data, gathered from a workspace: one file a page. No HTML, no HTTP.

mod graph;
mod node;
mod overview;
mod prediction;
mod runs;
mod service;
mod table;

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Graph, NodeId, Spec};
use forebay_lake::Rows;
use forebay_runner::Workspace;
use forebay_runner::cells::Cells;
use forebay_store::{NodeRun, RunStatus};
use forebay_ui::page::{Grid, GridColumn, NodeLink, Status, TestRow};
use futures::TryStreamExt;

pub use graph::graph;
pub use node::node;
pub use overview::overview;
pub use prediction::prediction;
pub use runs::{invocation_row, run, runs};
pub use service::{rows as service_rows, service, services};
pub use table::{table, tables};

pub fn status(status: RunStatus) -> Status {
    match status {
        RunStatus::Queued => Status::Queued,
        RunStatus::Running => Status::Running,
        RunStatus::Success | RunStatus::NoOp => Status::Success,
        RunStatus::Warn => Status::Warn,
        RunStatus::Fail => Status::Fail,
        RunStatus::Error => Status::Error,
        RunStatus::Skipped => Status::Skipped,
        RunStatus::Interrupted => Status::Interrupted,
    }
}

/// The newest finished run of every node.
pub fn latest(workspace: &Workspace) -> Result<BTreeMap<NodeId, NodeRun>, Diagnostic> {
    let runs = workspace.store.latest_node_runs()?;
    Ok(runs
        .into_iter()
        .map(|run| (run.node_id.clone(), run))
        .collect())
}

/// A test with what it found last.
fn test_row(
    graph: &Graph,
    node: &forebay_core::Node,
    latest: &BTreeMap<NodeId, NodeRun>,
) -> TestRow {
    let (target, column) = match &node.spec {
        Spec::Test(test) => (
            test.attached.as_ref().or(node.depends_on.first()),
            test.column.clone(),
        ),
        Spec::Monitor(monitor) => (Some(&monitor.service), None),
        _ => (None, None),
    };
    let run = latest.get(&node.id);
    TestRow {
        test: NodeLink::of(node),
        target: target.and_then(|id| graph.get(id)).map(NodeLink::of),
        column,
        status: run.map(|run| status(run.status)),
        failures: run.and_then(|run| run.details["failures"].as_u64()),
        message: run.map(|run| first_line(&run.message)).unwrap_or_default(),
    }
}

/// Tests that are declared on the node or read it.
fn tests_of(graph: &Graph, id: &NodeId, latest: &BTreeMap<NodeId, NodeRun>) -> Vec<TestRow> {
    let is_test = |node: &&forebay_core::Node| {
        matches!(node.spec, Spec::Test(_)) && node.depends_on.contains(id)
    };
    graph
        .nodes
        .values()
        .filter(is_test)
        .map(|node| test_row(graph, node, latest))
        .collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The first rows of an answer, and whether there are more.
async fn grid(rows: Rows, limit: usize) -> Result<Grid, Diagnostic> {
    let mut cells = Cells::headed(&rows.schema);
    let mut stream = rows.stream;
    while cells.rows.len() <= limit {
        match stream.try_next().await? {
            Some(batch) => cells.push(&batch, limit + 1)?,
            None => break,
        }
    }
    let more = cells.rows.len() > limit;
    cells.rows.truncate(limit);
    let columns = rows.schema.fields().iter().map(|field| GridColumn {
        name: field.name().clone(),
        data_type: forebay_runner::lineage::sql_type(field.data_type()),
        numeric: field.data_type().is_numeric(),
    });
    Ok(Grid {
        columns: columns.collect(),
        rows: cells.rows,
        more,
        more_columns: false,
    })
}
