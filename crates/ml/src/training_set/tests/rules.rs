//! What stays the same, what changes, and what is refused.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use forebay_core::ml::RequestFeature;
use forebay_core::{NodeId, Relation};

use super::super::{build, split};
use super::world::{World, arrivals, departures, departures_batch, job};

#[tokio::test]
async fn the_same_job_over_the_same_tables_is_not_built_again() {
    let world = World::new(&arrivals(), &departures()).await;
    let first = world.build(&job()).await;
    assert_eq!(world.build(&job()).await, first);
    let read: Vec<String> = first.inputs.keys().map(Relation::to_string).collect();
    assert_eq!(
        read,
        [
            "features.by_carrier",
            "features.everywhere",
            "main.departures"
        ]
    );
}

#[tokio::test]
async fn the_hash_is_of_the_rows_and_the_job_and_of_no_version() {
    let world = World::new(&arrivals(), &departures()).await;
    let first = world.build(&job()).await;

    let mut backwards = departures();
    backwards.reverse();
    world
        .write("departures", departures_batch(&backwards))
        .await;
    let again = world.build(&job()).await;
    assert_eq!(again.hash, first.hash, "the spine's order does not matter");
    assert!(again.version > first.version);

    let mut seeded = job();
    seeded.seed = 1;
    assert_ne!(world.build(&seeded).await.hash, first.hash);
    let mut gated = job();
    gated.gates = vec!["roc_auc >= 0.7".into()];
    assert_eq!(
        world.build(&gated).await.hash,
        first.hash,
        "gates judge, they do not train"
    );
    let mut filtered = job();
    filtered.filter = Some("distance < 50 -- the near ones".into());
    let filtered = world.build(&filtered).await;
    assert_eq!(filtered.rows, 50);
    assert_ne!(filtered.hash, first.hash);
}

#[tokio::test]
async fn rows_are_in_the_order_of_the_event_timestamp_and_split_by_it() {
    let world = World::new(&arrivals(), &departures()).await;
    let job = job();
    let set = world.build(&job).await;
    let (train, test) = split(&world.lake, &job, &set).await.unwrap();
    let times = |batches: &[RecordBatch]| -> Vec<i64> {
        let columns = batches
            .iter()
            .map(|b| b["asked_at"].as_primitive::<TimestampMicrosecondType>());
        columns
            .flat_map(|column| column.values().to_vec())
            .collect()
    };
    let (train, test) = (times(&train), times(&test));
    let day = 86_400_000_000;
    assert!(train.is_sorted() && train.iter().all(|time| *time < day));
    assert!(test.is_sorted() && test.iter().all(|time| *time >= day));
    let timed = departures().iter().filter(|d| d.asked_at.is_some()).count();
    assert_eq!(
        train.len() + test.len(),
        timed,
        "rows without a time are in neither"
    );
    assert!(!train.is_empty() && !test.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named_with_the_job_and_its_place() {
    let world = World::new(&arrivals(), &departures()).await;
    let refused = async |change: &dyn Fn(&mut forebay_core::ml::TrainingJob)| {
        let mut job = job();
        change(&mut job);
        build(&world.lake, &world.graph, world.node(), &job, "")
            .await
            .unwrap_err()
    };
    let error = refused(&|job| job.event_timestamp = "asked".into()).await;
    assert!(
        error.message.contains("'late'") && error.message.contains("asked"),
        "{error}"
    );
    assert_eq!(error.location.unwrap().line, 3);

    let error = refused(&|job| job.features[0].feature = "late_shar_1h".into()).await;
    assert!(
        error.message.contains("no column 'late_shar_1h'"),
        "{error}"
    );
    assert_eq!(error.hints, ["did you mean 'late_share_1h'?"]);

    let error = refused(&|job| job.features[0].view = "by_carriers".into()).await;
    assert!(
        error.message.contains("feature view 'by_carriers'"),
        "{error}"
    );

    let error = refused(&|job| job.spine = NodeId::new("nowhere")).await;
    assert!(error.message.contains("'nowhere'"), "{error}");

    let clash = |expr: &str| RequestFeature {
        name: "distance".into(),
        expr: expr.into(),
    };
    let error = refused(&|job| job.request_features.push(clash("distance / 2"))).await;
    assert!(
        error.message.contains("request feature 'distance'"),
        "{error}"
    );

    let error = refused(&|job| job.filter = Some("distanc < 5".into())).await;
    assert!(error.message.contains("distanc"), "{error}");
}
