//! `retry`: what the last run left undone.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, NodeId};
use forebay_store::Store;
use serde_json::{Value, json};

use crate::step::batches;

/// The last invocation that ran nodes.
pub struct Undone {
    pub command: String,
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
            command: invocation.command,
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

/// The same by a `run_results.json`, which may be of another machine.
pub fn undone_of(results: &Value) -> Undone {
    let mut undone = Undone {
        command: results["args"]["which"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        nodes: BTreeSet::new(),
        batches: BTreeMap::new(),
    };
    for result in results["results"].as_array().into_iter().flatten() {
        let is_done = |status| ["success", "pass", "warn", "no-op"].contains(&status);
        let id = result["unique_id"]
            .as_str()
            .filter(|id| !id.starts_with("operation."));
        if let Some(id) = id.filter(|_| !result["status"].as_str().is_some_and(is_done)) {
            let id = NodeId::new(id);
            let failed = batches::failed(&json!({"batches": result["batch_results"]}));
            undone
                .batches
                .extend(failed.map(|failed| (id.clone(), failed)));
            undone.nodes.insert(id);
        }
    }
    undone
}
