//! `/graph`: all nodes and what reads what.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use forebay_core::{NodeId, ResourceType, Spec};

use super::part::{NodeLink, Status, kind_words};
use super::{Page, render};
use crate::chart::{DagNode, dag};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "graph.html")]
pub struct Graph {
    pub nodes: Vec<DagNode>,
    /// Indices into `nodes`: from what is read to what reads.
    pub edges: Vec<(usize, usize)>,
    /// Only this node, what it reads and what reads it are shown.
    pub focus: Option<NodeLink>,
}

impl Graph {
    /// The graph without its tests, which are counted on what they test instead. With a focus only
    /// the node's ancestors and descendants; None where no node has that id.
    pub fn of(
        graph: &forebay_core::Graph,
        statuses: &BTreeMap<NodeId, Status>,
        focus: Option<&NodeId>,
    ) -> Option<Self> {
        let focused = match focus {
            Some(id) => Some(graph.get(id)?),
            None => None,
        };
        let shown = shown(graph, focus);
        let tests = tests_by_node(graph);
        let ids: Vec<&NodeId> = shown.into_iter().collect();
        let index: BTreeMap<&NodeId, usize> =
            ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
        let mut page = Self {
            focus: focused.map(NodeLink::of),
            ..Self::default()
        };
        for (to, id) in ids.iter().enumerate() {
            let node = &graph.nodes[*id];
            page.nodes.push(DagNode {
                id: id.to_string(),
                name: node.name.clone(),
                kind: node.resource_type(),
                detail: detail(&node.spec, tests.get(id).copied().unwrap_or(0)),
                status: statuses.get(*id).copied(),
                focus: focus == Some(*id),
            });
            let parents = node
                .depends_on
                .iter()
                .filter_map(|parent| index.get(parent));
            page.edges.extend(parents.map(|from| (*from, to)));
        }
        Some(page)
    }

    fn picture(&self) -> Markup {
        dag(&self.heading(), &self.nodes, &self.edges)
    }

    fn heading(&self) -> String {
        match &self.focus {
            Some(node) => format!("Around {}", node.name),
            None => "Graph".to_owned(),
        }
    }

    /// Kinds that occur, for the legend.
    fn kinds(&self) -> Vec<(ResourceType, String)> {
        let present: BTreeSet<ResourceType> = self.nodes.iter().map(|n| n.kind).collect();
        present
            .into_iter()
            .map(|kind| (kind, kind_words(kind)))
            .collect()
    }
}

fn shown<'a>(graph: &'a forebay_core::Graph, focus: Option<&NodeId>) -> BTreeSet<&'a NodeId> {
    let near: Option<BTreeSet<NodeId>> = focus.map(|id| {
        let mut near = graph.ancestors(id, None);
        near.extend(graph.descendants(id, None));
        near.insert(id.clone());
        near
    });
    let is_shown = |node: &&forebay_core::Node| {
        let is_test = matches!(node.spec, Spec::Test(_)) && focus != Some(&node.id);
        !is_test && near.as_ref().is_none_or(|near| near.contains(&node.id))
    };
    graph
        .nodes
        .values()
        .filter(is_shown)
        .map(|node| &node.id)
        .collect()
}

fn tests_by_node(graph: &forebay_core::Graph) -> BTreeMap<&NodeId, u64> {
    let mut tests = BTreeMap::new();
    for node in graph.nodes.values() {
        if let Spec::Test(test) = &node.spec {
            let target = test.attached.as_ref().or(node.depends_on.first());
            if let Some(target) = target {
                *tests.entry(target).or_insert(0) += 1;
            }
        }
    }
    tests
}

/// What stands under the name: how a model is kept, how many tests hold it.
fn detail(spec: &Spec, tests: u64) -> String {
    let kind = match spec {
        Spec::Model(model) => model.materialized.as_str().to_owned(),
        other => kind_words(other.resource_type()),
    };
    match tests {
        0 => kind,
        n => format!("{kind} \u{b7} {}", format::counted(n, "test", "tests")),
    }
}

impl Page for Graph {
    fn title(&self) -> String {
        self.heading()
    }

    fn section(&self) -> Section {
        Section::Graph
    }

    fn crumbs(&self) -> Vec<Crumb> {
        match &self.focus {
            Some(node) => vec![
                Crumb::new("Graph", "/graph"),
                Crumb::new(&node.name, link::node(&node.id)),
            ],
            None => Vec::new(),
        }
    }

    fn wide(&self) -> bool {
        true
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
