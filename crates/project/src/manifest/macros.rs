//! Macros and documentation blocks in the manifest.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use forebay_core::NodeId;
use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::{below, created_at, path};
use crate::Project;
use crate::jinja::Macro;

pub(super) fn macros(project: &Project) -> Json {
    let all = project.shared.macros.all();
    all.map(|found| (found.id().to_string(), entry(project, found)))
        .collect::<Map<_, _>>()
        .into()
}

fn entry(project: &Project, found: &Macro) -> Json {
    let file = path(project, &found.package, &found.location.file);
    let patch = project.macro_patches.get(&found.id());
    let docs = patch.map(|patch| patch.docs.clone());
    let docs = super::config::docs(docs.as_ref());
    let meta = patch.map_or_else(|| json!({}), |patch| patch.meta.clone());
    let described = patch.map(|patch| patch.arguments.clone());
    let described = described.filter(|arguments| *arguments != json!([]));
    let arguments = described.unwrap_or_else(|| arguments(project, found));
    let called = called(project, &found.package, &found.text, &found.name);
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
            let file = path(project, &found.package, patch.file.as_ref());
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

/// The macros that a text of a package calls, as far as names tell. As in dbt, one that calls itself by its bare name
/// does not depend on itself.
fn called(project: &Project, package: &str, text: &str, own: &str) -> BTreeSet<NodeId> {
    static DISPATCH: LazyLock<Regex> = LazyLock::new(|| {
        let name = r#"['"](\w+)['"]"#;
        let pattern = format!(
            r"(?-u)adapter\.dispatch\(\s*(?:macro_name\s*=\s*)?{name}(?:\s*,\s*(?:macro_namespace\s*=\s*|packages\s*=\s*\w*)?{name})?"
        );
        Regex::new(&pattern).expect("a valid pattern")
    });
    let shared = &project.shared;
    let macros = &shared.macros;
    let named = |name: &str| match name.split_once('.') {
        Some((package, name)) => macros.get(package, name),
        None => macros.find(package, &shared.project, name),
    };
    let code = code(text);
    let direct = calls(&code).filter(|name| *name != own);
    let direct = direct.filter_map(named);
    let dispatched = DISPATCH.captures_iter(text).filter_map(|call| {
        let namespace = call.get(2).map(|found| found.as_str());
        shared.dispatched(package, &call[1], namespace)
    });
    direct.chain(dispatched).map(|found| found.id()).collect()
}

/// What stands before each opening bracket: a name, or two with a point between them.
fn calls(code: &str) -> impl Iterator<Item = &str> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices('(').map(move |(at, _)| {
        let before = code[..at].trim_end();
        let name = before.trim_end_matches(in_name);
        let package = name.strip_suffix('.').unwrap_or(name);
        &before[package.trim_end_matches(in_name).len()..]
    })
}

/// The insides of the tags, without comments and without what stands in quotes.
fn code(text: &str) -> String {
    static COMMENT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)\{#.*?#\}").expect("a valid pattern"));
    static TAG: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)\{[{%].*?[}%]\}").expect("a valid pattern"));
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?s)'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*""#).expect("a valid pattern")
    });
    let text = COMMENT.replace_all(text, "");
    let tags = TAG.find_iter(&text).map(|tag| tag.as_str());
    QUOTED
        .replace_all(&tags.collect::<String>(), "")
        .into_owned()
}

pub(super) fn docs(project: &Project) -> Json {
    let packages = project.shared.docs.iter();
    let all = packages.flat_map(|(package, docs)| docs.iter().map(move |doc| (package, doc)));
    let entry = |(package, (name, doc)): (&String, (&String, &crate::scan::DocBlock))| {
        let id = format!("doc.{package}.{name}");
        let file = path(project, package, doc.file.as_ref());
        let value = json!({
            "unique_id": id,
            "name": name,
            "resource_type": "doc",
            "package_name": package,
            "path": below(&file),
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
