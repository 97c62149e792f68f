//! `HAVING` by the name of an item, in DuckDB also where a column has that name: `sum(x) AS x ... HAVING x > 0`. What is
//! grouped by, and what is in an aggregate, are columns.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectItem, VisitMut, VisitorMut,
};

use super::calls::name_of;
use super::folded;

pub(super) fn rewrite(query: &mut Query, is_aggregate: &dyn Fn(&str) -> bool) {
    let _ = query.visit(&mut EachSelect(is_aggregate));
}

struct EachSelect<'a>(&'a dyn Fn(&str) -> bool);

impl VisitorMut for EachSelect<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.having.is_none() {
            return ControlFlow::Continue(());
        }
        let mut items: HashMap<String, Expr> = HashMap::new();
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item {
                items.insert(folded(alias), expr.clone());
            }
        }
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            for key in keys {
                if let Expr::Identifier(name) = key {
                    items.remove(&folded(name));
                }
            }
        }
        if let Some(having) = &mut select.having {
            let mut replacer = Replacer {
                items,
                is_aggregate: self.0,
                depth: 0,
            };
            let _ = having.visit(&mut replacer);
        }
        ControlFlow::Continue(())
    }
}

struct Replacer<'a> {
    items: HashMap<String, Expr>,
    is_aggregate: &'a dyn Fn(&str) -> bool,
    /// How many aggregates and queries deep the walk is.
    depth: usize,
}

impl Replacer<'_> {
    fn is_aggregate(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Function(function) => {
                name_of(function).is_some_and(|name| (self.is_aggregate)(&name))
            }
            _ => false,
        }
    }
}

impl VisitorMut for Replacer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.depth += usize::from(self.is_aggregate(expr));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.is_aggregate(expr) {
            self.depth -= 1;
        } else if let (0, Expr::Identifier(name)) = (self.depth, &*expr)
            && let Some(item) = self.items.get(&folded(name))
        {
            *expr = Expr::Nested(Box::new(item.clone()));
        }
        ControlFlow::Continue(())
    }
}
