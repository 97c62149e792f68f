//! Subqueries that the engine's own rules turn into joins, and right ones.

use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

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
            let is_known = |part: &&Expr| !part.contains_outer() || is_equality(part);
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

fn is_equality(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => left.contains_outer() != right.contains_outer(),
        _ => false,
    }
}

fn names_outer(exprs: &[Expr]) -> bool {
    exprs.iter().any(Expr::contains_outer)
}
