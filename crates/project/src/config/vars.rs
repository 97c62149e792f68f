//! Variables: of the command line, then of the project, then of the package that asks.

use forebay_core::Diagnostic;
use serde_json::{Map, Value as Json};

use crate::yaml::{Doc, Yaml};

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
        match yaml.to_json() {
            Json::Object(all) => Self(all),
            _ => Self::default(),
        }
    }

    pub fn written(&self) -> &Map<String, Json> {
        &self.0
    }

    /// What it says to the package: for it alone first.
    fn layers(&self, package: &str) -> [Map<String, Json>; 2] {
        let mut common = self.0.clone();
        let own = match common.get(package) {
            Some(Json::Object(own)) => {
                let own = own.clone();
                common.remove(package);
                own
            }
            _ => Map::new(),
        };
        [own, common]
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

    /// Those of the command line alone.
    pub fn nearest(&self) -> Option<&Map<String, Json>> {
        self.layers.first()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layers
            .iter()
            .flat_map(|vars| vars.keys().map(String::as_str))
    }
}
