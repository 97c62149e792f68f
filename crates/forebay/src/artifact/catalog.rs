//! catalog.json, version 1: the tables that are there, their columns and sizes.

use std::collections::BTreeSet;

use forebay_core::{Diagnostic, Node, NodeId, ResourceType};
use forebay_lake::{Lake, TableInfo, TableKind};
use forebay_runner::Workspace;
use serde_json::{Map, Value as Json, json};

use super::{metadata, write};
use crate::args::Global;

/// Of the selected nodes; what is not in the warehouse yet has no entry. Returns how many have.
pub async fn catalog(
    workspace: &Workspace,
    global: &Global,
    selected: &BTreeSet<NodeId>,
) -> Result<usize, Diagnostic> {
    let (mut nodes, mut sources) = (Map::new(), Map::new());
    for node in selected.iter().filter_map(|id| workspace.graph().get(id)) {
        let Some(relation) = node.relation.as_ref().filter(|_| is_table(node)) else {
            continue;
        };
        if let Some(info) = workspace.lake.info(relation).await? {
            let section = match node.resource_type() {
                ResourceType::Source => &mut sources,
                _ => &mut nodes,
            };
            let described = workspace.project.described(&node.id).unwrap_or_default();
            let persisted = &described["config"]["persist_docs"];
            let entry = entry(
                &workspace.lake,
                node,
                persisted,
                &info,
                workspace.project.database(),
            );
            section.insert(node.id.to_string(), entry);
        }
    }
    let count = nodes.len() + sources.len();
    let document = json!({
        "metadata": metadata("catalog/v1", global)?,
        "nodes": nodes,
        "sources": sources,
        "errors": null,
    });
    write(
        &global.artifacts().join("catalog.json"),
        &document.to_string(),
    )?;
    Ok(count)
}

fn is_table(node: &Node) -> bool {
    use ResourceType::{Model, Seed, Snapshot, Source};
    matches!(node.resource_type(), Model | Seed | Snapshot | Source)
}

/// Comments are what is persisted of the descriptions.
fn entry(lake: &Lake, node: &Node, persisted: &Json, info: &TableInfo, database: &str) -> Json {
    let kind = match info.kind {
        TableKind::Table => "BASE TABLE",
        TableKind::View => "VIEW",
    };
    let persists = |what: &str| persisted[what] == Json::Bool(true);
    let comment = Some(&node.description).filter(|text| persists("relation") && !text.is_empty());
    json!({
        "metadata": {
            "type": kind,
            "schema": info.relation.schema,
            "name": info.relation.name,
            "database": database,
            "comment": comment,
            "owner": null,
        },
        "columns": columns(lake, node, persists("columns"), info),
        "stats": stats(info),
        "unique_id": node.id,
    })
}

fn columns(lake: &Lake, node: &Node, persisted: bool, info: &TableInfo) -> Map<String, Json> {
    let fields = info.schema.fields().iter().enumerate();
    let column = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
        let documented = node.columns.get(field.name());
        let comment = documented
            .map(|column| &column.description)
            .filter(|text| persisted && !text.is_empty());
        let column = json!({
            "type": lake.type_name(field.data_type()),
            "index": index + 1,
            "name": field.name(),
            "comment": comment,
        });
        (field.name().clone(), column)
    };
    fields.map(column).collect()
}

fn stats(info: &TableInfo) -> Json {
    let stat = |id: &str, label: &str, value: Json, description: &str| {
        let include = !value.is_null();
        json!({"id": id, "label": label, "value": value, "include": include, "description": description})
    };
    let table = info.kind == TableKind::Table;
    let rows = info.rows.map_or(Json::Null, Json::from);
    let bytes = if table { json!(info.bytes) } else { Json::Null };
    json!({
        "has_stats": stat("has_stats", "Has Stats?", json!(table), "Whether there are statistics for this table"),
        "row_count": stat("row_count", "Rows", rows, "Rows of the newest version"),
        "bytes": stat("bytes", "Bytes", bytes, "Size of the newest version's files"),
    })
}
