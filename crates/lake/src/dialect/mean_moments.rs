//! The mean of moments, which is a moment of whole microseconds, as DuckDB rounds it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{cast, sum};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::scalar::ScalarValue;

const SUM: DataType = DataType::Decimal128(38, 0);

/// The type in which a mean is made of values of the type. None: they are no moments.
pub(super) fn taken(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Date32 => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(_, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Time64(_) => Some(of.clone()),
        _ => None,
    }
}

pub(super) fn state_fields() -> Vec<FieldRef> {
    vec![
        Arc::new(Field::new("sum", SUM, true)),
        Arc::new(Field::new("count", DataType::Int64, true)),
    ]
}

pub(super) fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
    if args.is_distinct {
        return plan_err!("avg(DISTINCT ...) of moments beside other aggregates is not supported");
    }
    Ok(Box::new(Mean {
        of: args.return_field.data_type().clone(),
        sum: 0,
        count: 0,
    }))
}

#[derive(Debug)]
struct Mean {
    of: DataType,
    sum: i128,
    count: i64,
}

impl Mean {
    fn add(&mut self, values: &ArrayRef, sign: i64) -> Result<()> {
        let numbers = cast(&cast(values, &DataType::Int64)?, &SUM)?;
        let found = sum(numbers.as_primitive::<Decimal128Type>()).unwrap_or(0);
        self.sum += found * i128::from(sign);
        self.count += (values.len() - values.null_count()) as i64 * sign;
        Ok(())
    }

    /// Towards the epoch, but for what is nearer to the next microsecond after it.
    fn mean(&self) -> Option<i64> {
        // Times are of microseconds, whatever they are kept in.
        let unit = match self.of {
            DataType::Time64(TimeUnit::Nanosecond) => 1_000,
            _ => 1,
        };
        let (sum, count) = (self.sum / unit, i128::from(self.count));
        let whole = sum.checked_div(count)?;
        let is_nearer = sum % count > count / 2;
        i64::try_from((whole + i128::from(is_nearer)) * unit).ok()
    }
}

impl Accumulator for Mean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.sum += sum(states[0].as_primitive::<Decimal128Type>()).unwrap_or(0);
        self.count += sum(states[1].as_primitive::<Int64Type>()).unwrap_or(0);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Decimal128(Some(self.sum), 38, 0),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mean = self.mean();
        Ok(match &self.of {
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                ScalarValue::TimestampMicrosecond(mean, zone.clone())
            }
            DataType::Time64(TimeUnit::Microsecond) => ScalarValue::Time64Microsecond(mean),
            DataType::Time64(_) => ScalarValue::Time64Nanosecond(mean),
            of => return internal_err!("a mean of {of} is no moment"),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
