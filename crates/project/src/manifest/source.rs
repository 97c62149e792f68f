//! Source tables in the manifest.

use forebay_core::graph::Source;
use forebay_core::{Node, Spec};
use serde_json::{Map, Value as Json, json};

use super::{columns, created_at};
use crate::Project;
use crate::nodes::Detail;
use crate::package::Package;
use crate::properties::{Age, Ages};

pub(super) fn entry(project: &Project, node: &Node, detail: &Detail) -> Json {
    let Spec::Source(source) = &node.spec else {
        return Json::Null;
    };
    let file = project.within(&node.package, &node.location.file, Package::path);
    let relation = node.relation.as_ref();
    let freshness = match detail.never_stale {
        true => Json::Null,
        false => freshness(source, detail.ages),
    };
    let config = json!({
        "enabled": true,
        "event_time": null,
        "freshness": freshness,
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": detail.loaded_at_query,
        "meta": {},
        "tags": [],
        "static_analysis": null,
    });
    let written = Json::Object(detail.config.clone());
    let settled = json!({"tags": node.tags, "freshness": freshness});
    let config = super::join([config, written.clone(), settled]);
    let own_rule = match (&source.freshness, detail.never_stale) {
        (_, true) => json!({"freshness": null}),
        (Some(_), false) => json!({"freshness": freshness}),
        (None, false) => json!({}),
    };
    let unrendered = super::join([
        json!({"loaded_at_field": source.loaded_at_field, "loaded_at_query": detail.loaded_at_query, "meta": {}, "tags": []}),
        Json::Object(detail.written.clone()),
        own_rule,
    ]);
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": "source",
        "package_name": node.package,
        "path": file,
        "original_file_path": file,
        "fqn": node.fqn,
        "database": project.database(),
        "schema": relation.map(|relation| &relation.schema),
        "identifier": relation.map(|relation| &relation.name),
        "relation_name": match &detail.location {
            Some(location) => Some(location.clone()),
            None => project.written(node),
        },
        "source_name": source.source_name,
        "source_description": detail.source_description,
        "source_meta": detail.source_meta,
        "loader": detail.loader,
        "quoting": super::join([
            json!({"database": null, "schema": null, "identifier": null, "column": null}),
            detail.quoting.clone(),
        ]),
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": detail.loaded_at_query,
        "freshness": freshness,
        "external": external(&detail.external),
        "description": node.description,
        "columns": columns::Columns::of(node),
        "meta": config["meta"],
        "tags": node.tags,
        "config": config,
        "unrendered_config": unrendered,
        "patch_path": null,
        "unrendered_database": null,
        "unrendered_schema": detail.written_schema,
        "doc_blocks": detail.docs,
        "created_at": created_at(project),
    })
}

/// As it is written: a day is not 24 hours.
fn freshness(source: &Source, ages: Ages) -> Json {
    let age = |age: Option<Age>| match age {
        Some(Age { count, period }) => json!({"count": count, "period": period}),
        None => json!({"count": null, "period": null}),
    };
    let filter = source.freshness.as_ref().map(|rule| &rule.filter);
    json!({
        "warn_after": age(ages.warn_after),
        "error_after": age(ages.error_after),
        "filter": filter,
    })
}

/// As dbt fills it: keys that are not said are null.
fn external(written: &Json) -> Json {
    let Json::Object(written) = written else {
        return written.clone();
    };
    let known = [
        "location",
        "file_format",
        "row_format",
        "tbl_properties",
        "partitions",
    ];
    let mut all: Map<String, Json> = known
        .map(|key| (key.to_owned(), Json::Null))
        .into_iter()
        .collect();
    all.extend(written.clone());
    all.into()
}
