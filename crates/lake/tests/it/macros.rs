//! Macros and pivots as statements, as projects on DuckDB use them.

use forebay_lake::{Dialect, Executed, Lake};

use super::support::{lines, open_as};

async fn answer(lake: &Lake, sql: &str) -> (String, Vec<String>) {
    match lake.execute(sql).await {
        Ok(Executed::Rows(schema, rows)) => {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            (names.collect::<Vec<_>>().join(", "), lines(&rows))
        }
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn a_macro_is_laid_into_the_queries_of_every_lake_on_the_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    let defined = "create macro main.twice(a) as a * 2;
         create or replace macro plus(a, b := 10) as twice(a) + b;
         create function firsts(n) as table select range as r from range(9) limit n";
    lake.execute(defined).await.unwrap();
    let other = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    for (sql, names, rows) in [
        ("select TWICE(1 + 2)", "twice(1 + 2)", vec!["6"]),
        (
            "select main.plus(1) as x, plus(1, b := 2) as y",
            "x, y",
            vec!["12|4"],
        ),
        ("select sum(twice(r)) as s from firsts(3)", "s", vec!["6"]),
        (
            "select f.r from firsts(2) as f order by 1",
            "r",
            vec!["0", "1"],
        ),
    ] {
        let (found, answered) = answer(&other, sql).await;
        assert_eq!(
            (found.as_str(), answered),
            (names, rows.iter().map(|r| (*r).to_owned()).collect()),
            "{sql}"
        );
    }
    for (sql, said) in [
        ("create macro twice(a) as a", "is there already"),
        ("select twice()", "needs a value for 'a'"),
        ("select twice(1, 2)", "is given 2 values"),
        ("select plus(1, c := 2)", "has no parameter 'c'"),
        ("drop macro nope", "there is no macro 'nope'"),
    ] {
        let problem = other.execute(sql).await.unwrap_err().to_string();
        assert!(problem.contains(said), "{sql}: {problem}");
    }
    other
        .execute("create or replace macro twice(a) as twice(a)")
        .await
        .unwrap();
    let problem = lake
        .execute("select twice(1)")
        .await
        .unwrap_err()
        .to_string();
    assert!(problem.contains("calls itself"), "{problem}");
    lake.execute("drop macro twice").await.unwrap();
    let problem = other
        .execute("select twice(1)")
        .await
        .unwrap_err()
        .to_string();
    assert!(problem.contains("no function 'twice'"), "{problem}");
}

#[tokio::test]
async fn a_pivot_has_a_column_for_each_value_that_its_table_holds() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 64 << 20, Dialect::DuckDb).await;
    let table = "create table sales as select * from (values
         ('n', 'Q1', 1, 5), ('n', 'Q2', 2, 6), ('s', 'Q1', 3, null), ('s', null, 4, 7)) v(area, q, x, y)";
    lake.execute(table).await.unwrap();
    for (sql, names, rows) in [
        (
            "pivot sales on q using sum(x) group by area order by area",
            "area, Q1, Q2",
            vec!["n|1|2", "s|3|null"],
        ),
        ("pivot (select q, x from sales) on q using sum(x) as t, max(x)", "Q1_t, Q1_max(x), Q2_t, Q2_max(x)", vec!["4|3|2|2"]),
        ("with p as (pivot (select q from sales) on q in ('Q1', 'Q2')) select q1 from p", "Q1", vec!["2"]),
        (
            "unpivot (select area, x, y from sales) on x, y into name k value v order by all",
            "area, k, v",
            vec!["n|x|1", "n|x|2", "n|y|5", "n|y|6", "s|x|3", "s|x|4", "s|y|7"],
        ),
        (
            "select v from (unpivot include nulls (select y as \"Y\", 1 as one from sales) on columns('^[A-Z]')
             into name k value v) where k = 'Y' order by v",
            "v",
            vec!["5", "6", "7", "null"],
        ),
        ("describe select x, q from sales", "column_name, column_type, null, key, default, extra", vec!["x|INTEGER|YES|null|null|null", "q|VARCHAR|YES|null|null|null"]),
        ("show tables", "name", vec!["sales"]),
    ] {
        let (found, answered) = answer(&lake, sql).await;
        assert_eq!((found.as_str(), answered), (names, rows.iter().map(|r| (*r).to_owned()).collect()), "{sql}");
    }
    let problem = lake
        .execute("select * from sales positional join sales s")
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("POSITIONAL JOIN"), "{problem}");
}

#[tokio::test]
async fn queries_read_descriptions_and_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let table = "create table sales as select 1 as x, 'a' as q, null as z";
    lake.execute(table).await.unwrap();
    for (sql, row) in [
        (
            "select column_name, column_type from (describe select x, q from main.sales) where column_name = 'x'",
            "x|INTEGER",
        ),
        (
            "select d.column_name, t.name from (describe sales) d join (show tables) t on d.column_name = 'q'",
            "q|sales",
        ),
        (
            "select column_name, data_type from system.information_schema.columns where column_name = 'z'",
            "z|INTEGER",
        ),
    ] {
        let found = lake.collect(sql).await.unwrap();
        assert_eq!(lines(&found), [row], "{sql}");
        assert_eq!(answer(&lake, sql).await.1, [row], "{sql}");
    }
}
