//! Multiples and parts of an interval: `n * INTERVAL '1 day'`, `INTERVAL '1 day' / 2`. The engine plans neither.

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
    Volatility, cast, lit,
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
        let is_multiple = match expr.op {
            BinaryOperator::Multiply => true,
            BinaryOperator::Divide => false,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let left = expr.left.get_type(schema)?;
        let right = expr.right.get_type(schema)?;
        let is_length =
            |found: &DataType| matches!(found, DataType::Interval(_) | DataType::Duration(_));
        let (length, number) = match (is_length(&left), is_length(&right)) {
            (true, false) => (expr.left, expr.right),
            (false, true) if is_multiple => (expr.right, expr.left),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (length_type, number_type) = match is_length(&left) {
            true => (left, right),
            false => (right, left),
        };
        let is_interval = matches!(length_type, DataType::Interval(_));
        let planned = match (is_multiple, is_interval && number_type.is_integer()) {
            (true, true) => multiple(length, number),
            (true, false) => share(length, cast(number, DataType::Float64)),
            (false, _) => share(length, lit(1.0) / cast(number, DataType::Float64)),
        };
        Ok(PlannerResult::Planned(planned))
    }
}

fn share(length: Expr, by: Expr) -> Expr {
    crate::functions::named("interval_by").call(vec![length, by])
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
