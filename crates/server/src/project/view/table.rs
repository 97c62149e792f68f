//! `/tables` and `/table/<schema>/<name>`

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Node, Relation, ResourceType};
use forebay_lake::{TableInfo, TableKind};
use forebay_ml::serving::log_table;
use forebay_runner::Workspace;
use forebay_runner::lineage::sql_type;
use forebay_ui::page::{Held, NodeLink, Table, TableColumn, TableRow, Tables, VersionRow};

const PREVIEW_ROWS: usize = 50;
const SHOWN_VERSIONS: usize = 50;

pub async fn tables(workspace: &Workspace) -> Result<Tables, Diagnostic> {
    let mut tables = Vec::new();
    for relation in workspace.lake.relations().await? {
        if let Some(info) = workspace.lake.info(&relation).await? {
            tables.push(TableRow {
                kind: kind(&info),
                rows: info.rows,
                bytes: info.bytes,
                version: info.version,
                modified_ms: info.modified_ms,
                node: filled_by(workspace, &relation).map(NodeLink::of),
                relation,
            });
        }
    }
    Ok(Tables { tables })
}

/// None where there is no such table or version.
pub async fn table(
    workspace: &Workspace,
    relation: &Relation,
    version: Option<i64>,
) -> Result<Option<Table>, Diagnostic> {
    let lake = &workspace.lake;
    let info = match version {
        Some(version) => lake.info_at(relation, version).await?,
        None => lake.info(relation).await?,
    };
    let Some(info) = info else {
        return Ok(None);
    };
    let latest = super::latest(workspace)?;
    let filled_by = filled_by(workspace, relation);
    let pinned: BTreeMap<Relation, i64> = version
        .map(|version| (relation.clone(), version))
        .into_iter()
        .collect();
    let sql = format!(
        "select * from {} limit {}",
        relation.sql(),
        PREVIEW_ROWS + 1
    );
    let preview = super::grid(lake.query_at(&sql, &pinned).await?, PREVIEW_ROWS).await?;
    Ok(Some(Table {
        relation: relation.clone(),
        kind: kind(&info),
        description: filled_by
            .map(|node| node.description.clone())
            .unwrap_or_default(),
        node: filled_by.map(NodeLink::of),
        rows: info.rows,
        bytes: info.bytes,
        files: info.files as u64,
        version: info.version,
        columns: columns(&info, filled_by),
        versions: versions(workspace, relation, &info).await?,
        tests: filled_by.map_or(Vec::new(), |node| {
            super::tests_of(workspace.graph(), &node.id, &latest)
        }),
        held: held(workspace, relation).await?,
        preview,
    }))
}

fn kind(info: &TableInfo) -> String {
    match info.kind {
        TableKind::Table => "table".to_owned(),
        TableKind::View => "view".to_owned(),
    }
}

/// The node that fills the table: a service fills its prediction log.
fn filled_by<'a>(workspace: &'a Workspace, relation: &Relation) -> Option<&'a Node> {
    let graph = workspace.graph();
    let logged = || {
        let services = ResourceType::InferenceService;
        let is_log = *relation == log_table(&relation.name);
        is_log.then(|| graph.find(services, &relation.name))?
    };
    graph.by_relation(relation).or_else(logged)
}

fn columns(info: &TableInfo, node: Option<&forebay_core::Node>) -> Vec<TableColumn> {
    let described = |name: &str| {
        let column = node.and_then(|node| node.columns.get(name));
        column
            .map(|column| column.description.clone())
            .unwrap_or_default()
    };
    let fields = info.schema.fields().iter();
    fields
        .map(|field| TableColumn {
            name: field.name().clone(),
            data_type: sql_type(field.data_type()),
            description: described(field.name()),
        })
        .collect()
}

async fn versions(
    workspace: &Workspace,
    relation: &Relation,
    info: &TableInfo,
) -> Result<Vec<VersionRow>, Diagnostic> {
    if info.kind == TableKind::View {
        return Ok(Vec::new());
    }
    let commits = workspace.lake.history(relation, SHOWN_VERSIONS).await?;
    let row = |commit: forebay_lake::Commit| VersionRow {
        version: commit.version,
        at_ms: commit.timestamp_ms,
        operation: commit.operation,
        invocation: commit.metadata.get("invocation_id").cloned(),
    };
    Ok(commits.into_iter().map(row).collect())
}

async fn held(workspace: &Workspace, relation: &Relation) -> Result<Option<Held>, Diagnostic> {
    let reasons = super::overview::reasons(workspace, relation).await?;
    let rows = reasons.iter().map(|(_, n)| n).sum();
    Ok((rows > 0).then_some(Held { rows, reasons }))
}
