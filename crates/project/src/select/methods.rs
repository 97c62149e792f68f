//! What a criterion matches on: one entry each in [`METHODS`].

use std::collections::BTreeSet;
use std::str::FromStr;

use forebay_core::graph::Test;
use forebay_core::{Diagnostic, Graph, Node, NodeId, ResourceType, Severity, Spec, suggest};

use super::criterion::Criterion;
use super::pattern::matches;
use super::resources;

type Method = fn(&Graph, &Node, &str) -> bool;

const METHODS: &[(&str, Method)] = &[
    ("fqn", fqn),
    ("tag", tag),
    ("path", path),
    ("file", file),
    ("source", source),
    ("resource_type", resource_type),
    ("package", package),
    ("test_type", test_type),
    ("test_name", test_name),
    ("exposure", resources::exposure),
    ("metric", resources::metric),
    ("semantic_model", resources::semantic_model),
    ("saved_query", resources::saved_query),
    ("unit_test", resources::unit_test),
    ("group", resources::group),
    ("access", resources::access),
    ("version", resources::version),
];

/// Settings that `config.<name>:` can ask for.
const CONFIGS: &[(&str, Method)] = &[
    ("materialized", materialized),
    ("tags", tag),
    ("schema", schema),
    ("severity", severity),
];

pub(super) fn matching(
    graph: &Graph,
    criterion: &Criterion,
) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let method = method(criterion)?;
    let nodes = graph.nodes.values();
    let found = nodes.filter(|node| method(graph, node, &criterion.value));
    Ok(found.map(|node| node.id.clone()).collect())
}

fn method(criterion: &Criterion) -> Result<Method, Diagnostic> {
    let Some(name) = criterion.method.as_deref() else {
        return Ok(implied(&criterion.value));
    };
    if let Some(setting) = name.strip_prefix("config.") {
        return pick(CONFIGS, setting, "setting", criterion);
    }
    if name == "resource_type" && ResourceType::from_str(&criterion.value).is_err() {
        let names = ResourceType::ALL.iter().map(|kind| kind.as_str());
        return Err(unknown("resource type", &criterion.value, criterion, names));
    }
    pick(METHODS, name, "selection method", criterion)
}

fn pick(
    methods: &[(&'static str, Method)],
    name: &str,
    what: &str,
    criterion: &Criterion,
) -> Result<Method, Diagnostic> {
    let found = methods.iter().find(|(known, _)| *known == name);
    let names = methods.iter().map(|(known, _)| *known);
    found
        .map(|(_, method)| *method)
        .ok_or_else(|| unknown(what, name, criterion, names))
}

fn unknown(
    what: &str,
    name: &str,
    criterion: &Criterion,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Diagnostic {
    let all: Vec<&str> = known.clone().collect();
    Diagnostic::error(format!(
        "no {what} is called '{name}' (in '{}')",
        criterion.text
    ))
    .maybe_hint(suggest::nearest(name, known))
    .hint(format!("one of: {}", all.join(", ")))
}

/// Without a method: a path where it has a slash, a file where it ends like one, else a name.
fn implied(value: &str) -> Method {
    if value.contains('/') {
        path
    } else if [".sql", ".csv", ".yml"]
        .iter()
        .any(|end| value.ends_with(end))
    {
        file
    } else {
        fqn
    }
}

/// The name, or the dotted beginning of package and folders; with or without the package. Sources
/// have a method of their own.
fn fqn(_: &Graph, node: &Node, value: &str) -> bool {
    if node.resource_type() == ResourceType::Source {
        return false;
    }
    if matches(value, &node.name) {
        return true;
    }
    let parts: Vec<&str> = value.split('.').collect();
    let starts = |fqn: &[String]| {
        parts.len() <= fqn.len()
            && parts
                .iter()
                .zip(fqn)
                .all(|(part, name)| matches(part, name))
    };
    starts(&node.fqn) || node.fqn.split_first().is_some_and(|(_, rest)| starts(rest))
}

fn tag(_: &Graph, node: &Node, value: &str) -> bool {
    node.tags.iter().any(|tag| matches(value, tag))
}

/// A folder with everything below it, a file, or a pattern of either.
fn path(_: &Graph, node: &Node, value: &str) -> bool {
    let value = value.trim_start_matches("./").trim_end_matches('/');
    let file = node.location.file.to_string_lossy().replace('\\', "/");
    if matches(value, &file) {
        return true;
    }
    file.match_indices('/')
        .any(|(at, _)| matches(value, &file[..at]))
}

fn file(_: &Graph, node: &Node, value: &str) -> bool {
    let name = node
        .location
        .file
        .file_name()
        .and_then(|name| name.to_str());
    name.is_some_and(|name| matches(value, name) || matches(value, crate::files::stem(name)))
}

/// `raw`, `raw.flights` or `package.raw.flights`.
fn source(_: &Graph, node: &Node, value: &str) -> bool {
    let Spec::Source(found) = &node.spec else {
        return false;
    };
    let (source, table) = (found.source_name.as_str(), node.name.as_str());
    match value.split('.').collect::<Vec<_>>()[..] {
        [name] => matches(name, source),
        [name, part] => matches(name, source) && matches(part, table),
        [package, name, part] => {
            matches(package, &node.package) && matches(name, source) && matches(part, table)
        }
        _ => false,
    }
}

fn resource_type(_: &Graph, node: &Node, value: &str) -> bool {
    node.resource_type().as_str() == value
}

fn package(graph: &Graph, node: &Node, value: &str) -> bool {
    let value = if value == "this" {
        &graph.project
    } else {
        value
    };
    matches(value, &node.package)
}

fn test(node: &Node) -> Option<&Test> {
    match &node.spec {
        Spec::Test(test) => Some(test),
        _ => None,
    }
}

fn test_type(_: &Graph, node: &Node, value: &str) -> bool {
    if node.resource_type() == ResourceType::UnitTest {
        return value == "unit";
    }
    test(node).is_some_and(|test| match value {
        "generic" => test.generic.is_some(),
        "singular" => test.generic.is_none(),
        value => value == "data",
    })
}

fn test_name(_: &Graph, node: &Node, value: &str) -> bool {
    let generic = test(node).and_then(|test| test.generic.as_deref());
    generic.is_some_and(|name| matches(value, name))
}

fn materialized(_: &Graph, node: &Node, value: &str) -> bool {
    match &node.spec {
        Spec::Model(model) => matches(value, model.materialized.as_str()),
        Spec::Seed(_) | Spec::Snapshot(_) | Spec::Test(_) => {
            matches(value, node.resource_type().as_str())
        }
        _ => false,
    }
}

fn schema(_: &Graph, node: &Node, value: &str) -> bool {
    node.relation
        .as_ref()
        .is_some_and(|relation| matches(value, &relation.schema))
}

fn severity(_: &Graph, node: &Node, value: &str) -> bool {
    let name = test(node).map(|test| match test.severity {
        Severity::Warning => "warn",
        Severity::Error => "error",
    });
    name.is_some_and(|name| name.eq_ignore_ascii_case(value))
}
