//! The name of the database before a schema.

use forebay_lake::{Executed, Lake};

use crate::support::{lines, open_called, place, relation};

async fn run(lake: &Lake, sql: &str) -> Result<(), String> {
    let done = lake.execute(sql).await;
    done.map(|_: Executed| ())
        .map_err(|problem| problem.to_string())
}

async fn rows(lake: &Lake, sql: &str) -> Vec<String> {
    lines(&lake.collect(sql).await.unwrap())
}

#[tokio::test]
async fn every_statement_may_write_the_database_before_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_called(&folder, "shop").await;
    for sql in [
        "create schema if not exists \"shop\".\"main\"",
        "create table \"shop\".\"main\".\"orders\" as (select 1 as id, 'a' as name)",
        "insert into \"shop\".\"main\".\"orders\" values (2, 'b'), (3, 'c')",
        "update shop.main.orders set name = upper(name) where shop.main.orders.id = 2",
        "delete from \"shop\".\"main\".\"orders\" where \"shop\".\"main\".\"orders\".id = 3",
        "create view Shop.main.named as select o.name from \"shop\".\"main\".\"orders\" as o",
        "alter table \"shop\".\"main\".\"named\" rename to \"shop\".\"main\".\"names\"",
        "merge into shop.main.orders as t using (select 1 as id) as s on t.id = s.id when matched then delete",
    ] {
        run(&lake, sql).await.unwrap();
    }
    let names = rows(
        &lake,
        "select \"shop\".\"main\".\"names\".* from \"shop\".\"main\".\"names\"",
    )
    .await;
    assert_eq!(names, ["B"]);
    assert_eq!(rows(&lake, "select current_database()").await, ["shop"]);
    let catalog =
        "select table_catalog from shop.information_schema.tables where table_name = 'names'";
    assert_eq!(rows(&lake, catalog).await, ["shop"]);
    run(&lake, "drop view \"shop\".\"main\".\"names\"")
        .await
        .unwrap();
    run(&lake, "drop schema \"shop\".\"main\" cascade")
        .await
        .unwrap();
    assert_eq!(lake.relations().await.unwrap(), []);
}

#[tokio::test]
async fn a_star_is_of_a_table_by_its_last_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_called(&folder, "shop").await;
    run(&lake, "create schema main").await.unwrap();
    run(
        &lake,
        "create table main.orders as (select 1 as id, 'a' as name)",
    )
    .await
    .unwrap();
    for (sql, expected) in [
        ("select orders.* from shop.main.orders", "1|a"),
        (
            "with t as (select orders.* from main.orders) select name from t",
            "a",
        ),
        (
            "select id from (select Orders.* from \"shop\".\"main\".\"orders\")",
            "1",
        ),
        (
            "select orders.*, o.id from main.orders join main.orders as o on orders.id = o.id",
            "1|a|1",
        ),
        (
            "select orders.* from main.orders union all select main.orders.* from main.orders limit 1",
            "1|a",
        ),
    ] {
        assert_eq!(rows(&lake, sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_folder_is_the_same_under_another_name_of_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_called(&folder, "dev").await;
    let sql = "select id from \"dev\".\"main\".\"t\"";
    run(
        &lake,
        "create table \"dev\".\"main\".\"t\" as select 1 as id",
    )
    .await
    .unwrap();
    lake.create_view(&relation("main.v"), sql).await.unwrap();
    let later = open_called(&folder, "prod").await;
    assert_eq!(rows(&later, "select id from prod.main.v").await, ["1"]);
}

#[tokio::test]
async fn what_is_in_another_database_is_refused() {
    let place = place().await;
    for sql in [
        "select * from elsewhere.main.t",
        "insert into elsewhere.main.t select 1",
        "drop table if exists elsewhere.main.t",
        "drop schema elsewhere.main cascade",
        "create view main.v as select * from elsewhere.main.t",
    ] {
        let said = run(&place, sql).await.unwrap_err();
        assert!(said.contains("elsewhere.main"), "{said}");
    }
}
