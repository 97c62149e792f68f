//! Lambdas of an item and its place: of pairs of both, as the engine knows those of an item alone. And the fields of an
//! item that is a structure.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, LambdaFunction, LambdaFunctionParameter, OneOrManyWithParens, VisitMut,
    VisitorMut,
};

use super::{args, fill, named, set_args};
use crate::dialect::folded;

const PAIR: &str = "forebay_pair";

/// Whether the call was one with such a lambda.
pub(super) fn rewrite(name: &str, function: &mut Function) -> bool {
    let is_filter = match name {
        "apply" | "array_apply" | "array_transform" | "list_apply" | "list_transform" => false,
        "array_filter" | "filter" | "list_filter" => true,
        _ => return false,
    };
    let args = args(function).unwrap_or_default();
    let [list, Expr::Lambda(lambda)] = args.as_slice() else {
        return false;
    };
    let OneOrManyWithParens::Many(names) = &lambda.params else {
        return false;
    };
    let [item, place] = names.as_slice() else {
        return false;
    };
    let Some(pairs) = fill(
        "list_zip(_1, generate_series(1, len(_1)))",
        std::slice::from_ref(list),
    ) else {
        return false;
    };
    let mut body = lambda.body.clone();
    let _ = body.visit(&mut OfPair(folded(&item.name), folded(&place.name)));
    let of_pair = |body| {
        Expr::Lambda(LambdaFunction {
            params: OneOrManyWithParens::Many(vec![LambdaFunctionParameter {
                name: Ident::new(PAIR),
                data_type: None,
            }]),
            body,
            syntax: lambda.syntax,
        })
    };
    let mut inner = function.clone();
    set_args(&mut inner, vec![pairs, of_pair(body)]);
    inner.name = named("array_filter");
    match (is_filter, part("1")) {
        (true, Some(first)) => {
            set_args(
                function,
                vec![Expr::Function(inner), of_pair(Box::new(first))],
            );
        }
        _ => function.args = inner.args,
    }
    function.name = named("array_transform");
    true
}

/// `x.a` of a parameter is a field of it. And a list that is written out is a call: the engine looks for what is in it
/// outside of the lambda.
pub(super) fn fields(lambda: &mut LambdaFunction) {
    let names: Vec<String> = match &lambda.params {
        OneOrManyWithParens::One(one) => vec![folded(&one.name)],
        OneOrManyWithParens::Many(many) => many.iter().map(|one| folded(&one.name)).collect(),
    };
    let _ = lambda.body.visit(&mut OfParameters(names));
}

struct OfParameters(Vec<String>);

impl VisitorMut for OfParameters {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some((first, rest)) = parts.split_first()
            && self.0.contains(&folded(first))
        {
            let field = |of: Expr, name: &Ident| {
                let named = fill(
                    &format!("get_field(_1, {})", literal(&name.value)),
                    std::slice::from_ref(&of),
                );
                named.unwrap_or(of)
            };
            *expr = rest.iter().fold(Expr::Identifier(first.clone()), field);
        }
        if let Expr::Array(list) = expr
            && !list.elem.is_empty()
        {
            let places: Vec<String> = (1..=list.elem.len()).map(|at| format!("_{at}")).collect();
            let call = format!("make_array({})", places.join(", "));
            *expr = fill(&call, &list.elem).unwrap_or_else(|| expr.clone());
        }
        ControlFlow::Continue(())
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn part(field: &str) -> Option<Expr> {
    fill(&format!("get_field({PAIR}, '{field}')"), &[])
}

/// Puts the pair's parts in the places of the item and its place.
struct OfPair(String, String);

impl VisitorMut for OfPair {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            let name = folded(name);
            let part = match name {
                name if name == self.0 => part("1"),
                name if name == self.1 => part("2"),
                _ => None,
            };
            if let Some(part) = part {
                *expr = part;
            }
        }
        ControlFlow::Continue(())
    }
}
