//! `retry`: what the last run left undone.

use std::collections::BTreeSet;

use forebay_core::{Diagnostic, NodeId};
use forebay_store::{Invocation, Store};

/// The last invocation that ran nodes, and those of its nodes that did not succeed.
pub fn undone(store: &Store) -> Result<(Invocation, BTreeSet<NodeId>), Diagnostic> {
    for invocation in store.invocations(100)? {
        let runs = store.node_runs(&invocation.id)?;
        if runs.is_empty() {
            continue;
        }
        // A node with several attempts counts by its last one; they come in the order of attempts.
        let mut undone = BTreeSet::new();
        for run in runs {
            if run.status.lets_children_run() {
                undone.remove(&run.node_id);
            } else {
                undone.insert(run.node_id);
            }
        }
        return Ok((invocation, undone));
    }
    Err(Diagnostic::error("there is no earlier run to retry")
        .hint("`forebay build` runs the whole project"))
}
