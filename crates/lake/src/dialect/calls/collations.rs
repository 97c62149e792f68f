//! DuckDB's collations that leave something of letters aside: `x COLLATE nocase = 'a'` compares small letters, `noaccent`
//! letters without their marks. A comparison and an order are of the changed texts; elsewhere such a collation is refused.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, OrderByKind, Query};

use super::fill;

/// Both sides of a comparison, where one has such a collation.
pub(super) fn compared(expr: &mut Expr) {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let mut sides: Vec<&mut Expr> = match expr {
        Expr::BinaryOp {
            left,
            op: Eq | NotEq | Gt | GtEq | Lt | LtEq,
            right,
        } => vec![left, right],
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            vec![left, right]
        }
        Expr::Like { expr, pattern, .. } => vec![expr, pattern],
        Expr::InList { expr, list, .. } => std::iter::once(expr.as_mut()).chain(list).collect(),
        Expr::Between {
            expr, low, high, ..
        } => vec![expr, low, high],
        _ => return,
    };
    if let Some(template) = sides.iter().find_map(|side| template(side)) {
        sides.iter_mut().for_each(|side| change(side, &template));
    }
}

pub(super) fn ordered(query: &mut Query) {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|by| &mut by.kind)
    else {
        return;
    };
    for key in keys {
        if let Some(template) = template(&key.expr) {
            change(&mut key.expr, &template);
        }
    }
}

/// What a collation such as `nocase.noaccent` makes of a text. None: it is none of these.
fn template(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => template(inner),
        Expr::Collate { collation, .. } => {
            let name = collation.to_string().to_lowercase();
            let mut made = "_1".to_owned();
            for part in name.split('.') {
                made = match part.trim_matches('"') {
                    "nocase" => format!("lower({made})"),
                    "noaccent" => format!("strip_accents({made})"),
                    _ => return None,
                };
            }
            Some(made)
        }
        _ => None,
    }
}

fn change(side: &mut Expr, template: &str) {
    while let Expr::Nested(inner) | Expr::Collate { expr: inner, .. } = side {
        *side = inner.as_ref().clone();
    }
    if let Some(changed) = fill(template, std::slice::from_ref(side)) {
        *side = changed;
    }
}
