//! Views, and tables and views taking each other's place.

use forebay_lake::{TableKind, WriteMode};

use crate::support::{open, place, relation};

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
