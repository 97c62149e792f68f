//! Exposures, metrics, semantic models, saved queries and groups in the manifest.

use forebay_core::{Node, ResourceType};
use serde_json::{Map, Value as Json, json};

use super::{created_at, join, node};
use crate::Project;
use crate::nodes::Detail;
use crate::package::Package;

pub(super) fn entry(project: &Project, node: &Node, detail: &Detail) -> Json {
    let kind = node.resource_type();
    let file = project.within(&node.package, &node.location.file, Package::path);
    let config = config(kind, node, detail);
    let mut entry = json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": kind.as_str(),
        "package_name": node.package,
        "path": project.within(&node.package, &node.location.file, Package::below),
        "original_file_path": file,
        "fqn": node.fqn,
        "description": node.description,
        "depends_on": {"macros": [], "nodes": node.depends_on},
        "refs": node::refs(&detail.calls),
        "unrendered_config": detail.written,
        "created_at": created_at(project),
    });
    if matches!(kind, ResourceType::Exposure | ResourceType::Metric) {
        entry["sources"] = json!(node::sources(&detail.calls));
        entry["meta"] = config["meta"].clone();
    }
    if kind != ResourceType::SemanticModel {
        entry["tags"] = json!(node.tags);
    }
    if kind != ResourceType::Exposure {
        entry["group"] = json!(node.group);
    }
    // dbt tells a missing description of these from an empty one.
    let nullable = matches!(kind, ResourceType::SemanticModel | ResourceType::SavedQuery);
    if nullable && node.description.is_empty() {
        entry["description"] = Json::Null;
    }
    entry["config"] = config;
    join([entry, detail.shown.clone()])
}

fn config(kind: ResourceType, node: &Node, detail: &Detail) -> Json {
    let defaults = match kind {
        ResourceType::Exposure => json!({"enabled": true, "tags": node.tags, "meta": {}}),
        ResourceType::SavedQuery => json!({
            "enabled": true,
            "group": null,
            "meta": {},
            "export_as": null,
            "schema": null,
            "cache": {"enabled": false},
        }),
        _ => json!({"enabled": true, "group": null, "meta": {}}),
    };
    let is_shown = |key: &str| key != "tags" || kind == ResourceType::Metric;
    let written = detail.config.iter().filter(|(key, _)| is_shown(key));
    let written: Map<String, Json> = written.map(|(k, v)| (k.clone(), v.clone())).collect();
    join([defaults, written.into()])
}

pub(super) fn groups(project: &Project) -> Json {
    let groups = project.groups.iter().map(|(id, group)| {
        let file = project.within(&group.package, &group.at.file, Package::path);
        let value = json!({
            "unique_id": id,
            "name": group.name,
            "resource_type": "group",
            "package_name": group.package,
            "path": project.within(&group.package, &group.at.file, Package::below),
            "original_file_path": file,
            "owner": group.owner,
            "description": group.description,
            "config": group.config,
        });
        (id.to_string(), value)
    });
    groups.collect::<Map<_, _>>().into()
}

/// The nodes of each group by the group's name.
pub(super) fn group_map(project: &Project) -> Json {
    let of_group = |name: &String| {
        let nodes = project.graph.nodes.values();
        let own = nodes.filter(|node| node.group.as_ref() == Some(name));
        own.map(|node| &node.id).collect::<Vec<_>>()
    };
    let groups = project.groups.values().map(|group| &group.name);
    groups
        .map(|name| (name.clone(), json!(of_group(name))))
        .collect::<Map<_, _>>()
        .into()
}
