//! `parent_map` and `child_map`: edges between the nodes that dbt knows.

use forebay_core::{Node, NodeId};
use serde_json::{Map, Value as Json, json};

use super::is_dbt;
use crate::Project;

pub(super) fn parents(project: &Project) -> Json {
    entries(project, |node| node.depends_on.iter().collect())
}

pub(super) fn children(project: &Project) -> Json {
    let children = project.graph.children();
    entries(project, |node| {
        children.get(&node.id).cloned().unwrap_or_default()
    })
}

fn entries<'a>(project: &'a Project, edges: impl Fn(&'a Node) -> Vec<&'a NodeId>) -> Json {
    let known = |id: &&NodeId| {
        let node = project.graph.get(id);
        node.is_some_and(|node| is_dbt(node.resource_type()))
    };
    let nodes = project.graph.nodes.values();
    let entries = nodes
        .filter(|node| is_dbt(node.resource_type()))
        .map(|node| {
            let edges: Vec<&NodeId> = edges(node).into_iter().filter(known).collect();
            (node.id.to_string(), json!(edges))
        });
    entries.collect::<Map<_, _>>().into()
}

pub(super) fn none<'a>(ids: impl Iterator<Item = &'a String>) -> Json {
    ids.map(|id| (id.clone(), json!([])))
        .collect::<Map<_, _>>()
        .into()
}
