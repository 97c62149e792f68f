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

#[tokio::test]
async fn what_is_declared_of_columns_holds_for_later_rows() {
    let place = place().await;
    for sql in [
        "create table log.t (id integer primary key, at varchar not null default 'now', n bigint default 5 + 1)",
        "insert into log.t (id) values (1)",
        "insert into log.t values (2, default, default), (3, 'then', null)",
        "insert into log.t by name select 4 as id",
        "insert or ignore into log.t (id) values (1)",
        "insert or replace into log.t (id, at) values (3, 'again')",
        "update log.t set n = default where id = 3",
        "alter table log.t alter n drop default",
        "insert into log.t (id) values (5)",
        "alter table log.t rename column at to moment",
        "alter table log.t add column done boolean default false",
        "insert into log.t (id) values (6)",
        "merge into log.t using (select 7 as id) as s on t.id = s.id when not matched then insert (id) values (s.id)",
    ] {
        run(&place, sql).await.unwrap();
    }
    assert_eq!(
        place.rows("select * from log.t order by id").await,
        [
            "1|now|6|false",
            "2|now|6|false",
            "3|again|6|false",
            "4|now|6|false",
            "5|now|null|false",
            "6|now|null|false",
            "7|now|null|false"
        ]
    );
    for (sql, why) in [
        (
            "insert into log.t (id, moment) values (8, null)",
            "'moment' of 'log.t' is NOT NULL",
        ),
        (
            "insert into log.t (moment) values ('x')",
            "'id' of 'log.t' is NOT NULL",
        ),
        ("insert into log.t (id) values (1)", "the same key (id)"),
        (
            "insert into log.t (id) values (9), (9)",
            "the same key (id)",
        ),
        (
            "alter table log.t alter column n set not null",
            "'n' of 'log.t' is NOT NULL",
        ),
        (
            "alter table log.t add unique (moment)",
            "the same key (moment)",
        ),
        (
            "alter table log.t add constraint c check (id > 0)",
            "is not understood",
        ),
    ] {
        let problem = run(&place, sql).await.unwrap_err();
        assert!(problem.contains(why), "{sql}: {problem}");
    }
    // Other rows in its place are another table.
    place
        .sql(
            "log.t",
            WriteMode::Overwrite,
            "select 1 as id, 'x' as moment",
        )
        .await
        .unwrap();
    run(&place, "insert into log.t (id) values (1)")
        .await
        .unwrap();
    assert_eq!(
        place.rows("select * from log.t order by moment").await,
        ["1|x", "1|null"]
    );
}
