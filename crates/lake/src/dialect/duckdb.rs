//! Operators that DuckDB reads otherwise than PostgreSQL: `7 / 2` is 3.5, where PostgreSQL has 3, and `true > 0` is
//! true, where PostgreSQL has an error. What shifts push out of a number is an error, where PostgreSQL counts bits around.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::texts_among::is_written;
use crate::functions;

#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{
            Divide, DuckIntegerDivide, Modulo, PGBitwiseShiftLeft, PGBitwiseShiftRight,
        };
        let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
        match (&expr.op, left, right) {
            (DuckIntegerDivide, DataType::Null, _) | (DuckIntegerDivide, _, DataType::Null) => {
                return Ok(PlannerResult::Planned(lit(ScalarValue::Int32(None))));
            }
            (DuckIntegerDivide, left, right) if is_short(&left) && is_short(&right) => {
                return Ok(PlannerResult::Planned(expr.left / expr.right));
            }
            (op @ (PGBitwiseShiftLeft | PGBitwiseShiftRight), left, right)
                if left.is_integer() && right.is_integer() =>
            {
                let shift = functions::named(match op {
                    PGBitwiseShiftLeft => "shift_left",
                    _ => "shift_right",
                });
                let sides = vec![expr.left, expr.right];
                return Ok(PlannerResult::Planned(shift.call(sides)));
            }
            (Divide | DuckIntegerDivide | Modulo, left, right)
                if left.is_floating() || right.is_floating() =>
            {
                return Ok(PlannerResult::Planned(match expr.op {
                    Modulo => one_nan(expr.left % expr.right),
                    _ => one_nan(expr.left / expr.right),
                }));
            }
            (DuckIntegerDivide, left, right) if is_whole(&left) && is_whole(&right) => {
                let sides = vec![expr.left, expr.right];
                return Ok(PlannerResult::Planned(
                    functions::named("whole_quotient").call(sides),
                ));
            }
            (Divide | DuckIntegerDivide, left, right) if is_exact(&left) && is_exact(&right) => {
                let quotient = double(expr.left) / double(expr.right);
                return Ok(PlannerResult::Planned(one_nan(quotient)));
            }
            (op, left, _) if is_written(&expr.right) => {
                if let Some(of) = read_behind(op, &left) {
                    expr.right = cast(expr.right, of);
                }
            }
            (op, _, right) if is_written(&expr.left) => {
                if let Some(of) = read_before(op, &right) {
                    expr.left = cast(expr.left, of);
                }
            }
            (op, DataType::Boolean, number) if is_counted(op, &number) => {
                expr.left = cast(expr.left, number);
            }
            (op, number, DataType::Boolean) if is_counted(op, &number) => {
                expr.right = cast(expr.right, number);
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// What is not a number sorts behind all numbers, however its bits came to be: the processor's quotient of zeros has
/// a sign.
fn one_nan(quotient: Expr) -> Expr {
    functions::named("one_nan").call(vec![quotient])
}

/// What a text that is written behind a value of the type is read as.
fn read_behind(op: &BinaryOperator, left: &DataType) -> Option<DataType> {
    match (op, left) {
        (BinaryOperator::Plus, DataType::Timestamp(..)) => {
            Some(DataType::Interval(IntervalUnit::MonthDayNano))
        }
        (op, number) => number_beside(op, number),
    }
}

/// What a text that is written before a value of the type is read as.
fn read_before(op: &BinaryOperator, right: &DataType) -> Option<DataType> {
    match (op, right) {
        (BinaryOperator::Minus, DataType::Date32 | DataType::Timestamp(..)) => Some(right.clone()),
        (op, number) => number_beside(op, number),
    }
}

/// Beside an INTEGER it may be a date too, and is an error.
fn number_beside(op: &BinaryOperator, number: &DataType) -> Option<DataType> {
    use BinaryOperator::{Minus, Modulo, Multiply, Plus};
    let is_short = matches!(number, DataType::Int8 | DataType::Int16 | DataType::Int32);
    let is_read = match op {
        Plus | Minus => !is_short,
        Multiply | Modulo => true,
        _ => false,
    };
    (is_read && number.is_numeric()).then(|| number.clone())
}

/// Whether a truth value is compared with it, as 0 or 1.
fn is_counted(op: &BinaryOperator, number: &DataType) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    match op {
        Eq | NotEq => number.is_integer() || number.is_floating(),
        Gt | GtEq | Lt | LtEq => number.is_integer(),
        _ => false,
    }
}

/// The engine makes decimals of the longest whole numbers.
fn is_short(number: &DataType) -> bool {
    number.is_integer() && number != &DataType::UInt64
}

/// Whole numbers, of which one is as long as a decimal.
fn is_whole(number: &DataType) -> bool {
    number.is_integer() || matches!(number, DataType::Decimal128(_, 0))
}

fn is_exact(number: &DataType) -> bool {
    number.is_integer() || matches!(number, DataType::Decimal128(..) | DataType::Decimal256(..))
}

fn double(number: Expr) -> Expr {
    cast(number, DataType::Float64)
}
