//! Views, and tables and views taking each other's place.

use forebay_lake::{Dialect, TableKind, WriteMode};

use crate::support::{Place, open, open_as, place, relation};

#[tokio::test]
async fn a_view_follows_its_tables_and_the_asked_versions() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id")
        .await
        .unwrap();
    place
        .create_view(&relation("main.v"), "SELECT id * 10 AS ten FROM main.t")
        .await
        .unwrap();
    place
        .create_view(&relation("main.w"), "SELECT sum(ten) AS s FROM main.v")
        .await
        .unwrap();
    place
        .sql("main.t", WriteMode::Append, "SELECT 2 AS id")
        .await
        .unwrap();
    assert_eq!(place.rows("SELECT * FROM main.w").await, ["30"]);
    assert_eq!(
        place.rows_at("SELECT * FROM main.w", "main.t", 0).await,
        ["10"]
    );
    assert_eq!(
        place.relations().await.unwrap(),
        ["main.t", "main.v", "main.w"].map(relation)
    );
    let info = place.info(&relation("main.v")).await.unwrap().unwrap();
    assert_eq!(info.kind, TableKind::View);
    assert_eq!(
        info.view_sql.as_deref(),
        Some("SELECT id * 10 AS ten FROM main.t")
    );
    assert_eq!(info.schema.field(0).name(), "ten");
}

#[tokio::test]
async fn a_view_read_before_follows_whatever_takes_the_place_of_what_it_reads() {
    let place = place().await;
    let other = open(&place.folder, 64 << 20).await;
    let read = "SELECT * FROM main.w";
    let write = |sql| place.sql("main.t", WriteMode::Overwrite, sql);
    write("SELECT 1 AS id").await.unwrap();
    for (view, sql) in [
        ("main.v", "SELECT * FROM main.t"),
        ("main.w", "SELECT * FROM main.v"),
    ] {
        place.create_view(&relation(view), sql).await.unwrap();
    }
    assert_eq!(place.rows(read).await, ["1"]);
    assert_eq!(place.rows(read).await, ["1"]);

    // Another version, from another lake, which is as good as another process.
    let input = forebay_lake::Input::Sql("SELECT 2 AS id".to_owned());
    let options = forebay_lake::WriteOptions::new(WriteMode::Overwrite);
    other
        .write(&relation("main.t"), input, options)
        .await
        .unwrap();
    assert_eq!(place.rows(read).await, ["2"]);

    // The same version of another table, with other columns.
    other.drop(&relation("main.t")).await.unwrap();
    write("SELECT 'a' AS name, 3 AS n").await.unwrap();
    assert_eq!(place.rows(read).await, ["a|3"]);

    // Another definition, in the middle.
    let sql = "SELECT n + 1 AS more FROM main.t";
    other.create_view(&relation("main.v"), sql).await.unwrap();
    assert_eq!(place.rows(read).await, ["4"]);

    // A view in the place of the table, then nothing.
    let sql = "SELECT 10 AS n";
    other.create_view(&relation("main.t"), sql).await.unwrap();
    assert_eq!(place.rows(read).await, ["11"]);
    other.drop(&relation("main.t")).await.unwrap();
    assert!(place.problem(read).await.contains("'main.t'"));
}

#[tokio::test]
async fn a_view_that_nobody_could_read_is_not_made() {
    let place = place().await;
    let sql = "SELECT max(unnest(l)) FROM (SELECT [1, 2] AS l) AS t";
    let problem = place
        .create_view(&relation("main.v"), sql)
        .await
        .unwrap_err();
    assert!(
        problem.message.contains("within an aggregate function"),
        "{problem}"
    );
    let listed = place.rows("SELECT * FROM information_schema.tables").await;
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn a_view_of_a_file_or_of_the_catalog_is_read_anew_each_time() {
    let place = place().await;
    let file = place.folder.path().join("x.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let sql = format!("SELECT * FROM read_csv('{}')", file.display());
    for (view, sql) in [
        ("main.v", sql.as_str()),
        ("main.w", "SELECT * FROM main.v"),
        (
            "main.c",
            "SELECT table_name FROM information_schema.tables ORDER BY 1",
        ),
    ] {
        place.create_view(&relation(view), sql).await.unwrap();
    }
    let rows = place.rows("SELECT * FROM main.w").await;
    assert_eq!(rows, ["1"]);
    std::fs::write(&file, "a,b\n1,2\n").unwrap();
    let rows = place.rows("SELECT * FROM main.w").await;
    assert_eq!(rows, ["1|2"]);
    let before = place.rows("SELECT * FROM main.c").await;
    place.drop(&relation("main.w")).await.unwrap();
    let after = place.rows("SELECT * FROM main.c").await;
    assert_eq!(before.len(), after.len() + 1);
}

#[tokio::test]
async fn a_view_cannot_read_itself_and_must_plan() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Append, "SELECT 1 AS id")
        .await
        .unwrap();
    place
        .create_view(&relation("main.v"), "SELECT * FROM main.t")
        .await
        .unwrap();
    let problem = place
        .create_view(&relation("main.t"), "SELECT * FROM main.v")
        .await;
    assert!(problem.unwrap_err().message.contains("reads itself"));
    assert_eq!(place.rows("SELECT * FROM main.t").await, ["1"]);
    let problem = place
        .create_view(&relation("main.x"), "SELECT idd FROM main.t")
        .await
        .unwrap_err();
    assert_eq!(
        problem.message,
        "there is no column 'idd' (line 1, column 8)"
    );
    assert_eq!(problem.hints, ["did you mean 'id'?"]);
}

#[tokio::test]
async fn tables_and_views_replace_each_other() {
    let place = place().await;
    place
        .sql("main.x", WriteMode::Append, "SELECT 1 AS id")
        .await
        .unwrap();
    place
        .create_view(&relation("main.x"), "SELECT 'view' AS kind")
        .await
        .unwrap();
    assert_eq!(place.rows("SELECT * FROM main.x").await, ["view"]);
    place
        .sql("main.x", WriteMode::Append, "SELECT 'table' AS kind")
        .await
        .unwrap();
    assert_eq!(place.rows("SELECT * FROM main.x").await, ["table"]);
    assert_eq!(
        place.history(&relation("main.x"), 9).await.unwrap().len(),
        1
    );
    place.drop(&relation("main.x")).await.unwrap();
    place.drop(&relation("main.x")).await.unwrap();
    assert!(place.relations().await.unwrap().is_empty());
}

/// A crash between writing the view and removing the table it replaces, and one between committing
/// a table and removing the view that it replaces.
#[tokio::test]
async fn where_both_are_there_the_view_is_meant() {
    let place = place().await;
    let schema = place.folder.path().join("warehouse/main");
    place
        .create_view(&relation("main.x"), "SELECT 'view' AS kind")
        .await
        .unwrap();
    let definition = std::fs::read(schema.join("x.view.json")).unwrap();
    place
        .sql("main.x", WriteMode::Append, "SELECT 'table' AS kind")
        .await
        .unwrap();
    std::fs::write(schema.join("x.view.json"), definition).unwrap();

    let fresh = open(&place.folder, 64 << 20).await;
    assert_eq!(fresh.relations().await.unwrap(), [relation("main.x")]);
    assert_eq!(place.rows("SELECT * FROM main.x").await, ["view"]);
    place
        .sql("main.x", WriteMode::Append, "SELECT 'again' AS kind")
        .await
        .unwrap();
    assert_eq!(place.rows("SELECT * FROM main.x").await, ["again"]);
}

/// Another lake on the same folder, in DuckDB's dialect.
async fn as_duckdb(place: &Place) -> Place {
    Place {
        lake: open_as(&place.folder, 64 << 20, Dialect::DuckDb).await,
        folder: tempfile::tempdir().unwrap(),
    }
}

#[tokio::test]
async fn a_view_is_read_in_the_dialect_of_who_defined_it() {
    let place = place().await;
    let duckdb = as_duckdb(&place).await;
    let sql = "SELECT 7 / 2 AS half, round(2.5::double precision) AS round";
    let halves = ["main.by_postgres", "main.by_duckdb"].map(relation);
    place.create_view(&halves[0], sql).await.unwrap();
    duckdb.create_view(&halves[1], sql).await.unwrap();
    duckdb
        .create_view(
            &relation("main.over"),
            "SELECT half / 2 AS quarter FROM main.by_postgres WHERE half > 1",
        )
        .await
        .unwrap();
    for reader in [&place, &duckdb] {
        assert_eq!(
            reader
                .rows("SELECT half, round FROM main.by_postgres")
                .await,
            ["3|2.0"]
        );
        assert_eq!(
            reader.rows("SELECT half, round FROM main.by_duckdb").await,
            ["3.5|3.0"]
        );
        assert_eq!(reader.rows("SELECT * FROM main.over").await, ["1.5"]);
        assert_eq!(
            reader
                .rows("SELECT round FROM main.by_duckdb WHERE half > 3.4 LIMIT 1")
                .await,
            ["3.0"]
        );
    }
}

#[tokio::test]
async fn a_renamed_view_keeps_its_dialect_and_an_old_one_is_read_as_ever() {
    let place = place().await;
    let duckdb = as_duckdb(&place).await;
    let sql = "SELECT 7 / 2 AS half";
    duckdb.create_view(&relation("main.v"), sql).await.unwrap();
    place
        .execute("ALTER TABLE main.v RENAME TO w")
        .await
        .unwrap();
    assert_eq!(place.rows("SELECT * FROM main.w").await, ["3.5"]);

    let old = place.folder.path().join("warehouse/main/old.view.json");
    let text = format!(r#"{{"format": 1, "version": 0, "sql": "{sql}"}}"#);
    std::fs::write(old, text).unwrap();
    assert_eq!(place.rows("SELECT * FROM main.old").await, ["3"]);
    assert_eq!(duckdb.rows("SELECT * FROM main.old").await, ["3.5"]);
}
