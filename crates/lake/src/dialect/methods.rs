//! DuckDB's calls behind a point: `x.lower().substr(1, 3)` is `substr(lower(x), 1, 3)`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::folded;

/// Schemas of functions: what stands before the point is no value then.
const SCHEMAS: &[&str] = &["information_schema", "main", "pg_catalog", "system", "temp"];

/// `.substr(` is an ordinary name, where the parser knows the word for a construct of its own.
pub(super) fn tokens(tokens: &mut [TokenWithSpan]) {
    for at in 1..tokens.len().saturating_sub(1) {
        let is_call =
            tokens[at - 1].token == Token::Period && tokens[at + 1].token == Token::LParen;
        if is_call && let Token::Word(word) = &mut tokens[at].token {
            word.keyword = Keyword::NoKeyword;
        }
    }
}

pub(crate) fn rewrite(node: &mut impl VisitMut) {
    let _ = node.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => of_column(function),
            Expr::CompoundFieldAccess { root, access_chain } => {
                if let Some(called) = of_value(root, access_chain) {
                    *expr = called;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `x.lower()`, which is read as a function of a schema.
fn of_column(function: &mut Function) {
    let idents = function.name.0.iter().map(|part| part.as_ident().cloned());
    let Some(mut idents) = idents.collect::<Option<Vec<Ident>>>() else {
        return;
    };
    let Some(name) = idents.pop() else {
        return;
    };
    let value = match idents.as_mut_slice() {
        [] => return,
        [one] if SCHEMAS.contains(&folded(one).as_str()) => return,
        [one] => Expr::Identifier(one.clone()),
        several if several.iter().any(|part| folded(part) == "main") => return,
        several => Expr::CompoundIdentifier(several.to_vec()),
    };
    if give(function, value) {
        function.name = ObjectName::from(vec![name]);
    }
}

/// The chain with its last call around what stands before it. None: there is no call in it.
fn of_value(root: &mut Expr, chain: &mut Vec<AccessExpr>) -> Option<Expr> {
    let is_call = |access: &AccessExpr| matches!(access, AccessExpr::Dot(Expr::Function(_)));
    let last = chain.iter().rposition(is_call)?;
    let behind = chain.split_off(last + 1);
    let AccessExpr::Dot(Expr::Function(mut function)) = chain.pop()? else {
        return None;
    };
    let value = match chain.is_empty() {
        true => root.clone(),
        false => Expr::CompoundFieldAccess {
            root: Box::new(root.clone()),
            access_chain: std::mem::take(chain),
        },
    };
    give(&mut function, value);
    let called = Expr::Function(function);
    Some(match behind.is_empty() {
        true => called,
        false => Expr::CompoundFieldAccess {
            root: Box::new(called),
            access_chain: behind,
        },
    })
}

/// Puts the value in front of the arguments.
fn give(function: &mut Function, value: Expr) -> bool {
    let FunctionArguments::List(list) = &mut function.args else {
        return false;
    };
    let value = FunctionArg::Unnamed(FunctionArgExpr::Expr(value));
    list.args.insert(0, value);
    true
}

#[cfg(test)]
mod tests {
    use super::super::syntax::parse_small;

    #[test]
    fn calls_behind_points_take_what_stands_before_them() {
        for (sql, same) in [
            ("select x.lower()", "select lower(x)"),
            ("select t.x.substr(1, 3)", "select substr(t.x, 1, 3)"),
            (
                "select 'A b'.lower().split(' ')[2]",
                "select split(lower('A b'), ' ')[2]",
            ),
            (
                "select [3, 1].list_sort().len()",
                "select len(list_sort([3, 1]))",
            ),
            ("select l[1].trim().a", "select trim(l[1]).a"),
            ("select main.f(x)", "select main.f(x)"),
            ("select t.x.y, (s).y", "select t.x.y, (s).y"),
        ] {
            let text = |sql| parse_small(sql, 50).unwrap().0[0].to_string();
            assert_eq!(text(sql).to_lowercase(), text(same).to_lowercase(), "{sql}");
        }
    }
}
