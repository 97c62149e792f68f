//! What DuckDB refuses to compare: `<`, `BETWEEN` and `IN (SELECT ...)` bring no text and number together, where `=` and a list
//! do. The engine makes one of the other.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use forebay_core::Diagnostic;

use super::kinds::{types_of, unlike};
use super::length::problem;
use crate::engine::sql_type;

pub(super) fn refuse(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let types = match expr {
        Expr::BinaryExpr(binary) if is_order(binary.op) => {
            types_of([&*binary.left, &*binary.right].into_iter(), schema)
        }
        Expr::Between(between) => types_of(
            [&*between.expr, &*between.low, &*between.high].into_iter(),
            schema,
        ),
        Expr::InSubquery(within) if !within.expr.contains_outer() => {
            let of_rows = within.subquery.subquery.schema().fields();
            let of = within.expr.get_type(schema).ok();
            of.zip(of_rows.first())
                .map(|(of, rows)| vec![of, rows.data_type().clone()])
        }
        _ => None,
    };
    match types.as_deref().and_then(unlike) {
        Some((one, other)) => Err(not_compared(one, other)),
        None => Ok(()),
    }
}

fn is_order(op: Operator) -> bool {
    matches!(
        op,
        Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq
    )
}

fn not_compared(one: &DataType, other: &DataType) -> datafusion::error::DataFusionError {
    let hint = match (one.is_string(), other.is_string()) {
        (true, false) => cast_to(other),
        (false, true) => cast_to(one),
        _ if is_moment(one) || is_moment(other) => {
            "a date is written as text: date '2024-01-31'".to_owned()
        }
        _ => "cast one side: x::varchar".to_owned(),
    };
    problem(
        Diagnostic::error(format!(
            "{} is not compared with {}",
            sql_type(one),
            sql_type(other)
        ))
        .hint(hint),
    )
}

fn cast_to(of: &DataType) -> String {
    let of = sql_type(of);
    format!("cast the text: x::{of}, try_cast(x as {of}) where it may be none")
}

fn is_moment(of: &DataType) -> bool {
    matches!(of, DataType::Date32 | DataType::Timestamp(..))
}
