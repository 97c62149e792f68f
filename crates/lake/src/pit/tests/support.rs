//! Joins of batches in memory, without a lake around them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use forebay_core::{Diagnostic, Span};

use super::super::{AsOfView, JoinKey, given, plan};
use crate::Input;
use crate::engine::{from_engine, input_rows};

pub struct View {
    pub view: AsOfView,
    pub rows: Vec<RecordBatch>,
}

/// A view of one key `k`, time `t`, value `v` (as `out`), that tests change where they differ.
pub fn view(rows: Vec<RecordBatch>) -> View {
    let view = AsOfView {
        name: "view".into(),
        source: Input::Sql(String::new()),
        join_keys: vec![JoinKey::same("k")],
        timestamp: "t".into(),
        created: None,
        ttl: None,
        filter_by_created: false,
        columns: vec![("v".into(), "out".into())],
        event_time_as: None,
    };
    View { view, rows }
}

pub fn ttl(micros: i64) -> Option<Span> {
    Some(Span::from_micros(micros))
}

pub fn ints(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

pub fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub fn micros(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(
        values
            .into_iter()
            .collect::<TimestampMicrosecondArray>()
            .with_timezone("UTC"),
    )
}

pub fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// An engine with so much memory for its queries.
pub fn session(memory: usize) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
        .build_arc()
        .unwrap();
    let config = SessionConfig::new().with_target_partitions(2);
    SessionContext::new_with_config_rt(config, runtime)
}

/// The answer in one batch, and the plan with its metrics.
pub async fn join_in(
    session: &SessionContext,
    spine: Vec<RecordBatch>,
    time: &str,
    views: Vec<View>,
) -> Result<(RecordBatch, Arc<dyn ExecutionPlan>), Diagnostic> {
    let frame = |rows: Vec<RecordBatch>| {
        given::frame(session.state(), input_rows(rows[0].schema(), rows)).unwrap()
    };
    let views = views.into_iter().map(|v| (v.view, frame(v.rows))).collect();
    let (plan, context) = plan(frame(spine), time, views).await?;
    let batches = collect(plan.clone(), context).await.map_err(from_engine)?;
    Ok((concat_batches(&plan.schema(), &batches).unwrap(), plan))
}

pub async fn join(spine: RecordBatch, views: Vec<View>) -> Result<RecordBatch, Diagnostic> {
    Ok(join_in(&session(1 << 30), vec![spine], "t", views).await?.0)
}
