//! `import`: brings existing history into the metadata store.

use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics};
use forebay_import::Target;
use forebay_store::{Imported, Store};
use serde_json::json;

use super::serve;
use crate::args::{Global, ImportFrom, Output};
use crate::report::{Talk, data};
use crate::wiring;

/// Reads one kind of history.
type Reader = fn(&str, &Target<'_>) -> Result<Imported, Diagnostic>;

pub fn mlflow(global: &Global, talk: &Talk, options: &ImportFrom) -> Result<u8, Diagnostics> {
    let reader: Reader = if options.from.contains("://") {
        forebay_import::mlflow_server
    } else if Path::new(&options.from).is_dir() {
        |from, target| forebay_import::mlflow_folder(Path::new(from), target)
    } else {
        |from, target| target.store.import_mlflow(Path::new(from))
    };
    let added = run(global, talk, options, reader)?;
    if added != Imported::default() && Path::new(&options.from).is_file() {
        talk.say("artifacts that went through the server (its mlartifacts folder) are not in that file: import from the running server, or copy the folder's contents into the artifacts of this project");
    }
    Ok(0)
}

pub fn wandb(global: &Global, talk: &Talk, options: &ImportFrom) -> Result<u8, Diagnostics> {
    let reader: Reader = |from, target| forebay_import::wandb(Path::new(from), target);
    run(global, talk, options, reader)?;
    Ok(0)
}

fn run(
    global: &Global,
    talk: &Talk,
    options: &ImportFrom,
    reader: Reader,
) -> Result<Imported, Diagnostics> {
    let global = &serve::at_data(global, options.data.as_deref())?;
    let project = wiring::project(global, talk, &wiring::invocation_id())?;
    let store = Store::open(&project.settings.metadata)?;
    let progress = |so_far: &Imported| talk.say(&format!("{} so far", said(*so_far)));
    let target = Target {
        store: &store,
        artifacts: &project.settings.artifacts,
        progress: &progress,
    };
    let added = reader(&options.from, &target)?;
    match options.output {
        Output::Json => data::json(&json!({
            "experiments": added.experiments,
            "runs": added.runs,
            "metrics": added.metrics,
            "logged_models": added.logged_models,
            "registered_models": added.registered_models,
            "model_versions": added.versions,
            "traces": added.traces,
            "evaluation_datasets": added.evaluation_datasets,
        }))?,
        Output::Text => data::print(&said(added)),
    }
    Ok(added)
}

fn said(added: Imported) -> String {
    if added == Imported::default() {
        return "nothing new".to_owned();
    }
    let counted = [
        (added.experiments, "experiments"),
        (added.runs, "runs"),
        (added.metrics, "metric values"),
        (added.logged_models, "logged models"),
        (added.registered_models, "registered models"),
        (added.versions, "versions"),
        (added.traces, "traces"),
        (added.evaluation_datasets, "evaluation datasets"),
    ];
    let new = counted.iter().filter(|(count, _)| *count > 0);
    let new: Vec<String> = new.map(|(count, what)| format!("{count} {what}")).collect();
    new.join(", ")
}
