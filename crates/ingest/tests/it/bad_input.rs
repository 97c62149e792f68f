//! Input that is wrong: a clear error that places it, and nothing written; or held, by setting.

use forebay_core::ingest::{OnBadRow, OnFail};

use crate::support::{at_most, bed, source, source_with};

/// What a file holds, and what the error says.
const REFUSED: &[(&str, &[u8], &[&str])] = &[
    (
        "a row that is too short",
        b"id,km\n1,2\n3\n",
        &["the row has 1 field, the header has 2", "data/a.csv:3:2"],
    ),
    (
        "a row that is too long",
        b"id,km\n1,2,3\n",
        &["the row has 3 fields, the header has 2", "data/a.csv:2:5"],
    ),
    (
        "a quote that is never closed",
        b"id,km\n1,\"2\n3,4\n",
        &[
            "the quote that opens here is never closed",
            "data/a.csv:2:3",
        ],
    ),
    (
        "text behind a closing quote",
        b"id,km\n\"1\"x,2\n",
        &["text follows the closing quote", "data/a.csv:2:4"],
    ),
    (
        "bytes that are not UTF-8",
        b"id,km\n1,Z\xFCrich\n",
        &["the byte 0xFC is not UTF-8", "data/a.csv:2:4"],
    ),
    ("an empty file", b"", &["the file is empty", "data/a.csv"]),
    (
        "a header that names a column twice",
        b"id,km,ID\n1,2,3\n",
        &["names the column 'ID' twice", "data/a.csv:1:7"],
    ),
    (
        "a header with an empty name",
        b",km\n1,2\n",
        &["column 1 of the header has no name", "data/a.csv:1:1"],
    ),
    (
        "a header with a name of ours",
        b"id,_line\n1,2\n",
        &["'_line' has a name that every loaded row has of its own"],
    ),
];

#[tokio::test]
async fn files_that_cannot_be_read_are_refused_whole() {
    for (what, content, expected) in REFUSED {
        let bed = bed().await;
        bed.put("data/a.csv", content);
        bed.put("data/b.csv", "id,km\n1,2\n");
        let text = bed.refused(&source("trips")).await;
        for part in *expected {
            assert!(text.contains(part), "{what}: {text}");
        }
        assert_eq!(bed.version("trips").await, None, "{what}");
    }
}

#[tokio::test]
async fn a_packed_file_that_is_cut_off_is_refused() {
    let bed = bed().await;
    let rows: String = (0..5000)
        .map(|n| format!("{n},{}\n", n * 7919 % 1000))
        .collect();
    bed.put_packed("data/a.csv.gz", &format!("id,km\n{rows}"));
    let whole = std::fs::read(bed.root().join("data/a.csv.gz")).unwrap();
    bed.put("data/a.csv.gz", &whole[..whole.len() / 2]);
    let text = bed.refused(&source("trips")).await;
    assert!(text.contains("cannot be unpacked"), "{text}");
    assert!(text.contains("data/a.csv.gz"), "{text}");
}

#[tokio::test]
async fn a_value_of_another_type_than_the_table_has_is_named_with_its_place() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/a.csv", "id,km\n1,2.5\n");
    bed.load(&node).await.unwrap();
    bed.put("data/b.csv", "id,km\n2,3\nthree,4\n4,far\n");
    let text = bed.refused(&node).await;
    assert!(
        text.starts_with("error: 2 problems; nothing was loaded into raw.trips"),
        "{text}"
    );
    assert!(
        text.contains("line 3: id: 'three' is not of type int64"),
        "{text}"
    );
    assert!(
        text.contains("line 4: km: 'far' is not of type float64"),
        "{text}"
    );
    assert!(text.contains("--> data/b.csv:3:1"), "{text}");
    assert!(text.contains("hint: `on_bad_row: hold`"), "{text}");
    assert_eq!(bed.version("trips").await, Some(0));
    assert_eq!(bed.rows("select count(*) from raw.trips").await, ["1"]);
}

#[tokio::test]
async fn bad_rows_are_held_with_all_that_could_be_read_of_them() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| {
        ingest.on_bad_row = OnBadRow::Hold;
        ingest.column_types.insert("id".into(), "int64".into());
        ingest.column_types.insert("km".into(), "float64".into());
    });
    bed.put(
        "data/a.csv",
        b"id,km,note\n1,2.5,ok\n2,far,\"a,b\"\n3\nfour,\"open\n5,6,\xFF\n6,7,ok\n",
    );
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.held), (2, 4));
    assert_eq!(
        bed.rows("select id from raw.trips order by id").await,
        ["1", "6"]
    );
    let held = "select _line, id, km, note, _held_column, _held_value, _held_reason, _raw \
                from raw.trips__held order by _line";
    assert_eq!(
        bed.rows(held).await,
        [
            "3|2||a,b|km|far|km: 'far' is not of type float64|2,far,\"a,b\"",
            "4||||||the row has 1 field, the header has 3|3",
            "5||||||the quote that opens here is never closed|four,\"open",
            "6||||||the byte 0xFF is not UTF-8|5,6,\u{FFFD}",
        ]
    );
}

#[tokio::test]
async fn expectations_hold_a_row_or_fail_the_load() {
    let bed = bed().await;
    bed.put("data/a.csv", "id,km\n1,50\n2,500\n3,5000\n");
    let node = source_with("trips", |ingest| {
        ingest.expect = vec![
            at_most("km", 100.0, OnFail::Hold),
            at_most("km", 1000.0, OnFail::Fail),
        ];
    });
    let text = bed.refused(&node).await;
    assert!(
        text.contains("km is 5000, more than 1000; nothing was loaded"),
        "{text}"
    );
    assert!(text.contains("--> data/a.csv:4"), "{text}");
    assert_eq!(bed.version("trips").await, None);
    assert_eq!(bed.version("trips__held").await, None);

    let node = source_with("trips", |ingest| {
        ingest.expect = vec![
            at_most("km", 100.0, OnFail::Hold),
            at_most("id", 2.0, OnFail::Hold),
        ];
    });
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.held), (1, 2));
    assert_eq!(
        bed.rows("select id, _held_column, _held_reason from raw.trips__held order by id")
            .await,
        [
            "2|km|km is 500, more than 100",
            "3|km|km is 5000, more than 100; id is 3, more than 2",
        ]
    );
}

#[tokio::test]
async fn of_many_problems_ten_are_shown_and_all_are_counted() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| {
        ingest.column_types.insert("id".into(), "int64".into());
    });
    let rows: String = (0..40_000).map(|n| format!("x{n}\n")).collect();
    bed.put("data/a.csv", format!("id\n{rows}"));
    let text = bed.refused(&node).await;
    assert!(text.starts_with("error: 40000 problems"), "{text}");
    assert!(text.contains("and 39990 more"), "{text}");
}

#[tokio::test]
async fn no_file_at_all_is_an_error_that_names_the_pattern() {
    let bed = bed().await;
    let text = bed.load(&source("trips")).await.unwrap_err().to_string();
    assert!(
        text.contains("no file matches 'data/*.csv*', which fills raw.trips"),
        "{text}"
    );
    assert!(text.contains("ingest/raw.yml:3:5"), "{text}");
}
