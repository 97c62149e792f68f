//! `ls`: the selected nodes.

use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Diagnostics, Node, ResourceType};
use serde_json::{Map, Value as Json, json};

use crate::args::{Global, Kind, List, ListOutput};
use crate::report::Talk;
use crate::wiring;

pub fn run(global: &Global, talk: &Talk, options: &List) -> Result<u8, Diagnostics> {
    if !options.select.models.is_empty() && !options.kinds.resource_type.is_empty() {
        let problem = Diagnostic::error("--models and --resource-type say both which kind to list");
        return Err(problem
            .hint("write --select in the place of --models")
            .into());
    }
    let project = wiring::project(global, talk, &wiring::invocation_id())?;
    let selected = wiring::selected(&project, global, &options.select, talk)?;
    let nodes = selected.iter().filter_map(|id| project.graph.get(id));
    let nodes: Vec<&Node> = nodes.filter(|node| listed(node, options)).collect();
    if nodes.is_empty() {
        talk.judge(
            "NoNodesSelected",
            Diagnostic::warning("no node is selected"),
        )?;
    }
    let manifest = match options.output {
        ListOutput::Json => project.manifest(),
        _ => Json::Null,
    };
    for node in nodes {
        talk.print(&match options.output {
            ListOutput::Selector | ListOutput::Text => selector(node),
            ListOutput::Name => name(node),
            ListOutput::Path => project.path_in_package(node),
            // dbt prints one object a line.
            ListOutput::Json => described(&manifest, node, &options.output_keys).to_string(),
        });
    }
    Ok(0)
}

/// Analyses are listed where they are asked for.
fn listed(node: &Node, options: &List) -> bool {
    let kind = node.resource_type();
    if !options.select.models.is_empty() {
        return kind == ResourceType::Model;
    }
    let kinds = &options.kinds.resource_type;
    let asked = kinds.iter().any(|kind| *kind != Kind::Default);
    (kind != ResourceType::Analysis || asked) && options.kinds.includes(kind)
}

fn selector(node: &Node) -> String {
    use ResourceType::{Exposure, Metric, SavedQuery, SemanticModel, UnitTest};
    let kind = node.resource_type();
    match (&node.spec, kind) {
        (Spec::Source(source), _) => {
            format!(
                "source:{}.{}.{}",
                node.package, source.source_name, node.name
            )
        }
        // With the version of its model, if that has some.
        (_, UnitTest) => {
            let name = node.id.as_str().rsplit('.').next();
            format!("{kind}:{}.{}", node.package, name.unwrap_or(&node.name))
        }
        (_, Exposure | Metric | SavedQuery | SemanticModel) => {
            format!("{kind}:{}.{}", node.package, node.name)
        }
        _ => node.fqn.join("."),
    }
}

fn name(node: &Node) -> String {
    match &node.spec {
        Spec::Model(model) => match &model.version {
            Some(version) => format!("{}.v{}", node.name, version.v),
            None => node.name.clone(),
        },
        Spec::Source(source) => format!("{}.{}", source.source_name, node.name),
        _ => node.name.clone(),
    }
}

/// Keys that dbt prints where none are named.
const KEYS: &[&str] = &[
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// The sections of a manifest that have nodes.
const SECTIONS: &[&str] = &[
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
];

fn described(manifest: &Json, node: &Node, keys: &[String]) -> Json {
    let id = node.id.as_str();
    let entry = SECTIONS
        .iter()
        .find_map(|section| manifest[section].get(id));
    let entry = entry.cloned().unwrap_or_else(|| own(node));
    let mut found = Map::new();
    if keys.is_empty() {
        let keys = KEYS.iter().filter_map(|key| Some((*key, entry.get(key)?)));
        found.extend(keys.map(|(key, value)| (key.to_owned(), value.clone())));
    }
    for key in keys {
        let mut parts = key.split('.');
        let value = parts.try_fold(&entry, |value, part| value.get(part));
        // A nested key that is null is as good as absent.
        let kept = value.filter(|value| !key.contains('.') || !value.is_null());
        found.extend(kept.map(|value| (key.clone(), value.clone())));
    }
    Json::Object(found)
}

/// A node that dbt does not know.
fn own(node: &Node) -> Json {
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": node.resource_type(),
        "package_name": node.package,
        "original_file_path": node.location.file,
        "tags": node.tags,
        "depends_on": {"nodes": node.depends_on},
    })
}
