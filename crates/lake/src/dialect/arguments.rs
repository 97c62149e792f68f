//! Arguments of a type that DuckDB's functions do not take: the engine makes a text of a number, and a moment of what may
//! be one.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::length::problem;
use super::texts_among::is_written;
use crate::engine::sql_type;
use crate::functions;

#[derive(Clone, Copy)]
enum Takes {
    Text,
    Moment,
    Number,
}

/// The name in the plan, the places of arguments, what they are, and the name in SQL.
const FUNCTIONS: &[(&str, &[usize], Takes, &str)] = &[
    ("age", &[0, 1], Takes::Moment, "age"),
    ("ascii", &[0], Takes::Text, "ascii"),
    ("btrim", &[0, 1], Takes::Text, "trim"),
    ("ceil", &[0], Takes::Number, "ceil"),
    ("character_length", &[0], Takes::Text, "length"),
    ("contains", &[0, 1], Takes::Text, "contains"),
    ("date_diff", &[1, 2], Takes::Moment, "date_diff"),
    ("date_sub", &[1, 2], Takes::Moment, "date_sub"),
    ("date_trunc", &[1], Takes::Moment, "date_trunc"),
    ("ends_with", &[0, 1], Takes::Text, "ends_with"),
    ("floor", &[0], Takes::Number, "floor"),
    ("jaccard", &[0, 1], Takes::Text, "jaccard"),
    ("left", &[0], Takes::Text, "left"),
    ("len", &[0], Takes::Text, "len"),
    ("length", &[0], Takes::Text, "length"),
    ("levenshtein", &[0, 1], Takes::Text, "levenshtein"),
    ("ln", &[0], Takes::Number, "ln"),
    ("lower", &[0], Takes::Text, "lower"),
    ("lpad", &[0, 2], Takes::Text, "lpad"),
    ("ltrim", &[0, 1], Takes::Text, "ltrim"),
    ("octet_length", &[0], Takes::Text, "strlen"),
    ("part_fraction", &[1], Takes::Moment, "date_part"),
    ("part_number", &[1], Takes::Moment, "date_part"),
    ("regexp_extract", &[0, 1], Takes::Text, "regexp_extract"),
    (
        "regexp_extract_all",
        &[0, 1],
        Takes::Text,
        "regexp_extract_all",
    ),
    (
        "regexp_full_match",
        &[0, 1],
        Takes::Text,
        "regexp_full_match",
    ),
    ("regexp_matches", &[0, 1], Takes::Text, "regexp_matches"),
    ("regexp_replace", &[0, 1, 2], Takes::Text, "regexp_replace"),
    (
        "regexp_split_to_array",
        &[0, 1],
        Takes::Text,
        "regexp_split_to_array",
    ),
    ("replace", &[0, 1, 2], Takes::Text, "replace"),
    ("reverse", &[0], Takes::Text, "reverse"),
    ("right", &[0], Takes::Text, "right"),
    ("rpad", &[0, 2], Takes::Text, "rpad"),
    ("rtrim", &[0, 1], Takes::Text, "rtrim"),
    ("signum", &[0], Takes::Number, "sign"),
    ("split_part", &[0, 1], Takes::Text, "split_part"),
    ("sqrt", &[0], Takes::Number, "sqrt"),
    ("starts_with", &[0, 1], Takes::Text, "starts_with"),
    ("strftime", &[0], Takes::Moment, "strftime"),
    ("string_split", &[0, 1], Takes::Text, "string_split"),
    ("strip_accents", &[0], Takes::Text, "strip_accents"),
    ("strpos", &[0, 1], Takes::Text, "strpos"),
    ("substr", &[0], Takes::Text, "substr"),
    ("substr_from", &[0], Takes::Text, "substring"),
    ("substring", &[0], Takes::Text, "substring"),
    ("translate", &[0, 1, 2], Takes::Text, "translate"),
    ("try_strptime", &[0], Takes::Text, "try_strptime"),
    ("unicode", &[0], Takes::Text, "unicode"),
    ("upper", &[0], Takes::Text, "upper"),
    ("url_encode", &[0], Takes::Text, "url_encode"),
];

/// Functions whose second argument is a path into JSON.
const OF_PATHS: &[&str] = &[
    "json_all",
    "json_all_texts",
    "json_array_length",
    "json_exists",
    "json_keys",
    "json_normal_part",
    "json_normal_text",
    "json_row_value",
    "json_type",
    "json_value",
];

/// A path that is written out is read before there are rows.
pub(super) fn check_path(expr: &Expr) -> Result<()> {
    match expr {
        Expr::ScalarFunction(call) if OF_PATHS.contains(&call.func.name()) => {
            match call.args.get(1) {
                Some(Expr::Literal(ScalarValue::Utf8(Some(path)), _)) => {
                    functions::check_path(path)
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

pub(super) fn check(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let Expr::ScalarFunction(call) = expr else {
        return Ok(());
    };
    let Ok(at) = FUNCTIONS.binary_search_by(|(name, ..)| (*name).cmp(call.func.name())) else {
        return Ok(());
    };
    let (_, places, takes, name) = FUNCTIONS[at];
    // An item of a list.
    let first = call.args.first().map(|arg| arg.get_type(schema));
    if matches!(first, Some(Ok(of)) if of.is_nested()) {
        return Ok(());
    }
    for arg in places.iter().filter_map(|at| call.args.get(*at)) {
        if arg.contains_outer() {
            continue;
        }
        let Ok(of) = arg.get_type(schema) else {
            continue;
        };
        let is_moment = of.is_temporal() || matches!(of, DataType::Interval(_));
        let is_text = matches!(of, DataType::Utf8 | DataType::Utf8View) && !is_written(arg);
        let is_refused = match takes {
            Takes::Text => of.is_numeric() || is_moment || of == DataType::Boolean,
            Takes::Moment => of.is_numeric() || of == DataType::Boolean || is_text,
            Takes::Number => is_moment || of == DataType::Boolean || is_text,
        };
        if is_refused {
            let (wanted, cast) = match takes {
                Takes::Text => ("texts", "x::varchar"),
                Takes::Moment => ("dates and timestamps", "x::timestamp"),
                Takes::Number => ("numbers", "x::double"),
            };
            let of = sql_type(&of);
            return Err(problem(
                Diagnostic::error(format!("{name}() takes {wanted}, not {of}"))
                    .hint(format!("cast it: {name}({cast})")),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order() {
        assert!(FUNCTIONS.is_sorted_by_key(|(name, ..)| *name));
    }
}
