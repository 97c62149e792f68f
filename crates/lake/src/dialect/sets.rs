//! `EXCEPT ALL` and `INTERSECT ALL` count how often a row occurs. The engine looks only whether it
//! occurs on the other side, so it would answer wrongly: they are refused.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use forebay_core::Diagnostic;

pub(super) fn check(query: &Query) -> Result<(), Diagnostic> {
    match query.visit(&mut Finder) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(operator) => Err(Diagnostic::error(format!(
            "{operator} ALL is not supported"
        ))
        .hint(format!("use {operator}, which gives each row once"))),
    }
}

struct Finder;

impl Visitor for Finder {
    type Break = SetOperator;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SetOperator> {
        find(&query.body)
    }
}

fn find(body: &SetExpr) -> ControlFlow<SetOperator> {
    let SetExpr::SetOperation {
        op,
        set_quantifier,
        left,
        right,
    } = body
    else {
        return ControlFlow::Continue(());
    };
    let all = matches!(
        set_quantifier,
        SetQuantifier::All | SetQuantifier::AllByName
    );
    if all && *op != SetOperator::Union {
        return ControlFlow::Break(*op);
    }
    find(left)?;
    find(right)
}
