//! The side of a join with far fewer rows is the one that is kept in memory. The engine compares bytes, and says
//! of rows that a join leaves that they are as wide as all rows were: a semi-join that left one row in a hundred
//! was looked up in a table of all that it left out.

use std::sync::Arc;

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

use super::group::estimate;

/// How many times more rows are far more: estimates are rough.
const FAR_MORE: f64 = 4.0;

#[derive(Debug)]
pub(super) struct Sides;

impl PhysicalOptimizerRule for Sides {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let alone = config.optimizer.hash_join_single_partition_threshold_rows;
        let is_small = config.execution.target_partitions == 1;
        let plan = plan.transform_up(|plan| match is_small {
            true => behind_groups(plan),
            false => swapped(plan, alone),
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

/// The join with its sides changed, where the one that is looked up has groups, of which nobody knows how many there are,
/// and the one in memory has none. Of few rows it does not matter which side is kept, but for the order of the rows, which
/// is that of the other side: DuckDB, which counts the values of a column, finds groups the fewer nearly always, and who
/// numbers such rows has the numbers of DuckDB then.
fn behind_groups(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
        return Ok(Transformed::no(plan));
    };
    let is_kept = !join.null_aware && join.join_type().supports_swap();
    let [kept, looked_up] = [join.left(), join.right()].map(are_groups);
    Ok(match is_kept && looked_up && !kept {
        true => Transformed::yes(join.swap_inputs(PartitionMode::CollectLeft)?),
        false => Transformed::no(plan),
    })
}

/// Whether the rows are groups, some of them perhaps, or with other columns.
fn are_groups(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        return !groups.group_expr().is_empty();
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
