//! What loading again does, by write disposition.

use forebay_core::ingest::{OnFail, WriteDisposition};
use forebay_ingest::FileAction;

use crate::support::{at_most, bed, now, source, source_with};

#[tokio::test]
async fn append_loads_each_file_once() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/2013-01.csv", "id,km\n1,1.5\n2,NA\n");
    bed.put_packed("data/2013-02.csv.gz", "id,km\n3,2\n");
    let plan = bed.plan(&node).await;
    assert_eq!(plan.describe(), "load 2 files");
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.files, loaded.version), (3, 2, 0));

    bed.put("data/2013-03.csv", "id,km\n4,4.25\n");
    let plan = bed.plan(&node).await;
    let actions: Vec<FileAction> = plan.files.iter().map(|file| file.action).collect();
    assert_eq!(
        actions,
        [FileAction::Skip, FileAction::Skip, FileAction::Load]
    );
    assert_eq!(bed.load(&node).await.unwrap().rows, 1);
    assert_eq!(
        bed.rows("select id, km, _file, _line from raw.trips order by id")
            .await,
        [
            "1|1.5|data/2013-01.csv|2",
            "2||data/2013-01.csv|3",
            "3|2.0|data/2013-02.csv.gz|2",
            "4|4.25|data/2013-03.csv|2",
        ]
    );
    assert_eq!(
        bed.rows("select distinct _loaded_at, length(_load_id) from raw.trips")
            .await,
        ["2014-01-01T00:00:00Z|16"]
    );

    assert_eq!(bed.plan(&node).await.describe(), "nothing new in 3 files");
    assert_eq!(bed.load(&node).await.unwrap().files, 0);
    assert_eq!(bed.version("trips").await, Some(1));
    assert_eq!(bed.version("trips__held").await, None);
}

#[tokio::test]
async fn append_refuses_a_file_that_has_changed() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/a.csv", "id\n1\n");
    bed.load(&node).await.unwrap();
    bed.put("data/a.csv", "id\n1\n2\n");
    assert_eq!(bed.plan(&node).await.describe(), "refuse changed 1 file");
    let text = bed.refused(&node).await;
    assert!(text.contains("the file data/a.csv has changed since it was loaded into raw.trips"));
    assert!(text.contains("ingest/raw.yml:3:5"), "{text}");
    assert_eq!(bed.rows("select id from raw.trips").await, ["1"]);
    // Files that are moved away keep their rows.
    bed.remove("data/a.csv");
    assert_eq!(bed.load(&node).await.unwrap().files, 0);
}

#[tokio::test]
async fn a_plan_that_is_carried_out_twice_loads_once() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/a.csv", "id\n1\n");
    let plan = bed.plan(&node).await;
    for _ in 0..2 {
        forebay_ingest::load(&bed.lake, bed.root(), &node, &plan, now())
            .await
            .unwrap();
    }
    assert_eq!(bed.rows("select count(*) from raw.trips").await, ["1"]);
}

#[tokio::test]
async fn a_file_that_is_changed_after_the_plan_is_not_loaded_under_its_name() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/a.csv", "id\n1\n");
    let plan = bed.plan(&node).await;
    bed.put("data/a.csv", "id\n1\n2\n");
    let loaded = forebay_ingest::load(&bed.lake, bed.root(), &node, &plan, now()).await;
    let text = loaded.unwrap_err().to_string();
    assert!(
        text.contains("the file was changed while it was loaded"),
        "{text}"
    );
    assert_eq!(bed.version("trips").await, None);
}

#[tokio::test]
async fn replace_follows_the_files_and_the_settings() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| ingest.write = WriteDisposition::Replace);
    bed.put("data/a.csv", "id\n1\n");
    bed.put("data/b.csv", "id\n2\n");
    bed.load(&node).await.unwrap();
    assert_eq!(bed.load(&node).await.unwrap().files, 0);

    // A change, a change back, a file less: the table is what the files are.
    for (name, text, expected) in [
        ("data/a.csv", "id\n10\n", ["10", "2"]),
        ("data/a.csv", "id\n1\n", ["1", "2"]),
    ] {
        bed.put(name, text);
        assert_eq!(bed.plan(&node).await.describe(), "reload 2 files");
        bed.load(&node).await.unwrap();
        assert_eq!(
            bed.rows("select id from raw.trips order by _file").await,
            expected
        );
    }
    bed.remove("data/b.csv");
    assert_eq!(bed.plan(&node).await.removed, ["data/b.csv"]);
    bed.load(&node).await.unwrap();
    assert_eq!(bed.rows("select id from raw.trips").await, ["1"]);
    assert_eq!(bed.load(&node).await.unwrap().files, 0);

    let node = source_with("trips", |ingest| {
        ingest.write = WriteDisposition::Replace;
        ingest.column_types.insert("id".into(), "string".into());
    });
    assert_eq!(bed.load(&node).await.unwrap().files, 1);
    assert_eq!(
        bed.rows("select arrow_typeof(id) from raw.trips").await,
        ["Utf8"]
    );
}

#[tokio::test]
async fn replace_replaces_the_held_rows_too() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| {
        ingest.write = WriteDisposition::Replace;
        ingest.expect = vec![at_most("km", 100.0, OnFail::Hold)];
    });
    bed.put("data/a.csv", "id,km\n1,5\n2,500\n");
    assert_eq!(bed.load(&node).await.unwrap().held, 1);
    assert_eq!(bed.rows("select id from raw.trips__held").await, ["2"]);
    bed.put("data/a.csv", "id,km\n1,5\n2,50\n");
    assert_eq!(bed.load(&node).await.unwrap().held, 0);
    assert_eq!(
        bed.rows("select count(*) from raw.trips__held").await,
        ["0"]
    );
    assert_eq!(bed.rows("select count(*) from raw.trips").await, ["2"]);
}

#[tokio::test]
async fn merge_lets_the_last_row_of_a_key_win() {
    let bed = bed().await;
    let node = source_with("planes", |ingest| {
        ingest.write = WriteDisposition::Merge {
            key: vec!["TAIL".into()],
        };
        ingest.expect = vec![at_most("seats", 1000.0, OnFail::Hold)];
    });
    // N1 twice in one file, N2 in both; the last N3 is held and wins over nothing.
    bed.put("data/a.csv", "tail,seats\nN1,1\nN2,2\nN1,11\nN3,3\n");
    bed.put("data/b.csv", "tail,seats\nN2,22\nN3,3000\n");
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.held), (3, 1));
    let all = "select tail, seats, _file, _line from raw.planes order by tail";
    assert_eq!(
        bed.rows(all).await,
        [
            "N1|11|data/a.csv|4",
            "N2|22|data/b.csv|2",
            "N3|3|data/a.csv|5"
        ]
    );
    // A changed file is taken in again; what it does not name stays.
    bed.put("data/b.csv", "tail,seats\nN4,4\nN1,111\nN4,44\n");
    assert_eq!(bed.plan(&node).await.describe(), "reload 1 file");
    bed.load(&node).await.unwrap();
    assert_eq!(
        bed.rows(all).await,
        [
            "N1|111|data/b.csv|3",
            "N2|22|data/b.csv|2",
            "N3|3|data/a.csv|5",
            "N4|44|data/b.csv|4",
        ]
    );
    assert_eq!(bed.load(&node).await.unwrap().files, 0);
}

#[tokio::test]
async fn merge_refuses_a_row_without_its_key() {
    let bed = bed().await;
    let node = source_with("planes", |ingest| {
        ingest.write = WriteDisposition::Merge {
            key: vec!["tail".into()],
        };
    });
    bed.put("data/a.csv", "tail,seats\nN1,1\nNA,2\n");
    let text = bed.refused(&node).await;
    assert!(text.contains("tail is null and part of the key"), "{text}");
    assert!(text.contains("data/a.csv:3"), "{text}");
}
