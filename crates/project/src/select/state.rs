//! What has changed since an earlier manifest: `state:modified` and its like.
//!
//! Manifests are compared as JSON, so that one which dbt wrote does as well. What dbt compares of
//! each kind of node is compared here: settings as they are written, not as they come out for a target.

use std::collections::BTreeSet;

use forebay_core::ResourceType;
use serde_json::{Map, Value as Json};

/// Sections of a manifest in which nodes are.
const SECTIONS: &[&str] = &[
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "unit_tests",
    "saved_queries",
    "functions",
];

/// Settings that say where a node is or who owns it, not what it is.
const NOT_COMPARED: &[&str] = &["alias", "schema", "database", "tags", "group"];

/// Keys that change with every reading.
const VOLATILE: &[&str] = &["created_at", "unrendered_config", "config"];

pub(super) const CHANGES: &[&str] = &[
    "new",
    "old",
    "modified",
    "unmodified",
    "modified.body",
    "modified.configs",
    "modified.contract",
    "modified.macros",
    "modified.persisted_descriptions",
    "modified.relation",
];

pub(super) struct Comparison {
    old: Json,
    new: Json,
    changed_macros: BTreeSet<String>,
    /// Sources are where they are written to be, not where that comes out for a target.
    written: bool,
}

impl Comparison {
    /// Macros of these packages are compared; those that come with the program change with it.
    pub fn new(old: Json, new: Json, packages: &BTreeSet<String>, written: bool) -> Self {
        let changed_macros = changed_macros(&old, &new, packages);
        Self {
            old,
            new,
            changed_macros,
            written,
        }
    }

    /// `change` is one of [`CHANGES`].
    pub fn holds(&self, id: &str, kind: ResourceType, change: &str) -> bool {
        let Some(new) = entry(&self.new, id) else {
            return false;
        };
        let old = entry(&self.old, id);
        let differs = |same: fn(&Json, &Json) -> bool| old.is_none_or(|old| !same(old, new));
        match change {
            "new" => old.is_none(),
            "old" => old.is_some(),
            "modified" => self.modified(old, new, kind),
            "unmodified" => !self.modified(old, new, kind),
            "modified.macros" => self.macros_changed(new),
            "modified.relation" => differs(same_relation),
            "modified.configs" => differs(same_config),
            _ if !has_body(kind) => false,
            "modified.body" => differs(same_body),
            "modified.contract" => differs(same_contract),
            "modified.persisted_descriptions" => differs(same_descriptions),
            _ => false,
        }
    }

    fn modified(&self, old: Option<&Json>, new: &Json, kind: ResourceType) -> bool {
        let same = |old: &Json| match kind {
            ResourceType::Source => self.same_place(old, new) && same_source(old, new),
            ResourceType::Test if !new["test_metadata"].is_null() => {
                same_config(old, new) && old["fqn"] == new["fqn"]
            }
            ResourceType::UnitTest => same_unit_test(old, new),
            kind if has_body(kind) => {
                same_body(old, new)
                    && same_to_refs(old, new)
                    && same_config(old, new)
                    && same_descriptions(old, new)
                    && same_relation(old, new)
                    && same_contract(old, new)
                    && old["fqn"] == new["fqn"]
            }
            _ => same_otherwise(old, new),
        };
        !old.is_some_and(same) || self.macros_changed(new)
    }

    /// Of a source.
    fn same_place(&self, old: &Json, new: &Json) -> bool {
        let keys = match self.written {
            true => ["unrendered_database", "unrendered_schema"],
            false => ["database", "schema"],
        };
        keys.iter().all(|key| old[key] == new[key])
    }

    /// Whether a macro that the node calls has changed, or one behind it.
    fn macros_changed(&self, node: &Json) -> bool {
        let mut seen = BTreeSet::new();
        let mut waiting = called(node);
        while let Some(id) = waiting.pop() {
            if self.changed_macros.contains(id) {
                return true;
            }
            if seen.insert(id) {
                waiting.extend(called(&self.new["macros"][id]));
            }
        }
        false
    }
}

fn entry<'a>(manifest: &'a Json, id: &str) -> Option<&'a Json> {
    SECTIONS
        .iter()
        .find_map(|section| manifest.get(section)?.get(id))
}

fn called(entry: &Json) -> Vec<&str> {
    let macros = entry["depends_on"]["macros"].as_array();
    macros
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect()
}

fn changed_macros(old: &Json, new: &Json, packages: &BTreeSet<String>) -> BTreeSet<String> {
    let of = |manifest: &Json| -> Map<String, Json> {
        let all = manifest["macros"].as_object().cloned().unwrap_or_default();
        let ours = |entry: &Json| {
            entry["package_name"]
                .as_str()
                .is_some_and(|p| packages.contains(p))
        };
        all.into_iter().filter(|(_, entry)| ours(entry)).collect()
    };
    let (old, new) = (of(old), of(new));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = ids
        .into_iter()
        .filter(|id| macro_text(old.get(*id)) != macro_text(new.get(*id)));
    changed.cloned().collect()
}

fn macro_text(entry: Option<&Json>) -> Option<&str> {
    entry.map(|entry| words(&entry["macro_sql"]))
}

fn has_body(kind: ResourceType) -> bool {
    use ResourceType::{Analysis, Model, Seed, Snapshot, Test};
    matches!(kind, Model | Seed | Snapshot | Test | Analysis)
}

/// A seed has no text in the manifest, so its checksum stands for it.
fn same_body(old: &Json, new: &Json) -> bool {
    match new["resource_type"].as_str() {
        Some("seed") => old["checksum"] == new["checksum"],
        _ => words(&old["raw_code"]) == words(&new["raw_code"]),
    }
}

/// Without the blanks around it, which not every writer of manifests keeps.
fn words(text: &Json) -> &str {
    text.as_str().unwrap_or_default().trim()
}

fn same_config(old: &Json, new: &Json) -> bool {
    let written = |entry: &Json| -> Map<String, Json> {
        let config = entry["unrendered_config"].as_object().cloned();
        let compared = config.unwrap_or_default().into_iter();
        compared
            .filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()))
            .map(|(name, value)| (name.replace('-', "_"), value))
            .collect()
    };
    written(old) == written(new)
}

/// Where it is by its own settings: another target alone changes nothing.
fn same_relation(old: &Json, new: &Json) -> bool {
    let same = |key: &str| old["unrendered_config"][key] == new["unrendered_config"][key];
    same("database") && same("schema") && same("alias")
}

/// Descriptions count where they are written into the warehouse.
fn same_descriptions(old: &Json, new: &Json) -> bool {
    let persisted = |what: &str| new["config"]["persist_docs"][what] == Json::Bool(true);
    let columns = |entry: &Json| -> Map<String, Json> {
        let columns = entry["columns"].as_object().cloned().unwrap_or_default();
        let described = columns.into_iter();
        described
            .map(|(name, column)| (name, column["description"].clone()))
            .collect()
    };
    let relation = !persisted("relation") || old["description"] == new["description"];
    relation && (!persisted("columns") || columns(old) == columns(new))
}

fn same_contract(old: &Json, new: &Json) -> bool {
    let enforced = |entry: &Json| entry["contract"]["enforced"] == Json::Bool(true);
    let types = |entry: &Json| -> Map<String, Json> {
        let columns = entry["columns"].as_object().cloned().unwrap_or_default();
        let typed = columns.into_iter();
        let of = |column: Json| {
            Json::Array(vec![
                column["data_type"].clone(),
                column["constraints"].clone(),
            ])
        };
        typed.map(|(name, column)| (name, of(column))).collect()
    };
    match (enforced(old), enforced(new)) {
        (false, false) => true,
        (true, true) => types(old) == types(new) && old["constraints"] == new["constraints"],
        _ => false,
    }
}

/// What a `ref` of it gives, and who may have one.
fn same_to_refs(old: &Json, new: &Json) -> bool {
    let keys = ["latest_version", "access", "deprecation_date"];
    keys.iter().all(|key| old[key] == new[key])
}

/// Without what it says of itself, such as its description.
fn same_unit_test(old: &Json, new: &Json) -> bool {
    let keys = ["model", "given", "expect", "overrides"];
    keys.iter().all(|key| old[key] == new[key])
}

fn same_source(old: &Json, new: &Json) -> bool {
    let keys = [
        "fqn",
        "identifier",
        "loader",
        "quoting",
        "freshness",
        "external",
    ];
    let enabled = |entry: &Json| entry["config"]["enabled"] != Json::Bool(false);
    keys.iter().all(|key| old[key] == new[key])
        && same_config(old, new)
        && enabled(old) == enabled(new)
}

fn same_otherwise(old: &Json, new: &Json) -> bool {
    let compared = |entry: &Json| -> Map<String, Json> {
        let mut map = entry.as_object().cloned().unwrap_or_default();
        map.retain(|key, _| !VOLATILE.contains(&key.as_str()));
        // Where it comes out for a target is no part of it.
        map.remove("node_relation");
        let exports = map.get_mut("exports").and_then(Json::as_array_mut);
        for export in exports
            .into_iter()
            .flatten()
            .filter_map(Json::as_object_mut)
        {
            export.remove("config");
        }
        map
    };
    compared(old) == compared(new)
}
