//! Operators that the engine plans otherwise in both dialects: `date + interval` is a timestamp, `->`
//! and `->>` look into JSON.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

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
        use BinaryOperator::{Arrow, Divide, LongArrow, Minus, Plus, StringConcat};
        let extract = |name, expr: RawBinaryExpr| {
            let value = functions::named(name).call(vec![expr.left, expr.right]);
            Ok(PlannerResult::Planned(value))
        };
        match expr.op {
            Arrow if self.0 == Dialect::DuckDb => return extract("json_normal_part", expr),
            Arrow => return extract("json_extract", expr),
            LongArrow if self.0 == Dialect::DuckDb => return extract("json_normal_text", expr),
            LongArrow => return extract("json_extract_string", expr),
            Divide if self.0 == Dialect::Postgres => return divided(expr, schema),
            StringConcat => return joined(expr, schema, self.0),
            Plus | Minus => {}
            _ => return Ok(PlannerResult::Original(expr)),
        }
        match (expr.left.get_type(schema)?, expr.right.get_type(schema)?) {
            (DataType::Date32, DataType::Interval(_)) => expr.left = timestamp(expr.left),
            (DataType::Interval(_), DataType::Date32) => expr.right = timestamp(expr.right),
            (DataType::Date32, DataType::Time64(_)) if expr.op == Plus => {
                let moment = functions::named("day_at").call(vec![expr.left, expr.right]);
                return Ok(PlannerResult::Planned(moment));
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// JSON is joined as the texts that it is, but PostgreSQL's with its like: a constant beside it is read as JSON.
fn joined(
    mut expr: RawBinaryExpr,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<PlannerResult<RawBinaryExpr>> {
    let is_json =
        |side: &Expr| Ok::<_, DataFusionError>(side.get_type(schema)? == DataType::LargeUtf8);
    let (left, right) = (is_json(&expr.left)?, is_json(&expr.right)?);
    let is_read = |side: &Expr| matches!(side, Expr::Literal(..));
    let both = (left || is_read(&expr.left)) && (right || is_read(&expr.right));
    match (left || right, both && dialect == Dialect::Postgres) {
        (false, _) => return Ok(PlannerResult::Original(expr)),
        (true, true) => {
            let sides = vec![expr.left, expr.right];
            return Ok(PlannerResult::Planned(
                functions::named("jsonb_concat").call(sides),
            ));
        }
        (true, false) if left => expr.left = cast(expr.left, DataType::Utf8),
        (true, false) => {}
    }
    if right {
        expr.right = cast(expr.right, DataType::Utf8);
    }
    Ok(PlannerResult::Original(expr))
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
