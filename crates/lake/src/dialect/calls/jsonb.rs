//! PostgreSQL's `jsonb`: a text like `json`, in one form for all texts of one value, so that it can be compared. What a
//! column holds is not known to be one: `||` of two columns joins texts.

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, Function};

use super::{fill, name_of, named};

/// What gives `jsonb`, and the function that gives the same value as it comes.
const MADE: &[(&str, &str)] = &[
    ("jsonb_agg", "json_agg"),
    ("jsonb_build_array", "json_build_array"),
    ("jsonb_build_object", "json_build_object"),
    ("jsonb_object_agg", "json_object_agg"),
    ("to_jsonb", "to_json"),
];

pub(super) fn cast(of: &Expr, to: &DataType) -> Option<Expr> {
    let function = match to {
        DataType::JSON => "checked_json",
        DataType::JSONB => "jsonb_text",
        _ => return None,
    };
    fill(&format!("{function}(_1::text)"), std::slice::from_ref(of))
}

/// The call of the function that gives the value as it comes, where this one gives `jsonb`.
pub(super) fn plain(function: &Function) -> Option<Function> {
    let name = name_of(function)?;
    let (_, plain) = MADE.iter().find(|(made, _)| *made == name)?;
    Some(Function {
        name: named(plain),
        ..function.clone()
    })
}

pub(super) fn in_one_form(json: Expr) -> Option<Expr> {
    fill("jsonb_text(_1)", &[json])
}

/// `a || b` of two values, of which one is known to be `jsonb`.
pub(super) fn joined(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let joins = matches!(op, BinaryOperator::StringConcat) && (is_jsonb(left) || is_jsonb(right));
    let both = [left.clone(), right.clone()];
    joins.then(|| fill("jsonb_concat(_1, _2)", &both)).flatten()
}

fn is_jsonb(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_jsonb(inner),
        Expr::Function(function) => {
            let name = name_of(function);
            name.is_some_and(|name| name == "jsonb_text" || name == "jsonb_concat")
        }
        _ => false,
    }
}
