//! Subqueries that the engine's own rules turn into joins, and right ones.

use arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator};

use super::super::casts::loses;

/// One value: an aggregate of rows that are equal to outer columns in some of their own.
pub(super) fn value(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) if !names_outer(&projection.expr) => {
            value(&projection.input)
        }
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.is_empty()
                && !names_outer(&aggregate.aggr_expr)
                && rows(&aggregate.input, true)
        }
        _ => false,
    }
}

/// Rows that are compared with outer columns, `by_equality` alone or by anything.
pub(super) fn rows(plan: &LogicalPlan, by_equality: bool) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => {
            let schema = filter.input.schema();
            let is_known = |part: &&Expr| !part.contains_outer() || is_equality(part, schema);
            let all_known =
                !by_equality || split_conjunction(&filter.predicate).iter().all(is_known);
            all_known && rows(&filter.input, by_equality)
        }
        LogicalPlan::Projection(projection) => {
            !names_outer(&projection.expr) && rows(&projection.input, by_equality)
        }
        LogicalPlan::SubqueryAlias(alias) => rows(&alias.input, by_equality),
        plan => plan.all_out_ref_exprs().is_empty(),
    }
}

/// A column of the subquery, or a cast of it that changes nothing, is what is outside.
fn is_equality(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = expr
    else {
        return false;
    };
    match (left.contains_outer(), right.contains_outer()) {
        (false, true) => is_plain(left, schema),
        (true, false) => is_plain(right, schema),
        _ => false,
    }
}

fn is_plain(inner: &Expr, schema: &dyn ExprSchema) -> bool {
    match inner {
        Expr::Column(_) => true,
        Expr::Cast(Cast { expr, field }) => {
            let to = field.data_type();
            let keeps = |from: DataType| {
                from.is_numeric() && !from.is_floating() && to.is_numeric() && !loses(&from, to)
                    || from.is_string() && to.is_string()
            };
            matches!(expr.as_ref(), Expr::Column(_)) && expr.get_type(schema).is_ok_and(keeps)
        }
        _ => false,
    }
}

fn names_outer(exprs: &[Expr]) -> bool {
    exprs.iter().any(Expr::contains_outer)
}
