//! Of which type a setting must be, whoever reads it.

use serde_json::{Map, Value as Json};

use super::colors::is_color;
use super::node::{Reader, Setting};

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Truth,
    Text,
    /// A text or a list of texts.
    Texts,
    List,
    Mapping,
    /// A text, a mapping with `sql`, or a list of both.
    Hooks,
}

const KINDS: &[(&str, Kind)] = &[
    ("alias", Kind::Text),
    ("column_types", Kind::Mapping),
    ("contract", Kind::Mapping),
    ("database", Kind::Text),
    ("delimiter", Kind::Text),
    ("docs", Kind::Mapping),
    ("enabled", Kind::Truth),
    ("full_refresh", Kind::Truth),
    ("grants", Kind::Mapping),
    ("group", Kind::Text),
    ("meta", Kind::Mapping),
    ("packages", Kind::Texts),
    ("persist_docs", Kind::Mapping),
    ("post_hook", Kind::Hooks),
    ("pre_hook", Kind::Hooks),
    ("quote_columns", Kind::Truth),
    ("quoting", Kind::Mapping),
    ("schema", Kind::Text),
    ("sql_header", Kind::Text),
    ("tags", Kind::Texts),
    ("unique_key", Kind::Texts),
];

/// Settings that say something where they are written at all.
const NEVER_NULL: &[(&str, &str)] = &[
    ("access", "private, protected or public"),
    ("enabled", "true or false"),
];

impl Kind {
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Text => "a text",
            Self::Texts => "a text or a list of texts",
            Self::List => "a list",
            Self::Mapping => "a mapping",
            Self::Hooks => "a text, or a mapping with 'sql', or a list of them",
        }
    }

    pub fn fits(self, value: &Json) -> bool {
        match self {
            Self::Truth => value.is_boolean(),
            Self::Text => value.is_string(),
            Self::List => value.is_array(),
            Self::Mapping => value.is_object(),
            Self::Texts => match value {
                Json::Array(items) => items.iter().all(Json::is_string),
                one => one.is_string(),
            },
            Self::Hooks => match value {
                Json::Array(items) => items.iter().all(|item| self.fits(item)),
                Json::Object(map) => {
                    let inside = map.get("transaction").unwrap_or(&Json::Null);
                    let sql = map.get("sql").is_some_and(Json::is_string);
                    sql && (inside.is_null() || inside.is_boolean())
                }
                one => one.is_string(),
            },
        }
    }
}

impl Reader<'_> {
    /// Says which settings are of another type than dbt takes.
    pub fn check_types(&self) {
        for (name, kind) in KINDS {
            if let Some(setting) = self.get(name).filter(|s| !kind.fits(&s.value)) {
                self.wrong(name, setting, kind.wanted());
            }
        }
        for (name, wanted) in NEVER_NULL {
            let written = self.config.get(*name);
            if let Some(setting) = written.filter(|setting| setting.value.is_null()) {
                self.wrong(name, setting, wanted);
            }
        }
        if let Some(setting) = self.get("contract") {
            self.check_contract_setting(setting);
        }
        if let Some(setting) = self.get("docs") {
            self.check_docs(setting);
        }
        if let Some(setting) = self.get("freshness") {
            self.check_freshness(setting);
        }
    }

    /// Of a kind of node that is built in one way alone, such as a test.
    pub fn check_materialized(&self, only: &str) {
        if let Some(setting) = self.get("materialized").filter(|s| s.value != only) {
            self.wrong("materialized", setting, &format!("'{only}' alone"));
        }
    }

    fn check_contract_setting(&self, setting: &Setting) {
        let enforced = &setting.value["enforced"];
        if !enforced.is_null() && !enforced.is_boolean() {
            self.wrong(
                "contract.enforced",
                &inner(setting, "enforced", enforced),
                "true or false",
            );
        }
    }

    fn check_docs(&self, setting: &Setting) {
        let show = &setting.value["show"];
        if !show.is_null() && !show.is_boolean() {
            self.wrong("docs.show", &inner(setting, "show", show), "true or false");
        }
        let color = &setting.value["node_color"];
        if !color.is_null() && !color.as_str().is_some_and(is_color) {
            let wanted = "a name of HTML's colors, or such as #aabbcc";
            self.wrong(
                "docs.node_color",
                &inner(setting, "node_color", color),
                wanted,
            );
        }
    }

    /// A number needs what it counts, and the other way round.
    fn check_freshness(&self, setting: &Setting) {
        let after = &setting.value["build_after"];
        let empty = Map::new();
        let said = after.as_object().unwrap_or(&empty);
        let period = after["period"].as_str();
        if period.is_some_and(|period| !["minute", "hour", "day"].contains(&period)) {
            let wanted = "of a period minute, hour or day";
            self.wrong(
                "freshness.build_after",
                &inner(setting, "build_after", after),
                wanted,
            );
        }
        let has = |key: &str| said.get(key).is_some_and(|value| !value.is_null());
        if has("count") != has("period") {
            let wanted = "a count with a period";
            self.wrong(
                "freshness.build_after",
                &inner(setting, "build_after", after),
                wanted,
            );
        }
    }
}

fn inner(setting: &Setting, key: &str, value: &Json) -> Setting {
    Setting::plain(value.clone(), setting.at_key(key).clone())
}
