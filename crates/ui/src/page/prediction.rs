//! `/predictions/<id>`: why a prediction is what it is, back to the source rows.

use askama::Template;
use forebay_core::Relation;

use super::part::{InputTable, NodeLink};
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Template)]
#[template(path = "prediction.html")]
pub struct Prediction {
    pub id: String,
    pub service: String,
    /// When it was answered.
    pub at_ms: i64,
    /// The moment that was asked about: no feature was known later.
    pub moment_ms: i64,
    pub score: f64,
    /// Yes or no, the class, the cluster; None where the score is the answer.
    pub label: Option<String>,
    /// Of a yes or no.
    pub threshold: Option<f64>,
    /// Scoring the logged features again gave the same bits; None: not tried.
    pub same_again: Option<bool>,
    /// What the caller sent.
    pub request: Vec<(String, String)>,
    pub features: Vec<FeatureValue>,
    pub model: String,
    pub version: u64,
    pub aliases: Vec<String>,
    pub run_id: String,
    pub experiment: String,
    pub training_hash: Option<String>,
    pub inputs: Vec<InputTable>,
    /// Sources and models that the features are computed from, sources first.
    pub upstream: Vec<NodeLink>,
    /// Files that the source rows came from, relative to the project.
    pub files: Vec<String>,
}

/// What the model saw.
#[derive(Clone, Debug)]
pub struct FeatureValue {
    /// As the model knows it: `carrier_delays__late_share_1d`.
    pub name: String,
    /// None: missing.
    pub value: Option<String>,
    pub stale: bool,
    /// The feature view; None for features of the request itself.
    pub view: Option<NodeLink>,
    /// When the value became known.
    pub known_ms: Option<i64>,
    pub source: Option<SourceRow>,
}

/// The row of a table that a value comes from.
#[derive(Clone, Debug)]
pub struct SourceRow {
    pub relation: Relation,
    /// What identifies it there: `origin=EWR, time_hour=...`.
    pub key: String,
    /// `file:line` that it was loaded from.
    pub file: Option<String>,
}

impl SourceRow {
    fn href(&self) -> String {
        link::table(&self.relation)
    }
}

impl Prediction {
    fn stale(&self) -> u64 {
        self.features.iter().filter(|f| f.stale).count() as u64
    }

    /// Of the value against the threshold, as the sentence on top needs it.
    fn verdict(&self) -> Option<String> {
        let threshold = self.threshold?;
        let side = match self.score >= threshold {
            true => "at or above",
            false => "below",
        };
        Some(format!(
            "{side} the threshold of {}",
            format::number(threshold)
        ))
    }

    /// How long before the moment that was asked about a feature became known.
    fn age(&self, feature: &FeatureValue) -> Option<String> {
        Some(format::duration(self.moment_ms - feature.known_ms?))
    }
}

impl Page for Prediction {
    fn title(&self) -> String {
        format!("Why {}", format::short(&self.id))
    }

    fn section(&self) -> Section {
        Section::Services
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![
            Crumb::new("Services", "/services"),
            Crumb::new(&self.service, link::service(&self.service)),
        ]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
