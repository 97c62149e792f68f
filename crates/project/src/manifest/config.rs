//! Settings in the manifest: as they are written, over dbt's defaults for each kind of node.

use forebay_core::{Node, Severity, Spec};
use serde_json::{Map, Value as Json, json};

use crate::nodes::Detail;

pub(super) fn config(node: &Node, detail: &Detail) -> Json {
    let mut config = defaults(node);
    for (name, value) in &detail.config {
        let (name, value) = match name.as_str() {
            "pre_hook" => ("pre-hook", hooks(value)),
            "post_hook" => ("post-hook", hooks(value)),
            "docs" => ("docs", docs(Some(value))),
            // Of a model: what a source has of that name is none of its settings.
            "freshness" if value.get("build_after").is_none() => continue,
            "tags" if !value.is_array() => ("tags", json!([value])),
            "contract" => ("contract", over(&config, "contract", value)),
            "snapshot_meta_column_names" => {
                let all = over(&config, "snapshot_meta_column_names", value);
                ("snapshot_meta_column_names", all)
            }
            name if value.is_null() && config.contains_key(name) => continue,
            name => (name, value.clone()),
        };
        config.insert(name.to_owned(), value);
    }
    // A test has the tags of its column too, but not as a setting.
    if !matches!(node.spec, Spec::Test(_)) {
        config.insert("tags".into(), json!(node.tags));
    }
    config.insert("enabled".into(), json!(true));
    match &node.spec {
        Spec::Model(model) => {
            config.insert("materialized".into(), json!(model.materialized.as_str()));
        }
        Spec::Test(_) => test(&mut config, detail),
        _ => {}
    }
    Json::Object(config)
}

fn defaults(node: &Node) -> Map<String, Json> {
    let own = match &node.spec {
        Spec::Test(test) => return test_defaults(test),
        Spec::Source(_) => json!({}),
        Spec::Model(_) => json!({"access": "protected", "freshness": null}),
        Spec::Seed(_) => json!({"materialized": "seed", "delimiter": ",", "quote_columns": null}),
        Spec::Snapshot(_) => json!({
            "materialized": "snapshot",
            "strategy": null,
            "target_schema": null,
            "target_database": null,
            "updated_at": null,
            "check_cols": null,
            "snapshot_meta_column_names": {
                "dbt_valid_to": null,
                "dbt_valid_from": null,
                "dbt_scd_id": null,
                "dbt_updated_at": null,
                "dbt_is_deleted": null,
            },
            "dbt_valid_to_current": null,
        }),
        _ => json!({}),
    };
    map(super::join([node_defaults(), own]))
}

pub(super) fn node_defaults() -> Json {
    json!({
        "enabled": true,
        "alias": null,
        "schema": null,
        "database": null,
        "tags": [],
        "meta": {},
        "group": null,
        "static_analysis": null,
        "materialized": "view",
        "incremental_strategy": null,
        "batch_size": null,
        "lookback": 1,
        "begin": null,
        "persist_docs": {},
        "post-hook": [],
        "pre-hook": [],
        "quoting": {},
        "column_types": {},
        "full_refresh": null,
        "unique_key": null,
        "on_schema_change": "ignore",
        "on_configuration_change": "apply",
        "grants": {},
        "packages": [],
        "docs": {"show": true, "node_color": null},
        "contract": {"enforced": false, "alias_types": true},
        "event_time": null,
        "concurrent_batches": null,
    })
}

fn test_defaults(test: &forebay_core::graph::Test) -> Map<String, Json> {
    let severity = match test.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARN",
    };
    map(json!({
        "enabled": true,
        "alias": null,
        "schema": "dbt_test__audit",
        "database": null,
        "tags": [],
        "meta": {},
        "group": null,
        "static_analysis": null,
        "materialized": "test",
        "severity": severity,
        "store_failures": null,
        "store_failures_as": null,
        "where": null,
        "limit": null,
        "fail_calc": "count(*)",
        "warn_if": "!= 0",
        "error_if": "!= 0",
    }))
}

/// Each of the two settings for kept failures says what the other is.
fn test(config: &mut Map<String, Json>, detail: &Detail) {
    let kept_as = match detail.config.get("store_failures_as") {
        Some(Json::String(kind)) => {
            config.insert("store_failures".into(), json!(kind != "ephemeral"));
            return;
        }
        _ => match config.get("store_failures") {
            Some(Json::Bool(true)) => json!("table"),
            Some(Json::Bool(false)) => json!("ephemeral"),
            _ => Json::Null,
        },
    };
    config.insert("store_failures_as".into(), kept_as);
}

/// `{show: true, node_color: null}` with what is written.
pub(super) fn docs(written: Option<&Json>) -> Json {
    let default = json!({"show": true, "node_color": null});
    super::join([default, written.cloned().unwrap_or_default()])
}

fn over(config: &Map<String, Json>, name: &str, written: &Json) -> Json {
    let default = config.get(name).cloned().unwrap_or_default();
    super::join([default, written.clone()])
}

fn hooks(written: &Json) -> Json {
    let hook = |hook: &Json| match hook {
        Json::Object(_) => super::join([
            json!({"sql": "", "transaction": true, "index": null}),
            hook.clone(),
        ]),
        text => json!({"sql": text, "transaction": true, "index": null}),
    };
    match written {
        Json::Array(all) => all.iter().map(hook).collect(),
        Json::Null => json!([]),
        one => json!([hook(one)]),
    }
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
