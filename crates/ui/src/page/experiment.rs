//! `/experiments` and `/experiments/<name>`: tracked runs, searched and side by side.

use askama::Template;

use super::asked::{Asked, Misread};
use super::run_row::{Column, RunRow, RunValue};
use super::{Page, render};
use crate::chart::{Axis, Mark, Plot};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "experiments.html")]
pub struct Experiments {
    pub experiments: Vec<ExperimentRow>,
    pub asked: Asked,
    pub misread: Option<Misread>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Where MLflow's clients are pointed: `http://127.0.0.1:8600`.
    pub address: String,
}

#[derive(Clone, Debug)]
pub struct ExperimentRow {
    pub id: i64,
    pub name: String,
    pub deleted: bool,
    pub runs: u64,
    pub running: u64,
    pub last_started_ms: Option<i64>,
    pub note: String,
}

#[derive(Clone, Debug, Default, Template)]
#[template(path = "experiment.html")]
pub struct Experiment {
    pub id: i64,
    pub name: String,
    pub deleted: bool,
    pub note: String,
    pub tags: Vec<(String, String)>,
    pub asked: Asked,
    pub misread: Option<Misread>,
    /// Those shown.
    pub columns: Vec<Column>,
    /// All that the runs shown have, and those shown.
    pub known: Vec<Column>,
    pub pinned: Vec<RunRow>,
    pub runs: Vec<RunRow>,
    pub next: Option<String>,
    /// Runs in the lifecycle stage asked for.
    pub total: u64,
    pub logged_models: Vec<LoggedModelRow>,
    /// It has traces.
    pub traced: bool,
    pub address: String,
}

/// What a run made, in a list.
#[derive(Clone, Debug)]
pub struct LoggedModelRow {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub created_ms: i64,
}

impl LoggedModelRow {
    pub(crate) fn href(&self) -> String {
        link::logged_model(&self.id)
    }
}

/// A column that may be shown, and whether it is.
type Choice<'a> = (&'a Column, bool);

impl Experiments {
    fn more(&self) -> Option<String> {
        self.asked.more(self.next.as_ref(), "/experiments")
    }
}

impl Experiment {
    fn path(&self) -> String {
        link::experiment(&self.name)
    }

    fn sort(&self, key: &str) -> String {
        self.asked.turned(key).href(&self.path())
    }

    /// Columns that may be chosen, by what they are of.
    fn choices(&self) -> Vec<(&'static str, Vec<Choice<'_>>)> {
        let mut groups: Vec<(&'static str, Vec<Choice<'_>>)> = Vec::new();
        for column in &self.known {
            let choice = (column, self.columns.contains(column));
            match groups.last_mut().filter(|(word, _)| *word == column.word()) {
                Some((_, group)) => group.push(choice),
                None => groups.push((column.word(), vec![choice])),
            }
        }
        groups
    }

    /// Rows on top first, each with whether it is pinned.
    fn rows(&self) -> Vec<(&RunRow, bool)> {
        let pinned = self.pinned.iter().map(|row| (row, true));
        let others = self
            .runs
            .iter()
            .filter(|row| !self.asked.pinned.contains(&row.id));
        pinned.chain(others.map(|row| (row, false))).collect()
    }

    fn has_versions(&self) -> bool {
        self.rows().iter().any(|(run, _)| !run.versions.is_empty())
    }

    fn has_users(&self) -> bool {
        self.rows().iter().any(|(run, _)| !run.user.is_empty())
    }

    fn kept(&self) -> String {
        format!(
            "{} kept on top",
            format::counted(self.pinned.len() as u64, "run", "runs")
        )
    }

    fn count(&self) -> String {
        let all = format::counted(self.total, "run", "runs");
        let shown = self.runs.len() as u64;
        match self.asked.filter.is_empty() {
            _ if self.misread.is_some() => all,
            true if shown == self.total => all,
            true => format!("{} of {all}", format::count(shown)),
            false if self.next.is_some() => {
                format!("the first {} that match, of {all}", format::count(shown))
            }
            false => format!("{} that match, of {all}", format::count(shown)),
        }
    }

    /// The first metric over the runs shown, where at least two have it.
    fn progress(&self) -> Option<Markup> {
        let at = self.columns.iter().position(Column::is_number)?;
        let name = &self.columns[at].key;
        let mut runs: Vec<(i64, f64, &str)> = self
            .runs
            .iter()
            .filter_map(|run| match run.values.get(at)? {
                RunValue::Number(x) if x.is_finite() => {
                    Some((run.started_ms, *x, run.name.as_str()))
                }
                _ => None,
            })
            .collect();
        runs.sort_by_key(|run| run.0);
        if runs.len() < 2 {
            return None;
        }
        let points: Vec<(f64, f64)> = (1..)
            .zip(&runs)
            .map(|(i, run)| (f64::from(i), run.1))
            .collect();
        let dot = |((x, y), run): (&(f64, f64), &(i64, f64, &str))| {
            (*x, *y, 0.1, format!("{}: {}", run.2, format::metric(*y)))
        };
        let plot = Plot {
            title: format!("{name} over the runs shown"),
            description: format!("{name} of {} runs, oldest first", points.len()),
            x: Axis::between("run, oldest first", 1.0, points.len() as f64),
            y: Axis::over(name, points.iter().map(|p| p.1)),
            marks: vec![
                Mark::Dots {
                    class: "a",
                    label: String::new(),
                    points: points.iter().zip(&runs).map(dot).collect(),
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

    fn wide(&self) -> bool {
        true
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
