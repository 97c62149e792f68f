//! A model: its query becomes a table, a view, or more of an incremental table.

use std::collections::BTreeMap;
use std::sync::Arc;

use forebay_core::graph::{Materialized, Model};
use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, Node, NodeId};
use forebay_project::CompileState;

use crate::compile::compile_aloud;

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

/// Each batch is a commit of its own: one that fails leaves those before it in the table.
pub async fn run_batches(
    context: &Context<'_>,
    node: &Node,
    model: &Model,
    fresh: bool,
    batches: &[Batch],
) -> Result<Outcome, Diagnostic> {
    let mut rows = 0;
    let mut outcome = Outcome::default();
    for (number, batch) in batches.iter().enumerate() {
        // Only the first one finds no table to add to.
        let first = fresh && number == 0;
        let state = CompileState {
            incremental: !first,
            full_refresh: first && context.full_refresh,
            stand_ins: Arc::new(inputs(context, node, *batch)),
            batch: Some(*batch),
            ..CompileState::default()
        };
        let written = write_batch(context, node, state, first).await;
        let written = written.map_err(|problem| Diagnostic {
            message: format!("batch {}: {}", shown(model, batch), problem.message),
            ..problem
        })?;
        rows += written.rows;
        outcome = Outcome::written(relation(node)?, &written);
    }
    outcome.message = format!("{rows} rows in {} batches", batches.len());
    outcome.details["rows"] = rows.into();
    Ok(outcome)
}

async fn write_batch(
    context: &Context<'_>,
    node: &Node,
    state: CompileState,
    first: bool,
) -> Result<forebay_lake::Written, Diagnostic> {
    let workspace = context.workspace;
    let ctx = forebay_transform::Ctx {
        full_refresh: false,
        incremental: !first,
        batch: state.batch,
        now: workspace.clock.now(),
        invocation_id: context.invocation.to_owned(),
    };
    let sql = compile_aloud(workspace, &node.id, state).await?;
    forebay_transform::materialize(&workspace.lake, node, &sql, &ctx).await
}

/// The batch's rows of every input that says when its rows happened.
fn inputs(context: &Context<'_>, node: &Node, batch: Batch) -> BTreeMap<NodeId, String> {
    let project = &context.workspace.project;
    let batch = project.sample().map_or(batch, |sample| batch.and(sample));
    let rows = |id: &NodeId| {
        let relation = project.graph.get(id)?.relation.as_ref()?;
        let wanted = batch.holds(project.event_time(id)?);
        let sql = format!("(select * from {} where {wanted})", relation.sql());
        Some((id.clone(), sql))
    };
    node.depends_on.iter().filter_map(rows).collect()
}

fn shown(model: &Model, batch: &Batch) -> String {
    use forebay_core::incremental::{BatchSize, IncrementalStrategy};
    let format = match &model.materialized {
        Materialized::Incremental(spec) => match &spec.strategy {
            IncrementalStrategy::Microbatch(spec) if spec.batch_size == BatchSize::Hour => {
                "%Y-%m-%dT%H"
            }
            _ => "%Y-%m-%d",
        },
        _ => "%Y-%m-%d",
    };
    batch.start.format(format).to_string()
}

fn is_view(node: &Node) -> bool {
    use forebay_core::graph::{Materialized, Spec};
    matches!(&node.spec, Spec::Model(model) if model.materialized == Materialized::View)
}
