//! Rows of values in PostgreSQL: `row(a, b)` is `(a, b)`. Where it is no side of a comparison it is a structure with the
//! fields `f1`, `f2`, and it is null where all of its values are.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem,
};

use super::{args, fill, name_of};

/// Before what it is made of is rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    let made = match expr {
        Expr::Function(function) if name_of(function).as_deref() == Some("row") => {
            args(function).map(Expr::Tuple)
        }
        Expr::IsNull(of) => values(of).and_then(|values| each(&values, "is null")),
        Expr::IsNotNull(of) => values(of).and_then(|values| each(&values, "is not null")),
        Expr::Cast { expr: of, .. } => {
            structure(of);
            None
        }
        Expr::Function(function) => {
            if let FunctionArguments::List(list) = &mut function.args {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg {
                        structure(arg);
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

pub(super) fn item(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
        structure(expr);
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

fn structure(expr: &mut Expr) {
    let Some(values) = values(expr) else {
        return;
    };
    let fields: Vec<String> = (1..=values.len())
        .map(|at| format!("'f{at}', _{at}"))
        .collect();
    if let Some(made) = fill(&format!("named_struct({})", fields.join(", ")), &values) {
        *expr = made;
    }
}
