//! Unit tests in the manifest.

use forebay_core::unit_test::Fixture;
use forebay_core::{Node, Spec};
use serde_json::{Value as Json, json};

use super::version_json;
use crate::Project;
use crate::nodes::{Detail, UnitTestDetail};
use crate::package::Package;

pub(super) fn entry(project: &Project, node: &Node, detail: &Detail) -> Json {
    let (Spec::UnitTest(test), Some(written)) = (&node.spec, &detail.unit_test) else {
        return Json::Null;
    };
    let given = test.given.iter().zip(&written.inputs).zip(&written.files);
    let given = given.map(|((given, input), file)| {
        let mut entry = fixture(&given.rows, file.as_deref());
        entry["input"] = json!(input);
        entry
    });
    let tested = project.graph.get(&test.model);
    let version = tested.and_then(|node| match &node.spec {
        Spec::Model(model) => model.version.as_ref(),
        _ => None,
    });
    let file = project.within(&node.package, &node.location.file, Package::path);
    let relation = tested.and_then(|node| node.relation.as_ref());
    let target = &project.shared.target.schema;
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": "unit_test",
        "package_name": node.package,
        "path": project.within(&node.package, &node.location.file, Package::below),
        "original_file_path": file,
        "fqn": node.fqn,
        "model": written.model,
        "given": given.collect::<Vec<_>>(),
        "expect": fixture(&test.expect, written.files.last().and_then(Option::as_deref)),
        "description": node.description,
        "overrides": written.overridden.then_some(&test.overrides),
        "depends_on": {"macros": [], "nodes": node.depends_on},
        "config": config(node, detail),
        "checksum": checksum(test, written),
        "schema": relation.map_or(target, |relation| &relation.schema),
        "created_at": super::created_at(project),
        "versions": versions(written),
        "version": version.map(|version| version_json(&version.v)),
    })
}

fn fixture(fixture: &Fixture, file: Option<&str>) -> Json {
    match fixture {
        Fixture::Dict(rows) => json!({"rows": rows, "format": "dict", "fixture": file}),
        Fixture::Csv(rows) => json!({"rows": rows, "format": "csv", "fixture": file}),
        Fixture::Sql(text) => json!({"rows": text, "format": "sql", "fixture": file}),
    }
}

fn config(node: &Node, detail: &Detail) -> Json {
    let meta = detail.config.get("meta").cloned();
    json!({
        "tags": node.tags,
        "meta": meta.unwrap_or_else(|| json!({})),
        "enabled": true,
        "static_analysis": null,
    })
}

fn versions(written: &UnitTestDetail) -> Json {
    let list = |all: &[String]| match all {
        [] => Json::Null,
        all => all.iter().map(|version| version_json(version)).collect(),
    };
    match (&written.include[..], &written.exclude[..]) {
        ([], []) => Json::Null,
        (include, exclude) => json!({"include": list(include), "exclude": list(exclude)}),
    }
}

/// Of everything but the description. Only ever compared with another of ours.
fn checksum(test: &forebay_core::unit_test::UnitTest, written: &UnitTestDetail) -> String {
    let state = json!([test, versions(written)]);
    forebay_core::digest::hex(state.to_string().as_bytes())
}
