//! `/graph`

use forebay_core::{Diagnostic, NodeId};
use forebay_runner::Workspace;
use forebay_ui::page::Graph;

/// None where no node has the id.
pub fn graph(workspace: &Workspace, focus: Option<&str>) -> Result<Option<Graph>, Diagnostic> {
    let statuses = super::latest(workspace)?
        .into_iter()
        .map(|(id, run)| (id, super::status(run.status)))
        .collect();
    let focus = focus.map(NodeId::new);
    Ok(Graph::of(workspace.graph(), &statuses, focus.as_ref()))
}
