//! The pages: one struct each, with the template of the same name.
//!
//! Whoever serves fills the structs; every field is plain data that is shown as it is. Times are
//! milliseconds since 1970, delays milliseconds, shares between 0 and 1.

use askama::Template;

use crate::markup::Markup;
use crate::shell::{Crumb, Section};

mod artifact;
mod asked;
mod card;
mod compare;
mod curves;
mod evaluation;
mod experiment;
mod graph;
mod logged_model;
mod model;
mod node;
mod overview;
mod part;
mod prediction;
mod problem;
mod run_row;
mod runs;
mod service;
mod table;
mod trace;
mod training;

pub use artifact::{Artifacts, Entry, File, Listing, View};
pub use asked::{Asked, Lifecycle, Misread, ids};
pub use card::{Card, CardFeature};
pub use compare::{Compare, ComparedRun};
pub use curves::{CurvePoint, Drawing};
pub use evaluation::{
    CalibrationBin, Confusion, Evaluation, Gate, LossPoint, MetricRow, SliceGroup, ThresholdRow,
};
pub use experiment::{Experiment, ExperimentRow, Experiments, LoggedModelRow};
pub use graph::Graph;
pub use logged_model::{LoggedModel, ModelMetricRow};
pub use model::{Model, ModelRow, ModelVersion, Models};
pub use node::{ColumnLineage, ColumnRow, Node};
pub use overview::{HeldTable, Overview, Place, ServiceRow, TestCounts};
pub use part::{Grid, GridColumn, InputTable, NodeLink, Status, TestRow};
pub use prediction::{FeatureValue, Prediction, SourceRow};
pub use problem::Problem;
pub use run_row::{Column, ColumnKind, RunLink, RunRow, RunValue, VersionLink, nest};
pub use runs::{InvocationRow, NodeRunRow, Run, Runs};
pub use service::{Delay, Drift, Minute, PredictionRow, RequestField, Service, Services, Try};
pub use table::{Held, Table, TableColumn, TableRow, Tables, VersionRow};
pub use trace::{AssessmentRow, SpanRow, Trace, TraceRow, Traces};
pub use training::{DatasetRow, LoggedMetric, Output, Training};

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

    /// Seconds after which a browser without scripts loads the page again, where that was asked for.
    fn refresh(&self) -> Option<u32> {
        None
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
