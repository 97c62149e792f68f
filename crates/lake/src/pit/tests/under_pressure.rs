//! Little memory, odd types, wrong names: what the join does when the world is not as it likes it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;

use super::super::JoinKey;
use super::support::{batch, ints, join, join_in, micros, session, texts, ttl, view};

/// Repeatable and scattered.
fn scatter(n: i64) -> i64 {
    (n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 33).abs()
}

fn large_spine(rows: i64) -> Vec<RecordBatch> {
    let slices = (0..rows).step_by(10_000).map(|start| {
        let n = start..(start + 10_000).min(rows);
        batch([
            ("k", ints(n.clone().map(|n| Some(scatter(n) % 5_000)))),
            (
                "t",
                micros(n.clone().map(|n| Some(scatter(n + 7) % 1_000_000))),
            ),
            (
                "label",
                texts(n.map(|n| Some(if n % 2 == 0 { "even" } else { "odd" }))),
            ),
        ])
    });
    slices.collect()
}

fn large_view(rows: i64) -> Vec<RecordBatch> {
    let slices = (0..rows).step_by(8_000).map(|start| {
        let n = start..(start + 8_000).min(rows);
        let name: ArrayRef = Arc::new(StringArray::from_iter_values(
            n.clone().map(|n| format!("the name of row {n}")),
        ));
        batch([
            ("k", ints(n.clone().map(|n| Some(scatter(n + 3) % 5_000)))),
            (
                "t",
                micros(n.clone().map(|n| Some(scatter(n + 11) % 1_000_000))),
            ),
            ("v", ints(n.map(Some))),
            ("name", name),
        ])
    });
    slices.collect()
}

#[tokio::test]
async fn with_little_memory_the_view_is_read_from_disk_and_the_answer_is_the_same() {
    let ask = || {
        let mut view = view(large_view(120_000));
        view.view.columns.push(("name".into(), "name".into()));
        view.view.ttl = ttl(50_000);
        vec![view]
    };
    let spine = large_spine(100_000);
    let (roomy, plan) = join_in(&session(1 << 30), spine.clone(), "t", ask())
        .await
        .unwrap();
    assert_eq!(
        plan.metrics().unwrap().spill_count(),
        Some(0),
        "one pass needs no copy"
    );

    let (tight, plan) = join_in(&session(16 << 20), spine.clone(), "t", ask())
        .await
        .unwrap();
    assert_eq!(
        plan.metrics().unwrap().spill_count(),
        Some(1),
        "one copy, however many blocks"
    );
    assert_eq!(roomy, tight);
    let spine = concat_batches(&spine[0].schema(), &spine).unwrap();
    assert_eq!(roomy.columns()[..3], *spine.columns());
    assert!(
        roomy["out"].null_count() < roomy.num_rows(),
        "something matched"
    );
}

#[tokio::test]
async fn memory_that_holds_nothing_is_an_error_and_no_crash() {
    let error = join_in(
        &session(64 << 10),
        large_spine(20_000),
        "t",
        vec![view(large_view(50_000))],
    )
    .await
    .unwrap_err();
    assert!(error.message.contains("memory limit"), "{error}");
}

#[tokio::test]
async fn views_are_read_side_by_side_and_keep_their_order() {
    let spine = large_spine(9_000);
    let views = (0..5).map(|n| {
        let mut view = view(large_view(2_000 * (5 - n)));
        view.view.columns = vec![("v".into(), format!("v{n}"))];
        view
    });
    let (answer, _) = join_in(&session(1 << 30), spine, "t", views.collect())
        .await
        .unwrap();
    let matched: Vec<usize> = (0..5)
        .map(|n| answer.num_rows() - answer[format!("v{n}").as_str()].null_count())
        .collect();
    assert!(
        matched.windows(2).all(|pair| pair[0] > pair[1]),
        "{matched:?}"
    );
}

#[tokio::test]
async fn keys_of_different_width_match_and_of_different_kind_are_refused() {
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let spine = batch([("k", narrow), ("t", micros([Some(5), Some(5)]))]);
    let rows = |k: ArrayRef| {
        vec![batch([
            ("k", k),
            ("t", micros([Some(1)])),
            ("v", ints([Some(7)])),
        ])]
    };
    let answer = join(spine.clone(), vec![view(rows(ints([Some(2)])))])
        .await
        .unwrap();
    assert_eq!(answer["out"].as_ref(), ints([None, Some(7)]).as_ref());

    let error = join(spine, vec![view(rows(texts([Some("2")])))])
        .await
        .unwrap_err();
    assert!(
        error
            .message
            .contains("join key 'k' of feature view 'view' is Utf8"),
        "{error}"
    );
}

#[tokio::test]
async fn the_next_nanosecond_is_the_future_of_a_microsecond() {
    let spine = batch([("k", ints([Some(1)])), ("t", micros([Some(5)]))]);
    let at = |nanos: i64| {
        let t: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![nanos]));
        view(vec![batch([
            ("k", ints([Some(1)])),
            ("t", t),
            ("v", ints([Some(7)])),
        ])])
    };
    let hit = join(spine.clone(), vec![at(5_000)]).await.unwrap();
    assert_eq!(hit["out"].as_primitive::<Int64Type>().value(0), 7);
    let miss = join(spine, vec![at(5_001)]).await.unwrap();
    assert!(miss["out"].is_null(0));
}

#[tokio::test]
async fn a_wrong_name_is_named_with_the_nearest_right_one() {
    let spine = || batch([("k", ints([Some(1)])), ("t", micros([Some(5)]))]);
    let rows = || {
        vec![batch([
            ("k", ints([Some(1)])),
            ("t", micros([Some(1)])),
            ("value", ints([Some(7)])),
        ])]
    };
    let error = join(spine(), vec![view(rows())]).await.unwrap_err();
    assert_eq!(error.message, "feature view 'view' has no column 'v'");

    let mut misspelt = view(rows());
    misspelt.view.columns = vec![("valeu".into(), "out".into())];
    let error = join(spine(), vec![misspelt]).await.unwrap_err();
    assert_eq!(error.hints, ["did you mean 'value'?"]);

    let mut twice = view(rows());
    twice.view.columns = vec![("value".into(), "t".into())];
    let error = join(spine(), vec![twice]).await.unwrap_err();
    assert!(error.message.contains("is in the answer twice"), "{error}");

    let mut untimed = view(rows());
    untimed.view.timestamp = "value".into();
    let error = join(spine(), vec![untimed]).await.unwrap_err();
    assert!(error.message.contains("not a timestamp"), "{error}");

    let mut uncreated = view(rows());
    uncreated.view.columns = vec![];
    uncreated.view.filter_by_created = true;
    let error = join(spine(), vec![uncreated]).await.unwrap_err();
    assert!(error.message.contains("created timestamp"), "{error}");
}

#[tokio::test]
async fn one_column_may_be_asked_for_twice_and_none_at_all() {
    let spine = batch([("id", ints([Some(1)])), ("t", micros([Some(5)]))]);
    let rows = vec![batch([
        ("k", ints([Some(1)])),
        ("t", micros([Some(1)])),
        ("v", ints([Some(7)])),
    ])];
    let mut twice = view(rows.clone());
    twice.view.join_keys = vec![JoinKey {
        spine: "id".into(),
        view: "k".into(),
    }];
    twice.view.columns = vec![
        ("v".into(), "a".into()),
        ("v".into(), "b".into()),
        ("t".into(), "c".into()),
    ];
    let mut none = view(rows);
    none.view.join_keys = vec![JoinKey {
        spine: "id".into(),
        view: "k".into(),
    }];
    none.view.columns = vec![];
    let answer = join(spine, vec![none, twice]).await.unwrap();
    assert_eq!(&answer["a"], &answer["b"]);
    assert_eq!(answer["c"].as_ref(), micros([Some(1)]).as_ref());
}
