//! Subqueries in `FROM` without a name, in joins by `USING` and beside subqueries of conditions: they get one. Without it
//! the engine cannot tell their columns from the merged ones, or from those of `in (select id ...)`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    JoinConstraint, Query, Select, TableFactor, TableWithJoins, Visit, VisitMut, Visitor,
    VisitorMut,
};

use super::tables::named;
use super::using::constraint;

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Namer(0));
}

/// How many have got a name.
struct Namer(usize);

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let is_unnamed = |item: &TableWithJoins| factors(item).any(is_unnamed);
        if select.from.iter().any(is_unnamed) {
            let asks = Visit::visit(&select.selection, &mut Asks).is_break()
                || Visit::visit(&select.projection, &mut Asks).is_break();
            for item in &mut select.from {
                self.name(item, asks);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether there is a subquery among expressions.
struct Asks;

impl Visitor for Asks {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

fn factors(item: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
}

fn is_unnamed(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Derived { alias: None, .. })
}

impl Namer {
    fn name(&mut self, item: &mut TableWithJoins, asks: bool) {
        let merges = item.joins.iter().any(|join| {
            let on = constraint(&join.join_operator);
            matches!(on, Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
        });
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        let factors = std::iter::once(&mut item.relation).chain(joined);
        for factor in factors.filter(|factor| (merges || asks) && is_unnamed(factor)) {
            if let TableFactor::Derived { alias, .. } = factor {
                *alias = Some(named(&format!("forebay_unnamed_{}", self.0)));
                self.0 += 1;
            }
        }
    }
}
