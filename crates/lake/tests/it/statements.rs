//! Statements that change the warehouse.

use forebay_lake::{Executed, WriteMode};

use crate::support::{Place, place};

async fn run(place: &Place, sql: &str) -> Result<Executed, String> {
    let done = place.execute(sql).await;
    done.map_err(|problem| problem.to_string())
}

#[tokio::test]
async fn rows_are_inserted_updated_and_deleted() {
    let place = place().await;
    run(
        &place,
        "create table shop.orders (id integer, name varchar, paid boolean)",
    )
    .await
    .unwrap();
    for sql in [
        "insert into shop.orders values (1, 'a', true), (2, 'b', false)",
        "insert into shop.orders (name, id) select 'c', 1 + 2",
        "insert into shop.orders (id) values (4); delete from shop.orders as o where o.id = 1",
        "update shop.orders set name = upper(name), paid = id > 2 where id < 4",
        // A condition that is null does not hold, so that the row stays.
        "delete from shop.orders where name = 'B'",
    ] {
        assert!(
            matches!(run(&place, sql).await, Ok(Executed::Done)),
            "{sql}"
        );
    }
    assert_eq!(
        place
            .rows("select id, name, paid from shop.orders order by id")
            .await,
        ["3|C|true", "4|null|null"]
    );
    run(&place, "truncate table shop.orders").await.unwrap();
    assert_eq!(place.rows("select count(*) from shop.orders").await, ["0"]);
}

#[tokio::test]
async fn tables_and_views_are_made_changed_renamed_and_dropped() {
    let place = place().await;
    run(
        &place,
        "create or replace table main.t as select 1 as id, 'x' as name",
    )
    .await
    .unwrap();
    run(
        &place,
        "create table if not exists main.t as select 2 as id",
    )
    .await
    .unwrap();
    run(
        &place,
        "create view main.v (number) as select id from main.t",
    )
    .await
    .unwrap();
    assert_eq!(place.rows("select number from main.v").await, ["1"]);
    run(
        &place,
        "alter table main.t add column extra bigint, rename column name to label",
    )
    .await
    .unwrap();
    run(&place, "alter table main.t drop column if exists nothing")
        .await
        .unwrap();
    run(&place, "alter table main.t rename to t2")
        .await
        .unwrap();
    assert_eq!(
        place.rows("select id, label, extra from main.t2").await,
        ["1|x|null"]
    );
    run(&place, "drop view main.v; drop table if exists main.t")
        .await
        .unwrap();
    run(&place, "drop schema main cascade").await.unwrap();
    assert!(place.relations().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_means_nothing_here_says_so_and_what_cannot_be_done_is_refused() {
    let place = place().await;
    place
        .sql("main.t", WriteMode::Overwrite, "select 1 as id")
        .await
        .unwrap();
    for sql in [
        "grant select on main.t to reader",
        "begin",
        "commit",
        "create schema if not exists audit",
        "create index by_id on main.t (id)",
        "vacuum (analyze) main.t;",
        "VACUUM ANALYZE main.t",
        "alter default privileges in schema main grant select on tables to reader",
        "create extension if not exists \"uuid-ossp\"",
        "reset all",
    ] {
        assert!(
            matches!(run(&place, sql).await, Ok(Executed::Ignored(_))),
            "{sql}"
        );
    }
    for (sql, why) in [
        ("insert into main.t (idd) values (1)", "did you mean 'id'?"),
        ("insert into main.t values (1, 2)", "error"),
        ("update main.t set nothing = 1", "no column 'nothing'"),
        ("delete from main.missing", "there is no table"),
        ("drop table main.missing", "there is no table or view"),
        ("create table main.t as select 1", "is there already"),
        (
            "alter table main.t alter column id set not null",
            "is not understood",
        ),
        (
            "alter table main.t add column n int default 5",
            "has a DEFAULT",
        ),
        ("rollback", "is not understood"),
        ("copy main.t from 'file'", "expected: TO"),
        ("copy main.t to 't.csv.gz'", "compressed"),
        ("copy main.t to 't.csv' (partition_by (id))", "partition_by"),
    ] {
        let problem = run(&place, sql).await.unwrap_err();
        assert!(problem.contains(why), "{sql}: {problem}");
    }
    assert_eq!(place.rows("select * from main.t").await, ["1"]);
}

#[tokio::test]
async fn a_renamed_table_stays_in_its_schema() {
    let place = place().await;
    for sql in [
        "create table audit.t as select 1 as id",
        "alter table audit.t owner to reader",
        "alter table audit.t rename to u",
    ] {
        run(&place, sql).await.unwrap();
    }
    assert_eq!(place.rows("select * from audit.u").await, ["1"]);
}
