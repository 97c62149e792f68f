//! What a pivot is by, its keys, and the combinations of their values, each of which has columns.

use datafusion::sql::sqlparser::ast::{Expr, ExprWithAlias};

use super::calls::{args, fill, name_of};
use super::turned::{KEYS, VALUES};
use super::{folded, spelled};
use crate::types::Dialect;

/// What a pivot is by.
pub(super) fn keys(by: &[Expr]) -> Vec<Expr> {
    match by {
        [Expr::Function(function)] if name_of(function).as_deref() == Some(KEYS) => {
            args(function).unwrap_or_default()
        }
        all => all.to_vec(),
    }
}

/// The values of one key among several.
pub(super) fn of_key(values: Vec<Expr>) -> Option<Expr> {
    let places: Vec<String> = (1..=values.len()).map(|at| format!("_{at}")).collect();
    fill(&format!("{VALUES}({})", places.join(", ")), &values)
}

/// A value of each key, and what they are called together.
pub(super) struct Choice {
    pub values: Vec<Expr>,
    pub label: String,
}

/// Each combination that has columns.
pub(super) fn choices(values: &[ExprWithAlias], dialect: Dialect) -> Vec<Choice> {
    let of_key = |value: &ExprWithAlias| match &value.expr {
        Expr::Function(function) if name_of(function).as_deref() == Some(VALUES) => args(function),
        _ => None,
    };
    let lists: Option<Vec<Vec<Expr>>> = values.iter().map(of_key).collect();
    let Some(lists) = lists.filter(|lists| !lists.is_empty()) else {
        return values.iter().map(|value| choice(value, dialect)).collect();
    };
    let mut all = vec![Vec::new()];
    for list in &lists {
        let longer = |begun: &Vec<Expr>| {
            let each = list.iter().cloned();
            let each = each.map(|value| [begun.clone(), vec![value]].concat());
            each.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.into_iter()
        .map(|values| Choice {
            label: joined(&values, dialect),
            values,
        })
        .collect()
}

fn choice(value: &ExprWithAlias, dialect: Dialect) -> Choice {
    match &value.expr {
        Expr::Tuple(values) => Choice {
            label: match &value.alias {
                Some(alias) => spelled(alias, dialect),
                None => joined(values, dialect),
            },
            values: values.clone(),
        },
        expr => Choice {
            label: label(value, dialect),
            values: vec![expr.clone()],
        },
    }
}

fn joined(values: &[Expr], dialect: Dialect) -> String {
    let label = |expr: &Expr| {
        let expr = expr.clone();
        label(&ExprWithAlias { expr, alias: None }, dialect)
    };
    values.iter().map(label).collect::<Vec<_>>().join("_")
}

/// What a value or a column is called.
pub(super) fn label(value: &ExprWithAlias, dialect: Dialect) -> String {
    match (&value.alias, &value.expr) {
        (Some(alias), _) => spelled(alias, dialect),
        (None, Expr::Identifier(column)) => folded(column),
        (None, Expr::Value(literal)) => {
            let text = literal.value.clone().into_string();
            text.unwrap_or_else(|| literal.to_string())
        }
        (None, other) => other.to_string(),
    }
}
