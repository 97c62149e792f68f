//! Window aggregates over a range of time, against the sum done by hand: feature views rest on them.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use forebay_lake::{Input, WriteMode, WriteOptions};

use crate::support::{place, relation};

const ROWS: usize = 400;
const DAY: i64 = 86_400_000_000;

struct Event {
    key: i64,
    at: i64,
    value: Option<f64>,
}

/// Three entities, times with ties and gaps around whole days, some values null.
fn events() -> Vec<Event> {
    let mut x: i64 = 42;
    let mut next = |bound: i64| {
        x = (x * 1_103_515_245 + 12_345) % (1 << 31);
        (x >> 8) % bound
    };
    let event = |_| Event {
        key: next(3),
        at: 1_356_998_400_000_000 + next(80) * DAY / 8 + next(2),
        value: (next(10) > 0).then(|| next(100) as f64 / 4.0),
    };
    (0..ROWS).map(event).collect()
}

fn batch(events: &[Event]) -> (Arc<Schema>, RecordBatch) {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("k", DataType::Int64, false),
        Field::new(
            "ts",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            false,
        ),
        Field::new("v", DataType::Float64, true),
    ]));
    let times = TimestampMicrosecondArray::from_iter_values(events.iter().map(|e| e.at));
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..events.len() as i64)),
        Arc::new(Int64Array::from_iter_values(events.iter().map(|e| e.key))),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(Float64Array::from_iter(events.iter().map(|e| e.value))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    (schema, batch)
}

#[tokio::test]
async fn a_range_of_seconds_counts_both_ends_and_all_peers() {
    let place = place().await;
    let events = events();
    let (schema, batch) = batch(&events);
    let input = Input::Batches(schema, vec![batch]);
    place
        .write(
            &relation("main.e"),
            input,
            WriteOptions::new(WriteMode::Append),
        )
        .await
        .unwrap();

    let over = "OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '86400 seconds' PRECEDING AND CURRENT ROW)";
    let sql = format!(
        "SELECT sum(v) {over}, avg(v) {over}, count(v) {over}, count(*) {over}, min(v) {over}, max(v) {over}
         FROM main.e ORDER BY id"
    );
    let answer = place.collect(&sql).await.unwrap();
    let answer = arrow::compute::concat_batches(&answer[0].schema(), &answer).unwrap();
    assert_eq!(answer.num_rows(), ROWS);
    let number = |column: usize, row: usize| {
        let column = answer.column(column).as_primitive::<Float64Type>();
        column.iter().nth(row).flatten()
    };
    let count =
        |column: usize, row: usize| answer.column(column).as_primitive::<Int64Type>().value(row);

    for (row, now) in events.iter().enumerate() {
        let inside = |e: &&Event| e.key == now.key && now.at - DAY <= e.at && e.at <= now.at;
        let rows: Vec<_> = events.iter().filter(inside).collect();
        let values: Vec<f64> = rows.iter().filter_map(|e| e.value).collect();
        let sum = values.iter().copied().reduce(|a, b| a + b);
        let close = |found: Option<f64>, expected: Option<f64>| match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        assert!(close(number(0, row), sum), "row {row}");
        assert!(
            close(number(1, row), sum.map(|s| s / values.len() as f64)),
            "row {row}"
        );
        assert_eq!(count(2, row), values.len() as i64, "row {row}");
        assert_eq!(count(3, row), rows.len() as i64, "row {row}");
        assert_eq!(
            number(4, row),
            values.iter().copied().reduce(f64::min),
            "row {row}"
        );
        assert_eq!(
            number(5, row),
            values.iter().copied().reduce(f64::max),
            "row {row}"
        );
    }
}
