//! Ingestion: files become rows of source tables, each file once.
//!
//! [`plan`] looks at the files and at what the table says was loaded, and answers with plain data.
//! [`load`] does what the plan says in one commit of the table, which records the loaded files
//! beside their rows: a crash leaves either all of a load or nothing of it.

mod csv;
mod held;
mod load;
mod metadata;
mod plan;
mod state;
mod winners;

pub use load::{Loaded, load};
pub use plan::{FileAction, LoadPlan, PlannedFile, plan};

use forebay_core::ingest::Ingest;
use forebay_core::{Diagnostic, Node, Relation, Spec};

/// The table and the load of a source node.
fn source(node: &Node) -> Result<(&Relation, &Ingest), Diagnostic> {
    match (&node.spec, &node.relation) {
        (Spec::Source(source), Some(relation)) => match &source.ingest {
            Some(ingest) => Ok((relation, ingest)),
            None => Err(Diagnostic::internal(format!(
                "no ingest file fills {}",
                node.id
            ))),
        },
        _ => Err(Diagnostic::internal(format!("{} is no source", node.id))),
    }
}

/// Runs file reading where it holds up no other task.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Diagnostic::internal(format!(
            "reading files broke: {error}"
        )))
    })
}
