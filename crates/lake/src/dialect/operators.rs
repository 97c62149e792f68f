//! Operators that the engine plans otherwise in both dialects: `date + interval` is a timestamp, `time + interval` goes
//! around midnight, `->` and `->>` look into JSON, and `flag = 'true'` reads the text.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions_nested::expr_fn::array_concat;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit, when};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::texts_among::is_written;
use crate::functions;
use crate::types::Dialect;

#[derive(Debug)]
pub(super) struct Operators(pub Dialect);

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{
            Arrow, Divide, Eq, Gt, GtEq, LongArrow, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus,
            StringConcat,
        };
        let extract = |name, expr: RawBinaryExpr| {
            let name = match &expr.right {
                Expr::Literal(ScalarValue::Utf8(Some(path)), _)
                    if functions::is_wild(path) && self.0 == Dialect::DuckDb =>
                {
                    match expr.op {
                        Arrow => "json_all",
                        _ => "json_all_texts",
                    }
                }
                _ => name,
            };
            let value = functions::named(name).call(vec![expr.left, expr.right]);
            Ok(PlannerResult::Planned(value))
        };
        let is_sum = matches!(expr.op, Plus | Minus | Multiply | Divide | Modulo);
        if is_sum && self.0 == Dialect::Postgres {
            if read_text(&mut expr, schema)? {
                return Ok(PlannerResult::Original(expr));
            }
            widen(&mut expr, schema)?;
        }
        match expr.op {
            Arrow if self.0 == Dialect::DuckDb => return extract("json_normal_part", expr),
            Arrow => return extract("json_extract", expr),
            LongArrow if self.0 == Dialect::DuckDb => return extract("json_normal_text", expr),
            LongArrow => return extract("json_extract_string", expr),
            Divide if self.0 == Dialect::Postgres => return divided(expr, schema),
            StringConcat => return joined(expr, schema, self.0),
            Plus | Minus => {}
            Eq | NotEq | Gt | GtEq | Lt | LtEq => return truths(expr, schema, self.0),
            _ => return Ok(PlannerResult::Original(expr)),
        }
        match (expr.left.get_type(schema)?, expr.right.get_type(schema)?) {
            (DataType::Date32, DataType::Date32) if self.0 == Dialect::Postgres => {
                let days = cast(expr.left - expr.right, DataType::Int32);
                return Ok(PlannerResult::Planned(days));
            }
            (DataType::Date32, DataType::Interval(_)) => expr.left = timestamp(expr.left),
            (DataType::Interval(_), DataType::Date32) => expr.right = timestamp(expr.right),
            (DataType::Date32, DataType::Time64(_)) if expr.op == Plus => {
                let moment = functions::named("day_at").call(vec![expr.left, expr.right]);
                return Ok(PlannerResult::Planned(moment));
            }
            (time, length) if is_time(&time) && is_length(&length) => {
                let of = if expr.op == Plus {
                    "time_after"
                } else {
                    "time_before"
                };
                let time = functions::named(of).call(vec![expr.left, expr.right]);
                return Ok(PlannerResult::Planned(time));
            }
            (length, time) if is_time(&time) && is_length(&length) && expr.op == Plus => {
                let time = functions::named("time_after").call(vec![expr.right, expr.left]);
                return Ok(PlannerResult::Planned(time));
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Time32(_) | DataType::Time64(_))
}

fn is_length(of: &DataType) -> bool {
    matches!(of, DataType::Interval(_) | DataType::Duration(_))
}

/// `[1] || null` is null in DuckDB, and the list in PostgreSQL; `1 || 2` is a text in DuckDB.
fn joined(
    mut expr: RawBinaryExpr,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<PlannerResult<RawBinaryExpr>> {
    let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    let is_list = |of: &DataType| matches!(of, DataType::List(_));
    if left == DataType::LargeUtf8 || right == DataType::LargeUtf8 {
        return Ok(with_json(expr, &left, &right, dialect));
    }
    let planned = match (dialect, left, right) {
        (Dialect::Postgres, list, DataType::Null) if is_list(&list) => expr.left,
        (Dialect::Postgres, DataType::Null, list) if is_list(&list) => expr.right,
        (Dialect::DuckDb, list, DataType::Null) | (Dialect::DuckDb, DataType::Null, list)
            if is_list(&list) =>
        {
            lit(ScalarValue::try_new_null(&list)?)
        }
        (Dialect::DuckDb, left, right) if is_list(&left) && is_list(&right) => {
            let is_none = expr.left.clone().is_null().or(expr.right.clone().is_null());
            let both = array_concat(vec![expr.left, expr.right]);
            when(is_none, lit(ScalarValue::Null)).otherwise(both)?
        }
        (_, DataType::Binary, DataType::Binary) => {
            functions::named("bytes_joined").call(vec![expr.left, expr.right])
        }
        (Dialect::DuckDb, left, right) if is_plain(&left) && is_plain(&right) => {
            expr.left = cast(expr.left, DataType::Utf8);
            return Ok(PlannerResult::Original(expr));
        }
        _ => return Ok(PlannerResult::Original(expr)),
    };
    Ok(PlannerResult::Planned(planned))
}

/// JSON is joined as the texts that it is, but PostgreSQL's with its like: a constant beside it is read as JSON.
fn with_json(
    mut expr: RawBinaryExpr,
    left: &DataType,
    right: &DataType,
    dialect: Dialect,
) -> PlannerResult<RawBinaryExpr> {
    let is_json = |of: &DataType| of == &DataType::LargeUtf8;
    let is_read = |side: &Expr| matches!(side, Expr::Literal(..));
    let both = (is_json(left) || is_read(&expr.left)) && (is_json(right) || is_read(&expr.right));
    if both && dialect == Dialect::Postgres {
        let sides = vec![expr.left, expr.right];
        return PlannerResult::Planned(functions::named("jsonb_concat").call(sides));
    }
    if is_json(left) {
        expr.left = cast(expr.left, DataType::Utf8);
    }
    if is_json(right) {
        expr.right = cast(expr.right, DataType::Utf8);
    }
    PlannerResult::Original(expr)
}

/// What becomes a text beside a text, and is none.
fn is_plain(of: &DataType) -> bool {
    of.is_numeric() || of.is_temporal() || of == &DataType::Boolean
}

/// A text that is written out beside a number is one of its type in PostgreSQL. Whether there is one.
fn read_text(expr: &mut RawBinaryExpr, schema: &DFSchema) -> Result<bool> {
    let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    if left.is_numeric() && is_written(&expr.right) {
        expr.right = cast(std::mem::take(&mut expr.right), left);
    } else if right.is_numeric() && is_written(&expr.left) {
        expr.left = cast(std::mem::take(&mut expr.left), right);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// A float of 32 bits is one of 64 beside a whole number or a decimal in PostgreSQL.
fn widen(expr: &mut RawBinaryExpr, schema: &DFSchema) -> Result<()> {
    let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    let is_exact = |of: &DataType| of.is_integer() || matches!(of, DataType::Decimal128(..));
    let side = match (&left, &right) {
        (DataType::Float32, other) if is_exact(other) => &mut expr.left,
        (other, DataType::Float32) if is_exact(other) => &mut expr.right,
        _ => return Ok(()),
    };
    *side = cast(std::mem::take(side), DataType::Float64);
    Ok(())
}

/// A text beside a truth value is read as one: in PostgreSQL where it is written out.
fn truths(
    mut expr: RawBinaryExpr,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<PlannerResult<RawBinaryExpr>> {
    let types = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    let is_equality = matches!(expr.op, BinaryOperator::Eq | BinaryOperator::NotEq);
    let is_read = |text: &Expr, of: &DataType| {
        is_read(text, of, dialect) && (is_equality || is_written(text))
    };
    match types {
        (DataType::Boolean, of) if is_read(&expr.right, &of) => {
            expr.right = cast(expr.right, DataType::Boolean);
        }
        (of, DataType::Boolean) if is_read(&expr.left, &of) => {
            expr.left = cast(expr.left, DataType::Boolean);
        }
        _ => {}
    }
    Ok(PlannerResult::Original(expr))
}

/// Whether a text beside a value of another type is read as that type.
pub(super) fn is_read(text: &Expr, of: &DataType, dialect: Dialect) -> bool {
    of.is_string() && (dialect == Dialect::DuckDb || is_written(text))
}

/// PostgreSQL divides decimals exactly, with at least sixteen digits; the engine gives six. A double divided by zero
/// is an error.
fn divided(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    let decimal = |found: &DataType| matches!(found, DataType::Decimal128(..));
    let exact = |found: &DataType| decimal(found) || found.is_integer();
    if left.is_floating() && right.is_numeric() || left.is_numeric() && right.is_floating() {
        let sides = vec![expr.left, expr.right];
        return Ok(PlannerResult::Planned(
            functions::named("double_quotient").call(sides),
        ));
    }
    if !(decimal(&left) || decimal(&right)) || !exact(&left) || !exact(&right) {
        return Ok(PlannerResult::Original(expr));
    }
    let side = |side: Expr, found: &DataType| match decimal(found) {
        true => side,
        false => cast(side, DataType::Decimal128(20, 0)),
    };
    let sides = vec![side(expr.left, &left), side(expr.right, &right)];
    Ok(PlannerResult::Planned(
        functions::named("quotient").call(sides),
    ))
}

pub(super) fn timestamp(moment: Expr) -> Expr {
    cast(moment, DataType::Timestamp(TimeUnit::Microsecond, None))
}
