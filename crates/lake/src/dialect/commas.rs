//! `from a, b left join c on a.id = c.id`: to DuckDB the condition may name the tables before the comma, which is a cross
//! join like any other there. And `from a, lateral (...) b join c on ...`, of which the engine joins what reads `a` before
//! `a` is there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Query, Select, TableFactor, TableWithJoins, Visit,
    VisitMut, Visitor, VisitorMut,
};

use super::folded;
use super::using::constraint;
use crate::types::Dialect;

pub(super) fn rewrite(query: &mut Query, dialect: Dialect) {
    let _ = query.visit(&mut Rewriter(dialect));
}

struct Rewriter(Dialect);

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.from.len() > 1 {
            let mut from: Vec<TableWithJoins> = Vec::new();
            for item in std::mem::take(&mut select.from) {
                let before: HashSet<String> = from.iter().flat_map(names).collect();
                let is_joined = self.0 == Dialect::DuckDb && reads(&item, &before);
                match is_joined || is_lateral(&item) {
                    // As one item all before it is of it.
                    true => {
                        let mut all = std::mem::take(&mut from).into_iter();
                        let first = all.next();
                        let rest = all.chain(std::iter::once(item));
                        from.extend(first.map(|first| rest.fold(first, crossed)));
                    }
                    false => from.push(item),
                }
            }
            select.from = from;
        }
        ControlFlow::Continue(())
    }
}

/// Whether what is joined there begins with what reads the tables before it.
fn is_lateral(item: &TableWithJoins) -> bool {
    let is_lateral = matches!(&item.relation, TableFactor::Derived { lateral: true, .. });
    is_lateral && !item.joins.is_empty()
}

fn crossed(mut left: TableWithJoins, right: TableWithJoins) -> TableWithJoins {
    left.joins.push(Join {
        relation: right.relation,
        global: false,
        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
    });
    left.joins.extend(right.joins);
    left
}

fn names(item: &TableWithJoins) -> Vec<String> {
    let factors = std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation));
    let name = |factor: &TableFactor| match factor {
        TableFactor::Table { alias: Some(a), .. } | TableFactor::Derived { alias: Some(a), .. } => {
            Some(folded(&a.name))
        }
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().map(folded),
        _ => None,
    };
    factors.filter_map(name).collect()
}

/// Whether a condition of its inner and left joins names one of the tables, and none of its own of that name.
fn reads(item: &TableWithJoins, before: &HashSet<String>) -> bool {
    let own: HashSet<String> = names(item).into_iter().collect();
    let mut finder = Finder { before, own: &own };
    item.joins.iter().any(|join| {
        let is_plain = matches!(
            join.join_operator,
            JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
        );
        match constraint(&join.join_operator) {
            Some(JoinConstraint::On(on)) if is_plain => on.visit(&mut finder).is_break(),
            _ => false,
        }
    })
}

struct Finder<'a> {
    before: &'a HashSet<String>,
    own: &'a HashSet<String>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [.., table, _] = parts.as_slice()
        {
            let table = folded(table);
            if self.before.contains(&table) && !self.own.contains(&table) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
