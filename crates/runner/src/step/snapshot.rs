//! A snapshot: changes since the last one become history.

use forebay_core::graph::{Snapshot, SnapshotStrategy, SnapshotTerms};
use forebay_core::{Diagnostic, Node};
use forebay_project::CompileState;
use forebay_transform::{NEW, OLD};

use super::{Context, Outcome, relation};
use crate::live;

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    snapshot: &Snapshot,
    sql: &str,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let ctx = forebay_transform::Ctx {
        full_refresh: false,
        incremental: true,
        batch: None,
        now: workspace.clock.now(),
        invocation_id: context.invocation.to_owned(),
    };
    let terms = match &snapshot.strategy {
        SnapshotStrategy::Custom { name } => Some(terms(context, node, snapshot, name).await?),
        _ => None,
    };
    let (lake, terms) = (&workspace.lake, terms.as_ref());
    let written = forebay_transform::snapshot(lake, node, snapshot, terms, sql, &ctx).await?;
    Ok(Outcome::written(relation(node)?, &written))
}

/// What the project's own strategy says in SQL.
async fn terms(
    context: &Context<'_>,
    node: &Node,
    snapshot: &Snapshot,
    name: &str,
) -> Result<SnapshotTerms, Diagnostic> {
    let there = context.workspace.lake.info(relation(node)?).await?;
    let around = (OLD, NEW, there.is_some());
    let (node, snapshot, name) = (node.clone(), snapshot.clone(), name.to_owned());
    let asked = move |project: &_, state: &_| {
        forebay_project::Project::snapshot_terms(project, &node, &snapshot, &name, around, state)
    };
    live::run(context.workspace, CompileState::default(), asked).await
}
