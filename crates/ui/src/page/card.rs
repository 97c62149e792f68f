//! `/models/<name>/<version>`: a model's card, written from what is known of it.

use askama::Template;

use super::artifact::{Entry, Listing};
use super::evaluation::Evaluation;
use super::experiment::LoggedModelRow;
use super::part::{InputTable, NodeLink};
use super::run_row::RunLink;
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "card.html")]
pub struct Card {
    pub model: String,
    pub version: u64,
    pub aliases: Vec<String>,
    pub stage: String,
    pub description: String,
    pub created_ms: i64,
    pub user: String,
    pub run: Option<RunLink>,
    pub logged_model: Option<LoggedModelRow>,
    /// Inference services that serve this version now.
    pub services: Vec<String>,
    pub training_hash: String,
    /// The definition that it was trained by, in words: spine, label, filter, split.
    pub definition: Vec<(String, String)>,
    pub features: Vec<CardFeature>,
    pub inputs: Vec<InputTable>,
    /// What ran: program, commit, versions.
    pub code: Vec<(String, String)>,
    pub params: Vec<(String, String)>,
    pub metrics: Vec<(String, f64)>,
    pub tags: Vec<(String, String)>,
    pub evaluation: Option<Evaluation>,
    pub artifacts: Listing,
}

/// What the model reads.
#[derive(Clone, Debug)]
pub struct CardFeature {
    pub name: String,
    /// `categorical`, `numeric`, ...
    pub kind: String,
    /// The feature view that it comes from; none for a column of the request.
    pub view: Option<NodeLink>,
    /// The view's name where the project no longer has it.
    pub from: String,
    /// Its column there.
    pub column: String,
    pub description: String,
}

impl CardFeature {
    fn lineage(&self) -> Option<String> {
        let view = self.view.as_ref()?;
        Some(link::column(&view.id, &self.column))
    }
}

impl Card {
    fn entries(&self) -> &[Entry] {
        &self.artifacts.entries
    }

    fn has_stage(&self) -> bool {
        !self.stage.is_empty() && self.stage != "None"
    }
}

impl Page for Card {
    fn title(&self) -> String {
        format!("{} v{}", self.model, self.version)
    }

    fn section(&self) -> Section {
        Section::Models
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![
            Crumb::new("Models", "/models"),
            Crumb::new(&self.model, link::model(&self.model)),
        ]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
