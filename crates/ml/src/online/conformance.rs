//! What every [`OnlineStore`] must do; each implementation's tests run it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::{EntityKey, OnlineRow, OnlineStore, Value};
use forebay_core::Span;

pub fn run(store: &dyn OnlineStore) {
    newer_wins_in_any_order(store);
    views_are_apart(store);
    replacing_forgets(store);
    any_key_is_taken(store);
    ttl_counts_both_ends();
}

fn key(number: i64) -> EntityKey {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
    let batch = RecordBatch::try_from_iter([("k", column)]).unwrap();
    EntityKey::from_batch(&batch, &["k".to_owned()])
        .unwrap()
        .remove(0)
        .unwrap()
}

fn row(event_time: i64, created: Option<i64>, value: f64) -> OnlineRow {
    OnlineRow {
        event_time,
        created,
        values: vec![Value::Float(value)],
    }
}

fn value(store: &dyn OnlineStore, view: &str, number: i64) -> Option<f64> {
    let row = store.read(view, &key(number)).unwrap()?;
    match row.values[..] {
        [Value::Float(value)] => Some(value),
        ref other => panic!("{other:?}"),
    }
}

fn newer_wins_in_any_order(store: &dyn OnlineStore) {
    let put = |row: OnlineRow| store.write("order", &[(key(1), row)], "m").unwrap();
    assert_eq!(put(row(10, None, 1.0)), 1);
    assert_eq!(
        put(row(5, Some(99), 2.0)),
        0,
        "an older event never overwrites a newer one"
    );
    assert_eq!(value(store, "order", 1), Some(1.0));
    assert_eq!(
        put(row(10, Some(3), 3.0)),
        1,
        "the later created wins a tie"
    );
    assert_eq!(put(row(10, Some(2), 4.0)), 0);
    assert_eq!(put(row(10, Some(3), 5.0)), 1, "all equal: the later call");
    assert_eq!(value(store, "order", 1), Some(5.0));
    assert_eq!(value(store, "order", 2), None);
    assert_eq!(store.mark("order").unwrap().as_deref(), Some("m"));
}

fn views_are_apart(store: &dyn OnlineStore) {
    store
        .write("a", &[(key(1), row(1, None, 1.0))], "")
        .unwrap();
    store
        .write("ab", &[(key(1), row(1, None, 2.0))], "")
        .unwrap();
    assert_eq!(
        (value(store, "a", 1), value(store, "ab", 1)),
        (Some(1.0), Some(2.0))
    );
    store.replace("a", &[], "empty").unwrap();
    assert_eq!(
        (value(store, "a", 1), value(store, "ab", 1)),
        (None, Some(2.0))
    );
}

fn replacing_forgets(store: &dyn OnlineStore) {
    let rows: Vec<_> = (0..100)
        .map(|n| (key(n), row(100, None, n as f64)))
        .collect();
    store.write("replaced", &rows, "1").unwrap();
    assert_eq!(
        store
            .replace("replaced", &[(key(3), row(1, None, -3.0))], "2")
            .unwrap(),
        1
    );
    assert_eq!(
        value(store, "replaced", 3),
        Some(-3.0),
        "also by an older event"
    );
    assert_eq!(value(store, "replaced", 4), None);
    assert_eq!(store.mark("replaced").unwrap().as_deref(), Some("2"));
}

fn any_key_is_taken(store: &dyn OnlineStore) {
    let text = |text: String| {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let batch = RecordBatch::try_from_iter([("k", column)]).unwrap();
        EntityKey::from_batch(&batch, &["k".to_owned()])
            .unwrap()
            .remove(0)
            .unwrap()
    };
    let long = text("x".repeat(10_000));
    store
        .write("long", &[(long.clone(), row(1, None, 1.0))], "")
        .unwrap();
    assert!(store.read("long", &long).unwrap().is_some());
    assert!(
        store
            .read("long", &text("x".repeat(10_001)))
            .unwrap()
            .is_none()
    );
    assert!(store.read("long", &text(String::new())).unwrap().is_none());
}

fn ttl_counts_both_ends() {
    let row = row(100, None, 0.0);
    let ttl = Some(Span::from_micros(10));
    assert_eq!(
        [99, 100, 110, 111].map(|at| row.is_usable(at, ttl)),
        [false, true, true, false]
    );
    assert!(row.is_usable(i64::MAX, None) && row.is_usable(i64::MAX, Some(Span::from_micros(0))));
}
