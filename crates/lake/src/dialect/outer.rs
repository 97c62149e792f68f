//! Subqueries name outer columns by the types that those had when the query was planned. Where these have become others,
//! the names are told, and what the subquery makes of them has new types too.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

/// The plan with the subqueries of its own expressions told. What is done to each node of them then is `settled`.
pub(super) fn told(
    plan: LogicalPlan,
    settled: &dyn Fn(LogicalPlan) -> Result<LogicalPlan>,
) -> Result<LogicalPlan> {
    let mut has_subqueries = false;
    plan.apply_subqueries(|_| {
        has_subqueries = true;
        Ok(TreeNodeRecursion::Stop)
    })?;
    if !has_subqueries {
        return Ok(plan);
    }
    let schema = merge_schema(&plan.inputs());
    let told = plan.map_expressions(|expr| {
        expr.transform_up(|mut expr| {
            if let Some(subquery) = subquery_of(&mut expr) {
                tell(subquery, &schema, settled)?;
            }
            Ok(Transformed::yes(expr))
        })
    })?;
    Ok(told.data)
}

fn subquery_of(expr: &mut Expr) -> Option<&mut Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&mut exists.subquery),
        Expr::InSubquery(within) => Some(&mut within.subquery),
        Expr::SetComparison(comparison) => Some(&mut comparison.subquery),
        _ => None,
    }
}

fn tell(
    subquery: &mut Subquery,
    schema: &DFSchema,
    settled: &dyn Fn(LogicalPlan) -> Result<LogicalPlan>,
) -> Result<()> {
    if !rename(&mut subquery.outer_ref_columns, schema) {
        return Ok(());
    }
    let plan = subquery.subquery.as_ref().clone();
    let plan = plan.transform_up_with_subqueries(|node| {
        let node = node.map_expressions(|expr| {
            expr.transform_up(|mut expr| {
                if let Some(within) = subquery_of(&mut expr) {
                    rename(&mut within.outer_ref_columns, schema);
                }
                fresh(&mut expr, schema);
                Ok(Transformed::yes(expr))
            })
        })?;
        let node = settled(node.data.recompute_schema()?)?;
        Ok(Transformed::yes(node.recompute_schema()?))
    })?;
    subquery.subquery = Arc::new(plan.data);
    Ok(())
}

/// Whether one of them has another type now.
fn rename(columns: &mut [Expr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for column in columns {
        changed |= fresh(column, schema);
    }
    changed
}

fn fresh(expr: &mut Expr, schema: &DFSchema) -> bool {
    let Expr::OuterReferenceColumn(field, column) = expr else {
        return false;
    };
    let Ok((_, now)) = schema.qualified_field_from_column(column) else {
        return false;
    };
    if now.data_type() == field.data_type() {
        return false;
    }
    *field = Arc::clone(now);
    true
}
