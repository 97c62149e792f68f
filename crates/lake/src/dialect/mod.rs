//! The SQL dialect: where the engine would answer wrongly, ours is right or refuses.

mod added;
mod aliases;
mod arguments;
mod asof;
mod averages;
mod bare_texts;
mod bare_values;
mod beside;
mod calls;
mod cast_tests;
mod casts;
mod catalog;
mod choices;
mod clashes;
mod columns;
mod commands;
mod commas;
mod compared;
mod comprehensions;
mod conditions;
mod copies;
mod correlated;
mod counted;
pub(crate) mod created;
mod date_diff;
mod decimals;
pub(crate) mod described;
mod distinct_orders;
mod doubles;
mod duckdb;
mod durations;
mod exprs;
mod extremes;
mod fields;
mod foreign;
mod frames;
mod friendly;
mod groupings;
mod having;
mod hidden;
mod joined;
mod json_each;
mod json_rows;
mod keys;
mod kinds;
mod late;
mod laterals;
mod length;
mod lifted;
mod local;
mod mean_moments;
mod merging;
mod methods;
mod mixed;
mod modulo;
mod moving;
mod multiples;
mod naming;
mod nested;
mod offsets;
mod one_unless;
mod operators;
mod ordered;
mod orders;
mod outer;
mod overflow;
pub(crate) mod own;
mod partly_named;
mod patterns;
mod pivot_keys;
pub(crate) mod pivots;
mod powers;
mod products;
mod qualified;
mod ranks;
mod reads_before;
mod recomputed;
pub(crate) mod repeated;
mod rounding;
mod rounds;
mod rowless;
mod samples;
mod scopes;
mod selects;
mod series_names;
mod sets;
mod shifted;
pub(crate) mod spelling;
mod spreads;
mod stars;
mod sums;
mod syntax;
mod tables;
mod texts_among;
mod tokens;
mod totals;
mod turned;
mod twins;
mod unfit;
mod units;
mod unnamed;
mod unnests;
mod unread;
mod using;
mod whole_rows;
mod wholes;
mod windows;
mod written;
mod written_types;
mod zoned;

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{Expr, Query, Statement};
use forebay_core::Diagnostic;

use crate::functions;
use crate::settings::Settings;
use crate::types::Dialect;

pub(crate) use doubles::parse_feature;
pub(crate) use length::problem;
pub(crate) use local::database_of;
pub use local::local;
pub(crate) use merging::{ALL_COLUMNS, BY_NAME, NOTHING};
pub(crate) use methods::rewrite as chained;
pub(crate) use syntax::{
    Syntax, folded, parse, parse_as, parse_in, parse_small, parse_type, spelled,
};
pub(crate) use unread::drop_unread;

/// Plans a statement, to learn the columns of a part of a query.
pub(crate) type Probe<'a> = dyn Fn(Statement) -> Result<LogicalPlan> + 'a;

/// Adds the dialect's rules to a session. They must run before the engine coerces types: it is the
/// coercion that goes wrong.
pub(crate) fn install(mut state: SessionState, dialect: Dialect) -> SessionState {
    let options = &mut state.config_mut().options_mut().sql_parser;
    options.parse_float_as_decimal = true;
    let (name, nulls) = match dialect {
        Dialect::DuckDb => (datafusion::config::Dialect::DuckDB, "nulls_last"),
        Dialect::Postgres => (datafusion::config::Dialect::Generic, "nulls_max"),
    };
    options.dialect = name;
    options.default_null_ordering = nulls.to_owned();
    let mut rules = state.analyzer().rules.clone();
    rules.insert(0, Arc::new(durations::Durations));
    rules.insert(0, Arc::new(laterals::Laterals));
    rules.insert(0, Arc::new(mixed::Mixed(dialect)));
    rules.insert(0, Arc::new(rounds::Rounds));
    if dialect == Dialect::DuckDb {
        rules.push(Arc::new(products::Products));
    }
    rules.push(Arc::new(cast_tests::CastTests));
    rules.push(Arc::new(sets::Sets));
    rules.push(Arc::new(rowless::Rowless));
    rules.push(Arc::new(correlated::Correlated));
    rules.push(Arc::new(nested::Nested));
    if let Some(zone) = state
        .config()
        .get_extension::<Settings>()
        .and_then(|of| of.zone().cloned())
    {
        rules.push(Arc::new(zoned::Zoned(zone)));
    }
    rules.push(Arc::new(casts::Casts(dialect)));
    rules.push(Arc::new(overflow::Overflow));
    rules.push(Arc::new(keys::Keys));
    rules.push(Arc::new(ordered::Ordered));
    rules.push(Arc::new(orders::Orders));
    if dialect == Dialect::DuckDb {
        rules.push(Arc::new(sums::Averages));
    }
    let mut planners = state.expr_planners().to_vec();
    planners.insert(0, Arc::new(multiples::Multiples));
    planners.insert(0, Arc::new(powers::Powers(dialect)));
    planners.insert(0, Arc::new(wholes::Wholes));
    planners.insert(0, Arc::new(operators::Operators(dialect)));
    if dialect == Dialect::DuckDb {
        planners.insert(0, Arc::new(products::Products));
        planners.insert(0, Arc::new(duckdb::Operators));
        planners.insert(0, Arc::new(conditions::Conditions));
        planners.insert(0, Arc::new(fields::Fields));
    }
    let functions = choices::lenient(state.scalar_functions().values().cloned(), dialect);
    let mut functions = one_unless::of_first(functions);
    functions = rounding::rounding(functions, dialect);
    functions.push(Arc::new(date_diff::date_diff(dialect)));
    functions.extend(functions::all(dialect).into_iter().map(Arc::new));
    if dialect == Dialect::DuckDb {
        functions = counted::typed(functions);
    }
    functions.extend(local::functions(&state).map(Arc::new));
    let aggregates = state.aggregate_functions().values().cloned();
    let aggregates = spreads::exact(averages::coerced(aggregates, dialect));
    let aggregates = recomputed::moving(aggregates);
    let mut aggregates = sums::exact(aggregates.into_iter(), dialect);
    aggregates.extend(functions::aggregates(dialect).into_iter().map(Arc::new));
    let windows = ranks::signed(state.window_functions().values().cloned());
    let mut of_lambdas: Vec<_> = state.higher_order_functions().values().cloned().collect();
    of_lambdas.push(Arc::new(functions::reduce()));
    SessionStateBuilder::new_from_existing(state)
        .with_higher_order_functions(of_lambdas)
        .with_analyzer_rules(rules)
        .with_expr_planners(planners)
        .with_scalar_functions(functions)
        .with_aggregate_functions(aggregates)
        .with_window_functions(windows)
        .build()
}

/// Whose SQL the session reads.
pub(crate) fn dialect_of(state: &SessionState) -> Dialect {
    match state.config_options().sql_parser.dialect {
        datafusion::config::Dialect::DuckDB => Dialect::DuckDb,
        _ => Dialect::Postgres,
    }
}

/// Rewrites what the engine would plan wrongly.
pub(crate) fn rewrite(
    query: &mut Query,
    state: &SessionState,
    probe: &Probe<'_>,
) -> std::result::Result<(), Diagnostic> {
    let dialect = dialect_of(state);
    let probe: &Probe<'_> = &|statement| planned(statement, dialect, probe);
    if dialect == Dialect::DuckDb {
        foreign::refuse(query)?;
        bare_texts::refuse(query)?;
        bare_values::rewrite(query);
    }
    written::rewrite(query);
    if dialect == Dialect::DuckDb {
        hidden::rewrite(query);
    }
    beside::rewrite(query);
    selects::rewrite(query, dialect)?;
    tables::rewrite(query, dialect);
    calls::rewrite(query, dialect)?;
    calls::records::computed(query);
    if dialect == Dialect::DuckDb {
        conditions::rewrite(query);
    }
    windows::rewrite(query)?;
    offsets::rewrite(query);
    modulo::rewrite(query);
    let is_aggregate = |name: &str| state.aggregate_functions().contains_key(name);
    lifted::rewrite(query, &is_aggregate);
    pivots::rewrite(query, dialect, &is_aggregate, probe)?;
    commas::rewrite(query, dialect);
    if dialect == Dialect::DuckDb {
        partly_named::rewrite(query, probe)?;
        stars::rewrite(query, probe)?;
    }
    whole_rows::rewrite(query, dialect, probe)?;
    if dialect == Dialect::DuckDb && columns::has_columns(query) {
        using::rewrite_others(query, dialect, probe, &columns::has_columns_itself)?;
        // A name that is there twice means two columns to it. What cannot be planned yet is told below.
        let _ = repeated::rewrite(query, probe);
    }
    columns::rewrite(query, dialect, probe)?;
    if dialect == Dialect::DuckDb {
        aliases::rewrite(query, probe)?;
        having::rewrite(query, &is_aggregate);
    }
    clashes::rewrite(query, dialect, probe)?;
    unnamed::rewrite(query);
    using::rewrite(query, dialect, probe)?;
    twins::rewrite(query);
    wholes::rewrite(query, dialect);
    Ok(())
}

/// Plans a part of a query whose own parts may not be rewritten yet: where it cannot be planned as it is, without the names
/// that mean other items of their `SELECT`, and with what only casts tell apart.
fn planned(statement: Statement, dialect: Dialect, probe: &Probe<'_>) -> Result<LogicalPlan> {
    probe(statement.clone()).or_else(|error| {
        let Statement::Query(mut query) = statement else {
            return Err(error);
        };
        if dialect == Dialect::DuckDb && aliases::rewrite(&mut query, probe).is_err() {
            return Err(error);
        }
        if clashes::rewrite(&mut query, dialect, probe).is_err() {
            return Err(error);
        }
        twins::rewrite(&mut query);
        probe(Statement::Query(query)).map_err(|_| error)
    })
}

/// What a query that is not run yet is refused for when it is: a view's, where it is made.
pub(crate) fn check_types(plan: LogicalPlan, dialect: Dialect) -> Result<()> {
    unnests::check(&plan)?;
    let rule = mixed::Mixed(dialect);
    rule.analyze(plan, &ConfigOptions::default()).map(drop)
}

/// As [`rewrite`], of one expression.
pub(crate) fn rewrite_expr(
    expr: &mut Expr,
    state: &SessionState,
) -> std::result::Result<(), Diagnostic> {
    calls::rewrite(expr, dialect_of(state))?;
    modulo::rewrite(expr);
    Ok(())
}
