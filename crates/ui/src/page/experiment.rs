//! `/experiments` and `/experiments/<name>`: training runs side by side.

use askama::Template;

use super::part::Status;
use super::runs::took;
use super::{Page, render};
use crate::chart::{Axis, Mark, Plot};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "experiments.html")]
pub struct Experiments {
    pub experiments: Vec<ExperimentRow>,
}

#[derive(Clone, Debug)]
pub struct ExperimentRow {
    pub name: String,
    pub runs: u64,
    pub last_started_ms: Option<i64>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "experiment.html")]
pub struct Experiment {
    pub name: String,
    /// Names of the metrics that get a column; the first is also drawn over the runs.
    pub metrics: Vec<String>,
    /// Newest first.
    pub runs: Vec<TrainingRow>,
}

/// One training run in a list.
#[derive(Clone, Debug)]
pub struct TrainingRow {
    pub run_id: String,
    pub name: String,
    pub status: Status,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    /// As many as the experiment's metrics.
    pub metrics: Vec<Option<f64>>,
    /// The version that it became.
    pub version: Option<u64>,
    pub aliases: Vec<String>,
}

impl TrainingRow {
    fn took(&self) -> String {
        took(Some(self.started_ms), self.finished_ms)
    }

    fn href(&self) -> String {
        link::training(&self.run_id)
    }
}

impl Experiment {
    /// The first metric over the runs, where at least two have it.
    fn progress(&self) -> Option<Markup> {
        let name = self.metrics.first()?;
        let oldest_first = self.runs.iter().rev().enumerate();
        let points: Vec<(f64, f64)> = oldest_first
            .filter_map(|(i, run)| Some((i as f64 + 1.0, (*run.metrics.first()?)?)))
            .collect();
        if points.len() < 2 {
            return None;
        }
        let dot = |(x, y): &(f64, f64)| (*x, *y, 0.1, format!("run {x}: {}", format::metric(*y)));
        let plot = Plot {
            title: format!("{name} over the runs"),
            description: format!("{name} of {} runs, oldest first", points.len()),
            x: Axis::between("run", 1.0, points.len() as f64),
            y: Axis::over(name, points.iter().map(|p| p.1)),
            marks: vec![
                Mark::Dots {
                    class: "a",
                    label: String::new(),
                    points: points.iter().map(dot).collect(),
                },
                Mark::Line {
                    class: "a",
                    label: String::new(),
                    points,
                },
            ],
        };
        Some(plot.figure())
    }
}

impl Page for Experiments {
    fn title(&self) -> String {
        "Experiments".to_owned()
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Experiment {
    fn title(&self) -> String {
        self.name.clone()
    }

    fn section(&self) -> Section {
        Section::Experiments
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Experiments", "/experiments")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
