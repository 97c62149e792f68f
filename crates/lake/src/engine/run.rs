//! Running a plan: batches out as they come, once more with spilling joins where memory ran out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::FormatOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use forebay_core::Diagnostic;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::alone;
use super::error::from_engine;
use super::in_turn;
use super::once;
use crate::named;
use crate::types::{Input, Rows};

const FRUGAL_BATCH: usize = 2048;
const RELEASE: Duration = Duration::from_millis(20);

/// Starts the plan. Waits for the first batch: until then nothing is lost by starting again.
pub(crate) async fn start(state: SessionState, plan: &LogicalPlan) -> Result<Rows, Diagnostic> {
    started(state, plan, plain_type).await
}

/// As [`start`], of rows for a table, which knows its columns of JSON.
pub(crate) async fn start_to_store(
    state: SessionState,
    plan: &LogicalPlan,
) -> Result<Rows, Diagnostic> {
    started(state, plan, |found| match found {
        DataType::LargeUtf8 => None,
        found => plain_type(found),
    })
    .await
}

async fn started(
    mut state: SessionState,
    plan: &LogicalPlan,
    plain: impl Fn(&DataType) -> Option<DataType>,
) -> Result<Rows, Diagnostic> {
    alone::if_few_rows(&mut state, plan);
    if named::counts(plan) {
        // Rows are numbered in their order.
        alone::alone(&mut state);
    }
    let started = match first_batch(&state, plan).await {
        Err(error) if is_exhausted(&error) => {
            // The first try's tasks give their memory back as they notice that they were dropped.
            tokio::time::sleep(RELEASE).await;
            first_batch(&frugal(&state), plan).await
        }
        other => other,
    };
    let (schema, first, rest) = started.map_err(from_engine)?;
    let schema = plain_schema(&schema, plain);
    let plain = Arc::clone(&schema);
    let all = stream::iter(first.map(Ok)).chain(rest);
    let all = all.map(move |batch| plain_batch(&batch?, &plain));
    Ok(Rows {
        schema,
        stream: Box::pin(all.map_err(from_engine)),
    })
}

type Started = (SchemaRef, Option<RecordBatch>, SendableRecordBatchStream);

async fn first_batch(state: &SessionState, plan: &LogicalPlan) -> Result<Started> {
    let mut plan = state.create_physical_plan(plan).await?;
    if state.config().target_partitions() == 1 {
        plan = in_turn::in_turn(plan)?;
    }
    plan = once::tie(plan)?;
    let mut stream = execute_stream(plan, task(state))?;
    let first = stream.next().await.transpose()?;
    Ok((stream.schema(), first, stream))
}

/// What a running plan sees of the session: not the names of functions, which a plan knows no more and
/// which are a thousand strings to copy.
fn task(state: &SessionState) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        state.session_id().to_owned(),
        state.config().clone(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        Arc::clone(state.runtime_env()),
    ))
}

fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// The same session with joins that sort, and so can spill: hash joins are faster and cannot. Small
/// batches, since a merge holds some of each file that it reads.
fn frugal(state: &SessionState) -> SessionState {
    let mut state = state.clone();
    let config = state.config().clone();
    let threads = config.target_partitions().max(2);
    let mut config = config
        .with_batch_size(FRUGAL_BATCH)
        .with_target_partitions(threads);
    config.options_mut().optimizer.prefer_hash_join = false;
    *state.config_mut() = config;
    state
}

/// An input that needs no planning, as rows.
pub(crate) fn input_rows(schema: SchemaRef, batches: Vec<RecordBatch>) -> Rows {
    Rows {
        schema,
        stream: Box::pin(stream::iter(batches.into_iter().map(Ok))),
    }
}

impl From<Rows> for Input {
    fn from(rows: Rows) -> Self {
        Input::Stream(rows)
    }
}

/// The columns in the types that callers know: no string views, no dictionaries, JSON as text, timestamps in
/// microseconds. The batches are cast rather than the plan: a projection above its sort would free
/// the engine from keeping the order.
fn plain_schema(schema: &Schema, plain: impl Fn(&DataType) -> Option<DataType>) -> SchemaRef {
    let plain = |field: &FieldRef| match plain(field.data_type()) {
        Some(plain) => Arc::new(field.as_ref().clone().with_data_type(plain)),
        None => Arc::clone(field),
    };
    Arc::new(Schema::new(
        schema.fields().iter().map(plain).collect::<Vec<_>>(),
    ))
}

fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(
        |(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => arrow::compute::cast_with_options(column, field.data_type(), &STRICT),
        },
    );
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// A value that does not fit is an error, not null.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

/// As [`plain_schema`], of a plan that others build upon.
pub(crate) fn tidy(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    if schema
        .fields()
        .iter()
        .all(|f| plain_type(f.data_type()).is_none())
    {
        return Ok(plan);
    }
    let columns = schema.iter().map(|(qualifier, field)| {
        let column = Expr::Column((qualifier, field).into());
        match plain_type(field.data_type()) {
            Some(plain) => Expr::Cast(Cast::new(Box::new(column), plain))
                .alias_qualified(qualifier.cloned(), field.name()),
            None => column,
        }
    });
    LogicalPlanBuilder::from(plan)
        .project(columns.collect::<Vec<_>>())?
        .build()
}

/// The plain type of a column whose type the engine uses for its own ends.
fn plain_type(found: &DataType) -> Option<DataType> {
    match found {
        DataType::Utf8View | DataType::LargeUtf8 => Some(DataType::Utf8),
        DataType::BinaryView | DataType::LargeBinary => Some(DataType::Binary),
        DataType::List(item) => {
            let plain = plain_type(item.data_type())?;
            Some(DataType::List(Arc::new(
                item.as_ref().clone().with_data_type(plain),
            )))
        }
        DataType::Struct(fields) => {
            let plain = |field: &FieldRef| match plain_type(field.data_type()) {
                Some(plain) => Arc::new(field.as_ref().clone().with_data_type(plain)),
                None => Arc::clone(field),
            };
            let all: Fields = fields.iter().map(plain).collect();
            (all != *fields).then_some(DataType::Struct(all))
        }
        DataType::Dictionary(_, value) => Some(plain_type(value).unwrap_or((**value).clone())),
        DataType::Timestamp(unit, zone) => {
            let zone = zone.as_ref().map(|zone| match zone.as_ref() {
                "+00:00" | "Z" => Arc::from("UTC"),
                _ => Arc::clone(zone),
            });
            let plain = DataType::Timestamp(TimeUnit::Microsecond, zone);
            (*unit != TimeUnit::Microsecond || plain != *found).then_some(plain)
        }
        _ => None,
    }
}

/// The schema that [`start`] will give, without starting.
pub(crate) fn schema_of(state: &SessionState, plan: &LogicalPlan) -> Result<SchemaRef> {
    let plan = state.optimize(plan)?;
    Ok(plain_schema(plan.schema().as_arrow(), plain_type))
}
