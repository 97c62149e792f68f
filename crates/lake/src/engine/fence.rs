//! A node that passes rows on, and lets no condition through that the engine would take for one of another column.
//!
//! The engine finds a condition's columns in the input of a node by their names. Where the sides of a join have a column of
//! the same name, `WHERE right.id IS NULL` above an outer join became a condition of `left.id`.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, FilterDescription, FilterPushdownPhase,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary,
};

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Puts fences up while the engine's rules push conditions down.
pub(super) fn install(rules: &mut [Rule]) {
    let pushing = [
        FilterPushdown::new(),
        FilterPushdown::new_post_optimization(),
    ];
    for rule in rules {
        if pushing.iter().any(|pushing| pushing.name() == rule.name()) {
            *rule = Arc::new(Fenced(Arc::clone(rule)));
        }
    }
}

#[derive(Debug)]
struct Fenced(Rule);

impl PhysicalOptimizerRule for Fenced {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fenced = plan.transform_up(fenced)?;
        let pushed = self.0.optimize(fenced.data, config)?;
        match fenced.transformed {
            true => Ok(pushed.transform_up(opened)?.data),
            false => Ok(pushed),
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn fenced(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    // Of what it is made of, a projection goes by its own names.
    let own = plan.is::<ProjectionExec>().then(|| plan.schema());
    let below = plan.children().into_iter().map(|child| child.schema());
    let looked_up: Vec<_> = below.chain(own).collect();
    if looked_up.iter().all(|schema| has_own_names(schema)) {
        return Ok(Transformed::no(plan));
    }
    let schema = plan.schema();
    let is_known = |at: &usize| {
        let name = schema.field(*at).name();
        let mut all = looked_up.iter().chain([&schema]);
        all.all(|schema| called(schema, name) < 2)
    };
    let known = (0..schema.fields().len()).filter(is_known).collect();
    Ok(Transformed::yes(Arc::new(Fence { rows: plan, known })))
}

fn opened(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    Ok(match plan.downcast_ref::<Fence>() {
        Some(fence) => Transformed::yes(Arc::clone(&fence.rows)),
        None => Transformed::no(plan),
    })
}

fn has_own_names(schema: &Schema) -> bool {
    let mut names = HashSet::new();
    schema
        .fields()
        .iter()
        .all(|field| names.insert(field.name()))
}

fn called(schema: &Schema, name: &str) -> usize {
    let fields = schema.fields().iter();
    fields.filter(|field| field.name() == name).count()
}

#[derive(Debug)]
struct Fence {
    rows: Arc<dyn ExecutionPlan>,
    /// The columns that a name finds.
    known: HashSet<usize>,
}

impl DisplayAs for Fence {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FenceExec")
    }
}

impl ExecutionPlan for Fence {
    fn name(&self) -> &'static str {
        "FenceExec"
    }

    /// Those of the rows, so that nothing is worked out again when the fence goes.
    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
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
        let known = self.known.clone();
        let rows = children.swap_remove(0);
        Ok(Arc::new(Self { rows, known }))
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
        let (known, rows) = (self.known.clone(), &self.rows);
        let known = ChildFilterDescription::from_child_with_allowed_indices(&filters, known, rows)?;
        Ok(FilterDescription::new().with_child(known))
    }
}
