//! PostgreSQL's `jsonb`: JSON in one form for all texts of one value, so that it can be compared.

use datafusion::sql::sqlparser::ast::{Expr, Function};

use super::{fill, name_of, named};

/// What gives `jsonb`, and the function that gives the same value as it comes.
const MADE: &[(&str, &str)] = &[
    ("jsonb_agg", "json_agg"),
    ("jsonb_build_array", "json_build_array"),
    ("jsonb_build_object", "json_build_object"),
    ("jsonb_object_agg", "json_object_agg"),
    ("to_jsonb", "to_json"),
];

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
