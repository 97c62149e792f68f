//! dbt's `manifest.json`, version 12. Nodes that dbt does not know stand under `forebay`.

mod unit_test;

use forebay_core::graph::{Model, Source};
use forebay_core::{Node, ResourceType, Spec};
use serde_json::{Map, Value as Json, json};

use crate::jinja::RefCall;
use crate::nodes::Detail;
use crate::{DATABASE, DBT_VERSION, Project};

const LARGE_SEED: usize = 1 << 20;

const SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

pub(crate) fn manifest(project: &Project) -> Json {
    let of_dbt = |node: &&Node| is_dbt(node.resource_type());
    let nodes = project.graph.nodes.values();
    let (sources, others): (Vec<&Node>, Vec<&Node>) = nodes
        .clone()
        .filter(of_dbt)
        .partition(|node| node.resource_type() == ResourceType::Source);
    json!({
        "metadata": metadata(project),
        "nodes": by_id(&others, |node| entry(project, node)),
        "sources": by_id(&sources, |node| source(project, node)),
        "macros": macros(project),
        "docs": docs(project),
        "exposures": {},
        "metrics": {},
        "groups": {},
        "selectors": {},
        "disabled": {},
        "parent_map": parents(project),
        "child_map": children(project),
        "group_map": {},
        "saved_queries": {},
        "semantic_models": {},
        "unit_tests": by_id(&of_kind(project, ResourceType::UnitTest), |node| unit_test::entry(project, node)),
        "functions": {},
        "forebay": {"nodes": by_id(&nodes.filter(|node| !of_dbt(node) && node.resource_type() != ResourceType::UnitTest).collect::<Vec<_>>(), own)},
    })
}

fn of_kind(project: &Project, kind: ResourceType) -> Vec<&Node> {
    let nodes = project.graph.nodes.values();
    nodes.filter(|node| node.resource_type() == kind).collect()
}

fn is_dbt(kind: ResourceType) -> bool {
    use ResourceType::{Model, Seed, Snapshot, Source, Test};
    matches!(kind, Model | Seed | Snapshot | Source | Test)
}

/// dbt keeps numbers as numbers.
fn version_json(version: &str) -> Json {
    let number = version.parse::<i64>().map(Json::from);
    number
        .or_else(|_| version.parse::<f64>().map(Json::from))
        .unwrap_or_else(|_| version.into())
}

fn by_id(nodes: &[&Node], entry: impl Fn(&Node) -> Json) -> Json {
    let entries: Map<String, Json> = nodes
        .iter()
        .map(|node| (node.id.to_string(), entry(node)))
        .collect();
    Json::Object(entries)
}

fn metadata(project: &Project) -> Json {
    let shared = &project.shared;
    json!({
        "dbt_schema_version": SCHEMA,
        "dbt_version": DBT_VERSION,
        "generated_at": shared.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "invocation_id": shared.invocation_id,
        "invocation_started_at": shared.now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "env": {},
        "project_name": project.name,
        "project_id": null,
        "user_id": null,
        "send_anonymous_usage_stats": false,
        "adapter_type": shared.target.kind,
        "quoting": {"database": true, "schema": true, "identifier": true, "column": null},
    })
}

/// Seconds since 1970.
fn created_at(project: &Project) -> f64 {
    project.shared.now.timestamp_micros() as f64 / 1e6
}

fn own(node: &Node) -> Json {
    serde_json::to_value(node).expect("a node is plain data")
}

/// What all of dbt's nodes have.
fn base(project: &Project, node: &Node, detail: &Detail) -> Map<String, Json> {
    let file = path(project, node);
    let below = file.split_once('/').map_or(&*file, |(_, rest)| rest);
    let target = &project.shared.target.schema;
    let schema = match (&node.relation, &node.spec) {
        (Some(relation), _) => relation.schema.clone(),
        (None, Spec::Test(_)) => format!("{target}_dbt_test__audit"),
        (None, _) => target.clone(),
    };
    let entry = json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": node.resource_type().as_str(),
        "package_name": node.package,
        "path": below,
        "original_file_path": file,
        "fqn": node.fqn,
        "database": DATABASE,
        "schema": schema,
        "description": node.description,
        "columns": columns(node),
        "meta": detail.config.get("meta").cloned().unwrap_or_else(|| json!({})),
        "tags": node.tags,
        "unrendered_config": {},
        "created_at": created_at(project),
        "relation_name": node.relation.as_ref().map(forebay_core::Relation::sql),
    });
    match entry {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Relative to the node's own package.
fn path(project: &Project, node: &Node) -> String {
    let file = node.location.file.to_string_lossy();
    let package = project.packages.iter().find(|p| p.name == node.package);
    package
        .map_or(&*file, |package| package.path(&file))
        .to_owned()
}

fn columns(node: &Node) -> Json {
    let column = |column: &forebay_core::graph::Column| {
        json!({
            "name": column.name,
            "description": column.description,
            "data_type": column.data_type,
            "meta": column.meta,
            "constraints": column.constraints,
            "quote": column.quote,
            "tags": column.tags,
        })
    };
    node.columns
        .iter()
        .map(|(name, found)| (name.clone(), column(found)))
        .collect::<Map<_, _>>()
        .into()
}

fn entry(project: &Project, node: &Node) -> Json {
    let empty = Detail::default();
    let detail = project.details.get(&node.id).unwrap_or(&empty);
    let mut entry = base(project, node, detail);
    let more = json!({
        "alias": detail.alias,
        "checksum": checksum(project, node, detail),
        "config": config(node, detail),
        "raw_code": detail.raw.trim(),
        "language": "sql",
        "refs": calls(&detail.calls, |call| match call {
            RefCall::Ref { package, name, version } => Some(json!({"name": name, "package": package, "version": version.as_deref().map(version_json)})),
            RefCall::Source { .. } => None,
        }),
        "sources": calls(&detail.calls, |call| match call {
            RefCall::Source { source, table } => Some(json!([source, table])),
            RefCall::Ref { .. } => None,
        }),
        "metrics": [],
        "functions": [],
        "depends_on": {"macros": detail.macros, "nodes": node.depends_on},
        "compiled_path": null,
        "patch_path": detail.patch_file.as_ref().map(|file| format!("{}://{file}", node.package)),
        "build_path": null,
        "docs": {"show": true, "node_color": null},
        "group": node.group,
        "doc_blocks": [],
        "contract": {"enforced": false, "alias_types": true, "checksum": null},
    });
    if let Json::Object(more) = more {
        entry.extend(more);
    }
    if let Spec::Model(model) = &node.spec
        && let Json::Object(more) = of_model(model)
    {
        entry.extend(more);
    }
    if let Spec::Test(test) = &node.spec
        && let Some(found) = &detail.test
    {
        entry.insert("column_name".into(), json!(test.column));
        let attached = test
            .attached
            .as_ref()
            .filter(|id| !id.as_str().starts_with("source."));
        entry.insert("attached_node".into(), json!(attached));
        entry.insert("file_key_name".into(), json!(file_key(test)));
        entry.insert("path".into(), json!(format!("{}.sql", detail.alias)));
        entry.insert("checksum".into(), json!({"name": "none", "checksum": ""}));
        entry.insert("test_metadata".into(), test_metadata(found));
    }
    if matches!(node.spec, Spec::Seed(_)) {
        entry.insert("root_path".into(), json!(project.root));
        entry.remove("sources");
        entry.remove("refs");
        entry.remove("metrics");
    }
    Json::Object(entry)
}

/// Of the text without the blanks around it. dbt does not read a large seed for it.
fn checksum(project: &Project, node: &Node, detail: &Detail) -> Json {
    let sum = |text: &str| json!({"name": "sha256", "checksum": forebay_core::digest::hex(text.trim().as_bytes())});
    if !matches!(node.spec, Spec::Seed(_)) {
        return sum(&detail.raw);
    }
    match std::fs::read_to_string(project.root.join(&node.location.file)) {
        Ok(text) if text.len() <= LARGE_SEED => sum(&text),
        _ => json!({"name": "path", "checksum": node.location.file}),
    }
}

fn calls(calls: &[RefCall], entry: impl Fn(&RefCall) -> Option<Json>) -> Json {
    calls.iter().filter_map(entry).collect()
}

fn of_model(model: &Model) -> Json {
    let version = model.version.as_ref();
    json!({
        "access": model.access.as_str(),
        "constraints": model.contract.constraints,
        "version": version.map(|version| version_json(&version.v)),
        "latest_version": version.map(|version| version_json(&version.latest)),
        "deprecation_date": model.deprecation_date,
        "primary_key": [],
        "time_spine": null,
    })
}

/// The section and name under which the test is declared: `models.orders`.
fn file_key(test: &forebay_core::graph::Test) -> Option<String> {
    let attached = test.attached.as_ref()?.as_str();
    let (kind, rest) = attached.split_once('.')?;
    let name = rest.split('.').nth(1)?;
    Some(format!("{kind}s.{name}"))
}

fn test_metadata(test: &crate::nodes::TestDetail) -> Json {
    let arguments = test
        .arguments
        .iter()
        .map(|(name, argument)| (name.clone(), argument.value.clone()));
    let arguments: Map<String, Json> = arguments.collect();
    json!({"name": test.name, "kwargs": arguments, "namespace": test.namespace})
}

/// The settings as written, with what they come to where dbt has a default.
fn config(node: &Node, detail: &Detail) -> Json {
    let materialized = match &node.spec {
        Spec::Model(model) => model.materialized.as_str(),
        other => other.resource_type().as_str(),
    };
    let mut config = detail.config.clone();
    config.insert("enabled".into(), json!(true));
    config.insert("materialized".into(), json!(materialized));
    config.insert("tags".into(), json!(node.tags));
    if let Spec::Test(test) = &node.spec {
        let severity = match test.severity {
            forebay_core::Severity::Error => "ERROR",
            forebay_core::Severity::Warning => "WARN",
        };
        config.entry("severity").or_insert_with(|| json!(severity));
        config.insert("warn_if".into(), json!(test.warn_if));
        config.insert("error_if".into(), json!(test.error_if));
        config.insert("fail_calc".into(), json!(test.fail_calc));
        config.insert("limit".into(), json!(test.limit));
        config.insert("store_failures".into(), json!(test.store_failures));
    }
    Json::Object(config)
}

fn source(project: &Project, node: &Node) -> Json {
    let empty = Detail::default();
    let detail = project.details.get(&node.id).unwrap_or(&empty);
    let mut entry = base(project, node, detail);
    let Spec::Source(source) = &node.spec else {
        return Json::Object(entry);
    };
    let more = json!({
        "source_name": source.source_name,
        "source_description": detail.source_description,
        "loader": detail.loader,
        "identifier": node.relation.as_ref().map(|relation| &relation.name),
        "quoting": {"database": null, "schema": null, "identifier": null, "column": null},
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": null,
        "freshness": freshness(source),
        "external": null,
        "source_meta": {},
        "config": detail.config,
        "patch_path": null,
        "unrendered_database": null,
        "unrendered_schema": null,
        "doc_blocks": [],
    });
    if let Json::Object(more) = more {
        entry.extend(more);
    }
    Json::Object(entry)
}

/// dbt counts in minutes, hours or days.
fn freshness(source: &Source) -> Json {
    let Some(rule) = &source.freshness else {
        return Json::Null;
    };
    let age = |span: Option<forebay_core::Span>| {
        let Some(span) = span else {
            return json!({"count": null, "period": null});
        };
        let minutes = span.micros() / 60_000_000;
        let (count, period) = match minutes {
            m if m % 1440 == 0 => (m / 1440, "day"),
            m if m % 60 == 0 => (m / 60, "hour"),
            m => (m, "minute"),
        };
        json!({"count": count, "period": period})
    };
    json!({"warn_after": age(rule.warn_after), "error_after": age(rule.error_after), "filter": rule.filter})
}

fn macros(project: &Project) -> Json {
    let entry = |found: &std::sync::Arc<crate::jinja::Macro>| {
        let id = found.id().to_string();
        let value = json!({
            "unique_id": id,
            "name": found.name,
            "resource_type": "macro",
            "package_name": found.package,
            "path": found.location.file,
            "original_file_path": found.location.file,
            "macro_sql": "",
            "depends_on": {"macros": []},
            "description": "",
            "meta": {},
            "docs": {"show": true, "node_color": null},
            "patch_path": null,
            "arguments": found.params.iter().map(|p| json!({"name": p.name, "type": null, "description": ""})).collect::<Vec<_>>(),
            "created_at": created_at(project),
            "supported_languages": null,
        });
        (id, value)
    };
    project
        .shared
        .macros
        .all()
        .map(entry)
        .collect::<Map<_, _>>()
        .into()
}

fn docs(project: &Project) -> Json {
    let entry = |(package, name, text): (&String, &String, &String)| {
        let id = format!("doc.{package}.{name}");
        let value = json!({
            "unique_id": id,
            "name": name,
            "resource_type": "doc",
            "package_name": package,
            "path": "",
            "original_file_path": "",
            "block_contents": text,
        });
        (id, value)
    };
    project
        .shared
        .docs
        .iter()
        .flat_map(|(package, docs)| docs.iter().map(move |(name, text)| (package, name, text)))
        .map(entry)
        .collect::<Map<_, _>>()
        .into()
}

fn parents(project: &Project) -> Json {
    let entry = |node: &Node| (node.id.to_string(), json!(node.depends_on));
    project
        .graph
        .nodes
        .values()
        .map(entry)
        .collect::<Map<_, _>>()
        .into()
}

fn children(project: &Project) -> Json {
    let children = project.graph.children();
    let entry = |node: &Node| {
        (
            node.id.to_string(),
            json!(children.get(&node.id).cloned().unwrap_or_default()),
        )
    };
    project
        .graph
        .nodes
        .values()
        .map(entry)
        .collect::<Map<_, _>>()
        .into()
}
