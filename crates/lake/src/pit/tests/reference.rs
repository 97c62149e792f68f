//! Random joins against a reference that looks at every pair of rows.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::super::JoinKey;
use super::support::{View, batch, ints, join_in, micros, session, texts, ttl, view};

/// Few keys and few moments, so that ties and exact bounds are common.
#[derive(Clone, Debug)]
struct SpineRow {
    key: (Option<i64>, Option<&'static str>),
    time: Option<i64>,
}

#[derive(Clone, Debug)]
struct ViewRow {
    key: (Option<i64>, Option<&'static str>),
    time: Option<i64>,
    created: Option<i64>,
    value: Option<i64>,
}

#[derive(Clone, Debug)]
struct Rules {
    /// How many of the two key columns join.
    keys: usize,
    created: bool,
    cutoff: bool,
    ttl: Option<i64>,
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    prop_oneof![1 => Just(None), 9 => values.prop_map(Some)].boxed()
}

fn key() -> impl Strategy<Value = (Option<i64>, Option<&'static str>)> {
    let text = prop::sample::select(vec!["a", "b", "a text that is too long to be inlined"]);
    (maybe(0..4i64), maybe(text))
}

fn spine_row() -> impl Strategy<Value = SpineRow> {
    (key(), maybe(0..30i64)).prop_map(|(key, time)| SpineRow { key, time })
}

fn view_row() -> impl Strategy<Value = ViewRow> {
    (key(), maybe(0..30i64), maybe(0..30i64), maybe(0..50i64)).prop_map(
        |(key, time, created, value)| ViewRow {
            key,
            time,
            created,
            value,
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    (
        0..3usize,
        any::<bool>(),
        any::<bool>(),
        prop::option::of(1..12i64),
    )
        .prop_map(|(keys, created, cutoff, ttl)| Rules {
            keys,
            created,
            cutoff: cutoff && created,
            ttl,
        })
}

/// The rules as the README of the cases states them, one pair of rows after the other.
fn reference(spine: &SpineRow, view: &[ViewRow], rules: &Rules) -> Option<ViewRow> {
    let now = spine.time?;
    let same_key = |row: &&ViewRow| {
        (rules.keys < 1 || (spine.key.0.is_some() && spine.key.0 == row.key.0))
            && (rules.keys < 2 || (spine.key.1.is_some() && spine.key.1 == row.key.1))
    };
    let visible = |row: &&ViewRow| {
        row.time
            .is_some_and(|time| time <= now && rules.ttl.is_none_or(|ttl| now - ttl <= time))
    };
    let known = |row: &&ViewRow| !rules.cutoff || row.created.is_some_and(|at| at <= now);
    let created = |row: &ViewRow| row.created.filter(|_| rules.created);
    view.iter()
        .filter(same_key)
        .filter(visible)
        .filter(known)
        .max_by_key(|row| (row.time, created(row), row.value))
        .cloned()
}

fn spine_batch(rows: &[SpineRow]) -> RecordBatch {
    batch([
        ("k", ints(rows.iter().map(|r| r.key.0))),
        ("g", texts(rows.iter().map(|r| r.key.1))),
        ("t", micros(rows.iter().map(|r| r.time))),
        ("n", ints((0..rows.len()).map(|n| Some(n as i64)))),
    ])
}

fn view_batch(rows: &[ViewRow]) -> RecordBatch {
    batch([
        ("k", ints(rows.iter().map(|r| r.key.0))),
        ("g", texts(rows.iter().map(|r| r.key.1))),
        ("t", micros(rows.iter().map(|r| r.time))),
        ("created", micros(rows.iter().map(|r| r.created))),
        ("v", ints(rows.iter().map(|r| r.value))),
    ])
}

fn asked(rows: Vec<RecordBatch>, rules: &Rules) -> View {
    let mut view = view(rows);
    view.view.join_keys = ["k", "g"][..rules.keys]
        .iter()
        .map(|k| JoinKey::same(*k))
        .collect();
    view.view.created = rules.created.then(|| "created".into());
    view.view.filter_by_created = rules.cutoff;
    view.view.ttl = rules.ttl.and_then(ttl);
    view.view.event_time_as = Some("since".into());
    view
}

/// The join over the rows in so many batches, row by row against the reference.
fn check(spine: &[SpineRow], rows: &[ViewRow], rules: &Rules, pieces: usize) {
    let whole = view_batch(rows);
    let cut = rows.len().div_ceil(pieces).max(1);
    let mut batches: Vec<RecordBatch> = (0..rows.len())
        .step_by(cut)
        .map(|at| whole.slice(at, cut.min(rows.len() - at)))
        .collect();
    batches.push(whole.slice(0, 0));
    let input = spine_batch(spine);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let session = session(1 << 30);
    let joined = join_in(
        &session,
        vec![input.clone()],
        "t",
        vec![asked(batches, rules)],
    );
    let (answer, _) = runtime.block_on(joined).unwrap();

    assert_eq!(answer.num_rows(), spine.len(), "rows in are rows out");
    assert_eq!(
        answer.columns()[..4],
        *input.columns(),
        "the spine stays as it is"
    );
    let values = answer["out"].as_primitive::<Int64Type>();
    let since = answer["since"].as_primitive::<TimestampMicrosecondType>();
    for (n, row) in spine.iter().enumerate() {
        let expected = reference(row, rows, rules);
        let value = values.is_valid(n).then(|| values.value(n));
        let time = since.is_valid(n).then(|| since.value(n));
        assert_eq!(
            value,
            expected.as_ref().and_then(|r| r.value),
            "value of row {n}: {row:?}"
        );
        assert_eq!(
            time,
            expected.and_then(|r| r.time),
            "event time of row {n}: {row:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_reference(
        spine in prop::collection::vec(spine_row(), 0..40),
        rows in prop::collection::vec(view_row(), 0..80),
        rules in rules(),
        pieces in 1..5usize,
    ) {
        check(&spine, &rows, &rules, pieces);
    }

    /// A row of the future is planted: nothing may change.
    #[test]
    fn a_planted_leak_stays_out(
        spine in prop::collection::vec(spine_row(), 1..30),
        rows in prop::collection::vec(view_row(), 0..40),
        rules in rules(),
        keys in prop::collection::vec(key(), 1..10),
    ) {
        let latest = spine.iter().filter_map(|row| row.time).max().unwrap_or(0);
        let future = keys.into_iter().map(|key| ViewRow {
            key,
            time: Some(latest + 1),
            created: Some(0),
            value: Some(1_000_000),
        });
        let mut planted = rows.clone();
        planted.extend(future);
        // Against the reference without the planted rows.
        let values = |rows: &[ViewRow]| -> Vec<Option<i64>> {
            spine.iter().map(|row| reference(row, rows, &rules).and_then(|r| r.value)).collect()
        };
        prop_assert_eq!(values(&planted), values(&rows));
        check(&spine, &planted, &rules, 2);
    }
}
