//! Rows of values. In PostgreSQL `row(a, b)` is `(a, b)`; where it is no side of a comparison it is a structure with the
//! fields `f1`, `f2`, and it is null where all of its values are. In DuckDB it is a structure whose fields have no names,
//! which are `1` and `2` here.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem, VisitMut, VisitorMut,
};

use super::{args, fill, name_of};
use crate::types::Dialect;

/// Before what it is made of is rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    let made = match expr {
        Expr::Function(function) if name_of(function).as_deref() == Some("row") => {
            args(function).map(Expr::Tuple)
        }
        Expr::IsNull(of) => values(of).and_then(|values| each(&values, "is null")),
        Expr::IsNotNull(of) => values(of).and_then(|values| each(&values, "is not null")),
        Expr::Cast { expr: of, .. } => {
            structure(of, Dialect::Postgres);
            None
        }
        Expr::Function(function) => {
            if let FunctionArguments::List(list) = &mut function.args {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg {
                        structure(arg, Dialect::Postgres);
                    }
                }
            }
            None
        }
        _ => None,
    };
    if let Some(made) = made {
        *expr = made;
    }
}

pub(super) fn item(item: &mut SelectItem, dialect: Dialect) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
        structure(expr, dialect);
    }
}

/// The values of a row that is written out.
fn values(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(values) => Some(values.clone()),
        Expr::Nested(inner) => values(inner),
        Expr::Function(function) if name_of(function).as_deref() == Some("row") => args(function),
        _ => None,
    }
}

/// Whether all of the values are so.
fn each(values: &[Expr], is: &str) -> Option<Expr> {
    let all: Vec<String> = (1..=values.len()).map(|at| format!("_{at} {is}")).collect();
    fill(&format!("({})", all.join(" and ")), values)
}

pub(super) fn structure(expr: &mut Expr, dialect: Dialect) {
    if let Some(made) = values(expr).and_then(|values| structure_of(&values, dialect)) {
        *expr = made;
    }
}

/// The structure of the values, whose fields are named by their places.
pub(super) fn structure_of(values: &[Expr], dialect: Dialect) -> Option<Expr> {
    let prefix = match dialect {
        Dialect::DuckDb => "",
        Dialect::Postgres => "f",
    };
    let fields = (1..=values.len()).map(|at| format!("'{prefix}{at}', _{at}"));
    let fields: Vec<String> = fields.collect();
    fill(&format!("named_struct({})", fields.join(", ")), values)
}

/// Rows whose first value is computed: the engine takes them for none. After all that looks for rows.
pub(in crate::dialect) fn computed(query: &mut Query) {
    let _ = query.visit(&mut Computed);
}

struct Computed;

impl VisitorMut for Computed {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Tuple(values) = expr else {
            return ControlFlow::Continue(());
        };
        let is_plain = |first: &Expr| {
            matches!(
                first,
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)
            )
        };
        if values.first().is_some_and(|first| !is_plain(first)) {
            *expr = unnamed(values);
        }
        ControlFlow::Continue(())
    }
}

/// A row of values as a structure, as the engine makes one of it.
pub(super) fn unnamed(values: &[Expr]) -> Expr {
    let places: Vec<String> = (1..=values.len()).map(|at| format!("_{at}")).collect();
    let filled = fill(&format!("struct({})", places.join(", ")), values);
    filled.unwrap_or_else(|| Expr::Tuple(values.to_vec()))
}
