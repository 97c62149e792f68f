//! A model: its query becomes a table, a view, or more of an incremental table.

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Diagnostic, Node};

use super::{Context, Outcome, relation};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    sql: &str,
    incremental: bool,
) -> Result<Outcome, Diagnostic> {
    let ctx = forebay_transform::Ctx {
        full_refresh: context.full_refresh,
        incremental,
        batch: None,
        now: context.workspace.clock.now(),
        invocation_id: context.invocation.to_owned(),
    };
    let written = forebay_transform::materialize(&context.workspace.lake, node, sql, &ctx).await?;
    let mut outcome = Outcome::written(relation(node)?, &written);
    if is_view(node) {
        outcome.message = "view".to_owned();
        // A view has rows when it is read.
        outcome.details["rows"] = serde_json::Value::Null;
    }
    Ok(outcome)
}

fn is_view(node: &Node) -> bool {
    matches!(&node.spec, Spec::Model(model) if model.materialized == Materialized::View)
}
