//! What a criterion matches on: one entry each in [`METHODS`].

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use forebay_core::graph::{Model, Test};
use forebay_core::{Diagnostic, Node, NodeId, ResourceType, Spec, suggest};
use serde_json::Value as Json;

use super::criterion::Criterion;
use super::state::{CHANGES, Comparison};
use super::{Selection, earlier, resources};
use crate::Project;
use crate::pattern::{self, matches};

struct Method {
    name: &'static str,
    /// Whether the value can be asked for, and what it needs is there.
    check: fn(&Around<'_>, &Criterion) -> Result<(), Diagnostic>,
    finds: fn(&Around<'_>, &Node, &Criterion) -> bool,
}

const fn method(
    name: &'static str,
    check: fn(&Around<'_>, &Criterion) -> Result<(), Diagnostic>,
    finds: fn(&Around<'_>, &Node, &Criterion) -> bool,
) -> Method {
    Method { name, check, finds }
}

const FQN: &Method = &method("fqn", any, fqn);
const PATH: &Method = &method("path", any, path);
const FILE: &Method = &method("file", any, file);

const METHODS: &[&Method] = &[
    FQN,
    &method("tag", any, tag),
    PATH,
    FILE,
    &method("source", any, source),
    &method("resource_type", known_type, resource_type),
    &method("package", any, package),
    &method("config", any, config),
    &method("test_type", known_test_type, test_type),
    &method("test_name", any, test_name),
    &method("exposure", any, resources::exposure),
    &method("metric", any, resources::metric),
    &method("semantic_model", any, resources::semantic_model),
    &method("saved_query", any, resources::saved_query),
    &method("unit_test", any, resources::unit_test),
    &method("group", any, resources::group),
    &method("access", any, resources::access),
    &method("version", any, resources::version),
    &method("state", comparable, state),
    &method("result", has_results, result),
    &method("source_status", has_freshness, source_status),
];

/// The project, and what was there before; read when a method asks for it.
pub(super) struct Around<'a> {
    pub project: &'a Project,
    selection: &'a Selection,
    manifest: OnceCell<Json>,
    comparison: OnceCell<Comparison>,
    statuses: OnceCell<BTreeMap<String, String>>,
    fresher: OnceCell<BTreeSet<String>>,
}

impl<'a> Around<'a> {
    pub fn new(project: &'a Project, selection: &'a Selection) -> Self {
        Self {
            project,
            selection,
            manifest: OnceCell::new(),
            comparison: OnceCell::new(),
            statuses: OnceCell::new(),
            fresher: OnceCell::new(),
        }
    }

    fn manifest(&self) -> &Json {
        self.manifest.get_or_init(|| self.project.manifest())
    }

    fn earlier(&self, name: &str, criterion: &Criterion) -> Result<Json, Diagnostic> {
        let why = format!("the selection '{}'", criterion.text);
        earlier::artifact(self.selection.state.as_deref(), name, &why)
    }
}

pub(super) fn matching(
    around: &Around<'_>,
    criterion: &Criterion,
) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let method = named(criterion)?;
    (method.check)(around, criterion)?;
    let nodes = around.project.graph.nodes.values();
    let found = nodes.filter(|node| (method.finds)(around, node, criterion));
    Ok(found.map(|node| node.id.clone()).collect())
}

/// Whether there is a method of that name.
pub(super) fn exists(criterion: &Criterion) -> Result<(), Diagnostic> {
    named(criterion).map(|_| ())
}

fn named(criterion: &Criterion) -> Result<&'static Method, Diagnostic> {
    let Some(name) = criterion.method.as_deref() else {
        return Ok(implied(&criterion.value));
    };
    let name = name.split('.').next().unwrap_or(name);
    let found = METHODS.iter().find(|method| method.name == name);
    let names = METHODS.iter().map(|method| method.name);
    found
        .copied()
        .ok_or_else(|| unknown("selection method", name, criterion, names))
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
fn implied(value: &str) -> &'static Method {
    let lower = value.to_lowercase();
    if value.contains('/') {
        PATH
    } else if [".sql", ".py", ".csv"]
        .iter()
        .any(|end| lower.ends_with(end))
    {
        FILE
    } else {
        FQN
    }
}

fn any(_: &Around<'_>, _: &Criterion) -> Result<(), Diagnostic> {
    Ok(())
}

/// The name, or the dotted beginning of package and folders; with or without the package. Sources
/// have a method of their own.
fn fqn(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let value = &criterion.value;
    let versioned = matches!(
        &node.spec,
        Spec::Model(Model {
            version: Some(_),
            ..
        })
    );
    let named = |fqn: &[String]| is_called(fqn, value, versioned);
    node.resource_type() != ResourceType::Source
        && (named(&node.fqn) || node.fqn.split_first().is_some_and(|(_, rest)| named(rest)))
}

fn is_called(fqn: &[String], value: &str, versioned: bool) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let by_name = match (fqn, versioned) {
        ([.., name, version], true) => {
            let last = parts[parts.len().saturating_sub(2)..].join("_");
            matches(value, name) || last == format!("{name}_{version}")
        }
        ([.., name], false) => matches(value, name),
        _ => false,
    };
    by_name || begins_with(fqn, &parts)
}

/// A part with a wildcard, and what comes behind it, stands for the whole rest.
fn begins_with(fqn: &[String], parts: &[&str]) -> bool {
    let flat: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
    if flat.len() < parts.len() {
        return false;
    }
    let wild = parts
        .iter()
        .position(|part| part.contains(['*', '?', '[', ']']));
    let plain = wild.unwrap_or(parts.len());
    let rest = |wild: usize| matches(&parts[wild..].join("."), &flat[wild..].join("."));
    parts[..plain] == flat[..plain] && wild.is_none_or(rest)
}

fn tag(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    node.tags.iter().any(|tag| matches(&criterion.value, tag))
}

/// A folder with everything below it, a file (its property file too), or a pattern of either, as
/// long as it is there.
fn path(around: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let value = criterion
        .value
        .trim_start_matches("./")
        .trim_end_matches('/');
    let project = around.project;
    let file = project.path_in_package(node);
    let parents = file.match_indices('/').map(|(at, _)| &file[..at]);
    let patch = project
        .details
        .get(&node.id)
        .and_then(|detail| detail.patch_file.as_deref());
    let mut candidates = parents.chain([&*file]).chain(patch);
    candidates.any(|path| pattern::matches_path(value, path) && project.root.join(path).exists())
}

fn file(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let name = node
        .location
        .file
        .file_name()
        .and_then(|name| name.to_str());
    let value = &criterion.value;
    name.is_some_and(|name| matches(value, name) || matches(value, crate::files::stem(name)))
}

/// `raw`, `raw.flights` or `package.raw.flights`.
fn source(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let Spec::Source(found) = &node.spec else {
        return false;
    };
    let (source, table) = (found.source_name.as_str(), node.name.as_str());
    match criterion.value.split('.').collect::<Vec<_>>()[..] {
        [name] => matches(name, source),
        [name, part] => matches(name, source) && matches(part, table),
        [package, name, part] => {
            matches(package, &node.package) && matches(name, source) && matches(part, table)
        }
        _ => false,
    }
}

fn known_type(_: &Around<'_>, criterion: &Criterion) -> Result<(), Diagnostic> {
    let names = ResourceType::ALL.iter().map(|kind| kind.as_str());
    let unknown = |()| unknown("resource type", &criterion.value, criterion, names);
    ResourceType::from_str(&criterion.value)
        .map(|_| ())
        .map_err(unknown)
}

fn resource_type(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    node.resource_type().as_str() == criterion.value
}

fn package(around: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let value = match criterion.value.as_str() {
        "this" => &around.project.name,
        value => value,
    };
    matches(value, &node.package)
}

/// `config.materialized:view`, `config.meta.owner:ann`: a setting, or one of a list.
fn config(around: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let keys = criterion
        .method
        .iter()
        .flat_map(|method| method.split('.').skip(1));
    let keys: Vec<&str> = keys.collect();
    let manifest = around.manifest();
    let mut sections = ["nodes", "sources"].iter();
    let entry = sections.find_map(|section| manifest[section].get(node.id.as_str()));
    let config = entry.and_then(|entry| entry.get("config"));
    let found = config.and_then(|config| {
        keys.iter()
            .try_fold(config, |value, key| descend(value, key))
    });
    let is = |value: &Json| match value {
        Json::String(text) if keys == ["severity"] => text.eq_ignore_ascii_case(&criterion.value),
        Json::String(text) => *text == criterion.value,
        Json::Bool(flag) => criterion.value.eq_ignore_ascii_case(&flag.to_string()),
        Json::Number(number) => number.to_string() == criterion.value,
        _ => false,
    };
    found.is_some_and(|value| match value {
        Json::Array(items) => items.iter().any(is),
        single => is(single),
    })
}

fn descend<'a>(value: &'a Json, key: &str) -> Option<&'a Json> {
    value.get(key).or_else(|| value.get(key.replace('_', "-")))
}

fn test(node: &Node) -> Option<&Test> {
    match &node.spec {
        Spec::Test(test) => Some(test),
        _ => None,
    }
}

const TEST_TYPES: &[&str] = &["generic", "singular", "data", "unit", "schema"];

fn known_test_type(_: &Around<'_>, criterion: &Criterion) -> Result<(), Diagnostic> {
    match TEST_TYPES.contains(&criterion.value.as_str()) {
        true => Ok(()),
        false => Err(unknown(
            "type of tests",
            &criterion.value,
            criterion,
            TEST_TYPES.iter().copied(),
        )),
    }
}

fn test_type(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    match criterion.value.as_str() {
        "unit" => node.resource_type() == ResourceType::UnitTest,
        "generic" | "schema" => test(node).is_some_and(|test| test.generic.is_some()),
        "singular" => test(node).is_some_and(|test| test.generic.is_none()),
        _ => test(node).is_some(),
    }
}

fn test_name(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    match node.resource_type() {
        ResourceType::UnitTest => matches(&criterion.value, &node.name),
        _ => {
            let generic = test(node).and_then(|test| test.generic.as_deref());
            generic.is_some_and(|name| matches(&criterion.value, name))
        }
    }
}

fn comparable(around: &Around<'_>, criterion: &Criterion) -> Result<(), Diagnostic> {
    if !CHANGES.contains(&criterion.value.as_str()) {
        return Err(unknown(
            "state",
            &criterion.value,
            criterion,
            CHANGES.iter().copied(),
        ));
    }
    if around.comparison.get().is_none() {
        let old = around.earlier("manifest.json", criterion)?;
        let packages = around
            .project
            .packages
            .iter()
            .map(|package| package.name.clone());
        let new = around.manifest().clone();
        let written = around.project.packages[0].file.compares_written;
        let _ = around
            .comparison
            .set(Comparison::new(old, new, &packages.collect(), written));
    }
    Ok(())
}

fn state(around: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let comparison = around.comparison.get();
    let (id, kind) = (node.id.as_str(), node.resource_type());
    comparison.is_some_and(|comparison| comparison.holds(id, kind, &criterion.value))
}

const RESULTS: &[&str] = &[
    "success",
    "error",
    "fail",
    "warn",
    "skipped",
    "pass",
    "partial success",
    "no-op",
    "runtime error",
];

fn has_results(around: &Around<'_>, criterion: &Criterion) -> Result<(), Diagnostic> {
    if !RESULTS.contains(&criterion.value.as_str()) {
        return Err(unknown(
            "result",
            &criterion.value,
            criterion,
            RESULTS.iter().copied(),
        ));
    }
    if around.statuses.get().is_none() {
        let results = around.earlier("run_results.json", criterion)?;
        let _ = around.statuses.set(earlier::statuses(&results));
    }
    Ok(())
}

fn result(around: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let status = around
        .statuses
        .get()
        .and_then(|all| all.get(node.id.as_str()));
    status.is_some_and(|status| *status == criterion.value)
}

fn has_freshness(around: &Around<'_>, criterion: &Criterion) -> Result<(), Diagnostic> {
    if criterion.value != "fresher" {
        return Err(unknown(
            "source status",
            &criterion.value,
            criterion,
            ["fresher"].into_iter(),
        ));
    }
    if around.fresher.get().is_none() {
        let before = around.earlier("sources.json", criterion)?;
        let why = format!("the selection '{}'", criterion.text);
        let now = earlier::artifact(Some(&around.selection.target), "sources.json", &why)
            .map_err(|problem| problem.hint("`source freshness` writes it"))?;
        let _ = around.fresher.set(earlier::fresher(&before, &now));
    }
    Ok(())
}

fn source_status(around: &Around<'_>, node: &Node, _: &Criterion) -> bool {
    around
        .fresher
        .get()
        .is_some_and(|all| all.contains(node.id.as_str()))
}
