//! Which columns a load has, and of which types.

use forebay_core::ingest::{OnNewColumn, WriteDisposition};

use crate::support::{bed, path, source, source_with};

#[tokio::test]
async fn types_are_inferred_over_all_rows_of_all_files() {
    let bed = bed().await;
    bed.put(
        "data/a.csv",
        "\u{FEFF}id,km,ok,day,at,zip,none\r\n1,2,true,2013-01-01,2013-01-01T10:00:00Z,00501,\r\n",
    );
    bed.put(
        "data/b.csv",
        "id,km,ok,day,at,zip,none\n2,2.5,FALSE,2013-01-02,2013-01-01T12:00:00+02:00,10001,NA\n",
    );
    let loaded = bed.load(&source("trips")).await.unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(
        loaded.warnings[0]
            .message
            .contains("'none' of raw.trips has no value")
    );
    assert_eq!(
        bed.rows("select id, km, ok, day, at, zip, none from raw.trips order by id")
            .await,
        [
            "1|2.0|true|2013-01-01|2013-01-01T10:00:00Z|00501|",
            "2|2.5|false|2013-01-02|2013-01-01T10:00:00Z|10001|",
        ]
    );
}

#[tokio::test]
async fn stated_types_win_over_inference_and_must_agree_with_the_table() {
    let bed = bed().await;
    let stated = |kind: &str| {
        let kind = kind.to_owned();
        source_with("trips", move |ingest| {
            ingest.column_types.insert("km".into(), kind);
        })
    };
    bed.put("data/a.csv", "id,km\n1,2\n");
    bed.load(&stated("float64")).await.unwrap();
    assert_eq!(bed.rows("select km from raw.trips").await, ["2.0"]);
    bed.put("data/b.csv", "id,km\n1,2\n");
    let text = bed.refused(&stated("int64")).await;
    assert!(
        text.contains("'km' a column of type int64, and in raw.trips it is float64"),
        "{text}"
    );
    let text = bed.refused(&stated("integer")).await;
    assert!(text.contains("the type 'integer', which is none"), "{text}");
    assert!(
        text.contains("hint: the types are boolean, int64"),
        "{text}"
    );
    let node = source_with("trips", |ingest| {
        ingest.column_types.insert("kn".into(), "int64".into());
    });
    let text = bed.refused(&node).await;
    assert!(text.contains("names the column 'kn'"), "{text}");
}

#[tokio::test]
async fn a_new_column_fails_is_added_or_is_left_out() {
    for (setting, expected) in [
        (OnNewColumn::Add, &["1|", "2|blue"][..]),
        (OnNewColumn::Ignore, &["1", "2"][..]),
    ] {
        let bed = bed().await;
        let node = source_with("trips", |ingest| ingest.on_new_column = setting);
        bed.put("data/a.csv", "id\n1\n");
        bed.load(&node).await.unwrap();
        // In another order, too.
        bed.put("data/b.csv", "colour,id\nblue,2\n");
        let text = bed.refused(&source("trips")).await;
        assert!(
            text.contains("the header has the column 'colour', which raw.trips does not have"),
            "{text}"
        );
        assert!(text.contains("--> data/b.csv:1"), "{text}");
        bed.load(&node).await.unwrap();
        let columns = if expected[0].contains('|') {
            "id, colour"
        } else {
            "id"
        };
        assert_eq!(
            bed.rows(&format!("select {columns} from raw.trips order by id"))
                .await,
            expected
        );
    }
}

#[tokio::test]
async fn a_missing_column_is_an_error_that_names_it() {
    let bed = bed().await;
    let node = source("trips");
    bed.put("data/a.csv", "id,colour\n1,red\n");
    bed.load(&node).await.unwrap();
    bed.put("data/b.csv", "id,color\n2,blue\n");
    let text = bed.refused(&node).await;
    assert!(
        text.contains("the header lacks the column 'colour' of raw.trips"),
        "{text}"
    );
    assert!(text.contains("--> data/b.csv:1"), "{text}");
    assert!(text.contains("did you mean 'color'?"), "{text}");
}

#[tokio::test]
async fn a_replaced_table_may_begin_with_files_that_are_older_than_a_column() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| {
        ingest.write = WriteDisposition::Replace;
        ingest.on_new_column = OnNewColumn::Add;
    });
    bed.put("data/a.csv", "id\n1\n");
    bed.put("data/b.csv", "id,colour\n2,red\n");
    for _ in 0..2 {
        bed.load(&node).await.unwrap();
        assert_eq!(
            bed.rows("select id, colour from raw.trips order by id")
                .await,
            ["1|", "2|red"]
        );
        bed.put("data/a.csv", "id\n1\n\n");
    }
    // All files together still must have what the table has.
    bed.remove("data/b.csv");
    let text = bed.refused(&node).await;
    assert!(
        text.contains("the header lacks the column 'colour'"),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_with_a_header_alone_has_no_rows_and_is_loaded() {
    let bed = bed().await;
    let node = source_with("trips", |ingest| path(ingest, "data/?.csv"));
    bed.put("data/a.csv", "id,km\n1,2\n");
    bed.put("data/b.csv", "id,km\n");
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.files), (1, 2));
    bed.put("data/c.csv", "id,km");
    let loaded = bed.load(&node).await.unwrap();
    assert_eq!((loaded.rows, loaded.files), (0, 1));
    assert_eq!(bed.plan(&node).await.describe(), "nothing new in 3 files");
}
