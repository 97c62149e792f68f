//! `lineage`: where every column comes from, as OpenLineage's columnLineage facet has it.

use forebay_core::Diagnostics;
use forebay_lake::lineage::{ColumnLineage, Edge};
use forebay_runner::{Workspace, lineage};
use serde_json::json;

use crate::args::{self, Global, Output};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &args::Lineage) -> Result<u8, Diagnostics> {
    let workspace: Workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let project = &workspace.project;
    let selected = wiring::selected(project, global, &options.select, talk)?;
    let found = lineage::of_project(project, Some(&workspace.lake)).await?;
    for (id, problem) in found
        .problems
        .iter()
        .filter(|(id, _)| selected.contains(id))
    {
        talk.warn(&forebay_core::Diagnostic {
            message: format!("no lineage for {id}: {}", problem.message),
            severity: forebay_core::Severity::Warning,
            ..problem.clone()
        });
    }
    let chosen = found.nodes.iter().filter(|(id, _)| selected.contains(*id));
    if options.output == Output::Text {
        chosen.for_each(|(id, lineage)| print(id.as_str(), lineage));
        return Ok(0);
    }
    let namespace = &workspace.settings().openlineage.namespace;
    let datasets: Vec<serde_json::Value> = chosen
        .map(|(id, lineage)| {
            let relation = project
                .graph
                .get(id)
                .and_then(|node| node.relation.as_ref());
            json!({
                "node": id,
                "namespace": namespace,
                "name": relation.map(ToString::to_string),
                "facets": {"columnLineage": lineage::facet(&project.graph, namespace, lineage)},
            })
        })
        .collect();
    data::json(&datasets)?;
    Ok(0)
}

fn print(id: &str, lineage: &ColumnLineage) {
    data::print(id);
    for output in &lineage.outputs {
        data::print(&format!("  {} <- {}", output.name, edges(&output.inputs)));
    }
    if !lineage.dataset.is_empty() {
        data::print(&format!("  (rows) <- {}", edges(&lineage.dataset)));
    }
}

fn edges(edges: &[Edge]) -> String {
    let text = |edge: &Edge| {
        format!(
            "{}.{} [{}]",
            edge.table,
            edge.column,
            edge.subtype.as_str().to_lowercase()
        )
    };
    match edges.is_empty() {
        true => "nothing".to_owned(),
        false => edges.iter().map(text).collect::<Vec<_>>().join(", "),
    }
}
