//! Multiples of an interval: `n * INTERVAL '1 day'`. The engine plans no such product.

use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, cast,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use forebay_core::Diagnostic;

use super::length::{evaluate, problem};

#[derive(Debug)]
pub(super) struct Multiples;

impl ExprPlanner for Multiples {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::Multiply {
            return Ok(PlannerResult::Original(expr));
        }
        let left = expr.left.get_type(schema)?;
        let right = expr.right.get_type(schema)?;
        let (interval, times) = match (&left, &right) {
            (DataType::Interval(_), number) if number.is_integer() => (expr.left, expr.right),
            (number, DataType::Interval(_)) if number.is_integer() => (expr.right, expr.left),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(multiple(interval, times)))
    }
}

fn multiple(interval: Expr, times: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(Multiple::new())));
    let interval = cast(interval, DataType::Interval(IntervalUnit::MonthDayNano));
    FUNCTION.call(vec![interval, cast(times, DataType::Int64)])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Multiple {
    signature: Signature,
}

impl Multiple {
    fn new() -> Self {
        Self {
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Multiple {
    fn name(&self) -> &str {
        "interval_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        evaluate(&args, |arrays| {
            let intervals = arrays[0].as_primitive::<IntervalMonthDayNanoType>();
            let times = arrays[1].as_primitive::<Int64Type>();
            let products = intervals.iter().zip(times).map(|pair| match pair {
                (Some(interval), Some(times)) => product(interval, times).map(Some),
                _ => Ok(None),
            });
            Ok(Arc::new(
                products.collect::<Result<IntervalMonthDayNanoArray>>()?,
            ))
        })
    }
}

fn product(interval: IntervalMonthDayNano, times: i64) -> Result<IntervalMonthDayNano> {
    let narrow = |part: i32| i32::try_from(i64::from(part).checked_mul(times)?).ok();
    let parts = || {
        Some(IntervalMonthDayNano::new(
            narrow(interval.months)?,
            narrow(interval.days)?,
            interval.nanoseconds.checked_mul(times)?,
        ))
    };
    parts().ok_or_else(|| problem(Diagnostic::error("the interval becomes too long")))
}
