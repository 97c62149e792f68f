//! `builtins.ref.config`: what packages read of dbt's own configuration of a run, as plain data.

use serde_json::{Map, Value as Json, json};

use crate::config::{Target, Vars};
use crate::package::Package;

/// `packages`: the project first, then what it uses.
pub(crate) fn runtime_config(packages: &[Package], target: &Target, given: &Vars) -> Json {
    let Some(project) = packages.first() else {
        return Json::Null;
    };
    let of = |package: &Package| {
        json!({
            "project_name": package.name,
            "version": package.file.version,
            "vars": package.file.vars.written(),
        })
    };
    let dependencies: Map<String, Json> = packages
        .iter()
        .map(|package| (package.name.clone(), of(package)))
        .collect();
    let shown = target.to_json();
    json!({
        "project_name": project.name,
        "version": project.file.version,
        "vars": project.file.vars.written(),
        "cli_vars": given.nearest(),
        "profile_name": target.profile,
        "target_name": target.name,
        "threads": shown["threads"],
        "dependencies": dependencies,
        "args": {},
    })
}
