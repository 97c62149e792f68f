//! A text beside a value of another type that is none of its values: an error, told of the types that both have at last. What
//! a union gives has the type of its first query until all of them are known.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, lit};
use datafusion::scalar::ScalarValue;

use crate::functions;

/// A text that no value of the other side's type is written as: to DuckDB it is an error only beside a value, so that
/// `x is null or x = ''` may be asked of a date.
pub(super) fn unfit(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::BinaryExpr(binary) = expr else {
        return None;
    };
    let (of, text) = match (binary.left.as_ref(), binary.right.as_ref()) {
        (of, Expr::Literal(ScalarValue::Utf8(Some(text)), _))
        | (Expr::Literal(ScalarValue::Utf8(Some(text)), _), of) => (of, text),
        _ => return None,
    };
    let found = of.get_type(schema).ok()?;
    let is_typed = found.is_numeric() || found.is_temporal() || found == DataType::Boolean;
    let is_value = text.contains(|c: char| c.is_ascii_digit()) || is_word(text.trim());
    let compares = matches!(
        binary.op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::Lt
            | Operator::LtEq
    );
    if !compares || !is_typed || is_value || matches!(of, Expr::Literal(..)) {
        return None;
    }
    let args = vec![of.clone(), lit(text.as_str())];
    Some(functions::named("unfit").call(args))
}

/// Values that are written without a digit.
fn is_word(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "epoch",
        "f",
        "false",
        "inf",
        "infinity",
        "n",
        "nan",
        "no",
        "now",
        "off",
        "on",
        "t",
        "today",
        "tomorrow",
        "true",
        "y",
        "yes",
        "yesterday",
    ];
    let text = text.trim_start_matches(['+', '-']);
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
