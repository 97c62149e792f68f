//! `LAG(x, 1, y)` and `LEAD(x, 1, y)` of a default that is no constant: the engine takes constants alone. Whether there is such a row
//! is asked by a window of its own. And `LEAD(x, 2 IGNORE NULLS)`, of which the engine loses the last rows: it is the
//! second value of those that follow.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, NullTreatment, Query, Statement, VisitMut, VisitorMut, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowType,
};

use super::calls::{fill, named};

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Offsets);
}

/// `LAST_VALUE(sum(x) IGNORE NULLS)`: the parser gives the words to the inner call.
pub(super) fn treat_nulls(statement: &mut Statement) {
    let _ = statement.visit(&mut Treatments);
}

struct Treatments;

impl VisitorMut for Treatments {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(Function {
            args: FunctionArguments::List(list),
            over: Some(_),
            ..
        }) = expr
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(last)))) =
                list.args.last_mut()
            && last.over.is_none()
            && let Some(treatment) = last.null_treatment.take()
        {
            let clause = FunctionArgumentClause::IgnoreOrRespectNulls(treatment);
            list.clauses.push(clause);
        }
        ControlFlow::Continue(())
    }
}

struct Offsets;

impl VisitorMut for Offsets {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(other) = computed(function)
        {
            *expr = other;
        }
        ControlFlow::Continue(())
    }
}

fn computed(function: &Function) -> Option<Expr> {
    let name = function.name.to_string().to_lowercase();
    if !["lag", "lead"].contains(&name.as_str()) || function.over.is_none() {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let ignores = function.null_treatment == Some(NullTreatment::IgnoreNulls)
        || list.clauses.iter().any(|clause| {
            *clause == FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::IgnoreNulls)
        });
    if ignores && name == "lead" && is_far(list.args.get(1)) {
        return following(function, list);
    }
    let [of, by, FunctionArg::Unnamed(FunctionArgExpr::Expr(default))] = list.args.as_slice()
    else {
        return None;
    };
    if is_constant(default) {
        return None;
    }
    let call = |args: Vec<FunctionArg>| {
        let mut call = function.clone();
        if let FunctionArguments::List(list) = &mut call.args {
            list.args = args;
        }
        call
    };
    let plain = Expr::Function(call(vec![of.clone(), by.clone()]));
    if ignores {
        return fill("coalesce(_1, _2)", &[plain, default.clone()]);
    }
    let value = |text: &str| {
        fill(text, &[]).map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value)))
    };
    let is_there = Expr::Function(call(vec![value("true")?, by.clone(), value("false")?]));
    fill(
        "(case when _1 then _2 else _3 end)",
        &[is_there, plain, default.clone()],
    )
}

/// A number of rows above one.
fn is_far(by: Option<&FunctionArg>) -> bool {
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(by))) = by else {
        return false;
    };
    by.to_string().parse::<u64>().is_ok_and(|by| by > 1)
}

/// `NTH_VALUE(x, n IGNORE NULLS)` of the rows behind this one, or the default.
fn following(function: &Function, list: &FunctionArgumentList) -> Option<Expr> {
    let mut nth = function.clone();
    nth.name = named("nth_value");
    let FunctionArguments::List(of) = &mut nth.args else {
        return None;
    };
    of.args.truncate(2);
    let Some(WindowType::WindowSpec(window)) = &mut nth.over else {
        return None;
    };
    window.window_frame = Some(WindowFrame {
        units: WindowFrameUnits::Rows,
        start_bound: WindowFrameBound::Following(fill("1", &[]).map(Box::new)),
        end_bound: Some(WindowFrameBound::Following(None)),
    });
    let nth = Expr::Function(nth);
    match list.args.get(2) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(default))) => {
            fill("coalesce(_1, _2)", &[nth, default.clone()])
        }
        _ => Some(nth),
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) | Expr::Cast { expr, .. } => {
            is_constant(expr)
        }
        // The moment of the query.
        Expr::Function(function) => {
            function.over.is_none()
                && ["current_date", "current_timestamp", "now", "today"]
                    .contains(&function.name.to_string().to_lowercase().as_str())
        }
        _ => false,
    }
}
