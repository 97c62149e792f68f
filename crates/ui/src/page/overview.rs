//! `/`: the state of the project on one screen.

use std::path::PathBuf;

use askama::Template;
use forebay_core::{Relation, ResourceType};

use super::part::{Status, TestRow, kind_words};
use super::runs::InvocationRow;
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::Section;
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "overview.html")]
pub struct Overview {
    pub project: String,
    pub root: PathBuf,
    /// The newest one.
    pub invocation: Option<InvocationRow>,
    /// Nodes of each kind, in the order to show.
    pub nodes: Vec<(ResourceType, u64)>,
    pub held: Vec<HeldTable>,
    pub tests: TestCounts,
    /// Tests and monitors that warn, fail or could not run.
    pub attention: Vec<TestRow>,
    pub services: Vec<ServiceRow>,
    pub places: Vec<Place>,
}

/// Rows that were set aside when a table was filled.
#[derive(Clone, Debug)]
pub struct HeldTable {
    /// The table that they did not get into.
    pub relation: Relation,
    pub rows: u64,
    /// The most frequent one.
    pub reason: String,
}

impl HeldTable {
    fn href(&self) -> String {
        link::table(&self.relation.held())
    }
}

/// Tests by what they found last.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestCounts {
    pub passed: u64,
    pub warned: u64,
    pub failed: u64,
    pub not_run: u64,
}

/// One served model.
#[derive(Clone, Debug)]
pub struct ServiceRow {
    pub name: String,
    pub model: String,
    pub version: Option<u64>,
    pub alias: Option<String>,
    /// Answers requests.
    pub ready: bool,
    /// Since the server started.
    pub predictions: u64,
    pub p99_ms: Option<f64>,
    /// State of its monitors.
    pub monitors: Option<Status>,
}

/// Where something lies: the warehouse, the metadata store, an address.
#[derive(Clone, Debug)]
pub struct Place {
    pub what: String,
    pub path: String,
}

impl Overview {
    fn held_rows(&self) -> u64 {
        self.held.iter().map(|held| held.rows).sum()
    }

    fn total(&self) -> u64 {
        self.nodes.iter().map(|(_, n)| n).sum()
    }

    fn ready(&self) -> usize {
        self.services.iter().filter(|s| s.ready).count()
    }
}

impl Page for Overview {
    fn title(&self) -> String {
        "Overview".to_owned()
    }

    fn section(&self) -> Section {
        Section::Overview
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
