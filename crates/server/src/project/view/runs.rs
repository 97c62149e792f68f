//! `/runs`

use forebay_core::{Diagnostic, ResourceType};
use forebay_runner::Workspace;
use forebay_store::{Invocation, NodeRun};
use forebay_ui::page::{InvocationRow, NodeLink, NodeRunRow, Run, Runs, Status};

const SHOWN: usize = 200;

pub fn runs(workspace: &Workspace) -> Result<Runs, Diagnostic> {
    let found = workspace.store.invocations(SHOWN)?;
    let rows = found
        .iter()
        .map(|invocation| invocation_row(workspace, invocation));
    Ok(Runs {
        invocations: rows.collect::<Result<_, _>>()?,
    })
}

pub fn run(workspace: &Workspace, id: &str) -> Result<Option<Run>, Diagnostic> {
    let Some(invocation) = workspace.store.invocation(id)? else {
        return Ok(None);
    };
    let nodes = workspace.store.node_runs(id)?;
    Ok(Some(Run {
        invocation: invocation_row(workspace, &invocation)?,
        nodes: nodes.iter().map(|run| row(workspace, run)).collect(),
        now_ms: workspace.clock.now_ms(),
    }))
}

pub fn invocation_row(
    workspace: &Workspace,
    invocation: &Invocation,
) -> Result<InvocationRow, Diagnostic> {
    let mut counts: Vec<(Status, u64)> = Vec::new();
    for run in workspace.store.node_runs(&invocation.id)? {
        let status = super::status(run.status);
        match counts.iter_mut().find(|(known, _)| *known == status) {
            Some((_, n)) => *n += 1,
            None => counts.push((status, 1)),
        }
    }
    Ok(InvocationRow {
        id: invocation.id.clone(),
        command: match invocation.arguments.is_empty() {
            true => invocation.command.clone(),
            false => invocation.arguments.join(" "),
        },
        status: super::status(invocation.status),
        started_ms: invocation.started_ms,
        finished_ms: invocation.finished_ms,
        counts,
    })
}

fn row(workspace: &Workspace, run: &NodeRun) -> NodeRunRow {
    let node = workspace.graph().get(&run.node_id).map(NodeLink::of);
    NodeRunRow {
        node: node.unwrap_or_else(|| gone(run)),
        status: super::status(run.status),
        attempt: run.attempt,
        started_ms: run.started_ms,
        finished_ms: run.finished_ms,
        rows: run.details["rows"].as_u64(),
        message: run.message.clone(),
    }
}

/// A node that the project no longer has: its id tells its kind and name.
fn gone(run: &NodeRun) -> NodeLink {
    let id = run.node_id.as_str();
    let kind = id.split('.').next().and_then(|kind| kind.parse().ok());
    NodeLink {
        id: id.to_owned(),
        name: id.split('.').nth(2).unwrap_or(id).to_owned(),
        kind: kind.unwrap_or(ResourceType::Model),
    }
}
