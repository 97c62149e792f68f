//! Others' history of runs, brought into the metadata store: MLflow's folders and servers, the files of
//! Weights & Biases.
//!
//! A reader yields [`forebay_store::History`] part by part, so that the largest history needs the
//! memory of a part; importing again adds only what is new. Files of artifacts are copied below the
//! artifact root, and one that is there already in its full length is left alone.

mod artifacts;
mod http;
mod mlflow_folder;
mod mlflow_server;
mod trace;
mod wandb;

use std::path::Path;

use forebay_core::Diagnostic;
use forebay_store::{History, Imported, Store};

pub use mlflow_folder::import as mlflow_folder;
pub use mlflow_server::import as mlflow_server;
pub use wandb::import as wandb;

/// Where history goes, and who hears of it.
pub struct Target<'a> {
    pub store: &'a Store,
    /// The artifact root.
    pub artifacts: &'a Path,
    /// Called now and then with what has been brought in so far.
    pub progress: &'a dyn Fn(&Imported),
}

/// Runs are handed over so many at a time.
const PART: usize = 200;

impl Target<'_> {
    fn add(&self, history: &History, all: &mut Imported) -> Result<(), Diagnostic> {
        let before = *all;
        *all += self.store.import_history(history)?;
        if *all != before {
            (self.progress)(all);
        }
        Ok(())
    }

    /// Hands a part over once it is full; its experiments come with the next one too.
    fn add_full(&self, part: &mut History, all: &mut Imported) -> Result<(), Diagnostic> {
        if part.runs.len() == PART {
            self.add(part, all)?;
            part.runs.clear();
            part.logged_models.clear();
        }
        Ok(())
    }
}
