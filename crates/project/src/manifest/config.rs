//! Settings in the manifest: as they are written, over dbt's defaults for each kind of node.

use std::borrow::Cow;
use std::sync::LazyLock;

use forebay_core::{Node, Severity, Spec};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::nodes::Detail;

/// Settings by name, in the order in which they are written.
pub(super) struct Config<'a>(Vec<(&'a str, Cow<'a, Json>)>);

impl Serialize for Config<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, &**value)))
    }
}

impl<'a> Config<'a> {
    fn of(defaults: &'a Map<String, Json>) -> Self {
        let mut config = Config(Vec::with_capacity(40));
        config.extend(defaults);
        config
    }

    fn extend(&mut self, settings: &'a Map<String, Json>) {
        for (name, value) in settings {
            self.set(name, Cow::Borrowed(value));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| &**value)
    }

    fn set(&mut self, name: &'a str, value: Cow<'a, Json>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn put(&mut self, name: &'a str, value: Json) {
        self.set(name, Cow::Owned(value));
    }
}

pub(super) fn config<'a>(node: &'a Node, detail: &'a Detail) -> Config<'a> {
    let mut config = defaults(node);
    for (name, value) in &detail.config {
        match name.as_str() {
            "pre_hook" => config.put("pre-hook", hooks(value)),
            "post_hook" => config.put("post-hook", hooks(value)),
            "docs" => config.put("docs", docs(Some(value))),
            // Of a model: what a source has of that name is none of its settings.
            "freshness" if value.get("build_after").is_none() => {}
            "begin" => config.put("begin", moment(value)),
            "tags" if !value.is_array() => config.put("tags", json!([value])),
            name @ ("contract" | "snapshot_meta_column_names") => {
                let default = config.get(name).cloned().unwrap_or_default();
                config.put(name, super::join([default, value.clone()]));
            }
            name if value.is_null() && config.get(name).is_some() => {}
            name => config.set(name, Cow::Borrowed(value)),
        }
    }
    // A test has the tags of its column too, but not as a setting; models and their like show how they add up.
    let adds_up = matches!(
        node.spec,
        Spec::Test(_)
            | Spec::Model(_)
            | Spec::Seed(_)
            | Spec::Snapshot(_)
            | Spec::Analysis(_)
            | Spec::Function(_)
    );
    if !adds_up {
        config.put("tags", json!(node.tags));
    }
    config.put("enabled", json!(true));
    match &node.spec {
        // What it says, also where it is built as something else.
        Spec::Model(_)
            if detail
                .config
                .get("materialized")
                .is_some_and(Json::is_string) => {}
        Spec::Model(model) => config.put("materialized", json!(model.materialized.as_str())),
        Spec::Test(_) => test(&mut config, detail),
        _ => {}
    }
    config
}

fn defaults(node: &Node) -> Config<'static> {
    let own = match &node.spec {
        Spec::Test(test) => {
            let mut config = Config::of(&OF_TESTS);
            if test.severity == Severity::Warning {
                config.put("severity", json!("WARN"));
            }
            return config;
        }
        Spec::Model(_) => &*OF_MODELS,
        Spec::Seed(_) => &*OF_SEEDS,
        Spec::Snapshot(_) => &*OF_SNAPSHOTS,
        Spec::Function(_) => &*OF_FUNCTIONS,
        _ => return Config::of(&OF_NODES),
    };
    let mut config = Config::of(&OF_NODES);
    config.extend(own);
    config
}

/// What a setting is where nothing says it, as templates see it: null too. None: nodes of the kind have no such setting.
pub(crate) fn default_of(kind: &str, name: &str) -> Option<&'static Json> {
    let name = match name {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        name if name.ends_with("-hook") => return None,
        name => name,
    };
    defaults_of(kind).iter().find_map(|of| of.get(name))
}

/// The settings with the defaults of those that are not said, but for what is nothing.
pub(crate) fn with_defaults(kind: &str, config: &Json) -> Json {
    let defaults = defaults_of(kind).into_iter().rev().flatten();
    let mut all: Map<String, Json> = defaults
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let said = config.as_object().into_iter().flatten();
    all.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    Json::Object(all)
}

/// The first that has a setting counts.
fn defaults_of(kind: &str) -> Vec<&'static Map<String, Json>> {
    let own: &'static Map<String, Json> = match kind {
        "test" => return vec![&OF_TESTS],
        "model" => &OF_MODELS,
        "seed" => &OF_SEEDS,
        "snapshot" => &OF_SNAPSHOTS,
        "function" => &OF_FUNCTIONS,
        _ => return vec![&OF_NODES],
    };
    vec![own, &OF_NODES]
}

/// Defaults of what is no test.
pub(super) static OF_NODES: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    map(json!({
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
    }))
});

static OF_MODELS: LazyLock<Map<String, Json>> =
    LazyLock::new(|| map(json!({"access": "protected", "freshness": null})));

static OF_SEEDS: LazyLock<Map<String, Json>> =
    LazyLock::new(|| map(json!({"materialized": "seed", "delimiter": ",", "quote_columns": null})));

static OF_FUNCTIONS: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    map(json!({
        "materialized": "function",
        "type": "scalar",
        "volatility": null,
        "runtime_version": null,
        "entry_point": null,
    }))
});

static OF_SNAPSHOTS: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    map(json!({
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
    }))
});

static OF_TESTS: LazyLock<Map<String, Json>> = LazyLock::new(|| {
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
        "severity": "ERROR",
        "store_failures": null,
        "store_failures_as": null,
        "where": null,
        "limit": null,
        "fail_calc": "count(*)",
        "warn_if": "!= 0",
        "error_if": "!= 0",
    }))
});

/// Each of the two settings for kept failures says what the other is.
fn test(config: &mut Config<'_>, detail: &Detail) {
    let kept_as = match detail.config.get("store_failures_as") {
        Some(Json::String(kind)) => {
            return config.put("store_failures", json!(kind != "ephemeral"));
        }
        _ => match config.get("store_failures") {
            Some(Json::Bool(true)) => json!("table"),
            Some(Json::Bool(false)) => json!("ephemeral"),
            _ => Json::Null,
        },
    };
    config.put("store_failures_as", kept_as);
}

/// `{show: true, node_color: null}` with what is written.
pub(super) fn docs(written: Option<&Json>) -> Json {
    let default = json!({"show": true, "node_color": null});
    super::join([default, written.cloned().unwrap_or_default()])
}

pub(super) fn hooks(written: &Json) -> Json {
    let of = |parts: Json| {
        super::join([
            json!({"sql": "", "transaction": true, "index": null}),
            parts,
        ])
    };
    let hook = |hook: &Json| match hook {
        Json::Object(_) => of(hook.clone()),
        // `after_commit()` and its like print a mapping.
        Json::String(text) if text.trim_start().starts_with('{') => {
            match serde_json::from_str(text) {
                Ok(parts @ Json::Object(_)) => of(parts),
                _ => json!({"sql": text, "transaction": true, "index": null}),
            }
        }
        text => json!({"sql": text, "transaction": true, "index": null}),
    };
    match written {
        Json::Array(all) => all.iter().map(hook).collect(),
        Json::Null => json!([]),
        one => json!([hook(one)]),
    }
}

/// A day is the moment that it begins.
fn moment(written: &Json) -> Json {
    let text = written.as_str().unwrap_or_default();
    let is_day = text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    match is_day {
        true => json!(format!("{text}T00:00:00")),
        false if text.len() == 19 => json!(text.replacen(' ', "T", 1)),
        false => written.clone(),
    }
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
