//! Inner joins run in the order that their estimated sizes ask for, not in the order in which the query names
//! its tables: the engine itself only chooses which side of each join is kept in memory.

mod build;
mod group;
mod order;
mod sides;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use group::Group;
use order::Sizes;
use sides::Sides;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The smallest saving, of the estimated work, for which an order is changed: estimates are rough.
const WORTH: f64 = 0.9;

/// Adds the rules around the one that chooses the sides.
pub(super) fn install(rules: &mut Vec<Rule>) {
    let sides = JoinSelection::new();
    let mut names = rules.iter().map(|rule| rule.name());
    let at = names.position(|name| name == sides.name()).unwrap_or(0);
    rules.insert(at, Arc::new(JoinOrder));
    rules.insert(at + 2, Arc::new(Sides));
}

#[derive(Debug)]
struct JoinOrder;

impl PhysicalOptimizerRule for JoinOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        reorder_all(plan)
    }

    fn name(&self) -> &str {
        "join_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn reorder_all(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let reordered = plan.transform_down(|plan| {
        Ok(match reordered(&plan)? {
            Some(plan) => Transformed::new(plan, true, TreeNodeRecursion::Jump),
            None => Transformed::no(plan),
        })
    })?;
    Ok(reordered.data)
}

/// The joins that begin here in a better order, and those below them; nothing where no join begins
/// here, or where the order is good already.
fn reordered(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>()
        && group::joins(projection.input())
    {
        return below_projection(projection);
    }
    reordered_joins(plan)
}

/// Joins below what is computed of them answer only the columns that it is computed of.
fn below_projection(projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (items, joins) = (projection.expr(), projection.input());
    let used = items.iter().flat_map(|item| collect_columns(&item.expr));
    let used: BTreeSet<usize> = used.map(|column| column.index()).collect();
    let schema = joins.schema();
    let column = |at: &usize| {
        let name = schema.field(*at).name();
        ProjectionExpr::new(Arc::new(Column::new(name, *at)), name.clone())
    };
    let narrow = ProjectionExec::try_new(
        used.iter().map(column).collect::<Vec<_>>(),
        Arc::clone(joins),
    )?;
    let Some(joins) = reordered_joins(&(Arc::new(narrow) as Arc<dyn ExecutionPlan>))? else {
        return Ok(None);
    };
    let at: HashMap<usize, usize> = used.into_iter().zip(0..).collect();
    let moved = items.iter().map(|item| {
        let expr = moved(Arc::clone(&item.expr), |index| at[&index])?;
        Ok(ProjectionExpr::new(expr, item.alias.clone()))
    });
    let plan = ProjectionExec::try_new(moved.collect::<Result<Vec<_>>>()?, joins)?;
    Ok((plan.schema() == projection.schema()).then(|| Arc::new(plan) as Arc<dyn ExecutionPlan>))
}

fn reordered_joins(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(mut group) = Group::below(plan)? else {
        return Ok(None);
    };
    let Some(sizes) = Sizes::of(&group) else {
        return Ok(None);
    };
    let Some((tree, cost)) = sizes.best() else {
        return Ok(None);
    };
    if !group.is_narrowed && cost >= WORTH * sizes.cost(&group.written) {
        return Ok(None);
    }
    for relation in &mut group.relations {
        relation.plan = reorder_all(Arc::clone(&relation.plan))?;
    }
    build::build(&group, &sizes.keys, &tree, &plan.schema())
}

/// The expression with its columns elsewhere.
fn moved(
    expr: Arc<dyn PhysicalExpr>,
    to: impl Fn(usize) -> usize,
) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = expr.transform(|expr| {
        Ok(match expr.downcast_ref::<Column>() {
            Some(column) => {
                let moved = Column::new(column.name(), to(column.index()));
                Transformed::yes(Arc::new(moved) as Arc<dyn PhysicalExpr>)
            }
            None => Transformed::no(expr),
        })
    })?;
    Ok(moved.data)
}
