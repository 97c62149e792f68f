//! `mod(a, b)` is `a % b`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, VisitMut,
    VisitorMut,
};

pub(super) fn rewrite(node: &mut impl VisitMut) {
    let _ = node.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some((left, right)) = operands(function)
        {
            let nested = |side: &Expr| Box::new(Expr::Nested(Box::new(side.clone())));
            *expr = Expr::Nested(Box::new(Expr::BinaryOp {
                left: nested(left),
                op: BinaryOperator::Modulo,
                right: nested(right),
            }));
        }
        ControlFlow::Continue(())
    }
}

fn operands(function: &Function) -> Option<(&Expr, &Expr)> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    if !function.name.to_string().eq_ignore_ascii_case("mod") {
        return None;
    }
    match list.args.as_slice() {
        [
            FunctionArg::Unnamed(FunctionArgExpr::Expr(left)),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(right)),
        ] => Some((left, right)),
        _ => None,
    }
}
