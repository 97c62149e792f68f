//! Every value of a training set, computed again from the raw rows that were known by its moment.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};

use super::world::{
    Arrival, Departure, MINUTE, World, arrivals, arrivals_batch, cell, departures, job, minute,
    view_ttl,
};

/// The rows of the carrier (or of all) that count as of the moment: those up to and with the newest
/// event, and that event's time; nothing where it is older than the ttl.
fn known(
    arrivals: &[Arrival],
    matches: impl Fn(&Arrival) -> bool,
    moment: i64,
    ttl: Option<i64>,
) -> Option<(i64, Vec<&Arrival>)> {
    let visible = arrivals
        .iter()
        .filter(|a| matches(a))
        .filter(|a| a.known_at.is_some_and(|at| at <= moment));
    let visible: Vec<&Arrival> = visible.collect();
    let newest = visible.iter().filter_map(|a| a.known_at).max()?;
    let fresh = ttl.is_none_or(|ttl| moment - newest <= ttl);
    fresh.then_some((newest, visible))
}

fn check_row(set: &RecordBatch, row: usize, arrivals: &[Arrival], departure: &Departure) {
    let since = |at: i64, length: i64| move |a: &&&Arrival| a.known_at >= Some(at - length);
    let ttl = Some(view_ttl().micros() / MINUTE);
    let carrier = departure
        .asked_at
        .zip(departure.carrier)
        .and_then(|(moment, carrier)| known(arrivals, |a| a.carrier == Some(carrier), moment, ttl));
    let share = carrier.as_ref().map(|(at, rows)| {
        let hour: Vec<_> = rows.iter().filter(since(*at, 60)).collect();
        let late = hour
            .iter()
            .filter(|a| a.delay.is_some_and(|d| d > 15))
            .count();
        late as f64 / hour.len() as f64
    });
    // Of several events of one time the greatest value is taken, and null only where all are.
    let last = carrier.as_ref().and_then(|(at, rows)| {
        rows.iter()
            .filter(|a| a.known_at == Some(*at))
            .filter_map(|a| a.delay)
            .max()
    });
    assert_eq!(
        cell::<Float64Type>(set, "by_carrier__late_share_1h", row),
        share,
        "{departure:?}"
    );
    assert_eq!(
        cell::<Int64Type>(set, "by_carrier__last_delay", row),
        last,
        "{departure:?}"
    );
    assert_eq!(
        minute(set, "by_carrier__event_timestamp", row),
        carrier.map(|(at, _)| at)
    );

    let everywhere = departure
        .asked_at
        .and_then(|moment| known(arrivals, |_| true, moment, None));
    let flights = everywhere
        .as_ref()
        .map(|(at, rows)| rows.iter().filter(since(*at, 120)).count());
    assert_eq!(
        cell::<Int64Type>(set, "everywhere__flights_2h", row),
        flights.map(|n| n as i64)
    );
    assert_eq!(
        set["far"].as_boolean().value(row),
        departure.distance >= 100
    );
}

#[tokio::test]
async fn every_value_is_what_was_known_then() {
    let (arrivals, departures) = (arrivals(), departures());
    let world = World::new(&arrivals, &departures).await;
    let set = world.build(&job()).await;
    let rows = world.rows(&set).await;
    assert_eq!(
        (set.rows, rows.num_rows()),
        (200, 200),
        "rows in are rows out"
    );
    let mut seen = std::collections::BTreeSet::new();
    for row in 0..rows.num_rows() {
        let distance = cell::<Int64Type>(&rows, "distance", row).unwrap();
        assert!(seen.insert(distance), "no departure comes twice");
        check_row(&rows, row, &arrivals, &departures[distance as usize]);
    }
    let nulls = |name: &str| rows[name].null_count();
    let ages = nulls("by_carrier__event_timestamp");
    assert!(
        (1..200).contains(&ages),
        "some are too old or unknown, and some are not: {ages}"
    );
}

#[tokio::test]
async fn a_planted_leak_changes_nothing() {
    let departures = departures();
    let world = World::new(&arrivals(), &departures).await;
    let before = world.build(&job()).await;

    let last = departures.iter().filter_map(|d| d.asked_at).max().unwrap();
    let leak = super::world::CARRIERS.map(|carrier| Arrival {
        carrier: Some(carrier),
        known_at: Some(last + 1),
        delay: Some(1_000_000),
    });
    let planted: Vec<Arrival> = arrivals().into_iter().chain(leak).collect();
    world.write("arrivals", arrivals_batch(&planted)).await;
    world.features().await;
    let after = world.build(&job()).await;
    assert_ne!(before.inputs, after.inputs, "the planted rows were read");
    assert_eq!(before.hash, after.hash);
}
