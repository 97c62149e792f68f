//! The SQL dialect: where the engine would answer wrongly, ours is right or refuses.

mod choices;
mod date_diff;
mod duckdb;
mod durations;
mod length;
mod modulo;
mod multiples;
mod powers;
mod ranks;
mod sets;
mod syntax;
mod using;
mod windows;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Query, Statement};
use forebay_core::Diagnostic;

use crate::types::Dialect;

pub(crate) use syntax::{Syntax, folded, parse, parse_as, parse_expr};

/// Plans a statement, to learn the columns of a part of a query.
pub(crate) type Probe<'a> = dyn Fn(Statement) -> Result<LogicalPlan> + 'a;

/// Adds the dialect's rules to a session. They must run before the engine coerces types: it is the
/// coercion that goes wrong.
pub(crate) fn install(state: SessionState, dialect: Dialect) -> SessionState {
    let mut rules = state.analyzer().rules.clone();
    rules.insert(0, Arc::new(durations::Durations));
    let mut planners = state.expr_planners().to_vec();
    planners.insert(0, Arc::new(multiples::Multiples));
    planners.insert(0, Arc::new(powers::Powers));
    if dialect == Dialect::DuckDb {
        planners.insert(0, Arc::new(duckdb::Operators));
    }
    let mut functions = choices::lenient(state.scalar_functions().values().cloned());
    functions.push(Arc::new(date_diff::date_diff()));
    let windows = ranks::signed(state.window_functions().values().cloned());
    SessionStateBuilder::new_from_existing(state)
        .with_analyzer_rules(rules)
        .with_expr_planners(planners)
        .with_scalar_functions(functions)
        .with_window_functions(windows)
        .build()
}

/// Rewrites what the engine would plan wrongly.
pub(crate) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> std::result::Result<(), Diagnostic> {
    sets::check(query)?;
    windows::rewrite(query)?;
    modulo::rewrite(query);
    using::rewrite(query, probe)
}
