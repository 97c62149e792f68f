//! `/logged-models/<id>`: what a run made, with parameters and metrics of its own.

use askama::Template;

use super::artifact::{Entry, Listing};
use super::run_row::{RunLink, VersionLink, way};
use super::{Page, render};
use crate::format;
use crate::markup::Markup;
use crate::shell::{Crumb, Section};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "logged_model.html")]
pub struct LoggedModel {
    pub id: String,
    pub name: String,
    pub experiment: String,
    pub kind: String,
    /// In MLflow's words: `READY`.
    pub status: String,
    pub created_ms: i64,
    pub run: Option<RunLink>,
    pub versions: Vec<VersionLink>,
    pub params: Vec<(String, String)>,
    pub tags: Vec<(String, String)>,
    pub metrics: Vec<ModelMetricRow>,
    pub artifacts: Listing,
}

#[derive(Clone, Debug)]
pub struct ModelMetricRow {
    pub key: String,
    pub value: f64,
    pub step: i64,
    /// Empty where none was named.
    pub dataset: String,
    /// The run that measured it.
    pub run: RunLink,
}

impl LoggedModel {
    fn entries(&self) -> &[Entry] {
        &self.artifacts.entries
    }
}

impl Page for LoggedModel {
    fn title(&self) -> String {
        format!("Logged model {}", self.name)
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        way(&self.experiment, self.run.as_ref())
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
