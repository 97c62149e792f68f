//! The walk of the dialect's rules over every expression of a plan, its subqueries and views too.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlan};

/// Rewrites each expression, innermost first; the columns keep their names. The schema is that of the
/// rows that the expression is computed from.
pub(super) fn rewrite(
    plan: LogicalPlan,
    rewrite: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let one = |expr: Expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(|expr| rewrite(expr, &schema))?;
            Ok(rewritten.update_data(|expr| name.restore(expr)))
        };
        plan.map_expressions(|expr| match expr {
            Expr::GroupingSet(sets) => of_each(sets, &one).map(Transformed::yes),
            other => one(other),
        })
    })?;
    Ok(rewritten.data)
}

/// Each of the groups is a column, and keeps its name.
fn of_each(sets: GroupingSet, one: &impl Fn(Expr) -> Result<Transformed<Expr>>) -> Result<Expr> {
    let each = |groups: Vec<Expr>| -> Result<Vec<Expr>> {
        let groups = groups.into_iter();
        groups.map(|group| Ok(one(group)?.data)).collect()
    };
    Ok(Expr::GroupingSet(match sets {
        GroupingSet::Rollup(groups) => GroupingSet::Rollup(each(groups)?),
        GroupingSet::Cube(groups) => GroupingSet::Cube(each(groups)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.into_iter().map(each).collect::<Result<_>>()?)
        }
    }))
}
