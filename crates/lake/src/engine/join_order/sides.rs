//! The side of a join with far fewer rows is the one that is kept in memory. The engine compares bytes, and says
//! of rows that a join leaves that they are as wide as all rows were: a semi-join that left one row in a hundred
//! was looked up in a table of all that it left out.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;

use super::super::once::Once;
use super::group::estimate;

/// How many times more rows are far more: estimates are rough.
const FAR_MORE: f64 = 4.0;

/// Fewer are looked up in no time, whichever side of a join is kept.
const FEW: f64 = 200_000.0;

#[derive(Debug)]
pub(super) struct Sides;

impl PhysicalOptimizerRule for Sides {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let alone = config.optimizer.hash_join_single_partition_threshold_rows;
        let is_alone = config.execution.target_partitions == 1;
        let plan = plan.transform_up(|plan| {
            let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
                return Ok(Transformed::no(plan));
            };
            match is_alone && are_few(join.left())? && are_few(join.right())? {
                true => in_order(plan),
                false => swapped(plan, alone),
            }
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &str {
        "join_sides"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// As far as anyone knows.
fn are_few(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    Ok(estimate(plan)?.is_none_or(|(rows, _)| rows <= FEW))
}

/// Of few rows it does not matter which side is kept in memory, but for the order of the rows, which is that of the other
/// side: who numbers them has the numbers of DuckDB where that keeps the same side. It keeps what rows are looked up in
/// (`in`, `exists`), and groups: it counts the values of columns, and finds groups the fewer nearly always, where nobody
/// knows here how many there are.
fn in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
        return Ok(Transformed::no(plan));
    };
    let can_change = !join.null_aware && join.join_type().supports_swap();
    let is_test = matches!(
        join.join_type(),
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
    );
    let [kept, looked_up] = [join.left(), join.right()].map(are_groups);
    Ok(match can_change && (is_test || looked_up && !kept) {
        true => Transformed::yes(join.swap_inputs(PartitionMode::CollectLeft)?),
        false => Transformed::no(plan),
    })
}

/// Whether the rows are groups, some of them perhaps, or with other columns.
fn are_groups(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        return !groups.group_expr().is_empty();
    }
    if let Some(once) = plan.downcast_ref::<Once>() {
        return are_groups(once.rows());
    }
    let is_thin = plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<CoalescePartitionsExec>();
    is_thin && plan.children().into_iter().all(are_groups)
}

/// The join with its sides changed, where the one in memory is the far larger. Fewer rows than `alone` are kept in
/// memory by one thread.
#[expect(clippy::cast_precision_loss, reason = "sizes are estimates")]
fn swapped(
    plan: Arc<dyn ExecutionPlan>,
    alone: usize,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
        return Ok(Transformed::no(plan));
    };
    if join.null_aware || !join.join_type().supports_swap() {
        return Ok(Transformed::no(plan));
    }
    let sizes = estimate(join.left())?.zip(estimate(join.right())?);
    let Some(((kept, _), (looked_up, _))) = sizes else {
        return Ok(Transformed::no(plan));
    };
    if kept < FAR_MORE * looked_up {
        return Ok(Transformed::no(plan));
    }
    let mode = match looked_up < alone as f64 {
        true => PartitionMode::CollectLeft,
        false => PartitionMode::Partitioned,
    };
    Ok(Transformed::yes(join.swap_inputs(mode)?))
}
