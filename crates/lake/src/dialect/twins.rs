//! Expressions of a `SELECT` that only a cast tells apart: `sum(x), sum(x::double)`. The engine names a computed column
//! without its casts, and takes such two for one. Their casts are put into a function, whose name and type are seen.

use std::collections::{BTreeSet, HashMap};

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Query, SelectItem, Value,
};

use super::calls;
use super::own::{self, Ordered};

/// The function that gives a value as it is.
const KEPT: &str = "kept";

pub(super) fn rewrite(query: &mut Query) {
    own::each_ordered(query, tell_apart);
}

fn tell_apart(mut all: Ordered<'_>) {
    let mut casts = false;
    all.change(|expr| casts |= is_cast(expr));
    if !casts {
        return;
    }
    // What expressions are with their casts, by what they are without.
    let mut alike: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut note = |expr: &Expr| {
        alike
            .entry(bare(expr))
            .or_default()
            .insert(expr.to_string());
    };
    if let GroupByExpr::Expressions(groups, _) = &all.select.group_by
        && !groups.is_empty()
    {
        groups.iter().for_each(&mut note);
        // A group may be an item by its place or name.
        for item in &all.select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                note(expr);
            }
        }
    }
    all.change(|expr| {
        if matches!(expr, Expr::Function(_)) {
            note(expr);
        }
    });
    let twins: BTreeSet<String> = alike
        .into_values()
        .filter(|written| written.len() > 1)
        .flatten()
        .collect();
    if twins.is_empty() {
        return;
    }
    let mut marked = BTreeSet::new();
    all.change(|expr| {
        if twins.contains(&expr.to_string()) {
            own::change(expr, |part| {
                if let Expr::Cast { expr: of, .. } = part
                    && !matches!(of.as_ref(), Expr::Value(_))
                {
                    marked.insert(part.to_string());
                }
            });
        }
    });
    all.change(|expr| {
        if is_cast(expr) {
            mark(expr, &marked);
        }
    });
}

fn is_cast(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { .. })
}

/// The expression as the engine names it.
fn bare(expr: &Expr) -> String {
    let mut expr = expr.clone();
    own::change(&mut expr, |part| {
        if let Expr::Cast { expr: of, .. } | Expr::Nested(of) = part {
            *part = taken(of);
        }
    });
    expr.to_string()
}

/// Puts a cast into the function, with its text. Casts within it, which may be groups of their own, are there already.
fn mark(cast: &mut Expr, marked: &BTreeSet<String>) {
    let mut plain = cast.clone();
    own::change(&mut plain, |part| {
        if let Expr::Function(call) = part
            && call.name.to_string() == KEPT
            && let FunctionArguments::List(list) = &mut call.args
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Nested(of)))) =
                list.args.first_mut()
        {
            *part = taken(of);
        }
    });
    let text = plain.to_string();
    if marked.contains(&text) {
        let text = Expr::Value(Value::SingleQuotedString(text).into());
        if let Some(kept) = calls::fill(&format!("{KEPT}(_1, _2)"), &[cast.clone(), text]) {
            *cast = kept;
        }
    }
}

fn taken(of: &mut Expr) -> Expr {
    std::mem::replace(of, Expr::Value(Value::Null.into()))
}
