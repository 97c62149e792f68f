//! Runs that Weights & Biases kept on disk: a folder `run-...` or `offline-run-...` each, with a file
//! `.wandb` of all that was logged.
//!
//! A project becomes an experiment, configuration parameters, history and summary metrics, saved files
//! artifacts, and its own artifacts folders below `artifacts/`. What is no number (tables, images, texts
//! in the history) is kept in `history.jsonl` among the artifacts, as it was logged.

mod log;
mod message;
mod run;
mod saved;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use forebay_core::Diagnostic;
use forebay_store::{Experiment, History, Imported};

use crate::{Target, artifacts};

/// All `.wandb` files below the folder.
pub fn import(folder: &Path, target: &Target<'_>) -> Result<Imported, Diagnostic> {
    let mut files = Vec::new();
    find(folder, &mut files);
    if files.is_empty() {
        return Err(
            Diagnostic::error(format!("{} has no .wandb files in it", folder.display()))
                .hint("name the folder `wandb` beside a script that logged runs"),
        );
    }
    files.sort();
    let mut all = Imported::default();
    for file in &files {
        let opened = File::open(file);
        let opened = opened.map_err(|error| {
            Diagnostic::environment(format!("cannot read {}: {error}", file.display()))
        })?;
        let log = log::Log::open(BufReader::new(opened), &file.display().to_string())?;
        let Some(found) = run::read(log, &file.display().to_string())? else {
            continue;
        };
        let place = target.artifacts.join(&found.run.artifact_path);
        if let Some(saved) = file.parent() {
            artifacts::copy_folder(&saved.join("files"), &place)?;
        }
        saved::keep(&found.rest, &place.join("history.jsonl"))?;
        // Its client writes this file itself, if it lives to the end of the run.
        let output = place.join("output.log");
        if !output.exists() {
            saved::keep(&found.output, &output)?;
        }
        saved::artifacts(&found.artifacts, &place)?;
        let part = History {
            experiments: vec![Experiment {
                id: found.run.experiment_id,
                name: found.run.experiment.clone(),
                artifact_path: String::new(),
                created_ms: found.run.started_ms,
                updated_ms: found.run.started_ms,
                deleted_ms: None,
                tags: Default::default(),
            }],
            runs: vec![found.run],
            ..History::default()
        };
        target.add(&part, &mut all)?;
    }
    Ok(all)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // `latest-run` is a link to another of them.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if path.is_dir() && !is_link {
            find(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "wandb")
        {
            files.push(path);
        }
    }
}
