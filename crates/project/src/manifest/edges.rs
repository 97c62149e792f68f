//! `parent_map` and `child_map`: edges between the nodes that dbt knows.

use std::collections::BTreeSet;

use forebay_core::{Node, NodeId};
use serde::ser::{Serialize, Serializer};

use super::is_dbt;
use crate::Project;

/// The nodes on the other side, by id.
pub(super) struct Edges<'a>(Vec<(&'a str, Vec<&'a NodeId>)>);

impl Serialize for Edges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, edges)| (id, edges)))
    }
}

/// `alone` are the ids of what has no edges.
pub(super) fn parents<'a>(project: &'a Project, alone: &'a [String]) -> Edges<'a> {
    edges(project, alone, |node| node.depends_on.iter().collect())
}

pub(super) fn children<'a>(project: &'a Project, alone: &'a [String]) -> Edges<'a> {
    let mut children = project.graph.children();
    for node in project.idle.iter().map(|draft| &draft.node) {
        for parent in &node.depends_on {
            let all = children.entry(parent).or_default();
            all.push(&node.id);
            all.sort();
        }
    }
    edges(project, alone, move |node| {
        children.remove(&node.id).unwrap_or_default()
    })
}

fn edges<'a>(
    project: &'a Project,
    alone: &'a [String],
    mut of: impl FnMut(&'a Node) -> Vec<&'a NodeId>,
) -> Edges<'a> {
    let is_known = |node: &Node| is_dbt(node.resource_type());
    let idle = project.idle.iter().map(|draft| &draft.node);
    let idle_ids: BTreeSet<&NodeId> = idle.clone().map(|node| &node.id).collect();
    let known = |id: &NodeId| match project.graph.get(id) {
        Some(node) => is_known(node),
        None => idle_ids.contains(id),
    };
    let nodes = project.graph.nodes.values().chain(idle);
    let entries = nodes.filter(|node| is_known(node)).map(|node| {
        let mut edges = of(node);
        edges.retain(|id| known(id));
        (node.id.as_str(), edges)
    });
    let alone = alone.iter().map(|id| (id.as_str(), Vec::new()));
    Edges(entries.chain(alone).collect())
}
