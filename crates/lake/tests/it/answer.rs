//! Answers as text that reads the same for every engine: what a case file holds and what the
//! comparison with other databases prints.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;

/// The rows, each as its values' texts.
pub fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let row = |batch: &RecordBatch, at| {
        batch
            .columns()
            .iter()
            .map(|c| value(c, at))
            .collect::<Vec<_>>()
    };
    let of_batch = |batch: &RecordBatch| {
        (0..batch.num_rows())
            .map(|at| row(batch, at))
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(of_batch).collect()
}

fn value(array: &ArrayRef, at: usize) -> String {
    if array.data_type() == &DataType::Null || array.is_null(at) {
        return "NULL".to_owned();
    }
    match array.data_type() {
        DataType::Float64 => float(
            array
                .as_primitive::<arrow::datatypes::Float64Type>()
                .value(at),
        ),
        DataType::Float32 => float(
            array
                .as_primitive::<arrow::datatypes::Float32Type>()
                .value(at)
                .into(),
        ),
        DataType::List(_) => list(&array.as_list::<i32>().value(at)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(at)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(at)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let parts = fields
                .iter()
                .zip(columns)
                .map(|(field, column)| format!("{}: {}", field.name(), value(column, at)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (start, end) = (
                map.value_offsets()[at] as usize,
                map.value_offsets()[at + 1] as usize,
            );
            let part = |i| format!("{}={}", value(map.keys(), i), value(map.values(), i));
            format!(
                "{{{}}}",
                (start..end).map(part).collect::<Vec<_>>().join(", ")
            )
        }
        DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano) => {
            let interval = array.as_primitive::<IntervalMonthDayNanoType>().value(at);
            let micros = interval.nanoseconds / 1000;
            format!("{}m {}d {micros}us", interval.months, interval.days)
        }
        DataType::Duration(_) => {
            let wanted = DataType::Duration(arrow::datatypes::TimeUnit::Microsecond);
            let micros = arrow::compute::cast(array, &wanted).unwrap();
            let micros = micros.as_primitive::<arrow::datatypes::DurationMicrosecondType>();
            let micros = micros.value(at);
            let day = 86_400_000_000;
            format!("0m {}d {}us", micros / day, micros % day)
        }
        DataType::Timestamp(_, zone) => {
            let text = array_value_to_string(array, at).unwrap().replace('T', " ");
            let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
            let text = match text.contains('.') {
                true => text.trim_end_matches('0'),
                false => text,
            };
            format!("{text}{}", if zone.is_some() { "+00" } else { "" })
        }
        _ => array_value_to_string(array, at).unwrap(),
    }
}

fn list(items: &ArrayRef) -> String {
    let items = (0..items.len()).map(|at| value(items, at));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn float(value: f64) -> String {
    match value {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        v => format!("{v:?}"),
    }
}
