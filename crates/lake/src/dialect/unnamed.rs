//! Subqueries in `FROM` without a name, in joins by `USING`: they get one. Without it the engine cannot tell their
//! columns from the merged ones.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    JoinConstraint, Query, Select, TableFactor, TableWithJoins, VisitMut, VisitorMut,
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
        select.from.iter_mut().for_each(|item| self.name(item));
        ControlFlow::Continue(())
    }
}

impl Namer {
    fn name(&mut self, item: &mut TableWithJoins) {
        let merges = item.joins.iter().any(|join| {
            let on = constraint(&join.join_operator);
            matches!(on, Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
        });
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        let factors = std::iter::once(&mut item.relation).chain(joined);
        for factor in factors.filter(|_| merges) {
            if let TableFactor::Derived { alias, .. } = factor
                && alias.is_none()
            {
                *alias = Some(named(&format!("forebay_unnamed_{}", self.0)));
                self.0 += 1;
            }
        }
    }
}
