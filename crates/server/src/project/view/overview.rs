//! `/`

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, NodeId, Relation, ResourceType, Spec};
use forebay_runner::Workspace;
use forebay_runner::cells::Cells;
use forebay_store::NodeRun;
use forebay_ui::page::{HeldTable, Overview, Place, ServiceRow, Status, TestCounts};

/// `services` are those that the server holds.
pub async fn overview(
    workspace: &Workspace,
    services: Vec<ServiceRow>,
    address: &str,
) -> Result<Overview, Diagnostic> {
    let latest = super::latest(workspace)?;
    let invocation = match workspace.store.invocations(1)?.first() {
        Some(newest) => Some(super::invocation_row(workspace, newest)?),
        None => None,
    };
    Ok(Overview {
        project: workspace.project.name.clone(),
        root: workspace.project.root.clone(),
        invocation,
        nodes: counts(workspace),
        held: held(workspace).await?,
        tests: tests(workspace, &latest),
        attention: attention(workspace, &latest),
        services,
        places: places(workspace, address),
    })
}

fn counts(workspace: &Workspace) -> Vec<(ResourceType, u64)> {
    let count = |kind: &ResourceType| {
        let nodes = workspace.graph().nodes.values();
        (
            *kind,
            nodes.filter(|node| node.resource_type() == *kind).count() as u64,
        )
    };
    ResourceType::ALL
        .iter()
        .map(count)
        .filter(|(_, n)| *n > 0)
        .collect()
}

async fn held(workspace: &Workspace) -> Result<Vec<HeldTable>, Diagnostic> {
    let mut found = Vec::new();
    for node in workspace.graph().nodes.values() {
        let (Spec::Source(_), Some(relation)) = (&node.spec, &node.relation) else {
            continue;
        };
        if let Some((reason, rows)) = reasons(workspace, relation).await?.into_iter().next() {
            found.push(HeldTable {
                relation: relation.clone(),
                rows,
                reason,
            });
        }
    }
    Ok(found)
}

/// Reasons of a table's held rows with their number, the most frequent first.
pub(super) async fn reasons(
    workspace: &Workspace,
    relation: &Relation,
) -> Result<Vec<(String, u64)>, Diagnostic> {
    let held = relation.held();
    if workspace.lake.info(&held).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select _held_reason as reason, count(*) as n from {} group by 1 order by 2 desc, 1",
        held.sql()
    );
    let cells = Cells::from_batches(&workspace.lake.collect(&sql).await?, 100)?;
    let row = |i: usize| {
        let reason = cells.get(i, "reason").unwrap_or("no reason").to_owned();
        (
            reason,
            cells.get(i, "n").and_then(|n| n.parse().ok()).unwrap_or(0),
        )
    };
    Ok((0..cells.rows.len()).map(row).collect())
}

fn tests(workspace: &Workspace, latest: &BTreeMap<NodeId, NodeRun>) -> TestCounts {
    let mut counts = TestCounts::default();
    for node in workspace.graph().nodes.values() {
        if !matches!(node.spec, Spec::Test(_)) {
            continue;
        }
        match latest.get(&node.id).map(|run| super::status(run.status)) {
            Some(Status::Success) => counts.passed += 1,
            Some(Status::Warn) => counts.warned += 1,
            Some(Status::Fail | Status::Error) => counts.failed += 1,
            _ => counts.not_run += 1,
        }
    }
    counts
}

fn attention(
    workspace: &Workspace,
    latest: &BTreeMap<NodeId, NodeRun>,
) -> Vec<forebay_ui::page::TestRow> {
    let graph = workspace.graph();
    let watched = graph
        .nodes
        .values()
        .filter(|node| matches!(node.spec, Spec::Test(_) | Spec::Monitor(_)));
    let rows = watched.map(|node| super::test_row(graph, node, latest));
    rows.filter(|row| row.status.is_some_and(Status::needs_attention))
        .collect()
}

fn places(workspace: &Workspace, address: &str) -> Vec<Place> {
    let settings = workspace.settings();
    let place = |what: &str, path: String| Place {
        what: what.to_owned(),
        path,
    };
    vec![
        place("warehouse", settings.warehouse.display().to_string()),
        place("metadata", settings.metadata.display().to_string()),
        place("online store", settings.online_store.display().to_string()),
        place("artifacts", settings.artifacts.display().to_string()),
        place("server", format!("http://{address}")),
    ]
}
