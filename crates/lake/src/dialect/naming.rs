//! The names of columns that a query gives none: as PostgreSQL or DuckDB names them.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::columns;
use super::folded;
use crate::types::Dialect;

/// Whether the item may stand for several columns, so that it cannot have one name.
pub(super) fn spreads(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("unnest") => {
            true
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => spreads(inner),
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => true,
        other => columns::has_columns(other),
    }
}

pub(super) fn name(expr: &Expr, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => of_postgres(expr).unwrap_or_else(|| "?column?".to_owned()),
        Dialect::DuckDb => of_duckdb(expr),
    }
}

fn of_postgres(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(parts) => folded(parts.last()?),
        Expr::Nested(inner) => return of_postgres(inner),
        Expr::Cast {
            expr, data_type, ..
        } => of_postgres(expr).unwrap_or_else(|| data_type.to_string().to_lowercase()),
        Expr::TypedString(typed) => typed.data_type.to_string().to_lowercase(),
        Expr::Function(function) => function.name.0.last()?.to_string().to_lowercase(),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Overlay { .. } => "overlay".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::AtTimeZone { .. } => "timezone".to_owned(),
        Expr::Interval(_) => "interval".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Tuple(_) => "row".to_owned(),
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.last()? {
            AccessExpr::Dot(Expr::Identifier(ident)) => folded(ident),
            _ => return of_postgres(root),
        },
        _ => return None,
    })
}

fn of_duckdb(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => parts
            .iter()
            .map(|part| part.value.as_str())
            .collect::<Vec<_>>()
            .join("."),
        Expr::Nested(inner) => of_duckdb(inner),
        Expr::BinaryOp { left, op, right } => {
            format!("({} {op} {})", of_duckdb(left), of_duckdb(right))
        }
        Expr::Cast {
            expr, data_type, ..
        } => {
            format!("CAST({} AS {data_type})", of_duckdb(expr))
        }
        Expr::Function(function) => call(function),
        other => other.to_string(),
    }
}

fn call(function: &Function) -> String {
    let name = function.name.to_string().to_lowercase();
    let args = match &function.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        _ => &[],
    };
    let star = matches!(args, [] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
    if name == "count" && star && function.over.is_none() {
        return "count_star()".to_owned();
    }
    let arg = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => of_duckdb(expr),
        other => other.to_string(),
    };
    let plain = function.over.is_none() && function.filter.is_none();
    match (plain, &function.args) {
        (true, FunctionArguments::List(list))
            if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
        {
            format!(
                "{name}({})",
                args.iter().map(arg).collect::<Vec<_>>().join(", ")
            )
        }
        _ => function.to_string(),
    }
}
