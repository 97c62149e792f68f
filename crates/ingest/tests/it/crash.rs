//! A crash between the commit of the held rows and that of the table: running again repeats nothing
//! and loses nothing.

use std::fs;
use std::path::Path;

use forebay_core::Node;
use forebay_core::ingest::{OnFail, WriteDisposition};

use crate::support::{Bed, at_most, bed, source_with};

fn trips(write: WriteDisposition) -> Node {
    source_with("trips", |ingest| {
        ingest.write = write;
        ingest.expect = vec![at_most("km", 100.0, OnFail::Hold)];
    })
}

fn put_first_files(bed: &Bed) {
    bed.put("data/a.csv", "id,km\n1,5\n2,500\n");
    bed.put("data/b.csv", "id,km\n3,300\n4,4\n");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// A project in the state of such a crash: a whole load's held rows are there, its table is not.
async fn crashed(node: &Node) -> Bed {
    let undisturbed = bed().await;
    put_first_files(&undisturbed);
    assert_eq!(undisturbed.load(node).await.unwrap().held, 2);
    let held = Path::new("warehouse/raw/trips__held");
    let crashed = bed().await;
    put_first_files(&crashed);
    copy(&undisturbed.root().join(held), &crashed.root().join(held));
    assert_eq!(crashed.version("trips").await, None);
    assert_eq!(crashed.version("trips__held").await, Some(0));
    crashed
}

const ROWS: &str = "select id from raw.trips order by id";
const HELD: &str = "select id, _held_reason from raw.trips__held order by id";

#[tokio::test]
async fn the_same_load_again_writes_the_table_and_no_held_row_twice() {
    let merge = WriteDisposition::Merge {
        key: vec!["id".into()],
    };
    for write in [WriteDisposition::Append, WriteDisposition::Replace, merge] {
        let node = trips(write);
        let bed = crashed(&node).await;
        let loaded = bed.load(&node).await.unwrap();
        assert_eq!((loaded.rows, loaded.held, loaded.files), (2, 2, 2));
        assert_eq!(bed.rows(ROWS).await, ["1", "4"]);
        assert_eq!(
            bed.rows(HELD).await,
            ["2|km is 500, more than 100", "3|km is 300, more than 100"]
        );
        assert_eq!(bed.load(&node).await.unwrap().files, 0);
    }
}

#[tokio::test]
async fn files_that_come_after_the_crash_are_held_once_too() {
    let node = trips(WriteDisposition::Append);
    let bed = crashed(&node).await;
    bed.put("data/c.csv", "id,km\n5,5\n6,600\n");
    assert_eq!(bed.load(&node).await.unwrap().files, 3);
    assert_eq!(bed.rows(ROWS).await, ["1", "4", "5"]);
    let held = bed.rows("select id from raw.trips__held order by id").await;
    assert_eq!(held, ["2", "3", "6"]);
}

#[tokio::test]
async fn a_table_that_is_dropped_is_loaded_again_and_its_held_rows_are_not() {
    let node = trips(WriteDisposition::Append);
    let bed = bed().await;
    put_first_files(&bed);
    bed.load(&node).await.unwrap();
    bed.lake
        .drop(node.relation.as_ref().unwrap())
        .await
        .unwrap();
    assert_eq!(bed.load(&node).await.unwrap().rows, 2);
    assert_eq!(
        bed.rows("select count(*) from raw.trips__held").await,
        ["2"]
    );
}
