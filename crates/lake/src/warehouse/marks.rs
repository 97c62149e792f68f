//! Times of day, lengths of time, JSON and nulls without a type in tables: Delta Lake has no types for them. A table holds
//! them as texts in columns that are marked, and scans read them back; other programs see the texts.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::scalar::ScalarValue;

/// Of a column's metadata in the table's schema: which of [`KINDS`] it holds.
const MARK: &str = "forebay.type";

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// A difference of timestamps is a duration to the engine, and `INTERVAL '1 day'` an interval.
const KINDS: [(&str, DataType); 5] = [
    ("null", DataType::Null),
    ("json", DataType::LargeUtf8),
    ("time", DataType::Time64(TimeUnit::Nanosecond)),
    ("duration", DataType::Duration(TimeUnit::Microsecond)),
    ("interval", INTERVAL),
];

/// The column that holds values of the type as texts. None: they are stored as they are.
pub(super) fn column(name: &str, of: &DataType) -> Option<Field> {
    let kind = match of {
        DataType::Null => "null",
        DataType::LargeUtf8 => "json",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Duration(_) => "duration",
        DataType::Interval(_) => "interval",
        _ => return None,
    };
    let mark = (MARK.to_owned(), kind.to_owned());
    Some(Field::new(name, DataType::Utf8, true).with_metadata([mark].into()))
}

/// What the texts of a column stand for, where it is marked.
pub(super) fn marked(field: &Field) -> Option<DataType> {
    let mark = field.metadata().get(MARK)?;
    let mut kinds = KINDS.into_iter();
    kinds.find_map(|(kind, of)| (kind == mark).then_some(of))
}

/// The column that takes the place of one without a type where a column must have one: PostgreSQL's is a text.
pub(super) fn typed(field: &FieldRef) -> FieldRef {
    match marked(field) {
        Some(DataType::Null) => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        _ => Arc::clone(field),
    }
}

/// As [`marked`], where other values are not taken for its own: JSON is text.
pub(super) fn marked_alone(field: &Field) -> Option<DataType> {
    marked(field).filter(|of| of != &DataType::LargeUtf8)
}

/// Values as a marked column holds them.
pub(super) fn texts(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match values.data_type() {
        DataType::Duration(_) => cast(&exact(values, &INTERVAL)?, &DataType::Utf8),
        _ => cast(values, &DataType::Utf8),
    }
}

/// An error where a value does not fit: an interval's time is of nanoseconds, at most 292 years of them.
fn exact(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(values, to, &options)
}

/// The columns as queries see them.
pub(super) fn seen(stored: &SchemaRef) -> SchemaRef {
    if !has_marked(stored) {
        return Arc::clone(stored);
    }
    let fields = stored.fields().iter().map(|field| match marked(field) {
        Some(of) => Arc::new(Field::new(field.name(), of, true)),
        None => Arc::clone(field),
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Arc::new(schema.with_metadata(stored.metadata().clone()))
}

/// Reads the values of rows that come as they are stored.
pub(super) fn read(
    rows: Arc<dyn ExecutionPlan>,
    stored: &Schema,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !has_marked(stored) {
        return Ok(rows);
    }
    let columns = stored.fields().iter().enumerate().map(|(at, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
        let cast = |from, to| -> Arc<dyn PhysicalExpr> { Arc::new(CastExpr::new(from, to, None)) };
        let read = match marked(field) {
            // Nothing is cast to it.
            Some(DataType::Null) => Arc::new(Literal::new(ScalarValue::Null)),
            Some(of @ DataType::Duration(_)) => cast(cast(column, INTERVAL), of),
            Some(of) => cast(column, of),
            None => column,
        };
        (read, field.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(
        columns.collect::<Vec<_>>(),
        rows,
    )?))
}

fn has_marked(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| marked(field).is_some())
}

#[cfg(test)]
mod tests {
    use arrow::array::{DurationMicrosecondArray, IntervalMonthDayNanoArray};
    use arrow::datatypes::IntervalMonthDayNano;

    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_they_were_written() {
        let part = 3_723_000_001_000;
        let intervals = IntervalMonthDayNanoArray::from(vec![
            Some(IntervalMonthDayNano::new(14, -3, part)),
            None,
            Some(IntervalMonthDayNano::new(0, 0, 0)),
            Some(IntervalMonthDayNano::new(-1, 2, -part)),
        ]);
        let durations = DurationMicrosecondArray::from(vec![Some(-90_000_000_001), None, Some(0)]);
        let arrays: [ArrayRef; 2] = [Arc::new(intervals), Arc::new(durations)];
        for array in arrays {
            let read = cast(&texts(&array).unwrap(), &INTERVAL).unwrap();
            assert_eq!(&cast(&read, array.data_type()).unwrap(), &array);
        }
        let centuries: ArrayRef = Arc::new(DurationMicrosecondArray::from(vec![i64::MAX / 8]));
        assert!(texts(&centuries).is_err());
    }
}
