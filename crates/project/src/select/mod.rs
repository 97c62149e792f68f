//! dbt's node selection: `--select` and `--exclude`.
//!
//! A criterion is a method with a value (`tag:nightly`, `path:models/staging`, a bare name), with
//! graph operators around it (`+x`, `x+`, `2+x+1`, `@x`). Commas intersect, blanks and repeated
//! arguments unite. Tests come along when one of their parents is selected.

mod criterion;
mod methods;
mod pattern;
mod resources;

use std::collections::BTreeSet;

use forebay_core::{Diagnostic, Graph, NodeId};

use criterion::Criterion;

/// The selected nodes; nothing to include means everything. A criterion that matches nothing is
/// no error: the caller may warn.
///
/// # Errors
/// A method that does not exist, or an operator that cannot be read.
pub fn select(
    graph: &Graph,
    include: &[String],
    exclude: &[String],
) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let everything = || graph.nodes.keys().cloned().collect();
    let included: BTreeSet<NodeId> = match union(graph, include)? {
        None => everything(),
        Some(selected) => selected,
    };
    let excluded = union(graph, exclude)?.unwrap_or_default();
    Ok(included.difference(&excluded).cloned().collect())
}

/// `None` where nothing was asked for.
fn union(graph: &Graph, specs: &[String]) -> Result<Option<BTreeSet<NodeId>>, Diagnostic> {
    let mut all = None;
    for spec in specs.iter().flat_map(|spec| spec.split_whitespace()) {
        let selected = intersection(graph, spec)?;
        all.get_or_insert_with(BTreeSet::new).extend(selected);
    }
    Ok(all)
}

fn intersection(graph: &Graph, spec: &str) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let mut common: Option<BTreeSet<NodeId>> = None;
    for part in spec.split(',').filter(|part| !part.is_empty()) {
        let selected = criterion(graph, &Criterion::parse(part)?)?;
        common = Some(match common {
            None => selected,
            Some(common) => common.intersection(&selected).cloned().collect(),
        });
    }
    Ok(common.unwrap_or_default())
}

fn criterion(graph: &Graph, criterion: &Criterion) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let matched = methods::matching(graph, criterion)?;
    let mut selected = matched.clone();
    for id in &matched {
        if let Some(depth) = criterion.parents {
            selected.extend(graph.ancestors(id, depth));
        }
        if let Some(depth) = criterion.children {
            selected.extend(graph.descendants(id, depth));
        }
        if criterion.children_with_parents {
            let descendants = graph.descendants(id, None);
            for node in descendants.iter().chain([id]) {
                selected.extend(graph.ancestors(node, None));
            }
            selected.extend(descendants);
        }
    }
    selected.extend(tests_of(graph, &selected));
    Ok(selected)
}

/// Eager, as dbt's default: one selected parent is enough.
fn tests_of(graph: &Graph, selected: &BTreeSet<NodeId>) -> Vec<NodeId> {
    let tests = graph
        .nodes
        .values()
        .filter(|node| node.resource_type().is_test());
    let touched = tests.filter(|test| {
        test.depends_on
            .iter()
            .any(|parent| selected.contains(parent))
    });
    touched.map(|test| test.id.clone()).collect()
}
