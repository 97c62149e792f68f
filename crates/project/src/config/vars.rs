//! Variables: of the command line, then of the project, then of all packages.

use forebay_core::Diagnostic;
use serde_json::{Map, Value as Json};

use crate::yaml::{Doc, Yaml};

/// What `var('x')` gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars {
    command_line: Map<String, Json>,
    project: Map<String, Json>,
    common: Map<String, Json>,
}

impl Vars {
    pub fn command_line(vars: Map<String, Json>) -> Self {
        Self {
            command_line: vars,
            ..Self::default()
        }
    }

    /// Adds `vars:` of `dbt_project.yml`: a mapping under the project's name is the project's own.
    pub fn with_project(mut self, doc: Doc<'_>, yaml: Option<&Yaml>, project: &str) -> Self {
        let Some(yaml) = yaml else {
            return self;
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
        if let Json::Object(mut all) = yaml.to_json() {
            if let Some(Json::Object(own)) = all.get(project).cloned() {
                all.remove(project);
                self.project = own;
            }
            self.common = all;
        }
        self
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        [&self.command_line, &self.project, &self.common]
            .into_iter()
            .find_map(|vars| vars.get(name))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.command_line, &self.project, &self.common]
            .into_iter()
            .flat_map(|vars| vars.keys().map(String::as_str))
    }
}
