//! Instants as plain integers, so that any two timestamp columns compare exactly.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::common::{Result, exec_err};
use forebay_core::Span;

/// What the integers of one join count: the finer unit of the two sides, so that nothing is rounded
/// and no row of the next nanosecond passes for one of this microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Micros,
    Nanos,
}

impl Tick {
    pub fn of<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Self {
        let nanos = |t: &&DataType| matches!(t, DataType::Timestamp(TimeUnit::Nanosecond, _));
        match types.into_iter().find(nanos) {
            Some(_) => Tick::Nanos,
            None => Tick::Micros,
        }
    }

    pub fn span(self, span: Span) -> i64 {
        span.micros().saturating_mul(self.per_second() / 1_000_000)
    }

    fn per_second(self) -> i64 {
        match self {
            Tick::Micros => 1_000_000,
            Tick::Nanos => 1_000_000_000,
        }
    }
}

/// Can a column of this type say when something happened?
pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
    )
}

/// A column of instants since 1970 in UTC.
pub(super) struct Instants {
    pub values: ScalarBuffer<i64>,
    pub nulls: Option<NullBuffer>,
}

impl Instants {
    /// Timestamps with a zone are instants already, naive ones and dates are read as UTC. An instant
    /// beyond the tick's range (the year 2262 for nanoseconds) stands at the end of the range.
    pub fn read(array: &ArrayRef, tick: Tick) -> Result<Self> {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let (values, unit_per_second) = match array.data_type() {
            DataType::Timestamp(Second, _) => (
                array.as_primitive::<TimestampSecondType>().values().clone(),
                1,
            ),
            DataType::Timestamp(Millisecond, _) => (
                array
                    .as_primitive::<TimestampMillisecondType>()
                    .values()
                    .clone(),
                1_000,
            ),
            DataType::Timestamp(Microsecond, _) => (
                array
                    .as_primitive::<TimestampMicrosecondType>()
                    .values()
                    .clone(),
                1_000_000,
            ),
            DataType::Timestamp(Nanosecond, _) => (
                array
                    .as_primitive::<TimestampNanosecondType>()
                    .values()
                    .clone(),
                1_000_000_000,
            ),
            DataType::Date32 => (days(array)?, 0),
            DataType::Date64 => (
                cast(array, &DataType::Int64)?
                    .as_primitive::<Int64Type>()
                    .values()
                    .clone(),
                1_000,
            ),
            other => return exec_err!("{other} is not a point in time"),
        };
        Ok(Self {
            values: scale(values, unit_per_second, tick),
            nulls: array.logical_nulls(),
        })
    }
}

fn days(array: &ArrayRef) -> Result<ScalarBuffer<i64>> {
    let days = cast(array, &DataType::Int32)?;
    let days = cast(&days, &DataType::Int64)?;
    Ok(days.as_primitive::<Int64Type>().values().clone())
}

/// `unit_per_second` 0 means days.
fn scale(values: ScalarBuffer<i64>, unit_per_second: i64, tick: Tick) -> ScalarBuffer<i64> {
    let factor = match unit_per_second {
        0 => 86_400 * tick.per_second(),
        per_second => tick.per_second() / per_second,
    };
    match factor {
        1 => values,
        factor => values.iter().map(|v| v.saturating_mul(factor)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date32Array, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray,
    };

    use super::*;

    fn read(array: impl Array + 'static, tick: Tick) -> Vec<i64> {
        let array: ArrayRef = Arc::new(array);
        Instants::read(&array, tick).unwrap().values.to_vec()
    }

    #[test]
    fn every_unit_counts_the_same_instant() {
        assert_eq!(
            read(TimestampSecondArray::from(vec![86_400]), Tick::Micros),
            [86_400_000_000]
        );
        assert_eq!(
            read(Date32Array::from(vec![1]), Tick::Micros),
            [86_400_000_000]
        );
        assert_eq!(
            read(Date32Array::from(vec![1]), Tick::Nanos),
            [86_400_000_000_000]
        );
        let zoned = TimestampMicrosecondArray::from(vec![7]).with_timezone("America/New_York");
        assert_eq!(read(zoned, Tick::Nanos), [7_000]);
    }

    #[test]
    fn nothing_is_rounded_and_nothing_wraps() {
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(Tick::of([&micros, &nanos]), Tick::Nanos);
        assert_eq!(Tick::of([&micros, &DataType::Date32]), Tick::Micros);
        assert_eq!(
            read(TimestampNanosecondArray::from(vec![1_001]), Tick::Nanos),
            [1_001]
        );
        let year_9999 = 253_402_300_799_000_000;
        assert_eq!(
            read(
                TimestampMicrosecondArray::from(vec![year_9999]),
                Tick::Nanos
            ),
            [i64::MAX]
        );
    }
}
