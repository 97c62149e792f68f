//! Sample data for every page: the flights example as it could look. For the preview and for tests.

mod data;
mod model;
mod table;

use crate::page::Page;

pub use data::{experiment, graph, node, overview, run, runs};
pub use model::{model, models, prediction, service, training};
pub use table::{table, tables};

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
        ("experiments", Box::new(data::experiments())),
        ("experiment", Box::new(experiment())),
        ("training", Box::new(training())),
        ("models", Box::new(models())),
        ("model", Box::new(model())),
        ("services", Box::new(model::services())),
        ("service", Box::new(service())),
        ("prediction", Box::new(prediction())),
    ]
}
