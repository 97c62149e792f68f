//! Sequences and types as statements.

use forebay_lake::{Dialect, Executed, Input, Lake, WriteMode, WriteOptions};

use super::support::{lines, open_as};

async fn answers(lake: &Lake, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        let found = match lake.execute(sql).await {
            Ok(Executed::Rows(_, rows)) => lines(&rows).join(" "),
            Ok(_) => "done".to_owned(),
            Err(problem) => problem.to_string(),
        };
        match expected.strip_prefix('!') {
            Some(said) => assert!(found.contains(said), "{sql}: {found}"),
            None => assert_eq!(found, *expected, "{sql}"),
        }
    }
}

#[tokio::test]
async fn a_sequence_goes_on_over_all_lakes_on_the_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    let other = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    answers(
        &lake,
        &[
            ("create sequence s start 1 increment 1", "done"),
            ("create sequence S", "!is there already"),
            ("create sequence if not exists s start 77", "done"),
            ("select currval('s')", "!has given no number yet"),
            ("select nextval('s'), nextval('main.s')", "1|2"),
            (
                "select nextval('S') as k, x from (values (7), (8)) t(x)",
                "3|7 4|8",
            ),
        ],
    )
    .await;
    answers(
        &other,
        &[
            ("select currval('\"main\".\"s\"')", "4"),
            ("select nextval('s')", "5"),
            (
                "create or replace sequence s start with 10 increment by 5",
                "done",
            ),
        ],
    )
    .await;
    let sql = "select nextval('s') as k, range as x from range(3)".to_owned();
    let table = forebay_core::Relation::new("main", "t");
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(&table, Input::Sql(sql), options).await.unwrap();
    answers(
        &lake,
        &[
            ("select k, x from t order by x", "10|0 15|1 20|2"),
            ("create view v as select nextval('s') as k", "done"),
            ("select k from v", "25"),
            ("select k from v", "30"),
            (
                "select count(*) from (select nextval('s') k from range(20000)) where k % 5 = 0",
                "20000",
            ),
            (
                "create table d (id bigint default nextval('s'), x int)",
                "done",
            ),
            ("insert into d (x) values (1), (2)", "done"),
            ("select max(id) - min(id), count(distinct id) from d", "5|2"),
            ("drop sequence s", "done"),
            ("drop sequence s", "!there is no sequence 'main.s'"),
            ("drop sequence if exists s", "done"),
            ("select nextval('s')", "!there is no sequence 's'"),
        ],
    )
    .await;
}

#[tokio::test]
async fn sequences_have_ends_and_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    answers(
        &lake,
        &[
            (
                "create sequence c increment by 2 minvalue 1 maxvalue 6 start 2 cycle",
                "done",
            ),
            ("select nextval('c') from range(6)", "2 4 6 1 3 5"),
            ("create sequence e maxvalue 2", "done"),
            (
                "select nextval('e') from range(3)",
                "!the sequence 'e' is at its end, 2",
            ),
            ("select nextval('e')", "1"),
            ("create sequence d increment -1", "done"),
            ("select nextval('d') from range(2)", "-1 -2"),
            ("create sequence j maxvalue 10 increment -1", "done"),
            ("select nextval('j')", "10"),
            ("create sequence i minvalue 5", "done"),
            ("select nextval('i')", "5"),
            ("create sequence f increment by 0", "!not zero"),
            (
                "create sequence g start 5 maxvalue 3",
                "!greater than MAXVALUE 3",
            ),
            ("create sequence o start -5", "!less than MINVALUE 1"),
            ("create temp sequence z.s start 100", "done"),
            ("select nextval('z.s')", "100"),
            ("select nextval('zz.s')", "!there is no sequence 'zz.s'"),
            ("drop schema z cascade", "done"),
            ("select nextval('z.s')", "!there is no sequence 'z.s'"),
            ("select nextval(null)", "null"),
            (
                "select nextval(x) from (values ('c')) t(x)",
                "!as a constant",
            ),
            ("select nextval('c', 2)", "!takes 1 argument"),
            (
                "with a as (select nextval('c') as k) select k + 1 as m, k from a",
                "2|1",
            ),
            (
                "with a as (select nextval('c') k), b as (select k from a) select 1 from b, b as c",
                "!is read more than once",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_type_stands_for_what_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    let other = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    answers(
        &lake,
        &[
            ("create type if not exists num as decimal(38,9)", "done"),
            ("create type if not exists num as int", "done"),
            ("create type num as int", "!the type 'num' is there already"),
            ("create type nums as num[]", "done"),
            ("create type odd as nope", "!nope"),
            ("create type size as enum ('large', 'small')", "done"),
        ],
    )
    .await;
    answers(
        &other,
        &[
            (
                "select typeof(1::num), typeof(cast(null as main.NUM))",
                "DECIMAL(38,9)|DECIMAL(38,9)",
            ),
            ("select typeof([1]::nums)", "DECIMAL(38,9)[]"),
            (
                "select 'small'::size, try_cast('tiny' as size), null::size, 'b'::enum('a', 'b')",
                "small|null|null|b",
            ),
            (
                "select x::size from (values ('tiny')) t(x)",
                "!'tiny' is none of the values of ENUM('large', 'small')",
            ),
            (
                "select 'a'::enum('b', 'a')",
                "!would not compare in the order",
            ),
            ("create table q (a num, b size default 'small')", "done"),
            ("insert into q (a) values (2)", "done"),
            ("select typeof(a), b from q", "DECIMAL(38,9)|small"),
            ("create or replace type num as int", "done"),
            ("select typeof(1::num)", "INTEGER"),
            ("drop type num", "done"),
            ("drop type num", "!there is no type 'num'"),
            ("drop type if exists num", "done"),
            ("select 1::num", "!num"),
        ],
    )
    .await;
}
