//! `import`: brings existing history into the metadata store.

use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics};
use forebay_store::{Imported, Store};
use serde_json::json;

use super::serve;
use crate::args::{Global, ImportMlflow, Output};
use crate::report::{Talk, data};
use crate::wiring;

pub fn mlflow(global: &Global, talk: &Talk, options: &ImportMlflow) -> Result<u8, Diagnostics> {
    check(&options.file)?;
    let global = &serve::at_data(global, options.data.as_deref())?;
    let project = wiring::project(global, talk, &wiring::invocation_id())?;
    let store = Store::open(&project.settings.metadata)?;
    let added = store.import_mlflow(&options.file)?;
    match options.output {
        Output::Json => data::json(&json!({
            "experiments": added.experiments,
            "runs": added.runs,
            "metrics": added.metrics,
            "logged_models": added.logged_models,
            "registered_models": added.registered_models,
            "model_versions": added.versions,
        }))?,
        Output::Text => data::print(&said(added)),
    }
    if added != Imported::default() {
        let artifacts = project.settings.artifacts.display();
        talk.say(&format!(
            "artifacts that went through the server (its mlartifacts folder) are not copied: put them into {artifacts}"
        ));
    }
    Ok(0)
}

fn check(file: &Path) -> Result<(), Diagnostic> {
    let text = file.to_string_lossy();
    if file.is_dir() || text.contains("://") {
        return Err(Diagnostic::error(format!("'{text}' is no SQLite file, which is what can be imported"))
            .hint("a folder of runs becomes one with `mlflow migrate-filestore`; a server's is its --backend-store-uri"));
    }
    Ok(())
}

fn said(added: Imported) -> String {
    if added == Imported::default() {
        return "nothing new".to_owned();
    }
    format!(
        "{} experiments, {} runs, {} metric values, {} logged models, {} registered models, {} versions",
        added.experiments,
        added.runs,
        added.metrics,
        added.logged_models,
        added.registered_models,
        added.versions
    )
}
