//! `profiles.yml`: which target dbt would use. Nothing connects to it; templates ask for its names.

use std::path::Path;
use std::sync::Arc;

use forebay_core::name::DATABASE;
use forebay_core::{Diagnostic, suggest};
use serde_json::{Map, Value as Json, json};

use crate::yaml::{Doc, Fields, Yaml};

/// What `target` shows inside templates.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub profile: String,
    pub name: String,
    /// `target.type`: the profile's own adapter, `forebay` without a profile.
    pub kind: String,
    pub schema: String,
    /// What relations are written with: the profile's own, `forebay` without one.
    pub database: Arc<str>,
    /// Nodes that run at the same time, at least one.
    pub threads: Option<usize>,
    /// Databases besides its own.
    attached: Vec<String>,
    /// Of the database, by name: `settings` of a DuckDB profile.
    pub settings: Vec<(String, String)>,
    /// What else the profile says, without its secrets.
    more: Map<String, Json>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            profile: "forebay".into(),
            name: "dev".into(),
            kind: "forebay".into(),
            schema: "main".into(),
            database: DATABASE.into(),
            threads: None,
            attached: Vec::new(),
            settings: Vec::new(),
            more: Map::new(),
        }
    }
}

impl Target {
    /// Without a profile.
    pub fn embedded(profile: Option<&str>, name: Option<&str>) -> Self {
        let default = Self::default();
        Self {
            profile: profile.map_or(default.profile, str::to_owned),
            name: name.map_or(default.name, str::to_owned),
            ..Self::default()
        }
    }

    /// Whether DuckDB would have a database of that name.
    pub fn has_database(&self, name: &str) -> bool {
        // An account's databases are all there, and so are those that a plugin attaches.
        let path = self.text("path").unwrap_or_default();
        if path.starts_with("md:")
            || path.starts_with("motherduck:")
            || self.more.contains_key("plugins")
        {
            return true;
        }
        let known = self.attached.iter().map(String::as_str);
        let mut known = known.chain([&*self.database, "memory", "system", "temp"]);
        known.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Another key of the profile.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.more.get(key)?.as_str()
    }

    pub fn to_json(&self) -> Json {
        let mut all = json!({
            "profile_name": self.profile,
            "name": self.name,
            "target_name": self.name,
            "type": self.kind,
            "schema": self.schema,
            "database": &*self.database,
        });
        let map = all.as_object_mut().expect("a mapping was written above");
        for (key, value) in &self.more {
            map.entry(key).or_insert_with(|| value.clone());
        }
        map.insert("threads".into(), self.threads.unwrap_or(1).into());
        all
    }

    /// Reads one profile of the file: `{target: dev, outputs: {dev: {type: duckdb, ...}}}`.
    pub fn from_profile(
        doc: Doc<'_>,
        yaml: &Yaml,
        profile: &str,
        asked: Option<&str>,
    ) -> Option<Self> {
        let mut fields = Fields::of(doc, yaml, format!("profile '{profile}'"))?;
        let default = fields.text("target").unwrap_or_else(|| "default".into());
        let name = asked.unwrap_or(&default);
        let outputs = fields.map("outputs");
        let Some(output) = outputs.iter().find(|entry| entry.key == name) else {
            let names = outputs.iter().map(|entry| entry.key.as_str());
            doc.problems.push(
                Diagnostic::error(format!("the profile '{profile}' has no target '{name}'"))
                    .at(fields.at("outputs").in_file(doc.file))
                    .maybe_hint(suggest::nearest(name, names.clone()))
                    .hint(match outputs {
                        [] => "its targets are under 'outputs'".to_owned(),
                        _ => format!("it has: {}", names.collect::<Vec<_>>().join(", ")),
                    }),
            );
            return None;
        };
        let what = format!("target '{name}'");
        let mut target = Fields::of(doc, &output.value, what)?;
        let kind = target.required("type")?;
        let near = suggest::nearest(&kind, ADAPTERS.iter().copied());
        if near.is_some() && !ADAPTERS.contains(&kind.as_str()) {
            let unknown = Diagnostic::error(format!("no adapter is called '{kind}'"));
            let at = target.at("type").in_file(doc.file);
            doc.problems.push(unknown.at(at).maybe_hint(near));
            return None;
        }
        let schema = target.text("schema").or_else(|| target.text("dataset"));
        let mut names = ["database", "dbname", "project", "catalog"].into_iter();
        let database = names.find_map(|name| target.text(name));
        let database = database.unwrap_or_else(|| match kind.as_str() {
            "duckdb" => of_file(target.text("path").as_deref()),
            _ => DATABASE.into(),
        });
        let threads = target.whole("threads").map(|threads| threads as usize);
        if threads == Some(0) {
            let message = format!("'threads' of target '{name}' must be at least 1");
            target.error(message, target.at("threads"));
        }
        if kind == "duckdb" {
            for (key, what) in PASSED_OVER {
                let entries = output.value.get(key).and_then(Yaml::as_list);
                if entries.is_some_and(|entries| !entries.is_empty()) {
                    let message = format!("'{key}' of target '{name}' is passed over");
                    let warning = Diagnostic::warning(message).hint(*what);
                    let at = target.at(key).in_file(doc.file);
                    doc.problems.push(warning.at(at));
                }
            }
        }
        let settings = match kind.as_str() {
            "duckdb" => settings(output.value.get("settings")),
            _ => Vec::new(),
        };
        Some(Self {
            profile: profile.to_owned(),
            name: name.to_owned(),
            settings,
            kind,
            database: database.into(),
            schema: schema.unwrap_or_else(|| Self::default().schema),
            threads,
            attached: attached(&output.value),
            more: public(&output.value),
        })
    }
}

/// What dbt-duckdb has in a target and what nothing is made of here.
const PASSED_OVER: &[(&str, &str)] = &[
    (
        "attach",
        "tables of other database files are not read: load them as seeds or from Parquet files",
    ),
    (
        "plugins",
        "plugins of dbt-duckdb are not loaded: what they read is missing",
    ),
];

/// Those that a type may be meant to be where it is nearly one. What is none of them and like none of them is taken.
const ADAPTERS: &[&str] = &[
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "duckdb",
    "fabric",
    "forebay",
    "mysql",
    "oracle",
    "postgres",
    "redshift",
    "snowflake",
    "spark",
    "sqlite",
    "sqlserver",
    "synapse",
    "teradata",
    "trino",
    "vertica",
];

/// `attach:` of the profile: paths with names, or named as their files.
fn attached(yaml: &Yaml) -> Vec<String> {
    let entries = yaml.get("attach").and_then(Yaml::as_list);
    let name = |entry: &Yaml| match entry.as_text() {
        Some(path) => Some(of_file(Some(path))),
        None => {
            let text = |key: &str| entry.get(key).and_then(Yaml::as_text);
            text("alias")
                .map(str::to_owned)
                .or_else(|| Some(of_file(Some(text("path")?))))
        }
    };
    entries.into_iter().flatten().filter_map(name).collect()
}

/// A mapping of names to single values.
fn settings(yaml: Option<&Yaml>) -> Vec<(String, String)> {
    let given = yaml.map(Yaml::to_json);
    let given = given.as_ref().and_then(Json::as_object);
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let pairs = given.into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// DuckDB calls a database as its file.
fn of_file(path: Option<&str>) -> String {
    let path = path.filter(|path| *path != ":memory:").unwrap_or("memory");
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let file = path.rsplit(['/', ':']).next().unwrap_or(path);
    let stem = Path::new(file).file_stem();
    stem.map_or_else(
        || file.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// Words in the names of settings that templates must never print.
const SECRET: &[&str] = &[
    "pass",
    "secret",
    "token",
    "key",
    "credential",
    "private",
    "auth",
];

fn public(yaml: &Yaml) -> Map<String, Json> {
    let secret = |name: &str| SECRET.iter().any(|word| name.to_lowercase().contains(word));
    match yaml.to_json() {
        Json::Object(map) => map
            .into_iter()
            .filter(|(name, value)| !secret(name) && !value.is_object() && !value.is_array())
            .collect(),
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_duckdb_database_is_called_as_its_file() {
        for (path, name) in [
            (None, "memory"),
            (Some(":memory:"), "memory"),
            (Some("/data/shop.duckdb"), "shop"),
            (Some("shop.prod.db"), "shop.prod"),
            (Some("md:shop?motherduck_token=x"), "shop"),
        ] {
            assert_eq!(super::of_file(path), name);
        }
    }
}
