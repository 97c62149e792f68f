//! One commit or nothing: transactions, failures, crashes, and other writers.

use std::collections::BTreeMap;
use std::fs;

use forebay_core::Fault;
use forebay_lake::{Input, WriteMode, WriteOptions};

use crate::support::{keys, lines, open, place, relation, txn};

fn loading(version: i64) -> WriteOptions {
    WriteOptions {
        txns: vec![txn("load:flights", version)],
        metadata: BTreeMap::from([("invocation".to_owned(), format!("run {version}"))]),
        ..WriteOptions::new(WriteMode::Append)
    }
}

fn sql(text: &str) -> Input {
    Input::Sql(text.to_owned())
}

#[tokio::test]
async fn a_write_whose_transactions_are_recorded_is_skipped() {
    let place = place().await;
    let table = relation("raw.flights");
    let load = |version| place.write(&table, sql("SELECT 1 AS id"), loading(version));
    assert!(!load(1).await.unwrap().skipped);
    let again = load(1).await.unwrap();
    assert_eq!((again.skipped, again.version, again.rows), (true, 0, 0));
    assert!(load(0).await.unwrap().skipped);
    assert!(!load(2).await.unwrap().skipped);
    assert_eq!(place.rows("SELECT count(*) FROM raw.flights").await, ["2"]);

    let transactions = place.transactions(&table).await.unwrap();
    assert_eq!(
        transactions,
        BTreeMap::from([("load:flights".to_owned(), 2)])
    );
    let history = place.history(&table, 10).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|c| {
            (
                c.version,
                c.operation.as_str(),
                c.metadata["invocation"].as_str(),
            )
        })
        .collect();
    assert_eq!(told, [(1, "WRITE", "run 2"), (0, "WRITE", "run 1")]);
}

#[tokio::test]
async fn a_failure_in_the_midst_of_the_rows_changes_nothing() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Overwrite, "SELECT 1 AS id")
        .await
        .unwrap();
    let failing = "SELECT 10 / (value - 90000) AS id FROM generate_series(1, 100000) AS t(value)";
    let problem = place
        .sql("main.t", WriteMode::Overwrite, failing)
        .await
        .unwrap_err();
    assert_eq!(problem.message, "division by zero (line 1, column 11)");
    assert_eq!(place.rows("SELECT * FROM main.t").await, ["1"]);
    let new = place.sql("main.new", WriteMode::Overwrite, failing).await;
    assert!(new.is_err());
    assert_eq!(place.relations().await.unwrap(), [relation("main.t")]);
}

#[tokio::test]
async fn what_a_crash_leaves_is_not_seen() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id")
        .await
        .unwrap();
    let schema = place.folder.path().join("warehouse/main");
    fs::write(
        schema.join("t/part-00000-stray.zstd.parquet"),
        "half a file",
    )
    .unwrap();
    fs::write(schema.join("t/_delta_log/_commit_x.json.tmp"), "{").unwrap();
    fs::write(schema.join(".5a2b.tmp"), "{").unwrap();
    fs::create_dir_all(schema.join("never_committed/_delta_log")).unwrap();
    fs::create_dir_all(schema.join(".removed-0/_delta_log")).unwrap();

    assert_eq!(place.relations().await.unwrap(), [relation("main.t")]);
    assert_eq!(place.rows("SELECT * FROM main.t").await, ["1"]);
    assert!(
        place
            .info(&relation("main.never_committed"))
            .await
            .unwrap()
            .is_none()
    );
    place
        .sql("main.never_committed", WriteMode::Append, "SELECT 2 AS id")
        .await
        .unwrap();
    assert_eq!(
        place.rows("SELECT * FROM main.never_committed").await,
        ["2"]
    );
}

#[tokio::test]
async fn two_lakes_on_one_folder_see_each_others_commits() {
    let place = place().await;
    let other = open(&place.folder, 64 << 20).await;
    let count = "SELECT count(*) FROM main.t";
    for expected in ["1", "2", "3"] {
        place
            .sql("main.t", WriteMode::Append, "SELECT 1 AS id")
            .await
            .unwrap();
        assert_eq!(lines(&other.collect(count).await.unwrap()), [expected]);
    }
    // Dropped and made anew: the same version numbers, another table.
    other.drop(&relation("main.t")).await.unwrap();
    assert!(place.info(&relation("main.t")).await.unwrap().is_none());
    for _ in 0..3 {
        let options = WriteOptions::new(WriteMode::Append);
        other
            .write(&relation("main.t"), sql("SELECT 'x' AS name"), options)
            .await
            .unwrap();
    }
    assert_eq!(place.rows("SELECT name FROM main.t LIMIT 1").await, ["x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_two_lakes_lose_no_row() {
    let place = place().await;
    let lakes = [
        open(&place.folder, 64 << 20).await,
        open(&place.folder, 64 << 20).await,
    ];
    let table = relation("main.t");
    let mut tasks = Vec::new();
    for (i, lake) in lakes.iter().cycle().take(8).cloned().enumerate() {
        let table = table.clone();
        tasks.push(tokio::spawn(async move {
            for j in 0..3 {
                let rows = sql(&format!("SELECT {i} AS writer, {j} AS turn, 1 AS n"));
                let mode = match i % 2 {
                    0 => WriteMode::Append,
                    _ => WriteMode::Merge {
                        keys: keys(&["writer", "turn"]),
                    },
                };
                lake.write(&table, rows, WriteOptions::new(mode))
                    .await
                    .unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let sums = "SELECT count(*), count(DISTINCT writer * 10 + turn), sum(n) FROM main.t";
    assert_eq!(place.rows(sums).await, ["24|24|24"]);
    assert_eq!(place.history(&table, 100).await.unwrap().len(), 24);
}

#[tokio::test]
async fn a_query_sees_the_asked_versions_also_in_subqueries() {
    let place = place().await;
    for id in 0..3 {
        place
            .sql("main.t", WriteMode::Append, &format!("SELECT {id} AS id"))
            .await
            .unwrap();
    }
    let max = "SELECT max(id) FROM (SELECT * FROM main.t)";
    assert_eq!(place.rows_at(max, "main.t", 1).await, ["1"]);
    let versions = BTreeMap::from([(relation("main.t"), 9)]);
    let problem = place.query_at(max, &versions).await.err().unwrap();
    assert_eq!(
        problem.message,
        "table 'main.t' has no version 9 (line 1, column 36)"
    );
    assert_eq!(problem.hints, ["its versions are 0 to 2"]);
    assert_eq!(problem.fault, Fault::User);
}

#[tokio::test]
async fn checkpoints_come_and_old_versions_stay() {
    let place = place().await;
    for id in 0..105 {
        place
            .sql("main.t", WriteMode::Append, &format!("SELECT {id} AS id"))
            .await
            .unwrap();
    }
    let log = place.folder.path().join("warehouse/main/t/_delta_log");
    assert!(log.join("_last_checkpoint").exists());
    let fresh = open(&place.folder, 64 << 20).await;
    let sum = fresh
        .collect("SELECT count(*), sum(id) FROM main.t")
        .await
        .unwrap();
    assert_eq!(lines(&sum), ["105|5460"]);
    assert_eq!(
        place
            .rows_at("SELECT count(*) FROM main.t", "main.t", 3)
            .await,
        ["4"]
    );
}
