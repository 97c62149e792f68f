//! The settings of one node, each with the place it was written at.

use forebay_core::{Diagnostic, Location, suggest};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::problems::Problems;
use crate::render::has_jinja;
use crate::yaml::{Doc, Entry, Value, Yaml};

/// One setting and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    pub value: Json,
    /// With its Jinja, where it has any.
    pub written: Option<Json>,
    pub at: Location,
    /// Where the items of a hook are, from which one on. What is before them is at `at`.
    parts: Vec<(usize, Location)>,
    /// Of a mapping: where its keys are.
    inside: Vec<(String, Location)>,
}

impl Setting {
    pub fn of(yaml: &Yaml, at: Location) -> Self {
        let (value, written) = (yaml.to_json(), yaml.to_written());
        let written = Some(written).filter(|written| *written != value);
        Self {
            written,
            ..Self::plain(value, at)
        }
    }

    pub fn plain(value: Json, at: Location) -> Self {
        Self {
            value,
            written: None,
            at,
            parts: Vec::new(),
            inside: Vec::new(),
        }
    }

    /// Where a mapping has the key, or else where it is itself.
    pub fn at_key(&self, key: &str) -> &Location {
        let mut keys = self.inside.iter().rev();
        keys.find(|(name, _)| name == key)
            .map_or(&self.at, |(_, at)| at)
    }

    /// The places of the setting and of what is in it, by names such as `docs` and `docs.show`.
    pub fn places(&self, name: &str) -> impl Iterator<Item = (String, Location)> {
        let keys = self.inside.iter();
        let inside = keys.map(move |(key, at)| (format!("{name}.{key}"), at.clone()));
        std::iter::once((name.to_owned(), self.at.clone())).chain(inside)
    }

    /// Its items with their places; what is no list is one.
    pub fn items(&self) -> impl Iterator<Item = (Json, &Location)> {
        let items = items(&self.value).into_iter().enumerate();
        items.map(|(index, item)| {
            let part = self.parts.iter().rev().find(|(from, _)| *from <= index);
            (item, part.map_or(&self.at, |(_, at)| at))
        })
    }

    fn add(&mut self, more: Self) {
        let mut all = items(&self.value);
        let before = all.len();
        all.extend(items(&more.value));
        self.value = Json::Array(all);
        self.parts.push((before, more.at));
        let parts = more.parts.into_iter();
        self.parts
            .extend(parts.map(|(from, at)| (before + from, at)));
    }
}

pub(crate) type Config = IndexMap<String, Setting>;

/// dbt writes some names with hyphens in YAML and with underscores in SQL. Names that are nobody's stay as they are.
pub(crate) fn setting_name(name: &str) -> String {
    let underscored = name.trim().replace('-', "_");
    match KNOWN.contains(&&*underscored) {
        true => underscored,
        false => name.trim().to_owned(),
    }
}

pub(crate) fn from_yaml<'a>(doc: Doc<'_>, entries: impl IntoIterator<Item = &'a Entry>) -> Config {
    let setting = |entry: &Entry| {
        let mut setting = Setting::of(&entry.value, entry.key_at.in_file(doc.file));
        let name = setting_name(entry.key.trim_start_matches('+'));
        if let (Value::List(items), "pre_hook" | "post_hook") = (&entry.value.value, name.as_str())
        {
            let places = items.iter().map(|item| item.at.in_file(doc.file));
            setting.parts = places.enumerate().collect();
        }
        if let Value::Map(entries) = &entry.value.value {
            let place = |entry: &Entry| (entry.key.clone(), entry.key_at.in_file(doc.file));
            setting.inside = entries.iter().map(place).collect();
        }
        (name, setting)
    };
    entries.into_iter().map(setting).collect()
}

pub(crate) fn from_json(map: &Map<String, Json>, at: impl Fn(&str) -> Location) -> Config {
    let setting = |(name, value): (&String, &Json)| {
        let setting = Setting::plain(value.clone(), at(name));
        (setting_name(name), setting)
    };
    map.iter().map(setting).collect()
}

pub(crate) fn to_json(config: &Config) -> Map<String, Json> {
    let pair = |(name, setting): (&String, &Setting)| (name.clone(), setting.value.clone());
    config.iter().map(pair).collect()
}

/// The settings before their Jinja was rendered, named as dbt names them.
pub(crate) fn to_written(config: &Config) -> Map<String, Json> {
    let pair = |(name, setting): (&String, &Setting)| {
        let name = match name.as_str() {
            "pre_hook" => "pre-hook",
            "post_hook" => "post-hook",
            name => name,
        };
        let written = setting.written.as_ref().unwrap_or(&setting.value);
        (name.to_owned(), written.clone())
    };
    config.iter().map(pair).collect()
}

/// Lays `more` over `base`. The nearer setting wins; tags and hooks add up, `meta` and its like are
/// merged.
pub(crate) fn merge(base: &mut Config, more: Config) {
    for (name, mut setting) in more {
        let Some(old) = base.get_mut(&name) else {
            if name == "grants" && setting.value.is_object() {
                let mut granted = json!({});
                grant(&mut granted, setting.value);
                setting.value = granted;
            }
            base.insert(name, setting);
            continue;
        };
        // As in dbt, what is noted as written is the nearest alone.
        let written = setting.written.as_ref().unwrap_or(&setting.value).clone();
        old.written = Some(written);
        match name.as_str() {
            "pre_hook" | "post_hook" => old.add(setting),
            "tags" | "packages" => {
                let at = setting.at.clone();
                old.add(setting);
                old.at = at;
            }
            "grants" => grant(&mut old.value, setting.value),
            "meta" | "docs" | "quoting" | "column_types" | "contract" => {
                old.inside.extend(setting.inside);
                match (&mut old.value, setting.value) {
                    (Json::Object(old), Json::Object(new)) => old.extend(new),
                    (old, new) => *old = new,
                }
            }
            _ => *old = setting,
        }
    }
}

/// A mapping with another laid over it.
pub(crate) fn over(base: &Json, more: Option<Json>) -> Json {
    match (base.clone(), more) {
        (Json::Object(mut base), Some(Json::Object(more))) => {
            base.extend(more);
            Json::Object(base)
        }
        (base, None) => base,
        (_, Some(more)) => more,
    }
}

/// `+select` adds to those who may already; `select` takes their place.
fn grant(old: &mut Json, new: Json) {
    let (Json::Object(old), Json::Object(new)) = (old, new) else {
        return;
    };
    for (name, grantees) in new {
        let (name, mut all) = match name.strip_prefix('+') {
            Some(name) => (name, old.get(name).map(items).unwrap_or_default()),
            None => (&*name, Vec::new()),
        };
        all.extend(items(&grantees));
        old.insert(name.to_owned(), Json::Array(all));
    }
}

fn items(value: &Json) -> Vec<Json> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}

/// Whether dbt or we know a setting of the name.
pub(crate) fn is_setting(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Settings that dbt or we know. Others belong to some adapter and are nobody's mistake, unless
/// they look like one of these.
const KNOWN: &[&str] = &[
    "access",
    "alias",
    "batch_size",
    "begin",
    "check_cols",
    "column_types",
    "contract",
    "database",
    "dbt_valid_to_current",
    "delimiter",
    "docs",
    "enabled",
    "error_if",
    "event_time",
    "fail_calc",
    "freshness",
    "full_refresh",
    "grants",
    "group",
    "hard_deletes",
    "incremental_predicates",
    "incremental_strategy",
    "invalidate_hard_deletes",
    "limit",
    "loaded_at_field",
    "loaded_at_query",
    "lookback",
    "materialized",
    "merge_clauses",
    "merge_exclude_columns",
    "merge_insert_condition",
    "merge_on_using_columns",
    "merge_returning_columns",
    "merge_update_columns",
    "merge_update_condition",
    "merge_update_set_expressions",
    "meta",
    "on_configuration_change",
    "on_schema_change",
    "packages",
    "partition_by",
    "persist_docs",
    "post_hook",
    "pre_hook",
    "predicates",
    "quote_columns",
    "quoting",
    "schema",
    "severity",
    "snapshot_meta_column_names",
    "sql_header",
    "static_analysis",
    "store_failures",
    "store_failures_as",
    "strategy",
    "tags",
    "target_database",
    "target_schema",
    "unique_key",
    "updated_at",
    "warn_if",
    "where",
];

/// Reads a node's settings by name and type.
pub(crate) struct Reader<'a> {
    pub config: &'a Config,
    /// The node, for messages: `model 'orders'`.
    pub what: String,
    pub problems: &'a Problems,
}

impl Reader<'_> {
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.config
            .get(name)
            .filter(|setting| !setting.value.is_null())
    }

    pub fn wrong(&self, name: &str, setting: &Setting, wanted: &str) {
        // What dbt_project.yml says is said to many nodes: a mistake there is told once.
        let of = match setting.at.file.ends_with("dbt_project.yml") {
            true => String::new(),
            false => format!(" of {}", self.what),
        };
        let message = format!("'{name}'{of} must be {wanted}, not {}", setting.value);
        let problem = Diagnostic::error(message).at(setting.at.clone());
        let hint = crate::yaml::form_of(wanted);
        self.problems.push(problem.maybe_hint(hint));
    }

    pub fn text(&self, name: &str) -> Option<String> {
        let setting = self.get(name)?;
        match &setting.value {
            Json::String(text) => Some(text.clone()),
            number @ Json::Number(_) => Some(number.to_string()),
            _ => {
                self.wrong(name, setting, "a text");
                None
            }
        }
    }

    /// A list of texts, or a single one.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let Some(setting) = self.get(name) else {
            return Vec::new();
        };
        let texts = items(&setting.value).into_iter().map(|item| match item {
            Json::String(text) => Some(text),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        });
        texts.collect::<Option<Vec<_>>>().unwrap_or_else(|| {
            self.wrong(name, setting, "a text or a list of texts");
            Vec::new()
        })
    }

    /// Jinja may have left the text of a truth value.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let setting = self.get(name)?;
        match &setting.value {
            Json::Bool(flag) => Some(*flag),
            Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => {
                self.wrong(name, setting, "true or false");
                None
            }
        }
    }

    pub fn whole(&self, name: &str) -> Option<u64> {
        let setting = self.get(name)?;
        let number = setting.value.as_u64();
        if number.is_none() {
            self.wrong(name, setting, "a whole number from 0 up");
        }
        number
    }

    pub fn map(&self, name: &str) -> Option<&Map<String, Json>> {
        let setting = self.get(name)?;
        if setting.value.as_object().is_none() {
            self.wrong(name, setting, "a mapping");
        }
        setting.value.as_object()
    }

    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = choices
            .iter()
            .find(|(choice, _)| choice.eq_ignore_ascii_case(&text));
        // What is still a template could not be rendered, which has been told.
        if found.is_none() && !has_jinja(&text) {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            self.problems.push(
                Diagnostic::error(format!("'{text}' is no '{name}' of {}", self.what))
                    .at(self.at(name))
                    .maybe_hint(suggest::nearest(&text, names.iter().copied()))
                    .hint(format!("one of: {}", names.join(", "))),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub fn at(&self, name: &str) -> Location {
        self.config
            .get(name)
            .map(|setting| setting.at.clone())
            .unwrap_or_default()
    }

    pub fn misspelt(&self) {
        for (name, setting) in self.config {
            if KNOWN.contains(&name.as_str()) {
                continue;
            }
            if let Some(hint) = suggest::nearest(name, KNOWN.iter().copied()) {
                let message = format!("unknown setting '{name}' of {}", self.what);
                self.problems.push(
                    Diagnostic::warning(message)
                        .at(setting.at.clone())
                        .hint(hint),
                );
            }
        }
    }
}
