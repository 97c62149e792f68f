//! `a ^ b` and `a ** b` raise a number to a power, as a double.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::cast;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::tokens;
use crate::functions;
use crate::types::Dialect;

#[derive(Debug)]
pub(super) struct Powers(pub Dialect);

impl ExprPlanner for Powers {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expr.op {
            BinaryOperator::PGExp => {}
            BinaryOperator::Custom(op) if op == tokens::POWER => {}
            _ => return Ok(PlannerResult::Original(expr)),
        }
        let operands = [expr.left, expr.right].map(|side| cast(side, DataType::Float64));
        let power = functions::named_in("power", self.0);
        Ok(PlannerResult::Planned(power.call(operands.into())))
    }
}
