//! The length of an interval, to compare it: a day is 24 hours, a month 30 days, as in PostgreSQL and DuckDB.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, DurationMicrosecondArray};
use arrow::datatypes::{
    DataType, IntervalDayTimeType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, TimeUnit,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

/// Microseconds.
pub(super) const DAY: i64 = 86_400_000_000;

/// The interval as a duration in microseconds.
pub(super) fn length_of(interval: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(IntervalLength::new())));
    FUNCTION.call(vec![interval])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalLength {
    signature: Signature,
}

impl IntervalLength {
    fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for IntervalLength {
    fn name(&self) -> &str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Duration(TimeUnit::Microsecond))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        evaluate(&args, |arrays| lengths(&arrays[0]))
    }
}

/// Evaluates over arrays; where all arguments are single values, so is the result.
pub(super) fn evaluate(
    args: &ScalarFunctionArgs,
    function: impl Fn(&[ArrayRef]) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let result = function(&ColumnarValue::values_to_arrays(&args.args)?)?;
    if args
        .args
        .iter()
        .all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
    {
        return ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar);
    }
    Ok(ColumnarValue::Array(result))
}

fn lengths(intervals: &ArrayRef) -> Result<ArrayRef> {
    let parts: Vec<Option<IntervalMonthDayNano>> = match intervals.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
            intervals.iter().collect()
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let intervals = intervals.as_primitive::<IntervalDayTimeType>().iter();
            let parts = |i: arrow::datatypes::IntervalDayTime| {
                IntervalMonthDayNano::new(0, i.days, i64::from(i.milliseconds) * 1_000_000)
            };
            intervals.map(|interval| interval.map(parts)).collect()
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let intervals = intervals.as_primitive::<IntervalYearMonthType>().iter();
            let parts = |months| IntervalMonthDayNano::new(months, 0, 0);
            intervals.map(|interval| interval.map(parts)).collect()
        }
        other => {
            return Err(DataFusionError::Internal(format!(
                "{other} is not an interval"
            )));
        }
    };
    let lengths = parts.into_iter().map(|part| part.map(length).transpose());
    let lengths: DurationMicrosecondArray = lengths.collect::<Result<_>>()?;
    Ok(Arc::new(lengths))
}

fn length(interval: IntervalMonthDayNano) -> Result<i64> {
    let days = i64::from(interval.months) * 30 + i64::from(interval.days);
    days.checked_mul(DAY)
        .and_then(|days| days.checked_add(interval.nanoseconds / 1_000))
        .ok_or_else(|| problem(Diagnostic::error("the interval is too long to compare")))
}

pub(crate) fn problem(diagnostic: Diagnostic) -> DataFusionError {
    DataFusionError::External(Box::new(diagnostic))
}
