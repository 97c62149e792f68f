//! Sample data for every page: the flights example as it could look. For the preview and for tests.

mod data;
mod model;
mod table;
mod tracking;

use crate::page::Page;

pub use data::{graph, node, overview, run, runs};
pub use model::{model, models, prediction, service};
pub use table::{table, tables};
pub use tracking::{artifacts, card, compare, experiment, experiments, logged_model, training};

use crate::Shell;
use crate::page;

pub fn shell() -> Shell {
    Shell {
        project: "flights".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// Every page with data, and every page that has an empty state in it; each with a file name.
pub fn pages() -> Vec<(&'static str, Box<dyn Page>)> {
    let full = full();
    let full = full.into_iter();
    let empty: Vec<(&'static str, Box<dyn Page>)> = vec![
        (
            "overview-empty",
            Box::new(page::Overview {
                project: "new".into(),
                ..Default::default()
            }),
        ),
        ("graph-empty", Box::new(page::Graph::default())),
        ("runs-empty", Box::new(page::Runs::default())),
        ("tables-empty", Box::new(page::Tables::default())),
        ("experiments-empty", Box::new(page::Experiments::default())),
        ("experiment-empty", Box::new(page::Experiment::default())),
        ("compare-empty", Box::new(page::Compare::default())),
        ("models-empty", Box::new(page::Models::default())),
        ("services-empty", Box::new(page::Services::default())),
        (
            "problem",
            Box::new(page::Problem::not_found("There is no table main.nowhere.")),
        ),
    ];
    full.chain(empty).collect()
}

fn full() -> Vec<(&'static str, Box<dyn Page>)> {
    vec![
        ("overview", Box::new(overview())),
        ("graph", Box::new(graph())),
        ("node", Box::new(node())),
        ("runs", Box::new(runs())),
        ("run", Box::new(run())),
        ("tables", Box::new(tables())),
        ("table", Box::new(table())),
        ("experiments", Box::new(experiments())),
        ("experiment", Box::new(experiment())),
        ("experiment-misread", Box::new(tracking::misread())),
        ("training", Box::new(training())),
        ("training-live", Box::new(tracking::live())),
        ("compare", Box::new(compare())),
        ("artifacts", Box::new(artifacts())),
        ("artifact-page", Box::new(tracking::inert_page())),
        ("logged-model", Box::new(logged_model())),
        ("traces", Box::new(tracking::traces())),
        ("trace", Box::new(tracking::trace())),
        ("models", Box::new(models())),
        ("model", Box::new(model())),
        ("card", Box::new(card())),
        ("services", Box::new(model::services())),
        ("service", Box::new(service())),
        ("prediction", Box::new(prediction())),
    ]
}
