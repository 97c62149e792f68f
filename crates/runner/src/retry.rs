//! `retry`: what the last run left undone.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, NodeId};
use forebay_store::{Invocation, Store};

use crate::step::batches;

/// The last invocation that ran nodes.
pub struct Undone {
    pub invocation: Invocation,
    /// Those of its nodes that did not succeed.
    pub nodes: BTreeSet<NodeId>,
    /// Of models that run in batches, those that failed.
    pub batches: BTreeMap<NodeId, Vec<Batch>>,
}

pub fn undone(store: &Store) -> Result<Undone, Diagnostic> {
    for invocation in store.invocations(100)? {
        let runs = store.node_runs(&invocation.id)?;
        if runs.is_empty() {
            continue;
        }
        let mut undone = Undone {
            invocation,
            nodes: BTreeSet::new(),
            batches: BTreeMap::new(),
        };
        // A node with several attempts counts by its last one; they come in the order of attempts.
        for run in runs {
            undone.batches.remove(&run.node_id);
            if run.status.lets_children_run() {
                undone.nodes.remove(&run.node_id);
                continue;
            }
            let failed = batches::failed(&run.details);
            undone
                .batches
                .extend(failed.map(|failed| (run.node_id.clone(), failed)));
            undone.nodes.insert(run.node_id);
        }
        return Ok(undone);
    }
    Err(Diagnostic::error("there is no earlier run to retry")
        .hint("`forebay build` runs the whole project"))
}
