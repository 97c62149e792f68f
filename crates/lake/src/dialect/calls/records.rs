//! Rows of values. In PostgreSQL `row(a, b)` is `(a, b)`; where it is no side of a comparison it is a structure with the
//! fields `f1`, `f2`, and it is null where all of its values are. In DuckDB it is a structure whose fields have no names,
//! which are `1` and `2` here.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
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
