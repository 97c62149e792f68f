//! Each write mode, and what a change of columns does to it.

use forebay_lake::{Input, SchemaChange, TableKind, WriteMode, WriteOptions};

use crate::support::{keys, place, relation};

const ALL: &str = "SELECT * FROM main.t ORDER BY 1";

#[tokio::test]
async fn append_makes_the_table_and_adds_rows() {
    let place = place().await;
    let first = place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id, 'a' AS name")
        .await
        .unwrap();
    assert_eq!((first.version, first.rows, first.skipped), (0, 1, false));
    let second = place
        .sql("main.t", WriteMode::Append, "VALUES (2, 'b'), (3, 'c')")
        .await;
    // No name in common: nothing but nulls would be written.
    let problem = second.unwrap_err();
    assert!(
        problem.message.contains("columns of 'main.t' changed"),
        "{problem}"
    );

    let second = place
        .sql("main.t", WriteMode::Append, "SELECT 2 AS id, 'b' AS name")
        .await
        .unwrap();
    assert_eq!(second.version, 1);
    assert_eq!(place.rows(ALL).await, ["1|a", "2|b"]);
    assert_eq!(place.rows_at(ALL, "main.t", 0).await, ["1|a"]);
}

#[tokio::test]
async fn overwrite_replaces_rows_and_columns_and_may_read_its_own_table() {
    let place = place().await;
    place
        .sql(
            "main.t",
            WriteMode::Overwrite,
            "SELECT 1 AS id, 'a' AS name",
        )
        .await
        .unwrap();
    place
        .sql(
            "main.t",
            WriteMode::Overwrite,
            "SELECT name, id + 1 AS id, true AS seen FROM main.t",
        )
        .await
        .unwrap();
    assert_eq!(place.rows(ALL).await, ["a|2|true"]);
    assert_eq!(place.rows_at(ALL, "main.t", 0).await, ["1|a"]);

    let info = place.info(&relation("main.t")).await.unwrap().unwrap();
    assert_eq!((info.version, info.rows, info.files), (1, Some(1), 1));
    assert_eq!(info.kind, TableKind::Table);
    let before = place
        .info_at(&relation("main.t"), 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(before.schema.fields().len(), 2);
}

#[tokio::test]
async fn delete_insert_replaces_the_rows_of_the_inputs_keys() {
    let place = place().await;
    let months = "SELECT m.value AS month, d.value AS day FROM generate_series(1, 3) AS m(value)
                  CROSS JOIN generate_series(1, 2) AS d(value)";
    place
        .sql("main.t", WriteMode::Overwrite, months)
        .await
        .unwrap();
    let mode = || WriteMode::DeleteInsert {
        keys: keys(&["month"]),
    };
    let again = "SELECT * FROM (VALUES (2, 10), (2, 11), (4, 12)) AS v(month, day)";
    let written = place.sql("main.t", mode(), again).await.unwrap();
    assert_eq!((written.version, written.rows), (1, 3));
    assert_eq!(
        place.rows("SELECT * FROM main.t ORDER BY 1, 2").await,
        ["1|1", "1|2", "2|10", "2|11", "3|1", "3|2", "4|12"]
    );
    let none = place
        .sql("main.t", mode(), "SELECT * FROM main.t WHERE false")
        .await
        .unwrap();
    assert_eq!((none.version, none.rows), (2, 0));
    assert_eq!(place.rows("SELECT count(*) FROM main.t").await, ["7"]);
}

#[tokio::test]
async fn merge_updates_and_inserts_and_touches_only_the_files_concerned() {
    let place = place().await;
    for id in 1..=3 {
        let sql = format!("SELECT {id} AS id, 'old' AS name");
        place.sql("main.t", WriteMode::Append, &sql).await.unwrap();
    }
    let mode = || WriteMode::Merge {
        keys: keys(&["id"]),
    };
    let upsert = "SELECT * FROM (VALUES (2, 'new'), (4, 'new')) AS v(id, name)";
    place.sql("main.t", mode(), upsert).await.unwrap();
    assert_eq!(place.rows(ALL).await, ["1|old", "2|new", "3|old", "4|new"]);
    // Three files of one row, of which one was replaced by the input's.
    let info = place.info(&relation("main.t")).await.unwrap().unwrap();
    assert_eq!((info.files, info.rows), (3, Some(4)));

    let twice = "SELECT * FROM (VALUES (2, 'x'), (2, 'y')) AS v(id, name)";
    let problem = place.sql("main.t", mode(), twice).await.unwrap_err();
    assert_eq!(
        problem.message,
        "the new rows of 'main.t' have id = 2 2 times: which one to keep is not known"
    );
    assert_eq!(place.rows(ALL).await.len(), 4);
}

#[tokio::test]
async fn a_null_key_matches_nothing_and_keys_may_have_several_columns() {
    let place = place().await;
    let rows = "SELECT * FROM (VALUES (1, 'a', 1), (1, null, 2), (2, 'a', 3)) AS v(x, y, z)";
    place
        .sql("main.t", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    let mode = WriteMode::Merge {
        keys: keys(&["x", "y"]),
    };
    let upsert = "SELECT * FROM (VALUES (1, 'a', 10), (1, null, 20), (1, null, 21)) AS v(x, y, z)";
    place.sql("main.t", mode, upsert).await.unwrap();
    assert_eq!(
        place.rows("SELECT * FROM main.t ORDER BY z").await,
        ["1|null|2", "2|a|3", "1|a|10", "1|null|20", "1|null|21"]
    );
}

#[tokio::test]
async fn a_key_that_is_no_column_is_refused() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id")
        .await
        .unwrap();
    let mode = WriteMode::Merge {
        keys: keys(&["ID"]),
    };
    let problem = place
        .sql("main.t", mode, "SELECT 1 AS id")
        .await
        .unwrap_err();
    assert_eq!(
        problem.message,
        "the key 'ID' of 'main.t' is not a column of the table"
    );
}

async fn change(change: SchemaChange, mode: WriteMode) -> Vec<String> {
    let place = place().await;
    for sql in ["SELECT 1 AS id, 'x' AS gone", "SELECT 2 AS id, 'y' AS gone"] {
        place.sql("main.t", WriteMode::Append, sql).await.unwrap();
    }
    let options = WriteOptions {
        schema_change: change,
        ..WriteOptions::new(mode.clone())
    };
    let input = Input::Sql("SELECT true AS fresh, 2 AS id".to_owned());
    if let Err(problem) = place.write(&relation("main.t"), input, options).await {
        return vec![problem.message];
    }
    // A column that left and comes again must not bring its old values back.
    let again = WriteOptions {
        schema_change: SchemaChange::AppendNew,
        ..WriteOptions::new(WriteMode::Append)
    };
    if change == SchemaChange::Sync {
        let input = Input::Sql("SELECT 3 AS id, 'z' AS gone".to_owned());
        place
            .write(&relation("main.t"), input, again)
            .await
            .unwrap();
    }
    place
        .rows("SELECT * FROM main.t ORDER BY id, fresh IS NULL")
        .await
}

#[tokio::test]
async fn changed_columns_are_ignored_refused_added_or_followed() {
    use SchemaChange::*;
    let refused = ["the columns of 'main.t' changed (new: 'fresh'; missing: 'gone')"];
    assert_eq!(change(Fail, WriteMode::Append).await, refused);
    let added = ["1|x|null", "2|null|true", "2|y|null"];
    assert_eq!(change(AppendNew, WriteMode::Append).await, added);
    let synced = ["1|null|null", "2|true|null", "2|null|null", "3|null|z"];
    assert_eq!(change(Sync, WriteMode::Append).await, synced);
    let merge = || WriteMode::Merge {
        keys: keys(&["id"]),
    };
    assert_eq!(
        change(AppendNew, merge()).await,
        ["1|x|null", "2|null|true"]
    );
    assert_eq!(
        change(Sync, merge()).await,
        ["1|null|null", "2|true|null", "3|null|z"]
    );
}

#[tokio::test]
async fn ignored_columns_are_dropped_and_missing_ones_null() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id, 'x' AS name")
        .await
        .unwrap();
    place
        .sql("main.t", WriteMode::Append, "SELECT true AS fresh, 2 AS id")
        .await
        .unwrap();
    assert_eq!(place.rows(ALL).await, ["1|x", "2|null"]);
}

#[tokio::test]
async fn a_length_of_time_comes_back_as_one() {
    let place = place().await;
    let rows = "SELECT b - a AS took, INTERVAL '1 month 2 days 03:00:00' AS due, n FROM
        (SELECT TIMESTAMP '2013-01-05 12:00:00' AS b, TIMESTAMP '2013-01-01' AS a, 1 AS n
         UNION ALL SELECT TIMESTAMP '2013-01-01', TIMESTAMP '2013-01-01 00:00:01.5', 2
         UNION ALL SELECT NULL, NULL, 3) AS t";
    place
        .sql("main.t", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    place.sql("main.t", WriteMode::Append, rows).await.unwrap();
    let parts = "SELECT DISTINCT n, extract(epoch FROM took), extract(day FROM took), extract(month FROM due),
        TIMESTAMP '2013-01-31' + due, took > INTERVAL '4 days' FROM main.t ORDER BY n";
    assert_eq!(
        place.rows(parts).await,
        [
            "1|388800.0|4|1|2013-03-02T03:00:00|true",
            "2|-1.5|0|1|2013-03-02T03:00:00|false",
            "3|null|null|1|2013-03-02T03:00:00|null",
        ]
    );
    let sum = "SELECT count(*) FROM main.t WHERE took > INTERVAL '1 hour'";
    assert_eq!(place.rows(sum).await, ["2"]);
}

#[tokio::test]
async fn a_time_of_day_comes_back_as_one_and_is_a_key_like_others() {
    let place = place().await;
    let rows = "SELECT time '09:30:00' AS at, 1 AS n UNION ALL SELECT time '17:45:00.25', 2";
    place
        .sql("main.t", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    let typed =
        "SELECT at, extract(hour FROM at) AS hour FROM main.t WHERE at > time '10:00' ORDER BY at";
    assert_eq!(place.rows(typed).await, ["17:45:00.250|17"]);

    let mode = WriteMode::Merge {
        keys: keys(&["at"]),
    };
    place
        .sql("main.t", mode, "SELECT time '09:30:00' AS at, 3 AS n")
        .await
        .unwrap();
    assert_eq!(place.rows(ALL).await, ["09:30:00|3", "17:45:00.250|2"]);

    let text = "SELECT 'noon' AS at, 4 AS n";
    let problem = place
        .sql("main.t", WriteMode::Append, text)
        .await
        .unwrap_err();
    assert_eq!(
        problem.message,
        "column 'at' of 'main.t' is a time of day, and the new rows have text"
    );
    place
        .sql("main.t", WriteMode::Overwrite, text)
        .await
        .unwrap();
    assert_eq!(place.rows(ALL).await, ["noon|4"]);
}
