//! Macros and documentation blocks in the manifest.

use std::collections::BTreeSet;

use forebay_core::NodeId;
use serde_json::{Map, Value as Json, json};

use super::created_at;
use crate::Project;
use crate::jinja::{BUILTIN, Macro, NEVER_MACROS, Shared, calls};
use crate::package::Package;

pub(super) fn macros(project: &Project) -> Json {
    let all = project.shared.macros.all();
    all.map(|found| (found.id().to_string(), entry(project, found)))
        .collect::<Map<_, _>>()
        .into()
}

fn entry(project: &Project, found: &Macro) -> Json {
    let file = project.within(&found.package, &found.location.file, Package::path);
    let patch = project.macro_patches.get(&found.id());
    let docs = patch.map(|patch| patch.docs.clone());
    let docs = super::config::docs(docs.as_ref());
    let meta = patch.map_or_else(|| json!({}), |patch| patch.meta.clone());
    let described = patch.map(|patch| patch.arguments.clone());
    let described = described.filter(|arguments| *arguments != json!([]));
    let arguments = described.unwrap_or_else(|| arguments(project, found));
    let called = called(&project.shared, found);
    json!({
        "unique_id": found.id(),
        "name": found.name,
        "resource_type": "macro",
        "package_name": found.package,
        "path": file,
        "original_file_path": file,
        "macro_sql": found.text,
        "depends_on": {"macros": called},
        "description": patch.map_or("", |patch| &patch.description),
        "meta": meta,
        "docs": docs,
        "config": {"meta": meta, "docs": docs},
        "patch_path": patch.map(|patch| {
            let file = project.within(&found.package, patch.file.as_ref(), Package::path);
            format!("{}://{file}", found.package)
        }),
        "arguments": arguments,
        "created_at": created_at(project),
        "supported_languages": Some(&found.languages).filter(|known| !known.is_empty()),
    })
}

/// Its parameters, in a project that wants them described.
fn arguments(project: &Project, found: &Macro) -> Json {
    let package = project.packages.iter().find(|p| p.name == found.package);
    let mut folders = package
        .into_iter()
        .flat_map(|package| &package.file.tests_in);
    // Not those of tests/generic: dbt reads them in another way.
    let in_tests = folders.any(|folder| found.location.file.starts_with(folder));
    if !project.packages[0].file.macro_arguments || in_tests {
        return json!([]);
    }
    let argument = |name: &str| json!({"name": name, "type": null, "description": ""});
    found
        .params
        .iter()
        .map(|param| argument(&param.name))
        .collect()
}

/// Everything that these macros call, and what that calls in turn.
pub(crate) fn reached(shared: &Shared, from: impl Iterator<Item = NodeId>) -> BTreeSet<NodeId> {
    let (mut all, mut next) = (BTreeSet::new(), from.collect::<Vec<_>>());
    while let Some(id) = next.pop() {
        if let Some(found) = shared.macros.by_id(&id) {
            next.extend(called(shared, found).difference(&all).cloned());
        }
        all.insert(id);
    }
    all
}

/// The macros that a macro calls, as far as names tell. As in dbt, one that calls itself by its bare name does not depend
/// on itself; whatever stands before a point may be a package.
fn called(shared: &Shared, of: &Macro) -> BTreeSet<NodeId> {
    let find = |package: &str, name: &str| {
        let found = shared.macros.get(package, name);
        // What is said to be dbt's own is nobody else's.
        let elsewhere = || shared.macros.anywhere(&shared.project, name);
        found.or_else(|| (package != BUILTIN).then(elsewhere).flatten())
    };
    let bare = |name: &str| {
        let counts = name != of.name && !NEVER_MACROS.contains(&name);
        let found = counts.then(|| find(&of.package, name));
        found.flatten()
    };
    let code = calls::code(&of.text);
    let direct = calls::calls(&code).filter_map(|call| match call.package {
        Some("adapter") => None,
        Some(package) => find(package, call.name),
        None => bare(call.name),
    });
    let dispatches = calls::dispatches(&of.text, &code);
    let dispatched = dispatches.iter().flat_map(|call| {
        let found = shared.dispatched_to(&call.name, call.namespace.as_deref());
        [bare(&call.name), found].into_iter().flatten()
    });
    direct.chain(dispatched).map(|found| found.id()).collect()
}

pub(super) fn docs(project: &Project) -> Json {
    let packages = project.shared.docs.iter();
    let all = packages.flat_map(|(package, docs)| docs.iter().map(move |doc| (package, doc)));
    let entry = |(package, (name, doc)): (&String, (&String, &crate::scan::DocBlock))| {
        let id = format!("doc.{package}.{name}");
        let file = project.within(package, doc.file.as_ref(), Package::path);
        let value = json!({
            "unique_id": id,
            "name": name,
            "resource_type": "doc",
            "package_name": package,
            "path": project.within(package, doc.file.as_ref(), Package::below_docs),
            "original_file_path": file,
            "block_contents": doc.text,
        });
        (id, value)
    };
    let mut docs: Map<_, _> = all.map(entry).collect();
    docs.insert("doc.dbt.__overview__".to_owned(), overview());
    docs.into()
}

/// What pages of documentation begin with where the project says nothing.
fn overview() -> Json {
    json!({
        "unique_id": "doc.dbt.__overview__",
        "name": "__overview__",
        "resource_type": "doc",
        "package_name": "dbt",
        "path": "overview.md",
        "original_file_path": "docs/overview.md",
        "block_contents": "### The project\n\nIts models, their columns and what they are made of.",
    })
}
