//! Models, seeds, snapshots, tests and analyses in the manifest.

use std::collections::BTreeSet;
use std::path::Path;

use forebay_core::contract::{Constraint, ConstraintKind};
use forebay_core::graph::{Column, Model, Test};
use forebay_core::{Node, ResourceType, Spec};
use serde_json::{Map, Value as Json, json};

use super::{below, config, contract, created_at, join, patch_path, path, version_json};
use crate::Project;
use crate::jinja::RefCall;
use crate::nodes::{Detail, TestDetail};

/// dbt does not read a larger seed for its checksum.
const LARGE_SEED: u64 = 1 << 20;

pub(super) fn entry(project: &Project, node: &Node, detail: &Detail) -> Json {
    let base = base(project, node, detail);
    let own = match &node.spec {
        Spec::Seed(_) => json!({
            "root_path": project.root,
            "raw_code": "",
            "depends_on": {"macros": detail.macros},
        }),
        Spec::Model(model) => join([
            compiled(node, detail),
            of_model(project, node, model, detail),
        ]),
        Spec::Test(test) => join([compiled(node, detail), of_test(test, detail)]),
        _ => compiled(node, detail),
    };
    join([base, own])
}

/// Of a node that has been compiled since the project was read: tools for lineage read its SQL here.
pub(super) fn set_compiled(entry: &mut Json, sql: &str, file: &Path) {
    for (key, value) in [
        ("compiled", json!(true)),
        ("compiled_code", json!(sql)),
        ("compiled_path", json!(file)),
        ("extra_ctes", json!([])),
        ("extra_ctes_injected", json!(true)),
    ] {
        entry[key] = value;
    }
}

/// What all of them have.
fn base(project: &Project, node: &Node, detail: &Detail) -> Json {
    let file = path(project, &node.package, &node.location.file);
    let config = config::config(node, detail);
    let schema = match &node.relation {
        Some(relation) => &relation.schema,
        None => &detail.schema,
    };
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": node.resource_type().as_str(),
        "package_name": node.package,
        "path": match node.resource_type() {
            ResourceType::Analysis => format!("analysis/{}", below(&file)),
            ResourceType::Snapshot => project.snapshot_path(node),
            _ => below(&file).to_owned(),
        },
        "original_file_path": file,
        "fqn": node.fqn,
        "database": project.database(),
        "schema": schema,
        "alias": detail.alias,
        "relation_name": project.written(node),
        "checksum": checksum(project, node, detail),
        "description": node.description,
        "columns": columns(node),
        "meta": config["meta"],
        "tags": node.tags,
        "group": node.group,
        "docs": config.get("docs").cloned().unwrap_or_else(|| config::docs(None)),
        "config": config,
        "unrendered_config": detail.written,
        "patch_path": patch_path(project, node, detail),
        "build_path": null,
        "doc_blocks": [],
        "created_at": created_at(project),
    })
}

/// What those with SQL have.
fn compiled(node: &Node, detail: &Detail) -> Json {
    json!({
        "raw_code": match node.resource_type() {
            ResourceType::Snapshot => &detail.raw,
            _ => detail.raw.trim(),
        },
        "language": match &node.spec {
            Spec::Model(model) => model.language.as_str(),
            _ => "sql",
        },
        "refs": refs(detail),
        "sources": sources(detail),
        "metrics": [],
        "functions": [],
        "depends_on": {"macros": detail.macros, "nodes": node.depends_on},
        "compiled_path": null,
        "contract": {"enforced": false, "alias_types": true, "checksum": null},
    })
}

/// What `model` has of the manifest's entry besides its names and settings.
pub(crate) fn seen_by_templates(node: &Node, detail: &Detail) -> Map<String, Json> {
    let (language, access) = match &node.spec {
        Spec::Model(model) => (model.language.as_str(), Some(model.access.as_str())),
        _ => ("sql", None),
    };
    let setting = |name: &str| detail.config.get(name).cloned();
    Map::from_iter([
        ("language".to_owned(), json!(language)),
        ("access".to_owned(), json!(access)),
        ("group".to_owned(), json!(node.group)),
        ("refs".to_owned(), refs(detail)),
        ("sources".to_owned(), sources(detail)),
        (
            "meta".to_owned(),
            setting("meta").unwrap_or_else(|| json!({})),
        ),
        ("docs".to_owned(), config::docs(detail.config.get("docs"))),
        ("unrendered_config".to_owned(), json!(detail.written)),
    ])
}

pub(super) fn refs(detail: &Detail) -> Json {
    let entry = |call: &RefCall| match call {
        RefCall::Ref {
            package,
            name,
            version,
        } => Some(json!({
            "name": name,
            "package": package,
            "version": version.as_deref().map(version_json),
        })),
        RefCall::Source { .. } => None,
    };
    detail.calls.iter().filter_map(entry).collect()
}

pub(super) fn sources(detail: &Detail) -> Json {
    let entry = |call: &RefCall| match call {
        RefCall::Source { source, table } => Some(json!([source, table])),
        RefCall::Ref { .. } => None,
    };
    detail.calls.iter().filter_map(entry).collect()
}

pub(super) fn columns(node: &Node) -> Json {
    let entry = |column: &Column| {
        let constraints = column.constraints.iter().map(|c| constraint(c, false));
        json!({
            "name": column.name,
            "description": column.description,
            "meta": column.meta,
            "data_type": column.data_type,
            "constraints": constraints.collect::<Vec<_>>(),
            "quote": column.quote,
            "config": {"meta": column.meta, "tags": column.tags},
            "tags": column.tags,
            "granularity": column.granularity,
            "doc_blocks": [],
        })
    };
    let all = node.columns.iter();
    all.map(|(name, column)| (name.clone(), entry(column)))
        .collect::<Map<_, _>>()
        .into()
}

/// As templates see them: without what is not said.
pub(crate) fn shown_columns(node: &Node) -> Json {
    let mut all = columns(node);
    let entries = all.as_object_mut().into_iter().flat_map(Map::values_mut);
    for entry in entries.filter_map(Json::as_object_mut) {
        entry.retain(|_, value| !value.is_null());
    }
    all
}

fn constraint(constraint: &Constraint, of_table: bool) -> Json {
    let mut entry = json!({
        "type": constraint.kind.as_str(),
        "name": constraint.name,
        "expression": constraint.expression,
        "warn_unenforced": constraint.warn_unenforced,
        "warn_unsupported": constraint.warn_unsupported,
        "to": constraint.to,
        "to_columns": constraint.to_columns,
    });
    if of_table {
        entry["columns"] = json!(constraint.columns);
    }
    entry
}

fn of_model(project: &Project, node: &Node, model: &Model, detail: &Detail) -> Json {
    let version = model.version.as_ref();
    let contract = &model.contract;
    let constraints = contract.constraints.iter().map(|c| constraint(c, true));
    json!({
        "access": model.access.as_str(),
        "constraints": constraints.collect::<Vec<_>>(),
        "contract": {
            "enforced": contract.enforced,
            "alias_types": true,
            "checksum": contract.enforced.then(|| contract::checksum(node, model)),
        },
        "version": version.map(|version| version_json(&version.v)),
        "latest_version": version.map(|version| version_json(&version.latest)),
        "deprecation_date": model.deprecation_date,
        "primary_key": primary_key(project, node, model),
        "time_spine": detail.time_spine,
    })
}

/// What identifies a row: by a constraint, else by tests for uniqueness.
fn primary_key(project: &Project, node: &Node, model: &Model) -> Vec<String> {
    let is_key = |c: &Constraint| c.kind == ConstraintKind::PrimaryKey;
    if let Some(key) = model.contract.constraints.iter().find(|c| is_key(c)) {
        return key.columns.clone();
    }
    let mut columns = node.columns.values();
    if let Some(column) = columns.find(|column| column.constraints.iter().any(is_key)) {
        return vec![column.name.clone()];
    }
    let empty = Vec::new();
    let tests = project.tests_by_node.get(&node.id).unwrap_or(&empty);
    let (mut unique, mut not_null) = (BTreeSet::new(), BTreeSet::new());
    for test in tests
        .iter()
        .filter_map(|id| project.details.get(id)?.test.as_ref())
    {
        match test.name.as_str() {
            "unique" | "unique_combination_of_columns" => unique.extend(test.columns()),
            "not_null" => not_null.extend(test.columns()),
            _ => {}
        }
    }
    let both: Vec<String> = unique.intersection(&not_null).cloned().collect();
    match both.is_empty() {
        true => unique.into_iter().collect(),
        false => both,
    }
}

fn of_test(test: &Test, detail: &Detail) -> Json {
    let Some(found) = &detail.test else {
        return json!({});
    };
    let attached = test.attached.as_ref();
    let attached = attached.filter(|id| !id.as_str().starts_with("source."));
    json!({
        "column_name": test.column,
        "attached_node": attached,
        "file_key_name": found.key,
        "path": format!("{}.sql", detail.alias),
        "checksum": {"name": "none", "checksum": ""},
        "raw_code": format!("{}{}", detail.raw, found.config_call),
        "test_metadata": test_metadata(found),
    })
}

fn test_metadata(test: &TestDetail) -> Json {
    let arguments = test
        .arguments
        .iter()
        .map(|(name, argument)| (name.clone(), argument.value.clone()));
    let arguments: Map<String, Json> = arguments.collect();
    json!({"name": test.name, "kwargs": arguments, "namespace": test.namespace})
}

/// Of the text without the blanks around it.
fn checksum(project: &Project, node: &Node, detail: &Detail) -> Json {
    if node.resource_type() == ResourceType::Snapshot {
        let file = std::fs::read_to_string(project.root.join(&node.location.file));
        let text = file.as_deref().unwrap_or(&detail.raw).trim();
        return json!({"name": "sha256", "checksum": forebay_core::digest::hex(text.as_bytes())});
    }
    let sum = |text: &str| json!({"name": "sha256", "checksum": forebay_core::digest::hex(text.trim().as_bytes())});
    if node.resource_type() != ResourceType::Seed {
        return sum(&detail.raw);
    }
    let file = project.root.join(&node.location.file);
    let small = std::fs::metadata(&file).is_ok_and(|found| found.len() <= LARGE_SEED);
    match small.then(|| std::fs::read_to_string(&file)) {
        Some(Ok(text)) => sum(&text),
        _ => json!({"name": "path", "checksum": path(project, &node.package, &node.location.file)}),
    }
}
