//! `try(x::integer)`: null where the cast fails. What else fails is an error.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};
use forebay_core::Diagnostic;

use super::{args, fill, name_of, named};

pub(super) fn tried(function: &Function) -> Result<Option<Expr>, Diagnostic> {
    let mut args = args(function).unwrap_or_default();
    let is_known = args.len() == 1 && args.iter_mut().all(lenient);
    match (is_known, args.pop()) {
        (true, expr) => Ok(expr),
        _ => Err(Diagnostic::error(
            "try() is understood of casts, and of what is computed from them",
        )
        .hint("try_cast(x as integer), try_strptime(x, '%Y-%m-%d')")),
    }
}

/// Makes the casts lenient. Whether a null that comes of one makes the whole null.
fn lenient(expr: &mut Expr) -> bool {
    match expr {
        Expr::Cast { kind, expr, .. } => {
            *kind = CastKind::TryCast;
            lenient(expr)
        }
        Expr::BinaryOp {
            op: BinaryOperator::And | BinaryOperator::Or,
            ..
        } => false,
        Expr::BinaryOp {
            op: BinaryOperator::Arrow | BinaryOperator::LongArrow,
            left,
            ..
        } => lenient_json(left),
        Expr::BinaryOp { left, right, .. } => lenient(left) && lenient(right),
        Expr::Nested(expr) | Expr::UnaryOp { expr, .. } => lenient(expr),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => true,
        Expr::Function(function) if name_of(function).as_deref() == Some("strptime") => {
            function.name = named("try_strptime");
            true
        }
        Expr::Function(function) if name_of(function).is_some_and(|name| reads_json(&name)) => {
            first_arg(function).is_some_and(lenient_json)
        }
        _ => false,
    }
}

fn first_arg(function: &mut Function) -> Option<&mut Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    match list.args.first_mut()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn reads_json(name: &str) -> bool {
    name.starts_with("json_") && name != "json_valid"
}

/// A text that is no JSON is null.
fn lenient_json(json: &mut Expr) -> bool {
    let is_known = lenient(json);
    if let Some(read) = fill("try_json_of(_1)", std::slice::from_ref(json)) {
        *json = read;
    }
    is_known
}
