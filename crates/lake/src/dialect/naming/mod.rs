//! The names of columns that a query gives none: as PostgreSQL or DuckDB names them.

mod duckdb;
mod duckdb_calls;
mod duckdb_queries;
mod postgres;
mod quoted;
mod windows;

use datafusion::sql::sqlparser::ast::{Expr, NamedWindowDefinition};

use super::columns;
use crate::types::Dialect;

/// Whether the item may stand for several columns, so that it cannot have one name: to DuckDB `unnest` of a structure
/// has one for each field.
pub(super) fn spreads(expr: &Expr, dialect: Dialect) -> bool {
    match expr {
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("unnest") => {
            dialect == Dialect::DuckDb
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => spreads(inner, dialect),
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => true,
        other => columns::has_columns(other),
    }
}

pub(super) fn name(expr: &Expr, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => postgres::name(expr),
        Dialect::DuckDb => duckdb::name(expr),
    }
}

/// As [`name`], of an item of a query that names these windows.
pub(super) fn item_name(
    expr: &Expr,
    windows: &[NamedWindowDefinition],
    dialect: Dialect,
) -> String {
    match dialect {
        Dialect::DuckDb => duckdb::name(&windows::spelled_out(expr, windows)),
        dialect => name(expr, dialect),
    }
}
