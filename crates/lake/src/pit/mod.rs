//! The point-in-time join: to each row of a spine (entity keys and a moment) the values that were
//! known at that moment, never a later one.
//!
//! The rules, the same for every view:
//! - A view's row is visible to a spine row with equal join keys if `row time <= spine time`, and, with
//!   a ttl, `spine time - ttl <= row time`. Both bounds are inclusive. A ttl of zero is no ttl.
//! - Of the visible rows the newest is taken, whole: a null in it stays null. Equal event times: the
//!   later created time wins, no created time loses. Still equal: the greater values win, column by
//!   column in their order, null below any value; so the answer does not depend on the rows' order.
//! - With `filter_by_created`, rows whose created time is null or after the spine time are not visible.
//! - Null keys and null times match nothing. No join keys: all rows are of one entity.
//! - Timestamps without a zone are UTC, those with one are compared as instants.
//! - Every spine row comes out exactly once, in its place, whatever it matches.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result as EngineResult;
use datafusion::dataframe::DataFrame;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use forebay_core::{Diagnostic, Relation, Span};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::engine::{self, from_engine, input_rows};
use crate::{Input, Lake, Rows};

mod block;
mod given;
mod keys;
mod newest;
mod operator;
mod resolve;
mod time;
mod timeline;
mod view_rows;
mod window_expr;

#[cfg(test)]
mod tests;

pub use window_expr::{rowwise, windowed};

/// A timestamped table of which each spine row reads the newest row that was known.
pub struct AsOfView {
    /// What errors call it.
    pub name: String,
    pub source: Input,
    /// Empty: the view holds for every spine row.
    pub join_keys: Vec<JoinKey>,
    /// Column of the source: since when a row holds.
    pub timestamp: String,
    /// Column of the source: when the row was written.
    pub created: Option<String>,
    /// Rows older than this are not used. None or zero: never too old.
    pub ttl: Option<Span>,
    /// Leave out rows that were written after the spine row's time.
    pub filter_by_created: bool,
    /// Source column and output column.
    pub columns: Vec<(String, String)>,
    /// Also output the matched row's timestamp under this name.
    pub event_time_as: Option<String>,
}

/// Equal columns of spine and view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinKey {
    pub spine: String,
    pub view: String,
}

impl JoinKey {
    /// A key that spine and view call the same.
    pub fn same(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            spine: name.clone(),
            view: name,
        }
    }
}

impl Lake {
    /// The spine's rows in their order (for a query: of its `ORDER BY`), each with its columns
    /// unchanged and those of the views behind them, null where nothing was known.
    ///
    /// # Errors
    /// A column that is missing, of a wrong type, or in the answer twice; failures of the inputs.
    /// Those of running queries come in the stream.
    pub fn point_in_time_join<'a>(
        &'a self,
        spine: Input,
        spine_timestamp: &'a str,
        views: Vec<AsOfView>,
    ) -> BoxFuture<'a, Result<Rows, Diagnostic>> {
        Box::pin(async move {
            self.point_in_time_join_at(spine, spine_timestamp, views, &BTreeMap::new())
                .await
        })
    }

    /// The same, queries seeing the given tables as of the given versions.
    pub fn point_in_time_join_at<'a>(
        &'a self,
        spine: Input,
        spine_timestamp: &'a str,
        views: Vec<AsOfView>,
        versions: &'a BTreeMap<Relation, i64>,
    ) -> BoxFuture<'a, Result<Rows, Diagnostic>> {
        Box::pin(async move {
            let spine = self.input_at(spine, versions).await?;
            let mut sources = Vec::with_capacity(views.len());
            for mut view in views {
                let source = std::mem::replace(&mut view.source, Input::Sql(String::new()));
                sources.push((view, self.input_at(source, versions).await?));
            }
            let (plan, context) = plan(spine, spine_timestamp, sources).await?;
            let schema = plan.schema();
            let stream = execute_stream(plan, context).map_err(from_engine)?;
            Ok(Rows {
                schema,
                stream: Box::pin(stream.map_err(from_engine)),
            })
        })
    }

    async fn input_at(
        &self,
        input: Input,
        versions: &BTreeMap<Relation, i64>,
    ) -> Result<DataFrame, Diagnostic> {
        let state = self.state();
        match input {
            Input::Sql(sql) => {
                let plan = self.plan(&state, &sql, versions).await?;
                let plan = engine::tidy(plan).map_err(from_engine)?;
                Ok(DataFrame::new(state, plan))
            }
            Input::Batches(schema, batches) => given::frame(state, input_rows(schema, batches)),
            Input::Stream(rows) => given::frame(state, rows),
        }
    }
}

/// The join as a physical plan. The `source` of the views is not looked at.
async fn plan(
    spine: DataFrame,
    spine_timestamp: &str,
    views: Vec<(AsOfView, DataFrame)>,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>), Diagnostic> {
    let context = Arc::new(spine.task_ctx());
    let schema = spine.schema().clone();
    let time = resolve::spine_time(&schema, spine_timestamp)?;
    let mut children = vec![one_partition(spine).await.map_err(from_engine)?];
    let mut specs = Vec::with_capacity(views.len());
    for (view, source) in views {
        let (spec, columns) = resolve::view(&view, source.schema(), &schema, time)?;
        let source = source.select(columns).map_err(from_engine)?;
        children.push(one_partition(source).await.map_err(from_engine)?);
        specs.push(spec);
    }
    resolve::distinct_output(&schema, &specs)?;
    let join = operator::AsOfJoinExec::new(children, time, Arc::new(specs));
    Ok((Arc::new(join), context))
}

/// The query in one partition, its order kept where it has one.
async fn one_partition(frame: DataFrame) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let plan = frame.create_physical_plan().await?;
    if plan.output_partitioning().partition_count() == 1 {
        return Ok(plan);
    }
    Ok(match plan.output_ordering() {
        Some(order) => Arc::new(SortPreservingMergeExec::new(order.clone(), plan)),
        None => Arc::new(CoalescePartitionsExec::new(plan)),
    })
}
