//! A snapshot: changes since the last one become history.

use forebay_core::graph::Snapshot;
use forebay_core::{Diagnostic, Node};

use super::{Context, Outcome, relation};

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
    let written = forebay_transform::snapshot(&workspace.lake, node, snapshot, sql, &ctx).await?;
    Ok(Outcome::written(relation(node)?, &written))
}
