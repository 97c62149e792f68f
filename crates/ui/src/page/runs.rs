//! `/runs` and `/runs/<invocation id>`: what ran, when, for how long, and what it said.

use askama::Template;

use super::part::{NodeLink, Status};
use super::{Page, render};
use crate::chart::Timeline;
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "runs.html")]
pub struct Runs {
    /// Newest first.
    pub invocations: Vec<InvocationRow>,
}

/// One call of the program.
#[derive(Clone, Debug)]
pub struct InvocationRow {
    pub id: String,
    /// The command line after the program's name: `build --select +arrivals`.
    pub command: String,
    pub status: Status,
    pub started_ms: i64,
    /// None while it runs.
    pub finished_ms: Option<i64>,
    /// Node runs by their status, in the order to show.
    pub counts: Vec<(Status, u64)>,
}

impl InvocationRow {
    pub(crate) fn href(&self) -> String {
        link::invocation(&self.id)
    }

    pub(crate) fn took(&self) -> String {
        took(Some(self.started_ms), self.finished_ms)
    }

    pub(crate) fn summary(&self) -> String {
        let part = |(status, n): &(Status, u64)| format!("{} {}", format::count(*n), status.word());
        self.counts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn took(started_ms: Option<i64>, finished_ms: Option<i64>) -> String {
    match (started_ms, finished_ms) {
        (Some(from), Some(to)) => format::duration(to - from),
        _ => format::NONE.to_owned(),
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "run.html")]
pub struct Run {
    pub invocation: InvocationRow,
    /// In the order in which they started; not started ones last.
    pub nodes: Vec<NodeRunRow>,
    /// Bars of what still runs end here.
    pub now_ms: i64,
}

/// One node's execution in an invocation.
#[derive(Clone, Debug)]
pub struct NodeRunRow {
    pub node: NodeLink,
    pub status: Status,
    /// Counts from one.
    pub attempt: u32,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub rows: Option<u64>,
    pub message: String,
}

impl NodeRunRow {
    fn took(&self) -> String {
        took(self.started_ms, self.finished_ms)
    }
}

impl Run {
    fn timeline(&self) -> Option<Timeline> {
        Timeline::over(self.nodes.iter().filter_map(|node| self.span(node)))
    }

    fn span(&self, node: &NodeRunRow) -> Option<(i64, i64)> {
        let from = node.started_ms?;
        Some((from, node.finished_ms.unwrap_or(self.now_ms).max(from)))
    }

    fn bar(&self, timeline: &Timeline, node: &NodeRunRow) -> Markup {
        match self.span(node) {
            Some((from, to)) => timeline.bar(from, to, node.status),
            None => Markup::default(),
        }
    }
}

impl Page for Runs {
    fn title(&self) -> String {
        "Runs".to_owned()
    }

    fn section(&self) -> Section {
        Section::Runs
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Run {
    fn title(&self) -> String {
        format!("Run {}", format::short(&self.invocation.id))
    }

    fn section(&self) -> Section {
        Section::Runs
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Runs", "/runs")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
