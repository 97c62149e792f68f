//! Places of errors that name none: the part of the query that is at fault is told.

use forebay_core::{Diagnostic, Relation};
use forebay_lake::{Dialect, Lake};

use crate::support::open_as;

const ROWS: &str =
    "with o as (select * from (values (1, 'a', date '2024-01-02'), (2, 'b', null)) t(id, v, d))\n";

async fn problem(lake: &Lake, sql: &str) -> String {
    lake.collect(sql).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_error_is_told_where_the_part_is_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    for (sql, place, says) in [
        (
            "select id from o where id = 1 and d > 5",
            "(line 2, column 35)",
            "a date is written",
        ),
        (
            "select id, 2 as n from o where d > 'abc'",
            "(line 2, column 32)",
            "'abc' is no date",
        ),
        (
            "select v, length(v), length(id) from o",
            "(line 2, column 22)",
            "length() takes texts",
        ),
        (
            "select id, v ~ '(' from o",
            "(line 2, column 12)",
            "no regular expression",
        ),
        (
            "select id, case when id > 0 then dayname(v) end from o",
            "(line 2, column 34)",
            "dayname()",
        ),
        (
            "select sum(id), sum(row_number() over ()) from o",
            "(line 2, column 17)",
            "in a subquery",
        ),
        (
            "select a.id from o as a join o as b on a.id = b.id and not b.v",
            "(line 2, column 60)",
            "neither true nor false",
        ),
        (
            "select id, v from o group by 1, 2 order by abs(v)",
            "(line 2, column 44)",
            "abs",
        ),
        (
            "select x from (select v::int as x from o) t",
            "(line 2, column 26)",
            "try_cast",
        ),
        (
            "select * from read_csvv('x.csv')",
            "(line 2, column 15)",
            "did you mean 'read_csv'?",
        ),
    ] {
        let told = problem(&lake, &format!("{ROWS}{sql}")).await;
        assert!(told.contains(place) && told.contains(says), "{sql}: {told}");
    }
}

#[tokio::test]
async fn an_error_in_a_view_is_told_there() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let view = Relation::new("main", "a");
    let sql = "select 1 as n,\nnot v as x from (values ('q')) t(v)";
    lake.create_view(&view, sql).await.unwrap();
    let told = problem(&lake, "select n, x from main.a").await;
    assert!(
        told.starts_with("error: view 'main.a': 'q' is neither true nor false (line 2, column 5)"),
        "{told}"
    );
}

#[tokio::test]
async fn a_view_that_does_not_plan_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let view = Relation::new("main", "a");
    let made: Result<(), Diagnostic> = lake
        .create_view(&view, "select 1 as n,\n length(1) as l")
        .await;
    let told = made.unwrap_err().to_string();
    assert!(told.contains("(line 2, column 2)"), "{told}");
}

#[tokio::test]
async fn what_duckdb_does_not_take_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    for (sql, says) in [
        ("select list_transform([1, 2], x -> x + 1)", "lambda x: ..."),
        (
            "select date '2024-01-01' + interval 1 dai",
            "no unit (line 1, column 37)",
        ),
        ("select interval 1", "no unit"),
        (
            "select date '2024-01-01' + 1 day",
            "found: day (line 1, column 30)",
        ),
        ("select 1 <=> 1", "is not distinct from"),
        ("select 5::int[]", "cannot be cast to integer[]"),
        (
            "select map {'1': 10, '01': 20}::map(int, int)",
            "a key once",
        ),
        ("select count(1, 2)", "count() takes 1 argument"),
        (
            "select dateadd('day', 1, date '2024-01-01')",
            "DuckDB has d + interval 1 day",
        ),
        (
            "attach 'a.duckdb' as a",
            "ATTACH: the files of other databases are not opened (line 1, column 1)",
        ),
        ("select 1; detach a", "(line 1, column 11)"),
    ] {
        let told = match lake.execute(sql).await {
            Ok(_) => String::new(),
            Err(problem) => problem.to_string(),
        };
        assert!(told.contains(says), "{sql}: {told}");
    }
}
