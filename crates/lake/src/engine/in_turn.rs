//! The parts of a union one after the other, where there is one thread: few rows keep the order in which they are written,
//! as in the databases that projects come from, and so do the tables that are made of them.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    replace_children_if_necessary,
};
use futures::{StreamExt, TryStreamExt, stream};

/// The plan with unions of one part each, but for those whose parts are in an order that is relied on. What stands above
/// a union must not be of several parts that are run in turn: those of a join wait for each other.
pub(super) fn in_turn(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(plan.transform_up(changed)?.data)
}

fn changed(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.is::<UnionExec>() && plan.output_ordering().is_none() {
        true => Ok(Transformed::yes(InTurn::over(plan))),
        false => Ok(Transformed::no(plan)),
    }
}

fn parts(properties: &PlanProperties) -> usize {
    properties.output_partitioning().partition_count()
}

#[derive(Debug)]
struct InTurn {
    rows: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl InTurn {
    fn over(rows: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        if parts(rows.properties()) == 1 {
            return rows;
        }
        let one = Partitioning::UnknownPartitioning(1);
        let mut known = rows.equivalence_properties().clone();
        known.clear_orderings();
        let properties = rows.properties().as_ref().clone();
        let properties = properties.with_partitioning(one).with_eq_properties(known);
        Arc::new(Self {
            rows,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for InTurn {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InTurnExec")
    }
}

impl ExecutionPlan for InTurn {
    fn name(&self) -> &'static str {
        "InTurnExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows]
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

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = Arc::clone(&self.rows);
        let parts = stream::iter(0..parts(rows.properties()));
        let parts = parts.map(move |part| rows.execute(part, Arc::clone(&context)));
        let all = parts.try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.rows.schema(),
            all,
        )))
    }
}
