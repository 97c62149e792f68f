//! Sums and differences of moments that DuckDB has not: a date counts in days of an INTEGER, a time goes with a date or a
//! length alone, and no text is read beside a length.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::length::problem;
use crate::engine::sql_type;

pub(super) fn refuse(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let Expr::BinaryExpr(binary) = expr else {
        return Ok(());
    };
    let (left, right) = (binary.left.as_ref(), binary.right.as_ref());
    let is_known = matches!(binary.op, Operator::Plus | Operator::Minus) && !expr.contains_outer();
    let types = is_known.then(|| Some((left.get_type(schema).ok()?, right.get_type(schema).ok()?)));
    let Some((of_left, of_right)) = types.flatten() else {
        return Ok(());
    };
    let hint = match (&of_left, &of_right) {
        (DataType::Date32, number) if !counts_days(right, number) => "d + n::integer",
        (number, DataType::Date32) if !counts_days(left, number) => "d + n::integer",
        (one, other) if is_time(one) && is_time(other) => "t - interval 1 hour",
        (day, time) if binary.op == Operator::Minus && is_time(time) && !is_time(day) => {
            "t - interval 1 hour"
        }
        (DataType::Utf8 | DataType::Utf8View, DataType::Interval(_))
        | (DataType::Interval(_), DataType::Utf8 | DataType::Utf8View) => {
            "cast the text: x::timestamp + interval 1 day"
        }
        _ => return Ok(()),
    };
    Err(problem(
        Diagnostic::error(format!(
            "there is no operation {} {} {}",
            sql_type(&of_left),
            binary.op,
            sql_type(&of_right)
        ))
        .hint(hint),
    ))
}

/// Whether it may stand beside a date, as far as its type is a number's.
fn counts_days(value: &Expr, of: &DataType) -> bool {
    match (value, of) {
        (Expr::Literal(ScalarValue::Int64(Some(days)), _), _) => i32::try_from(*days).is_ok(),
        (_, of) => {
            let is_long = matches!(of, DataType::Int64 | DataType::UInt64 | DataType::UInt32);
            let is_number = of.is_numeric() || of == &DataType::Boolean;
            !is_number || of.is_integer() && !is_long
        }
    }
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Time32(_) | DataType::Time64(_))
}
