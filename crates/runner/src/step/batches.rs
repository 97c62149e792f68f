//! A model that runs in batches of time: `incremental_strategy: microbatch`.

use forebay_core::graph::{Materialized, Model};
use forebay_core::incremental::{Batch, BatchSize, IncrementalStrategy};
use forebay_core::{Diagnostic, Fault, Node, Spec};
use forebay_project::CompileState;
use serde_json::{Value, json};

use crate::compile::compile_aloud;
use crate::place::placed;

use super::{Context, Outcome, relation};

/// Each batch is a commit of its own, and one that fails keeps no other from its turn, unless it should have made the
/// table. As in dbt, the model has failed then; `details` say which batches are done and which are to be tried again.
pub async fn run(
    context: &Context<'_>,
    node: &Node,
    fresh: bool,
    batches: &[Batch],
) -> Result<Outcome, Diagnostic> {
    let mut outcome = Outcome::default();
    let (mut rows, mut done, mut failed) = (0, Vec::new(), Vec::new());
    let mut problem = None;
    let size = size(node);
    for (index, batch) in batches.iter().enumerate() {
        // Only the first one finds no table to add to.
        let first = fresh && index == 0;
        let written = write(context, node, *batch, first).await;
        let word = if written.is_ok() { "OK" } else { "ERROR" };
        let (number, total, name) = (index + 1, batches.len(), batch.name(size));
        let line = format!("Batch {number} of {total} {word} batch {name}");
        context.output.say(&line);
        match written {
            Ok(written) => {
                rows += written.rows;
                outcome = Outcome::written(relation(node)?, &written);
                done.push(*batch);
            }
            // Waiting may help, and all of them once more give the same table.
            Err(error) if error.fault == Fault::Environment => return Err(error),
            Err(error) => {
                let message = format!("batch {name}: {}", error.message);
                problem.get_or_insert(Diagnostic { message, ..error });
                failed.push(*batch);
                if first {
                    failed.extend(&batches[1..]);
                    break;
                }
            }
        }
    }
    outcome.message = format!("{rows} rows in {} batches", batches.len());
    if let Some(mut problem) = problem {
        problem
            .location
            .get_or_insert_with(|| node.location.clone());
        if failed.len() > 1 {
            let share = format!("{} of {} batches", failed.len(), batches.len());
            problem.message = format!(
                "{share} failed or were not run, the first being {}",
                problem.message
            );
        }
        outcome = Outcome::failed(&problem);
    }
    outcome.details["rows"] = rows.into();
    outcome.details["failures"] = 0.into();
    outcome.details["batches"] = json!({"successful": spans(&done), "failed": spans(&failed)});
    Ok(outcome)
}

async fn write(
    context: &Context<'_>,
    node: &Node,
    batch: Batch,
    first: bool,
) -> Result<forebay_lake::Written, Diagnostic> {
    let workspace = context.workspace;
    let state = CompileState {
        // As in dbt, no batch of a full refresh is incremental to its template.
        incremental: !first && !context.full_refresh,
        full_refresh: context.full_refresh,
        batch: Some(batch),
        ..CompileState::default()
    };
    let ctx = forebay_transform::Ctx {
        full_refresh: false,
        incremental: !first,
        batch: state.batch,
        now: workspace.clock.now(),
        invocation_id: context.invocation.to_owned(),
    };
    let sql = compile_aloud(workspace, &node.id, state.clone()).await?;
    let written = forebay_transform::materialize(&workspace.lake, node, &sql, &ctx).await;
    match written {
        Ok(written) => Ok(written),
        Err(problem) => Err(placed(workspace, &node.id, &state, Some(&sql), problem).await),
    }
}

fn size(node: &Node) -> BatchSize {
    match &node.spec {
        Spec::Model(Model {
            materialized: Materialized::Incremental(incremental),
            ..
        }) => match &incremental.strategy {
            IncrementalStrategy::Microbatch(spec) => spec.batch_size,
            _ => BatchSize::Day,
        },
        _ => BatchSize::Day,
    }
}

/// From and to before, as `batch_results` of run_results.json has them.
fn spans(batches: &[Batch]) -> Value {
    let span = |batch: &Batch| json!([batch.start.to_rfc3339(), batch.end.to_rfc3339()]);
    batches.iter().map(span).collect()
}

/// Reads what [`spans`] has written: batches of an earlier run that are to be tried again.
pub fn failed(details: &Value) -> Option<Vec<Batch>> {
    let spans = details["batches"]["failed"].as_array()?;
    let batch = |span: &Value| {
        let moment = |at: usize| span[at].as_str()?.parse().ok();
        Some(Batch {
            start: moment(0)?,
            end: moment(1)?,
        })
    };
    let batches: Vec<Batch> = spans.iter().filter_map(batch).collect();
    (!batches.is_empty()).then_some(batches)
}
