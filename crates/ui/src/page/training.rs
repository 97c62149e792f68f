//! `/training/<run id>`: one tracked run, while it logs and after.

use askama::Template;

use super::artifact::{Entry, Listing};
use super::curves::{self, CurvePoint, Drawing};
use super::evaluation::Evaluation;
use super::experiment::LoggedModelRow;
use super::part::{InputTable, NodeLink, Status};
use super::run_row::{Column, RunLink, RunRow, VersionLink, way};
use super::runs::took;
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

/// Pictures that stand beside each other; the others are drawn where they are chosen.
const PLOTS: usize = 12;

#[derive(Clone, Debug, Template)]
#[template(path = "training.html")]
pub struct Training {
    pub run_id: String,
    pub name: String,
    pub experiment: String,
    pub note: String,
    pub user: String,
    /// What ran: its file, its commit.
    pub source: Vec<(String, String)>,
    pub status: Status,
    pub deleted: bool,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    /// The project's job, where it is one's run.
    pub job: Option<NodeLink>,
    pub invocation: Option<String>,
    pub versions: Vec<VersionLink>,
    pub parent: Option<RunLink>,
    pub children: Vec<RunRow>,
    pub child_columns: Vec<Column>,
    pub more_children: bool,
    pub metrics: Vec<LoggedMetric>,
    pub drawing: Drawing,
    pub params: Vec<(String, String)>,
    pub tags: Vec<(String, String)>,
    /// Tables of the warehouse that it read.
    pub inputs: Vec<InputTable>,
    pub datasets: Vec<DatasetRow>,
    pub models_read: Vec<LoggedModelRow>,
    pub models_made: Vec<LoggedModelRow>,
    pub artifacts: Listing,
    /// What its program wrote, as far as it is shown.
    pub output: Option<Output>,
    pub training_hash: Option<String>,
    pub evaluation: Option<Evaluation>,
    /// Seconds after which the browser is to load the page again, where that was asked for.
    pub refresh: Option<u32>,
}

/// A metric: its newest value, and its curve where it has one.
#[derive(Clone, Debug)]
pub struct LoggedMetric {
    pub key: String,
    pub value: f64,
    pub step: i64,
    /// Values that were logged.
    pub count: u64,
    /// Thinned; empty where one value is all.
    pub points: Vec<CurvePoint>,
}

/// A dataset as MLflow describes it.
#[derive(Clone, Debug)]
pub struct DatasetRow {
    pub name: String,
    pub digest: String,
    /// `training`, `validation`, ...; empty if that was not said.
    pub role: String,
    pub source_kind: String,
    pub source: String,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub path: String,
    /// The end of it.
    pub text: String,
    /// There is more before.
    pub cut: bool,
}

impl LoggedMetric {
    fn spark(&self) -> Markup {
        curves::small(&self.points)
    }

    /// Smallest and greatest of the curve.
    fn bounds(&self) -> Option<(f64, f64)> {
        let finite = || {
            self.points
                .iter()
                .map(|p| p.value)
                .filter(|v| v.is_finite())
        };
        Some((finite().reduce(f64::min)?, finite().reduce(f64::max)?))
    }
}

impl Training {
    fn href(&self) -> String {
        link::training(&self.run_id)
    }

    fn took(&self) -> String {
        took(Some(self.started_ms), self.finished_ms)
    }

    fn is_live(&self) -> bool {
        matches!(self.status, Status::Running | Status::Queued)
    }

    fn refresh_href(&self) -> String {
        link::query(&self.href(), &[("refresh", "5")])
    }

    fn curved(&self) -> impl Iterator<Item = &LoggedMetric> {
        self.metrics.iter().filter(|metric| metric.points.len() > 1)
    }

    fn is_chosen(&self, metric: &LoggedMetric) -> bool {
        self.drawing.metrics.contains(&metric.key)
    }

    /// What is chosen in one picture, or the first families in one each.
    fn plots(&self) -> Vec<Markup> {
        let line = |metric: &'_ LoggedMetric| metric.key.clone();
        let chosen: Vec<(String, &[CurvePoint])> = self
            .curved()
            .filter(|metric| self.is_chosen(metric))
            .map(|metric| (line(metric), metric.points.as_slice()))
            .collect();
        if !chosen.is_empty() {
            return vec![self.drawing.plot(&self.drawing.metrics.join(", "), &chosen)];
        }
        let families = curves::families(self.curved().map(|metric| metric.key.as_str()));
        let plot = |(name, keys): &(&str, Vec<&str>)| {
            let members = self
                .curved()
                .filter(|metric| keys.contains(&metric.key.as_str()));
            let lines: Vec<_> = members
                .map(|metric| (line(metric), metric.points.as_slice()))
                .collect();
            self.drawing
                .plot(if keys.len() == 1 { keys[0] } else { name }, &lines)
        };
        families.iter().take(PLOTS).map(plot).collect()
    }

    /// Families of curves that no picture shows.
    fn hidden_plots(&self) -> Option<String> {
        let families = curves::families(self.curved().map(|metric| metric.key.as_str()));
        let hidden = families.len().saturating_sub(PLOTS) as u64;
        let says = || format::counted(hidden, "more curve", "more curves");
        (hidden > 0 && self.drawing.metrics.is_empty()).then(says)
    }

    fn entries(&self) -> &[Entry] {
        &self.artifacts.entries
    }

    fn children_href(&self) -> String {
        let filter = format!("tags.`mlflow.parentRunId` = '{}'", self.run_id);
        link::query(&link::experiment(&self.experiment), &[("filter", &filter)])
    }

    fn compare_href(&self) -> String {
        link::compare(self.children.iter().map(|child| child.id.as_str()))
    }
}

impl Page for Training {
    fn title(&self) -> String {
        format!("Run {}", self.name)
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        way(&self.experiment, self.parent.as_ref())
    }

    fn refresh(&self) -> Option<u32> {
        self.refresh.filter(|_| self.is_live())
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
