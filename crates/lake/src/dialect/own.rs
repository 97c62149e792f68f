//! The expressions of a part of a query that are its own: those of the queries within it belong to them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, OrderByKind, Query, Select, SetExpr, VisitMut, VisitorMut,
};

/// Changes each, after the expressions that it is made of.
pub(crate) fn change(part: &mut impl VisitMut, change: impl FnMut(&mut Expr)) {
    let _ = part.visit(&mut Own { depth: 0, change });
}

struct Own<F> {
    /// How many queries deep the walk is.
    depth: usize,
    change: F,
}

impl<F: FnMut(&mut Expr)> VisitorMut for Own<F> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0 {
            (self.change)(expr);
        }
        ControlFlow::Continue(())
    }
}

/// A `SELECT` with what its answer is ordered by, which is computed of the same rows or groups.
pub(super) struct Ordered<'a> {
    pub select: &'a mut Select,
    pub keys: Vec<&'a mut Expr>,
}

impl Ordered<'_> {
    /// Changes each expression that is computed of the rows or groups, after those that it is made of.
    pub(super) fn change(&mut self, mut change: impl FnMut(&mut Expr)) {
        let change: &mut dyn FnMut(&mut Expr) = &mut change;
        self::change(&mut self.select.projection, &mut *change);
        self::change(&mut self.select.group_by, &mut *change);
        self::change(&mut self.select.having, &mut *change);
        self::change(&mut self.select.qualify, &mut *change);
        self::change(&mut self.select.named_window, &mut *change);
        self::change(&mut self.select.distinct, &mut *change);
        for key in &mut self.keys {
            self::change(*key, &mut *change);
        }
    }
}

/// Every `SELECT` that is all of a query, inner ones first.
pub(super) fn each_ordered(query: &mut Query, change: impl FnMut(Ordered<'_>)) {
    let _ = query.visit(&mut EachOrdered(change));
}

struct EachOrdered<F>(F);

impl<F: FnMut(Ordered<'_>)> VisitorMut for EachOrdered<F> {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            let keys = match query.order_by.as_mut().map(|by| &mut by.kind) {
                Some(OrderByKind::Expressions(keys)) => {
                    keys.iter_mut().map(|key| &mut key.expr).collect()
                }
                _ => Vec::new(),
            };
            (self.0)(Ordered { select, keys });
        }
        ControlFlow::Continue(())
    }
}
