//! Whether a `SELECT` computes with the keys of its `USING`, named alone.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Join, JoinConstraint, Select, SelectItem, Visit, Visitor,
};

use super::super::folded;
use super::scope::{constraint, key_name};

/// As an item by itself the engine knows a key. Which keys a natural join has is not written in it.
pub(super) fn are_computed_with(select: &Select) -> bool {
    let joins = select.from.iter().flat_map(|item| &item.joins);
    let is_natural = |join: &Join| {
        matches!(
            constraint(&join.join_operator),
            Some(JoinConstraint::Natural)
        )
    };
    if joins.clone().any(is_natural) {
        return true;
    }
    let keys: HashSet<String> = joins.flat_map(of_join).collect();
    if keys.is_empty() {
        return false;
    }
    let is_plain = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::UnnamedExpr(Expr::Identifier(_))
                | SelectItem::ExprWithAlias {
                    expr: Expr::Identifier(_),
                    ..
                }
        )
    };
    let mut items = select.projection.iter().filter(|item| !is_plain(item));
    let mut finder = Finder(&keys);
    items.any(|item| item.visit(&mut finder).is_break())
        || select.selection.visit(&mut finder).is_break()
        || select.having.visit(&mut finder).is_break()
        || select.qualify.visit(&mut finder).is_break()
}

fn of_join(join: &Join) -> Vec<String> {
    match constraint(&join.join_operator) {
        Some(JoinConstraint::Using(names)) => names
            .iter()
            .filter_map(|name| key_name(name).ok())
            .collect(),
        _ => Vec::new(),
    }
}

struct Finder<'a>(&'a HashSet<String>);

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) if self.0.contains(&folded(name)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}
