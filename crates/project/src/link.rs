//! From calls to edges: resolves every `ref` and `source`, and finds what is named twice or goes
//! in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forebay_core::contract::Constraint;
use forebay_core::{
    Diagnostic, Graph, Location, Node, NodeId, Relation, ResourceType, Spec, suggest,
};

use crate::databases;
use crate::jinja::{Asker, Mode, Names, NodeScope, RefCall};
use crate::manifest;
use crate::nodes::{self, Cx, Detail, Draft};
use crate::properties::Argument;
use crate::text;

/// The parents of a node, with a problem at the call for each that does not exist. `false` for a
/// test that cannot run because one of its parents is not there.
pub(crate) fn link(cx: &Cx<'_>, names: &Names, draft: &mut Draft) -> bool {
    let mut missing = Vec::new();
    let asker = Asker {
        package: &draft.node.package,
        group: draft.node.group.as_deref(),
    };
    // In the order in which dbt notes them.
    let mut calls: Vec<&RefCall> = draft.detail.calls.iter().collect();
    calls.sort_by_key(|call| match call {
        RefCall::Source { .. } => 0,
        RefCall::Ref { .. } => 1,
        RefCall::Function { .. } => 2,
    });
    for call in calls {
        match resolve(names, asker, call) {
            Ok(id) if draft.node.depends_on.contains(&id) => {}
            Ok(id) => draft.node.depends_on.push(id),
            Err(problem) => missing.push((call.clone(), problem)),
        }
    }
    if draft.node.resource_type() == ResourceType::Test
        && let Some((call, problem)) = missing.first()
    {
        // What it is declared on has been told, or is switched off on purpose.
        let test = draft.detail.test.as_ref();
        if test.is_none_or(|test| test.target != *call) {
            cx.problems.push(does_not_run(names, draft, call, problem));
        }
        return false;
    }
    for (call, problem) in &missing {
        let others = missing
            .iter()
            .map(|(other, _)| other)
            .filter(|other| *other != call);
        let others = others.cloned().collect();
        let key = key_to(&draft.node, call).cloned();
        let place = key.unwrap_or_else(|| call_at(draft, call));
        report(cx, draft, others, problem, &place);
    }
    let more = manifest::seen_by_templates(&draft.node, &draft.detail);
    // Nobody else holds it yet, so that nothing is copied.
    let scope = Arc::make_mut(&mut draft.detail.scope);
    scope.parents = Some(draft.node.depends_on.iter().cloned().collect());
    scope.model["depends_on"] = serde_json::json!({
        "nodes": draft.node.depends_on,
        "macros": draft.detail.macros,
    });
    if let Some(model) = scope.model.as_object_mut() {
        model.extend(more);
    }
    true
}

/// As in dbt, a test of what is not there is no error.
fn does_not_run(names: &Names, draft: &Draft, call: &RefCall, problem: &Diagnostic) -> Diagnostic {
    let why = match call {
        RefCall::Ref { name, .. } if names.disabled.contains_key(name) => {
            format!("'{name}' is disabled")
        }
        _ => problem.message.clone(),
    };
    let message = format!("the test '{}' does not run: {why}", draft.node.name);
    let place = argument_at(draft, call).unwrap_or_else(|| call_at(draft, call));
    let warning = Diagnostic::warning(message).at(place);
    problem.hints.iter().fold(warning, |w, hint| w.hint(hint))
}

/// The argument of a generic test that makes the call.
fn argument_at(draft: &Draft, call: &RefCall) -> Option<Location> {
    let test = draft.detail.test.as_ref()?;
    let mut arguments = test.arguments.iter();
    let makes = |argument: &Argument| {
        let text = argument.value.as_str().unwrap_or_default();
        let text = text.trim().trim_start_matches("{{").trim_end_matches("}}");
        RefCall::parse(text.trim()).as_ref() == Some(call)
    };
    let found = arguments.find(|(_, argument)| makes(argument));
    found.map(|(_, argument)| argument.at.clone())
}

pub(crate) fn nearest(names: &Names, name: &str) -> Option<String> {
    suggest::nearest(name, names.refs.keys().map(String::as_str))
}

pub(crate) fn resolve(
    names: &Names,
    asker: Asker<'_>,
    call: &RefCall,
) -> Result<NodeId, Diagnostic> {
    let known = match call {
        RefCall::Ref {
            package,
            name,
            version,
        } => names.reference(asker, package.as_deref(), name, version.as_deref())?,
        RefCall::Source { source, table } => names.source(asker.package, source, table)?,
        RefCall::Function { package, name } => {
            names.function(asker.package, package.as_deref(), name)?
        }
    };
    Ok(known.id.clone())
}

/// Runs the template once more, now that names are known, so that the call itself fails and tells
/// its place.
fn report(
    cx: &Cx<'_>,
    draft: &Draft,
    others: Vec<RefCall>,
    problem: &Diagnostic,
    place: &Location,
) {
    // A Python model has no template.
    if draft.detail.template.is_none() {
        return cx.problems.push(problem.clone().at(place.clone()));
    }
    let mut scope = NodeScope::clone(&draft.detail.scope);
    scope.excused = others.into_iter().collect();
    let ran = nodes::run(
        cx.engine,
        cx.shared,
        &draft.detail,
        &Arc::new(scope),
        &Mode::Parse,
    );
    let problem = match ran {
        Err(failure) => failure.at(&draft.node.location),
        Ok(_) => problem.clone().at(place.clone()),
    };
    cx.problems.push(problem);
}

/// Where the node's own text has the call.
fn call_at(draft: &Draft, call: &RefCall) -> Location {
    let (node, raw) = (&draft.node, &draft.detail.raw);
    let found = calls(raw).find(|(_, found)| found == call);
    within(node, raw, found.map(|(at, _)| at))
}

/// Where a foreign key points at it.
fn key_to<'a>(node: &'a Node, call: &RefCall) -> Option<&'a Location> {
    let of_columns = node.columns.values().flat_map(|column| &column.constraints);
    let of_table = match &node.spec {
        Spec::Model(model) => &*model.contract.constraints,
        _ => &[],
    };
    let points =
        |key: &&Constraint| key.to.as_deref().and_then(RefCall::parse).as_ref() == Some(call);
    let key = of_columns.chain(of_table).find(points)?;
    key.at.as_ref()
}

/// Two nodes of one id, or two that `ref` could mean, or two that fill one table.
pub(crate) fn keep_unique(cx: &Cx<'_>, nodes: Vec<(Node, Detail)>) -> Vec<(Node, Detail)> {
    let mut ids: BTreeMap<NodeId, Location> = BTreeMap::new();
    let mut names: BTreeMap<(String, String), (ResourceType, bool, Location)> = BTreeMap::new();
    let unique_names = cx.project.file.unique_names;
    // dbt's tables are of databases: which one a node names counts, though there is one here.
    let mut relations: BTreeMap<(Relation, Option<String>), (String, usize)> = BTreeMap::new();
    let mut kept: Vec<(Node, Detail)> = Vec::with_capacity(nodes.len());
    for (node, detail) in nodes {
        let (kind, name, at) = (node.resource_type(), &node.name, &node.location);
        let what = format!("{} '{name}'", words(kind));
        if let Some(first) = ids.get(&node.id) {
            // One unit test of two models of one name, which are told themselves.
            if kind == ResourceType::UnitTest && first == at {
                continue;
            }
            twice(cx, format!("{what} is defined twice"), at, first);
            continue;
        }
        if is_referable(kind) {
            let full = (node.package.clone(), name.clone());
            if let Some((other, versioned, first)) = names.get(&full)
                && !(is_version(&node) && *versioned)
                // Only who refers to one of two kinds by name has a problem.
                && (unique_names || *other == kind || is_version(&node) != *versioned)
            {
                let message = match is_version(&node) == *versioned {
                    true => format!("{what} has the name of a {}", words(*other)),
                    false => format!("{what} is there with versions and without"),
                };
                twice(cx, message, at, first);
                continue;
            }
            names.insert(full, (kind, is_version(&node), at.clone()));
        }
        if let Some(relation) = node.relation.as_ref().filter(|_| is_filled(&node)) {
            let own = cx.shared.target.database.to_lowercase();
            let database = databases::named(&node, &detail).map(|(_, name)| name.to_lowercase());
            let key = (relation.clone(), database.filter(|name| *name != own));
            if let Some((other, first)) = relations.get(&key) {
                let named = |node, detail: &Detail| {
                    let alias = nodes::config_key(&detail.raw, "alias");
                    within(node, &detail.raw, alias)
                };
                let first = &kept[*first];
                let message = format!("{what} and {other} both fill the table {relation}");
                twice(
                    cx,
                    message,
                    &named(&node, &detail),
                    &named(&first.0, &first.1),
                );
            }
            relations.insert(key, (what, kept.len()));
        }
        ids.insert(node.id.clone(), at.clone());
        kept.push((node, detail));
    }
    kept
}

/// The place of a byte of the node's own text. That of a model is its whole file.
fn within(node: &Node, raw: &str, byte: Option<usize>) -> Location {
    match byte.filter(|_| node.location.line == 0) {
        Some(byte) => text::locate(&node.location.file.to_string_lossy(), raw, byte),
        None => node.location.clone(),
    }
}

/// The calls of `ref` and `source` that a template writes with plain names, and where.
fn calls(raw: &str) -> impl Iterator<Item = (usize, RefCall)> {
    let starts = raw
        .match_indices("ref(")
        .chain(raw.match_indices("source("))
        .chain(raw.match_indices("function("));
    starts.filter_map(|(at, _)| {
        let end = at + raw[at..].find(')')? + 1;
        Some((at, RefCall::parse(&raw[at..end])?))
    })
}

fn names(call: &RefCall, node: &Node) -> bool {
    match call {
        RefCall::Ref { name, .. } | RefCall::Function { name, .. } => *name == node.name,
        RefCall::Source { source, table } => {
            node.id.as_str().ends_with(&format!(".{source}.{table}"))
        }
    }
}

fn twice(cx: &Cx<'_>, message: String, at: &Location, first: &Location) {
    // A node that is a whole file begins with it.
    let begin = match at.line {
        0 => Location::new(&at.file, 1, 1),
        _ => at.clone(),
    };
    let problem = Diagnostic::error(message).at(begin);
    cx.problems
        .push(problem.hint(format!("the other is at {first}")));
}

pub(crate) fn words(kind: ResourceType) -> String {
    kind.as_str().replace('_', " ")
}

fn is_referable(kind: ResourceType) -> bool {
    matches!(
        kind,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
    )
}

fn is_version(node: &Node) -> bool {
    matches!(&node.spec, Spec::Model(model) if model.version.is_some())
}

pub(crate) fn is_filled(node: &Node) -> bool {
    match &node.spec {
        Spec::Model(_) | Spec::Seed(_) | Spec::Snapshot(_) | Spec::FeatureView(_) => true,
        Spec::Source(source) => source.ingest.is_some(),
        _ => false,
    }
}

/// Every cycle is named with its path. Edges are taken out of a copy, so that one does not hide
/// another.
pub(crate) fn report_cycles(cx: &Cx<'_>, graph: &Graph, details: &BTreeMap<NodeId, Detail>) {
    let Err(first) = graph.topological() else {
        return;
    };
    let mut copy = graph.clone();
    let mut cycle = first;
    loop {
        report_cycle(cx, graph, details, &mut cycle);
        let (last, first) = (&cycle[cycle.len() - 1], &cycle[0]);
        if let Some(node) = copy.nodes.get_mut(first) {
            node.depends_on.retain(|parent| parent != last);
        }
        match copy.topological() {
            Ok(_) => return,
            Err(next) => cycle = next,
        }
    }
}

fn report_cycle(
    cx: &Cx<'_>,
    graph: &Graph,
    details: &BTreeMap<NodeId, Detail>,
    cycle: &mut [NodeId],
) {
    let start = cycle
        .iter()
        .enumerate()
        .min_by_key(|(_, id)| *id)
        .map_or(0, |(at, _)| at);
    cycle.rotate_left(start);
    let mut path: Vec<&str> = cycle.iter().map(NodeId::as_str).collect();
    path.push(cycle[0].as_str());
    let problem = Diagnostic::error(format!("the graph has a cycle: {}", path.join(" -> ")));
    let files: BTreeSet<String> = cycle
        .iter()
        .filter_map(|id| graph.get(id))
        .map(|node| node.location.file.display().to_string())
        .collect();
    let files: Vec<String> = files.into_iter().collect();
    let closing = graph.get(&cycle[0]).zip(graph.get(&cycle[cycle.len() - 1]));
    let location = closing.map(|(node, parent)| {
        let raw = details
            .get(&node.id)
            .map_or("", |detail| detail.raw.as_str());
        let call = calls(raw).find(|(_, call)| names(call, parent));
        within(node, raw, call.map(|(at, _)| at))
    });
    let location = location.unwrap_or_default();
    cx.problems.push(problem.at(location).hint(format!(
        "an arrow goes from a node to one that reads it; see {}",
        files.join(", ")
    )));
}
