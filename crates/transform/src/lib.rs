//! Materialisations: how a compiled query, a seed file or a snapshot becomes a table.
//!
//! Every step is one commit of one table, and running a step again gives the table that one run
//! gives.

mod assign;
mod contract;
pub mod incremental;
mod materialize;
mod merge;
mod python;
mod seed;
mod snapshot;

use chrono::{DateTime, Utc};
use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, Node, Relation};

pub use contract::selected as contracted;
pub use materialize::materialize;
pub use python::{PythonInput, PythonModel, python};
pub use seed::seed;
pub use snapshot::{NEW, OLD, snapshot};

/// What a step knows of the run that it is part of.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Incremental tables are built from nothing, unless their own setting says otherwise.
    pub full_refresh: bool,
    /// The query was compiled to add to the table that is there: `is_incremental()` was true.
    pub incremental: bool,
    /// The span of time that the query was compiled for, in a model that runs in batches.
    pub batch: Option<Batch>,
    pub now: DateTime<Utc>,
    /// Names the run: a retried step of the same run is not done twice.
    pub invocation_id: String,
}

fn relation(node: &Node) -> Result<&Relation, Diagnostic> {
    node.relation
        .as_ref()
        .ok_or_else(|| Diagnostic::internal(format!("{} has no table", node.id)))
}
