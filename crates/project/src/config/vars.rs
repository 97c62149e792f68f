//! Variables: of the command line, then of the project, then of the package that asks.

use forebay_core::Diagnostic;
use serde_json::{Map, Value as Json};

use crate::yaml::{Doc, MOMENT, Yaml};

/// `vars:` of one `dbt_project.yml`. A mapping under a package's name is for that package alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenVars(Map<String, Json>);

impl WrittenVars {
    pub fn from_yaml(doc: Doc<'_>, yaml: Option<&Yaml>) -> Self {
        let Some(yaml) = yaml else {
            return Self::default();
        };
        if yaml.as_map().is_none() {
            doc.problems.push(
                Diagnostic::error(format!(
                    "'vars' must be a mapping (key: value), not {}",
                    yaml.kind()
                ))
                .at(yaml.at.in_file(doc.file)),
            );
        }
        match yaml.to_values() {
            Json::Object(all) => Self(all),
            _ => Self::default(),
        }
    }

    /// As plain data: dates are texts.
    pub fn written(&self) -> Json {
        plain(&Json::Object(self.0.clone()))
    }

    /// What it says to the package: for it alone first. The mapping for it is a variable of all besides.
    fn layers(&self, package: &str) -> [Map<String, Json>; 2] {
        let own = match self.0.get(package) {
            Some(Json::Object(own)) => own.clone(),
            _ => Map::new(),
        };
        [own, self.0.clone()]
    }
}

/// Without what tells dates from texts.
fn plain(json: &Json) -> Json {
    match json {
        Json::String(text) => text.strip_prefix(MOMENT).unwrap_or(text).into(),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        other => other.clone(),
    }
}

/// What `var('x')` gives in one package.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars {
    /// The nearest first.
    layers: Vec<Map<String, Json>>,
}

impl Vars {
    pub fn command_line(vars: Map<String, Json>) -> Self {
        Self { layers: vec![vars] }
    }

    /// Adds what a file says to the package, behind what is there.
    pub fn and(mut self, written: &WrittenVars, package: &str) -> Self {
        self.layers.extend(written.layers(package));
        self
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        self.layers.iter().find_map(|vars| vars.get(name))
    }

    /// Those of the command line alone, as plain data.
    pub fn nearest(&self) -> Json {
        let vars = self.layers.first().cloned();
        plain(&Json::Object(vars.unwrap_or_default()))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layers
            .iter()
            .flat_map(|vars| vars.keys().map(String::as_str))
    }
}
