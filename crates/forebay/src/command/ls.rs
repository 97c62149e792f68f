//! `ls`: the selected nodes.

use forebay_core::{Diagnostics, Node};
use serde_json::json;

use crate::args::{Global, List, Output};
use crate::report::{Talk, data};
use crate::wiring;

pub fn run(global: &Global, talk: &Talk, options: &List) -> Result<u8, Diagnostics> {
    let project = wiring::project(global, talk, &wiring::invocation_id())?;
    let selected = wiring::selected(&project.graph, &options.select, talk)?;
    for node in selected.iter().filter_map(|id| project.graph.get(id)) {
        match options.output {
            Output::Text => data::print(&format!(
                "{:<17}  {}",
                node.resource_type().as_str(),
                node.fqn.join(".")
            )),
            // dbt prints one object a line.
            Output::Json => data::print(&describe(node).to_string()),
        }
    }
    Ok(0)
}

fn describe(node: &Node) -> serde_json::Value {
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": node.resource_type(),
        "package_name": node.package,
        "original_file_path": node.location.file,
        "tags": node.tags,
        "depends_on": {"nodes": node.depends_on},
        "relation": node.relation.as_ref().map(ToString::to_string),
    })
}
