//! A product of decimals has the digits of both sides, as in DuckDB: the engine counts one more. Two that are kept in 64
//! bits give one that is, as long as its digits behind the point leave it one before.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, Operator, binary_expr, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Digits of a decimal in 64 bits, and in 128.
const NARROW: u8 = 18;
const WIDE: u8 = 38;

#[derive(Debug)]
pub(super) struct Products;

impl ExprPlanner for Products {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::Multiply {
            return Ok(PlannerResult::Original(expr));
        }
        let types = [&expr.left, &expr.right].map(|side| side.get_type(schema).ok());
        let [Some(left), Some(right)] = types else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_decimal = |found: &DataType| matches!(found, DataType::Decimal128(..));
        let (true, Some(one), Some(other)) = (
            is_decimal(&left) || is_decimal(&right),
            digits(&left),
            digits(&right),
        ) else {
            return Ok(PlannerResult::Original(expr));
        };
        let behind = one.1 + other.1;
        let product = binary_expr(expr.left.clone(), Operator::Multiply, expr.right.clone());
        Ok(match product.get_type(schema) {
            Ok(DataType::Decimal128(_, scale)) if scale == behind => {
                let all = together(one.0, other.0, behind);
                PlannerResult::Planned(cast(product, DataType::Decimal128(all, behind)))
            }
            _ => PlannerResult::Original(expr),
        })
    }
}

fn together(one: u8, other: u8, behind: i8) -> u8 {
    let all = one + other;
    let is_narrow = one.max(other) <= NARROW && behind < NARROW as i8;
    match all {
        ..=NARROW => all,
        _ if is_narrow => NARROW,
        _ => all.min(WIDE),
    }
}

/// All digits, and those behind the point.
fn digits(of: &DataType) -> Option<(u8, i8)> {
    match of {
        DataType::Decimal128(all, behind) => Some((*all, *behind)),
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        _ => None,
    }
}
