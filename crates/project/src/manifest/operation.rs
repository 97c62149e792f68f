//! `on-run-start` and `on-run-end` in the manifest, where dbt has them among the nodes.

use serde_json::{Map, Value as Json, json};

use super::macros::called;
use super::{config, created_at};
use crate::hooks::HookText;
use crate::package::Package;
use crate::{Project, When};

/// Entries of all packages by id.
pub(super) fn all(project: &Project) -> Map<String, Json> {
    let of_package = |package: &Package| {
        let starts = entries(project, package, When::Before);
        let ends = entries(project, package, When::After);
        starts.into_iter().chain(ends).collect::<Vec<_>>()
    };
    project.packages.iter().flat_map(of_package).collect()
}

fn entries(project: &Project, package: &Package, when: When) -> Vec<(String, Json)> {
    let entry = |(index, hook): (usize, &HookText)| {
        let name = package.run_hook_name(when, index);
        let id = format!("operation.{}.{name}", package.name);
        let fqn = [&*package.name, "hooks", &name].map(str::to_owned);
        let settings = Json::Object(crate::config::to_json(&package.file.models.settings(&fqn)));
        let value = json!({
            "unique_id": id,
            "name": name,
            "alias": name,
            "resource_type": "operation",
            "package_name": package.name,
            "path": format!("hooks/{name}.sql"),
            "original_file_path": "./dbt_project.yml",
            "fqn": fqn,
            "database": project.database(),
            "schema": project.shared.target.schema,
            "relation_name": null,
            "checksum": {"name": "sha256", "checksum": forebay_core::digest::hex(hook.text.as_bytes())},
            "config": super::join([Json::Object(config::OF_NODES.clone()), settings.clone()]),
            "unrendered_config": settings,
            "tags": [when.key()],
            "description": "",
            "columns": {},
            "meta": {},
            "group": null,
            "docs": config::docs(None),
            "patch_path": null,
            "build_path": null,
            "compiled_path": null,
            "raw_code": hook.text,
            "language": "sql",
            "refs": [],
            "sources": [],
            "metrics": [],
            "functions": [],
            "depends_on": {"macros": called(project, &package.name, &hook.text), "nodes": []},
            "contract": {"enforced": false, "alias_types": true, "checksum": null},
            "doc_blocks": [],
            "created_at": created_at(project),
            "index": index,
        });
        (id, value)
    };
    package
        .run_hooks(when)
        .iter()
        .enumerate()
        .map(entry)
        .collect()
}
