//! `profiles.yml`: which target dbt would use. Nothing connects to it; templates ask for its names.

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

    pub fn to_json(&self) -> Json {
        let mut all = json!({
            "profile_name": self.profile,
            "name": self.name,
            "target_name": self.name,
            "type": self.kind,
            "schema": self.schema,
            "database": crate::DATABASE,
            "threads": 1,
        });
        let map = all.as_object_mut().expect("a mapping was written above");
        for (key, value) in &self.more {
            map.entry(key).or_insert_with(|| value.clone());
        }
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
                    .maybe_hint(suggest::nearest(name, names)),
            );
            return None;
        };
        let what = format!("target '{name}'");
        let mut target = Fields::of(doc, &output.value, what)?;
        let kind = target.required("type")?;
        let schema = target.text("schema").or_else(|| target.text("dataset"));
        Some(Self {
            profile: profile.to_owned(),
            name: name.to_owned(),
            kind,
            schema: schema.unwrap_or_else(|| Self::default().schema),
            more: public(&output.value),
        })
    }
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
