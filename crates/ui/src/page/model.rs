//! `/models` and `/models/<name>`: registered models, their versions and aliases.

use askama::Template;

use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "models.html")]
pub struct Models {
    pub models: Vec<ModelRow>,
}

#[derive(Clone, Debug)]
pub struct ModelRow {
    pub name: String,
    pub versions: u64,
    /// `(alias, version)`.
    pub aliases: Vec<(String, u64)>,
    pub last_created_ms: Option<i64>,
    /// Names of the inference services that serve it.
    pub services: Vec<String>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "model.html")]
pub struct Model {
    pub name: String,
    pub description: String,
    /// Newest first.
    pub versions: Vec<ModelVersion>,
    pub services: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ModelVersion {
    pub version: u64,
    pub aliases: Vec<String>,
    pub created_ms: i64,
    pub run_id: String,
    /// Of everything that made it: rows, definition, trainer.
    pub training_hash: String,
    pub params: Vec<(String, String)>,
    pub metrics: Vec<(String, f64)>,
}

/// One row of the comparison: a name, then a value a version, None where it has none.
struct Compared {
    name: String,
    values: Vec<Option<String>>,
    /// Not the same in all versions.
    differs: bool,
}

impl Model {
    fn metrics(&self) -> Vec<Compared> {
        self.compare(|v| {
            v.metrics
                .iter()
                .map(|(k, x)| (k.as_str(), format::metric(*x)))
                .collect()
        })
    }

    fn params(&self) -> Vec<Compared> {
        self.compare(|v| {
            v.params
                .iter()
                .map(|(k, x)| (k.as_str(), x.clone()))
                .collect()
        })
    }

    /// The union of all names, in the order in which the newest versions list them.
    fn compare(&self, of: impl Fn(&ModelVersion) -> Vec<(&str, String)>) -> Vec<Compared> {
        let versions: Vec<_> = self.versions.iter().map(of).collect();
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in versions.iter().flatten() {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let row = |name: &str| {
            let value = |v: &Vec<(&str, String)>| {
                v.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| value.clone())
            };
            let values: Vec<_> = versions.iter().map(value).collect();
            let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
            Compared {
                name: name.to_owned(),
                values,
                differs,
            }
        };
        names.into_iter().map(row).collect()
    }
}

impl Page for Models {
    fn title(&self) -> String {
        "Models".to_owned()
    }

    fn section(&self) -> Section {
        Section::Models
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Model {
    fn title(&self) -> String {
        self.name.clone()
    }

    fn section(&self) -> Section {
        Section::Models
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Models", "/models")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
