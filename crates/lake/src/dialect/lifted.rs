//! `(SELECT max(x))` beside the rows of `x`: an aggregate that reads outer columns alone is one of the rows around the
//! subquery. The engine would look for the column within it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Query, SelectItem, SetExpr, Visit, VisitMut, Visitor, VisitorMut,
};

use super::calls::{fill, name_of};

pub(super) fn rewrite(query: &mut Query, is_aggregate: &dyn Fn(&str) -> bool) {
    let _ = query.visit(&mut Lifter(is_aggregate));
}

struct Lifter<'a>(&'a dyn Fn(&str) -> bool);

impl VisitorMut for Lifter<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Subquery(query) = expr
            && let Some(value) = self.lifted(query)
        {
            *expr = value;
        }
        ControlFlow::Continue(())
    }
}

impl Lifter<'_> {
    /// What the query computes of the rows around it. None: it has rows of its own.
    fn lifted(&self, query: &Query) -> Option<Expr> {
        let SetExpr::Select(select) = query.body.as_ref() else {
            return None;
        };
        let is_grouped = match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
        };
        let is_bare = query.with.is_none() && query.limit_clause.is_none();
        let is_one = select.from.is_empty() && !is_grouped && select.having.is_none();
        let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
            select.projection.as_slice()
        else {
            return None;
        };
        if !is_bare || !is_one || !self.aggregates_columns(value) {
            return None;
        }
        match &select.selection {
            None => fill("(_1)", std::slice::from_ref(value)),
            Some(condition) => fill(
                "(case when _1 then _2 end)",
                &[condition.clone(), value.clone()],
            ),
        }
    }

    fn aggregates_columns(&self, value: &Expr) -> bool {
        value.visit(&mut Aggregates(self.0)).is_break()
    }
}

/// Stops at an aggregate of columns.
struct Aggregates<'a>(&'a dyn Fn(&str) -> bool);

impl Visitor for Aggregates<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if self.is_of_columns(function) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Aggregates<'_> {
    fn is_of_columns(&self, function: &Function) -> bool {
        let is_aggregate = name_of(function).is_some_and(|name| (self.0)(&name));
        is_aggregate && function.over.is_none() && function.args.visit(&mut Columns).is_break()
    }
}

/// Stops at a column.
struct Columns;

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}
