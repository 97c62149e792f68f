//! The table versions that a training set is made from, pinned before the first is read.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Graph, Node, Relation};
use forebay_lake::{Lake, TableInfo, TableKind};

/// Every table that will be read, and every view on the way to one.
pub struct Inputs(BTreeMap<Relation, TableInfo>);

pub fn relation(node: &Node) -> Result<&Relation, Diagnostic> {
    node.relation.as_ref().ok_or_else(|| {
        Diagnostic::error(format!("'{}' has no table to read from", node.name))
            .at(node.location.clone())
            .hint("an ephemeral model cannot be a spine: make it a view or a table")
    })
}

/// Notes the newest version of the nodes' tables. Below a view, or a model without a table, are its
/// parents'.
pub async fn pin(lake: &Lake, graph: &Graph, nodes: &[&Node]) -> Result<Inputs, Diagnostic> {
    for node in nodes {
        relation(node)?;
    }
    let mut found = BTreeMap::new();
    let mut waiting: Vec<&Node> = nodes.to_vec();
    while let Some(node) = waiting.pop() {
        let below = match &node.relation {
            Some(relation) if found.contains_key(relation) => false,
            Some(relation) => {
                let info = lake
                    .info(relation)
                    .await?
                    .ok_or_else(|| not_built(node, relation))?;
                let is_view = info.kind == TableKind::View;
                found.insert(relation.clone(), info);
                is_view
            }
            None => true,
        };
        if below {
            waiting.extend(
                node.depends_on
                    .iter()
                    .filter_map(|parent| graph.get(parent)),
            );
        }
    }
    Ok(Inputs(found))
}

fn not_built(node: &Node, relation: &Relation) -> Diagnostic {
    Diagnostic::error(format!(
        "{} '{}' has not been built: there is no {relation}",
        node.resource_type(),
        node.name
    ))
    .at(node.location.clone())
    .hint(format!("build it first: --select +{}", node.name))
}

impl Inputs {
    pub fn versions(&self) -> BTreeMap<Relation, i64> {
        self.0
            .iter()
            .map(|(relation, info)| (relation.clone(), info.version))
            .collect()
    }

    /// The versions to read tables at; views are expanded to tables.
    pub fn pins(&self) -> BTreeMap<Relation, i64> {
        let tables = self
            .0
            .iter()
            .filter(|(_, info)| info.kind == TableKind::Table);
        tables
            .map(|(relation, info)| (relation.clone(), info.version))
            .collect()
    }

    /// Changes with every version, and with a table made anew under an old version's number.
    pub fn fingerprint(&self) -> String {
        let line = |(relation, info): (&Relation, &TableInfo)| {
            format!("{relation}@{}/{}\n", info.version, info.modified_ms)
        };
        self.0.iter().map(line).collect()
    }
}
