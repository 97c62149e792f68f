//! Texts among the values of another type one of which an expression gives: one that is written out is read as that
//! type, and DuckDB takes no other.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::kinds::{types_of, unlike};
use super::length::problem;
use super::mixed::number_of_all;
use crate::engine::sql_type;
use crate::types::Dialect;

/// Whether it is a text that stands there as one, which is read as what is wanted.
pub(super) fn is_written(of: &Expr) -> bool {
    matches!(of, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

/// Reads those that are written out. Whether there is one.
pub(super) fn read(results: Vec<&mut Expr>, schema: &DFSchema, dialect: Dialect) -> bool {
    let mut others = results.iter().filter(|result| !is_written(result));
    let others: Option<Vec<DataType>> = others.try_fold(Vec::new(), |mut types, other| {
        types.push(other.get_type(schema).ok()?);
        Some(types)
    });
    let mut types = others.unwrap_or_default();
    types.retain(|of| of != &DataType::Null);
    let numbers = number_of_all(types.iter());
    let Some(of) = numbers.or_else(|| types.first().cloned()) else {
        return false;
    };
    let is_mixed = !of.is_numeric() && types.iter().any(|other| *other != of);
    if of.is_string() || of.is_nested() && dialect == Dialect::Postgres || is_mixed {
        return false;
    }
    let mut has_texts = false;
    for text in results.into_iter().filter(|result| is_written(result)) {
        *text = cast(std::mem::take(text), of.clone());
        has_texts = true;
    }
    has_texts
}

pub(super) fn refuse_others(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let (name, values): (&str, Vec<&Expr>) = match expr {
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            (
                "CASE gives",
                results.chain(case.else_expr.as_deref()).collect(),
            )
        }
        Expr::ScalarFunction(call) => match call.func.name() {
            "make_array" => ("a list holds", call.args.iter().collect()),
            "coalesce" => ("coalesce() gives", call.args.iter().collect()),
            "greatest" => ("greatest() gives", call.args.iter().collect()),
            "least" => ("least() gives", call.args.iter().collect()),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let types = types_of(values.into_iter(), schema);
    match types.as_deref().and_then(unlike) {
        Some((one, other)) => Err(problem(
            Diagnostic::error(format!(
                "{name} values of one type, and not of {} and {}",
                sql_type(one),
                sql_type(other)
            ))
            .hint("cast one of them: x::varchar"),
        )),
        None => Ok(()),
    }
}
