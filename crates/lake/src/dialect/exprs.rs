//! The walk of the dialect's rules over every expression of a plan, its subqueries and views too.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
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
    let rewritten = plan.transform_up_with_subqueries(|plan| of_node(plan, &rewrite))?;
    Ok(rewritten.data)
}

/// As [`rewrite`], of the expressions of one node.
pub(super) fn of_node(
    plan: LogicalPlan,
    rewrite: &impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    if !computes(&plan) {
        return Ok(Transformed::no(plan));
    }
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
}

/// Whether an expression of the node is more than a column or a constant, perhaps under another name: those no rule
/// rewrites, and most nodes have no others.
pub(super) fn computes(plan: &LogicalPlan) -> bool {
    fn is_plain(expr: &Expr) -> bool {
        match expr {
            Expr::Column(_) | Expr::Literal(..) => true,
            Expr::Alias(alias) => is_plain(&alias.expr),
            _ => false,
        }
    }
    let mut found = false;
    let walked = plan.apply_expressions(|expr| {
        found |= !is_plain(expr);
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    found || walked.is_err()
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
