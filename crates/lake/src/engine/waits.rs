//! Joins whose parts would wait for parts that nobody reads.
//!
//! A join tells its scans what it asks for once all of its parts have collected their rows: each part waits for the
//! others. A part of a join above has no rows to look up at times, and never reads the part below it: of a join down there
//! the other parts would wait for ever. Such a join tells its scans nothing.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
};

type Plan = Arc<dyn ExecutionPlan>;

/// Adds the rule after those that tell scans what joins ask for.
pub(super) fn install(rules: &mut Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>) {
    rules.push(Arc::new(Unwaiting));
}

#[derive(Debug)]
struct Unwaiting;

impl PhysicalOptimizerRule for Unwaiting {
    fn optimize(&self, plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
        Ok(plan.transform_down(looked_up)?.data)
    }

    fn name(&self) -> &str {
        "unwaiting"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A join of which some parts may not read their part of the looked up side, with that side unwaiting.
fn looked_up(plan: Plan) -> Result<Transformed<Plan>> {
    let in_parts = |join: &HashJoinExec| *join.partition_mode() == PartitionMode::Partitioned;
    if !plan.downcast_ref::<HashJoinExec>().is_some_and(in_parts) {
        return Ok(Transformed::no(plan));
    }
    let [left, right] = plan.children()[..] else {
        return Ok(Transformed::no(plan));
    };
    let (left, right) = (Arc::clone(left), Arc::clone(right));
    right
        .transform_down(unwaiting)?
        .map_data(|right| replace_children_if_necessary(plan, vec![left, right]))
}

/// Rows of which each part can be read without the others.
pub(super) fn without(rows: Plan) -> Result<Plan> {
    Ok(rows.transform_down(unwaiting)?.data)
}

fn unwaiting(plan: Plan) -> Result<Transformed<Plan>> {
    if reads_all(&plan) {
        return Ok(Transformed::new(plan, false, TreeNodeRecursion::Jump));
    }
    match plan.downcast_ref::<HashJoinExec>() {
        Some(join)
            if !join.dynamic_expressions_produced().is_empty()
                && plan.output_partitioning().partition_count() > 1 =>
        {
            let silent = join.builder().reset_state().build_exec()?;
            Ok(Transformed::yes(silent))
        }
        _ => Ok(Transformed::no(plan)),
    }
}

/// Whether the node reads all parts of its rows, whichever of its own is read.
fn reads_all(plan: &Plan) -> bool {
    plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
}
