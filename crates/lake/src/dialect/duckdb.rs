//! Operators that DuckDB reads otherwise than PostgreSQL: `7 / 2` is 3.5, where PostgreSQL has 3, and
//! `'2018-01-01' + interval '1 day'` is a timestamp, where PostgreSQL has an error.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Minus, Plus};
        let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
        match (&expr.op, left, right) {
            (Divide, left, right) if left.is_integer() && right.is_integer() => {
                expr.left = cast(expr.left, DataType::Float64);
                expr.right = cast(expr.right, DataType::Float64);
            }
            (Plus | Minus, left, DataType::Interval(_)) if left.is_string() => {
                expr.left = timestamp(expr.left);
            }
            (Plus, DataType::Interval(_), right) if right.is_string() => {
                expr.right = timestamp(expr.right);
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn timestamp(text: Expr) -> Expr {
    cast(text, DataType::Timestamp(TimeUnit::Microsecond, None))
}
