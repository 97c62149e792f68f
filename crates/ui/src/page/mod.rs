//! The pages: one struct each, with the template of the same name.
//!
//! Whoever serves fills the structs; every field is plain data that is shown as it is. Times are
//! milliseconds since 1970, delays milliseconds, shares between 0 and 1.

use askama::Template;

use crate::markup::Markup;
use crate::shell::{Crumb, Section};

mod experiment;
mod graph;
mod model;
mod node;
mod overview;
mod part;
mod prediction;
mod problem;
mod runs;
mod service;
mod table;
mod training;

pub use experiment::{Experiment, ExperimentRow, Experiments, TrainingRow};
pub use graph::Graph;
pub use model::{Model, ModelRow, ModelVersion, Models};
pub use node::{ColumnLineage, ColumnRow, Node};
pub use overview::{HeldTable, Overview, Place, ServiceRow, TestCounts};
pub use part::{Grid, GridColumn, InputTable, NodeLink, Status, TestRow};
pub use prediction::{FeatureValue, Prediction, SourceRow};
pub use problem::Problem;
pub use runs::{InvocationRow, NodeRunRow, Run, Runs};
pub use service::{Delay, Drift, Minute, PredictionRow, RequestField, Service, Services, Try};
pub use table::{Held, Table, TableColumn, TableRow, Tables, VersionRow};
pub use training::{CalibrationBin, Confusion, Gate, LossPoint, MetricRow, Training};

/// What [`crate::Shell`] needs of a page.
pub trait Page {
    /// Also the heading.
    fn title(&self) -> String;

    fn section(&self) -> Section;

    /// The way here, without the page itself.
    fn crumbs(&self) -> Vec<Crumb> {
        Vec::new()
    }

    /// Whether the page may use the whole width of the window.
    fn wide(&self) -> bool {
        false
    }

    /// What stands inside `<main>`.
    fn body(&self) -> Markup;
}

fn render(template: &impl Template) -> Markup {
    let html = template
        .render()
        .expect("a template without failing filters renders into a string");
    Markup::trusted(html)
}
