//! `/node/<id>`: one node: its definition, neighbours, columns and where they come from.

use std::path::Path;

use askama::Template;
use forebay_core::{NodeId, Relation, Spec};

use super::part::{Grid, NodeLink, Status, TestRow, kind_words};
use super::{Page, render};
use crate::chart::{ColumnBox, ColumnEdge, column_lineage};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Template)]
#[template(path = "node.html")]
pub struct Node {
    pub node: NodeLink,
    pub description: String,
    /// `file:line`, relative to the project.
    pub location: String,
    pub tags: Vec<String>,
    pub relation: Option<Relation>,
    /// Named facts of its kind: how it is materialised, a test's thresholds, a view's ttl.
    pub facts: Vec<(String, String)>,
    /// Of the last node run: status, when it ended, what it said, its invocation.
    pub last_run: Option<(Status, i64, String, String)>,
    pub parents: Vec<NodeLink>,
    /// Without tests.
    pub children: Vec<NodeLink>,
    pub columns: Vec<ColumnRow>,
    /// The column asked for and where it comes from and goes to.
    pub lineage: Option<ColumnLineage>,
    pub tests: Vec<TestRow>,
    pub raw_sql: Option<String>,
    pub compiled_sql: Option<String>,
    /// Of a test: rows that break it.
    pub failing_rows: Option<Grid>,
}

#[derive(Clone, Debug)]
pub struct ColumnRow {
    pub name: String,
    pub data_type: Option<String>,
    pub description: String,
}

/// Columns that one column depends on, and those that depend on it, at any distance.
#[derive(Clone, Debug)]
pub struct ColumnLineage {
    pub column: String,
    pub boxes: Vec<ColumnBox>,
    pub edges: Vec<ColumnEdge>,
    /// `(box, column)` of `column`.
    pub focus: (usize, usize),
}

impl ColumnLineage {
    fn picture(&self) -> Markup {
        column_lineage(&self.boxes, &self.edges, self.focus)
    }

    /// Every edge in words, for those who do not see the picture.
    fn sentences(&self) -> Vec<String> {
        let name = |(b, c): (usize, usize)| {
            let part = self.boxes.get(b);
            let column = part.and_then(|p| p.columns.get(c));
            format!(
                "{}.{}",
                part.map_or("?", |p| &p.name),
                column.map_or("?", |c| c)
            )
        };
        let word = |edge: &ColumnEdge| if edge.direct { "gives" } else { "decides" };
        self.edges
            .iter()
            .map(|e| format!("{} {} {} ({})", name(e.from), word(e), name(e.to), e.how))
            .collect()
    }
}

impl Node {
    /// What the graph alone tells of a node. Runs, compiled SQL, column types, lineage and failing
    /// rows are the caller's to add. None where no node has that id.
    pub fn of(graph: &forebay_core::Graph, id: &NodeId) -> Option<Self> {
        let node = graph.get(id)?;
        let children = graph.children();
        let children = children
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|id| graph.get(id));
        let (tests, children): (Vec<_>, Vec<_>) =
            children.partition(|child| matches!(child.spec, Spec::Test(_)));
        Some(Self {
            node: NodeLink::of(node),
            description: node.description.clone(),
            location: location(&node.location),
            tags: node.tags.clone(),
            relation: node.relation.clone(),
            facts: facts(&node.spec),
            last_run: None,
            parents: node
                .depends_on
                .iter()
                .filter_map(|id| graph.get(id))
                .map(NodeLink::of)
                .collect(),
            children: children.into_iter().map(NodeLink::of).collect(),
            columns: node.columns.values().map(ColumnRow::of).collect(),
            lineage: None,
            tests: tests
                .into_iter()
                .map(|test| test_row(graph, test))
                .collect(),
            raw_sql: raw_sql(&node.spec),
            compiled_sql: None,
            failing_rows: None,
        })
    }

    fn kind(&self) -> String {
        kind_words(self.node.kind)
    }

    fn column_href(&self, column: &ColumnRow) -> String {
        link::column(&self.node.id, &column.name)
    }

    fn is_chosen(&self, column: &ColumnRow) -> bool {
        self.lineage
            .as_ref()
            .is_some_and(|lineage| lineage.column == column.name)
    }
}

impl ColumnRow {
    fn of(column: &forebay_core::graph::Column) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            description: column.description.clone(),
        }
    }
}

fn location(location: &forebay_core::Location) -> String {
    match location.file == Path::new("") {
        true => String::new(),
        false => location.to_string(),
    }
}

/// The test as declared; its outcome is the caller's to add.
fn test_row(graph: &forebay_core::Graph, node: &forebay_core::Node) -> TestRow {
    let (target, column) = match &node.spec {
        Spec::Test(test) => (test.attached.as_ref(), test.column.clone()),
        _ => (None, None),
    };
    TestRow {
        test: NodeLink::of(node),
        target: target.and_then(|id| graph.get(id)).map(NodeLink::of),
        column,
        status: None,
        failures: None,
        message: String::new(),
    }
}

fn raw_sql(spec: &Spec) -> Option<String> {
    match spec {
        Spec::Model(model) => Some(model.raw_sql.clone()),
        Spec::Snapshot(snapshot) => Some(snapshot.raw_sql.clone()),
        Spec::Test(test) => Some(test.raw_sql.clone()),
        _ => None,
    }
}

fn facts(spec: &Spec) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    match spec {
        Spec::Model(model) => fact("materialised as", model.materialized.as_str().to_owned()),
        Spec::Snapshot(snapshot) => fact("unique key", snapshot.unique_key.join(", ")),
        Spec::Test(test) => {
            fact("warns if", test.warn_if.clone());
            fact("fails if", test.error_if.clone());
        }
        Spec::FeatureView(view) => {
            fact("entity keys", view.join_keys().join(", "));
            fact("timestamp", view.timestamp.clone());
            fact(
                "ttl",
                view.ttl.map_or("none".to_owned(), |ttl| ttl.to_string()),
            );
            fact("online", if view.online { "yes" } else { "no" }.to_owned());
        }
        Spec::TrainingJob(job) => {
            fact("label", job.label.clone());
            fact("split", job.split.to_string());
            fact("gates", job.gates.join("; "));
        }
        Spec::InferenceService(service) => fact("model", service.model.clone()),
        _ => {}
    }
    facts
}

impl Page for Node {
    fn title(&self) -> String {
        self.node.name.clone()
    }

    fn section(&self) -> Section {
        Section::Graph
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Graph", "/graph")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
