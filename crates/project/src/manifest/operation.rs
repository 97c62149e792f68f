//! `on-run-start` and `on-run-end` in the manifest, where dbt has them among the nodes.

use serde_json::{Map, Value as Json, json};

use super::config::hooks;
use super::{created_at, node};
use crate::Project;
use crate::operations::Operation;

/// Entries of all packages by id.
pub(super) fn all(project: &Project, has_run: bool) -> Map<String, Json> {
    let operations = project.operations.iter();
    operations
        .map(|operation| (operation.id.to_string(), entry(project, operation, has_run)))
        .collect()
}

fn entry(project: &Project, operation: &Operation, has_run: bool) -> Json {
    let (name, hook) = (&operation.name, &operation.hook);
    let package = project
        .packages
        .iter()
        .find(|package| package.name == operation.package);
    let mut config = super::config::OF_NODES.clone();
    for (name, value) in crate::config::to_json(&operation.settings) {
        match name.as_str() {
            "pre_hook" => config.insert("pre-hook".to_owned(), hooks(&value)),
            "post_hook" => config.insert("post-hook".to_owned(), hooks(&value)),
            _ => config.insert(name, value),
        };
    }
    // As in dbt, of the file that they are in.
    let folder = package.map_or("", |package| &package.folder);
    let file = project.root.join(folder).join("dbt_project.yml");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let checksum = forebay_core::digest::hex(text.trim().as_bytes());
    json!({
        "unique_id": operation.id,
        "name": name,
        "alias": name,
        "resource_type": "operation",
        "package_name": operation.package,
        "path": format!("hooks/{name}.sql"),
        "original_file_path": "./dbt_project.yml",
        "fqn": operation.fqn,
        "database": project.database(),
        "schema": operation.schema,
        "relation_name": null,
        "checksum": {"name": "sha256", "checksum": checksum},
        "meta": config["meta"],
        "config": config,
        "unrendered_config": crate::config::to_written(&operation.settings),
        "tags": tags(operation, &config["tags"]),
        "description": "",
        "columns": {},
        "group": null,
        "docs": super::config::docs(None),
        "patch_path": null,
        "build_path": null,
        "compiled_path": null,
        "raw_code": hook.text,
        "language": "sql",
        "refs": node::refs(&operation.calls),
        "sources": node::sources(&operation.calls),
        "metrics": [],
        "functions": [],
        "depends_on": {"macros": operation.macros, "nodes": operation.depends_on},
        "contract": {"enforced": false, "alias_types": true, "checksum": null},
        "doc_blocks": [],
        "created_at": created_at(project),
        "index": operation.index + usize::from(has_run),
    })
}

/// Those of models by its place, and the one that says when it runs.
fn tags<'a>(operation: &'a Operation, settings: &'a Json) -> Vec<&'a str> {
    let several = settings.as_array().into_iter().flatten();
    let mut tags: Vec<&str> = several.filter_map(Json::as_str).collect();
    tags.extend(settings.as_str());
    tags.push(operation.when.key());
    tags.sort_unstable();
    tags.dedup();
    tags
}
