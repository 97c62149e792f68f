//! The example's own files: every row arrives, and the one absurd wind is set aside.

use std::path::Path;

use forebay_core::Node;
use forebay_core::ingest::{OnFail, WriteDisposition};
use forebay_ingest::Loaded;

use crate::support::{Bed, at_most, bed, now, path, source_with};

fn example() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/flights"
    ))
}

async fn load(bed: &Bed, node: &Node) -> Loaded {
    let plan = forebay_ingest::plan(&bed.lake, example(), node)
        .await
        .unwrap();
    forebay_ingest::load(&bed.lake, example(), node, &plan, now())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_wind_of_1048_mph_is_held_and_nothing_else() {
    let bed = bed().await;
    let node = source_with("weather", |ingest| {
        path(ingest, "data/weather/*.csv.gz");
        ingest.expect = vec![at_most("wind_speed", 250.0, OnFail::Hold)];
    });
    let loaded = load(&bed, &node).await;
    assert_eq!((loaded.files, loaded.rows, loaded.held), (12, 26_114, 1));
    assert_eq!(
        bed.rows(
            "select origin, time_hour, round(wind_speed), _held_column, _file \
             from raw.weather__held"
        )
        .await,
        ["EWR|2013-02-12T08:00:00Z|1048.0|wind_speed|data/weather/weather-2013-02.csv.gz"]
    );
    assert_eq!(
        bed.rows("select count(*) from raw.weather where wind_speed > 250")
            .await,
        ["0"]
    );
    assert_eq!(load(&bed, &node).await.files, 0);
}

#[tokio::test]
async fn every_row_of_every_table_arrives() {
    let bed = bed().await;
    for (table, pattern, write, rows) in [
        (
            "flights",
            "data/flights/*.csv.gz",
            WriteDisposition::Append,
            336_776,
        ),
        ("planes", "data/planes.csv.gz", merge("tailnum"), 3_322),
        (
            "airports",
            "data/airports.csv.gz",
            WriteDisposition::Replace,
            1_458,
        ),
        (
            "airlines",
            "data/airlines.csv.gz",
            WriteDisposition::Replace,
            16,
        ),
    ] {
        let node = source_with(table, |ingest| {
            path(ingest, pattern);
            ingest.write = write;
        });
        let loaded = load(&bed, &node).await;
        assert_eq!((loaded.rows, loaded.held), (rows, 0), "{table}");
    }
    // Counted in the data's own README: cancelled flights, and tail numbers that are missing.
    assert_eq!(
        bed.rows(
            "select count(*), count(*) - count(dep_time), count(*) - count(tailnum), \
             min(time_hour), count(distinct _file) from raw.flights"
        )
        .await,
        ["336776|8255|2512|2013-01-01T10:00:00Z|12"]
    );
}

fn merge(key: &str) -> WriteDisposition {
    WriteDisposition::Merge {
        key: vec![key.to_owned()],
    }
}
