//! `array(select x ...)`: the rows of a query as a list, in their order.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Visit, Visitor,
};
use forebay_core::Diagnostic;

use super::fill;
use crate::dialect::{folded, hidden};

pub(super) fn listed(query: &Query) -> Result<Expr, Diagnostic> {
    let mut query = query.clone();
    let by_place = match query.order_by.take() {
        Some(order) => {
            let OrderByKind::Expressions(_) = order.kind else {
                return Err(refused("ORDER BY ALL"));
            };
            let SetExpr::Select(select) = query.body.as_mut() else {
                return Err(refused("ORDER BY behind UNION and its like"));
            };
            if !is_plain(select) {
                return Err(refused("ORDER BY and DISTINCT or GROUP BY"));
            }
            let place = fill(&format!("row_number() over ({order})"), &[]);
            let place = place.ok_or_else(|| refused("that ORDER BY"))?;
            select.projection.push(SelectItem::UnnamedExpr(place));
            // What is cut is cut in that order.
            query.order_by = query.limit_clause.is_some().then_some(order);
            true
        }
        None => false,
    };
    let (order, places) = match by_place {
        true => (" order by forebay_place", ", forebay_place"),
        false => ("", ""),
    };
    let text = format!(
        "(select coalesce(array_agg(forebay_item{order}), []) from ({query}) as forebay_items(forebay_item{places}))"
    );
    fill(&text, &[]).ok_or_else(|| refused("this query"))
}

/// A comparison with any or all rows as a value: the engine has them as conditions alone.
pub(super) fn value(expr: &Expr) -> Option<Expr> {
    let (left, op, right, template) = match expr {
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => (
            left,
            compare_op,
            right,
            "case when bool_or(TEST) then true when bool_or((TEST) is null) then null else false end",
        ),
        Expr::AllOp {
            left,
            compare_op,
            right,
        } => (
            left,
            compare_op,
            right,
            "case when bool_or(not (TEST)) then false when bool_or((TEST) is null) then null else true end",
        ),
        _ => return None,
    };
    let Expr::Subquery(query) = right.as_ref() else {
        return None;
    };
    let made = template.replace("TEST", &format!("_1 {op} forebay_any"));
    let text = format!("(select {made} from ({query}) as forebay_rows(forebay_any))");
    fill(&text, std::slice::from_ref(left.as_ref()))
}

/// Whether a query names a table that none of its own parts is called.
pub(super) fn names_outer(query: &Query) -> bool {
    #[derive(Default)]
    struct Names {
        own: HashSet<String>,
        used: HashSet<String>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.own.extend(hidden::tables(select));
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let Some(table) = parts.len().checked_sub(2).and_then(|at| parts.get(at))
            {
                self.used.insert(folded(table));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names::default();
    let _ = query.visit(&mut names);
    names.used.iter().any(|used| !names.own.contains(used))
}

fn is_plain(select: &Select) -> bool {
    let has_no_groups =
        matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    select.distinct.is_none() && has_no_groups && select.having.is_none()
}

fn refused(what: &str) -> Diagnostic {
    Diagnostic::error(format!("ARRAY(SELECT ...) with {what} is not supported"))
        .hint("(select array_agg(x order by ...) from ...)")
}
