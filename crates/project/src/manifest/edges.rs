//! `parent_map` and `child_map`: edges between the nodes that dbt knows.

use std::collections::BTreeSet;

use forebay_core::{Node, NodeId};
use serde::ser::{Serialize, Serializer};

use super::is_dbt;
use crate::Project;
use crate::operations::Operation;

/// The nodes on the other side, by id.
pub(super) struct Edges<'a>(Vec<(&'a str, Vec<&'a NodeId>)>);

impl Serialize for Edges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, edges)| (id, edges)))
    }
}

pub(super) fn parents(project: &Project) -> Edges<'_> {
    edges(
        project,
        |node| node.depends_on.iter().collect(),
        |operation| operation.depends_on.iter().collect(),
    )
}

pub(super) fn children(project: &Project) -> Edges<'_> {
    let mut children = project.graph.children();
    let idle = project.idle.iter().map(|draft| &draft.node);
    let idle = idle.map(|node| (&node.id, &node.depends_on));
    let operations = project.operations.iter();
    let operations = operations.map(|operation| (&operation.id, &operation.depends_on));
    for (id, depends_on) in idle.chain(operations) {
        for parent in depends_on {
            children.entry(parent).or_default().push(id);
        }
    }
    edges(
        project,
        move |node| children.remove(&node.id).unwrap_or_default(),
        |_| Vec::new(),
    )
}

fn edges<'a>(
    project: &'a Project,
    mut of: impl FnMut(&'a Node) -> Vec<&'a NodeId>,
    of_operation: impl Fn(&'a Operation) -> Vec<&'a NodeId>,
) -> Edges<'a> {
    let is_known = |node: &Node| is_dbt(node.resource_type());
    let idle = project.idle.iter().map(|draft| &draft.node);
    let operations = project.operations.iter();
    let others = idle.clone().map(|node| &node.id);
    let others = others.chain(operations.clone().map(|operation| &operation.id));
    let others: BTreeSet<&NodeId> = others.collect();
    let known = |id: &NodeId| match project.graph.get(id) {
        Some(node) => is_known(node),
        None => others.contains(id),
    };
    let nodes = project.graph.nodes.values().chain(idle);
    let entries = nodes.filter(|node| is_known(node)).map(|node| {
        let mut edges = of(node);
        edges.retain(|id| known(id));
        edges.sort();
        (node.id.as_str(), edges)
    });
    let operations = operations.map(|operation| {
        let mut edges = of_operation(operation);
        edges.sort();
        (operation.id.as_str(), edges)
    });
    Edges(entries.chain(operations).collect())
}
