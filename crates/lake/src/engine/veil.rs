//! A node that passes rows on, and hides of its input what the engine would draw wrong conclusions from.
//!
//! A column that is one value in all rows, by `WHERE k = 'b'` or as a literal, is null too above an outer join or in the
//! sums of `ROLLUP`, and another in the next part of a union. The engine goes on taking it for one value, and does not order
//! by it. And rows of which only the
//! number is read come from a scan that says of a limit that it may be pushed below it, and drops it.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{AcrossPartitions, ConstExpr, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    replace_children_if_necessary,
};

#[derive(Debug)]
pub(crate) struct Veil {
    rows: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Veil {
    pub(crate) fn over(rows: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let orderings = rows.equivalence_properties().oeq_class().iter().cloned();
        let known = EquivalenceProperties::new_with_orderings(rows.schema(), orderings);
        let properties = rows.properties().as_ref().clone().with_eq_properties(known);
        Arc::new(Self {
            rows,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for Veil {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VeilExec")
    }
}

impl ExecutionPlan for Veil {
    fn name(&self) -> &'static str {
        "VeilExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows]
    }

    /// An order asked for above is not made below, where it may seem to be there.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Self::over(children.swap_remove(0)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        replace_children_if_necessary(self, children)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.rows.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(filters, &self.children())
    }
}

/// Hides what is one value from what makes nulls of it. Runs before anything asks.
#[derive(Debug)]
pub(super) struct Veiled;

impl PhysicalOptimizerRule for Veiled {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(veiled)?.data)
    }

    fn name(&self) -> &str {
        "veiled"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn veiled(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let makes_nulls = makes_nulls(plan.as_ref());
    // In the sums of `ROLLUP` columns that are equal below are not so either.
    let sums_up = plan.is::<AggregateExec>();
    let is_wrong = |child: usize, rows: &Arc<dyn ExecutionPlan>| {
        let known = rows.equivalence_properties();
        let is_known = !known.constants().is_empty() || sums_up && !known.eq_group().is_empty();
        makes_nulls.contains(&child) && is_known
    };
    let mut children: Vec<_> = plan.children().into_iter().cloned().collect();
    let mut changed = false;
    for (at, rows) in children.iter_mut().enumerate() {
        if is_wrong(at, rows) {
            *rows = Veil::over(Arc::clone(rows));
            changed = true;
        }
    }
    if differs_by_part(plan.as_ref()) {
        return Ok(Transformed::yes(Veil::over(plan)));
    }
    match changed {
        true => replace_children_if_necessary(plan, children).map(Transformed::yes),
        false => Ok(Transformed::no(plan)),
    }
}

/// A union with a column that is one value in each part, and another in the next. Each part is sorted without it, and all
/// go by the last row that one of them keeps.
fn differs_by_part(plan: &dyn ExecutionPlan) -> bool {
    let differs = |known: &ConstExpr| known.across_partitions == AcrossPartitions::Heterogeneous;
    plan.is::<UnionExec>()
        && plan
            .equivalence_properties()
            .constants()
            .iter()
            .any(differs)
}

/// The inputs whose columns are null in some rows of the node alone.
fn makes_nulls(plan: &dyn ExecutionPlan) -> &'static [usize] {
    let join = plan
        .downcast_ref::<HashJoinExec>()
        .map(|join| *join.join_type())
        .or_else(|| Some(*plan.downcast_ref::<NestedLoopJoinExec>()?.join_type()))
        .or_else(|| Some(plan.downcast_ref::<SortMergeJoinExec>()?.join_type()));
    if let Some(join) = join {
        return match join {
            JoinType::Left => &[1],
            JoinType::Right => &[0],
            JoinType::Full => &[0, 1],
            _ => &[],
        };
    }
    let aggregate = plan.downcast_ref::<AggregateExec>();
    match aggregate.is_some_and(|aggregate| !aggregate.group_expr().is_single()) {
        true => &[0],
        false => &[],
    }
}
