//! SQL that the engine, or its parser, would read or answer wrongly. The answers are PostgreSQL's.

use forebay_lake::{Dialect, WriteMode};

use crate::support::{all, lines, open_as, place, relation};

/// The rows that a query answers, values separated by bars.
async fn answers(cases: &[(&str, &[&str])]) {
    let place = place().await;
    for (sql, rows) in cases {
        assert_eq!(place.rows(sql).await, *rows, "{sql}");
    }
}

#[tokio::test]
async fn is_distinct_from_ends_where_and_and_or_begin() {
    answers(&[
        ("SELECT 1 IS DISTINCT FROM 1 OR true", &["true"]),
        ("SELECT 1 IS NOT DISTINCT FROM 2 OR true", &["true"]),
        ("SELECT 1 IS DISTINCT FROM 2 AND false", &["false"]),
        ("SELECT NOT 1 IS DISTINCT FROM 1 OR false", &["true"]),
        ("SELECT false AND 1 IS DISTINCT FROM 2 OR true", &["true"]),
        // A comparison binds more than IS.
        ("SELECT true IS DISTINCT FROM 1 = 1", &["false"]),
        ("SELECT true IS DISTINCT FROM (false OR true)", &["false"]),
        (
            "SELECT count(*) FROM (VALUES (1, NULL), (2, 2)) AS t(a, b)
             WHERE a IS DISTINCT FROM b OR a = 2",
            &["2"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn operators_bind_as_in_postgresql() {
    answers(&[
        (
            "SELECT 2 ^ 3, 2 * 3 ^ 2, -2 ^ 2, 2 ^ 3 ^ 2",
            &["8.0|18.0|4.0|64.0"],
        ),
        ("SELECT -5 % 3, - 2 * 3, 7 - -2, -'3'::int", &["-2|-6|9|-3"]),
        ("SELECT 1 + 2 || 'a'", &["3a"]),
        (
            "SELECT 'a' || 'b' = 'ab', 'a' LIKE 'b' = false",
            &["true|true"],
        ),
        ("SELECT 5 & 3 + 1, 1 | 2 # 3, 1 << 2 + 1", &["4|0|8"]),
        (
            "SELECT NOT 1 = 2, NOT 1 IN (1), NOT false AND false",
            &["true|false|false"],
        ),
        ("SELECT 1 < 2 IS NULL", &["false"]),
    ])
    .await;
}

#[tokio::test]
async fn what_has_no_answer_in_numbers_is_an_error_in_postgresql() {
    let place = place().await;
    for (sql, problem) in [
        ("SELECT ln(0)", "the logarithm of zero"),
        ("SELECT log(-1)", "the logarithm of -1, which is negative"),
        ("SELECT log(2, 0)", "the logarithm of zero"),
        (
            "SELECT sqrt(-4)",
            "the square root of -4, which is negative",
        ),
        ("SELECT power(-8, 0.5)", "is no real number"),
        ("SELECT (-8) ^ 0.5", "is no real number"),
        ("SELECT power(0, -1)", "is undefined"),
        ("SELECT exp(10000)", "out of the range of double precision"),
        ("SELECT 'a' ~ '(a'", "no regular expression"),
    ] {
        let said = place.problem(sql).await;
        assert!(said.contains(problem), "{sql}: {said}");
    }
}

#[tokio::test]
async fn windows_keep_what_the_named_one_says() {
    let from = "FROM (VALUES (1, 1), (1, 2), (2, 3), (2, 4)) AS t(k, v)";
    for over in [
        format!("sum(v) OVER (w ORDER BY v) {from} WINDOW w AS (PARTITION BY k)"),
        format!("sum(v) OVER u {from} WINDOW w AS (PARTITION BY k), u AS (w ORDER BY v)"),
        format!("sum(v) OVER u {from} WINDOW w AS (PARTITION BY k ORDER BY v), u AS w"),
        format!("sum(v) OVER (W) {from} WINDOW w AS (PARTITION BY k ORDER BY v)"),
    ] {
        let sql = format!("SELECT v, {over} ORDER BY v");
        answers(&[(&sql, &["1|1", "2|3", "3|3", "4|7"])]).await;
    }
    let outer = format!(
        "SELECT v {from} WINDOW w AS (PARTITION BY k ORDER BY v DESC)
         QUALIFY row_number() OVER w = 1 ORDER BY sum(v) OVER (w)"
    );
    answers(&[(&outer, &["2", "4"])]).await;
}

#[tokio::test]
async fn windows_that_cannot_build_on_another_are_refused() {
    let place = place().await;
    let from = "FROM (VALUES (1, 1)) AS t(k, v)";
    for (over, problem) in [
        (
            "(w PARTITION BY v)",
            "cannot have a PARTITION BY of its own",
        ),
        ("(w ORDER BY k)", "cannot have an ORDER BY"),
        ("(f)", "that window has a frame"),
        ("(x)", "no window is called 'x'"),
        ("ww", "no window is called 'ww'"),
    ] {
        let sql = format!(
            "SELECT sum(v) OVER {over} {from}
             WINDOW w AS (ORDER BY v), f AS (ORDER BY v ROWS UNBOUNDED PRECEDING)"
        );
        let said = place.problem(&sql).await;
        assert!(said.contains(problem), "{over}: {said}");
    }
    let twice = format!("SELECT sum(v) OVER w {from} WINDOW w AS (), w AS (ORDER BY v)");
    let said = place.problem(&twice).await;
    assert!(said.contains("window 'w' is defined twice"), "{said}");
    let days = "SELECT sum(1) OVER (ORDER BY d RANGE 7 PRECEDING) FROM (SELECT now() AS d) AS t";
    let said = place.problem(days).await;
    assert!(said.contains("takes an interval"), "{said}");
}

#[tokio::test]
async fn everyday_additions_of_duckdb_are_read() {
    answers(&[
        ("SELECT a, b, FROM (VALUES (1, 2),) AS t(a, b)", &["1|2"]),
        ("FROM (VALUES (1, 2)) AS t(a, b) SELECT b", &["2"]),
        (
            "SELECT * EXCLUDE (a) FROM (VALUES (1, 2)) AS t(a, b)",
            &["2"],
        ),
        (
            "SELECT * REPLACE (a + 1 AS a) FROM (VALUES (1, 2)) AS t(a, b)",
            &["2|2"],
        ),
        ("SELECT top FROM (VALUES (1)) AS t(top)", &["1"]),
        ("SELECT 1_000 + 1", &["1001"]),
    ])
    .await;
}

#[tokio::test]
async fn functions_that_the_engine_lacks_or_types_otherwise() {
    answers(&[
        (
            "SELECT date_diff('day', DATE '2020-02-28', DATE '2020-03-01'),
                    datediff('month', '2019-12-31'::timestamp, '2020-01-01'::timestamp),
                    date_diff('weeks', DATE '2024-01-07', DATE '2024-01-08'),
                    date_diff('year', DATE '2021-01-01', DATE '2019-12-31'),
                    date_diff('hour', NULL, DATE '2019-12-31')",
            &["2|1|1|-2|null"],
        ),
        (
            "SELECT coalesce(d, '2099-01-01') FROM (VALUES (NULL::date), (DATE '2020-01-02')) AS t(d)",
            &["2099-01-01", "2020-01-02"],
        ),
        ("SELECT mod(7, 2 + 1), 1 + mod(-7, 3)", &["1|0"]),
        (
            "SELECT arrow_typeof(row_number() OVER () - 1), arrow_typeof(ntile(2) OVER ())",
            &["Int64|Int64"],
        ),
        (
            "SELECT DATE '2020-01-01' + (row_number() OVER (ORDER BY x) - 1) * INTERVAL '1 day'
             FROM (VALUES (1), (2)) AS t(x)",
            &["2020-01-01T00:00:00", "2020-01-02T00:00:00"],
        ),
        ("SELECT 7 / 2, -7 / 2, 7 / 2.0", &["3|-3|3.5000000000000000"]),
    ])
    .await;
    let place = place().await;
    let said = place.problem("SELECT date_diff('dya', now(), now())").await;
    assert!(
        said.contains("no part 'dya'") && said.contains("'day'"),
        "{said}"
    );
}

#[tokio::test]
async fn duckdb_reads_some_operators_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let rows = lake.collect("SELECT 7 / 2, 6 / 3, 7 % 2, 1.5 / 2").await;
    assert_eq!(lines(&rows.unwrap()), ["3.5|2.0|1|0.75"]);
    let rows = lake
        .collect("SELECT (DATE '2018-01-01' + INTERVAL '1 day')::date")
        .await;
    assert_eq!(lines(&rows.unwrap()), ["2018-01-02"]);
    let compared = "SELECT true > 0, 1 = (2 > 1), (NULL > 1) = 0, false <> 0.5::double";
    let rows = lake.collect(compared).await;
    assert_eq!(lines(&rows.unwrap()), ["true|true|null|true"]);
}

#[tokio::test]
async fn functions_that_give_tables_are_found_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let rows = lake.collect("SELECT seq.day FROM GENERATE_SERIES(1, 2) AS seq (day)");
    assert_eq!(lines(&rows.await.unwrap()), ["1", "2"]);
}

#[tokio::test]
async fn the_catalog_lists_tables_views_and_columns() {
    let place = place().await;
    let rows = "SELECT 1::bigint AS id, 'x' AS name, 1.5::numeric(9,2) AS price";
    place
        .sql("shop.orders", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    let view = relation("shop.newest");
    place
        .lake
        .create_view(&view, "SELECT id FROM shop.orders")
        .await
        .unwrap();
    assert_eq!(
        place
            .rows("SELECT * FROM \"forebay\".information_schema.tables ORDER BY table_name")
            .await,
        ["forebay|shop|newest|VIEW", "forebay|shop|orders|BASE TABLE"]
    );
    assert_eq!(
        place
            .rows(
                "SELECT column_name, ordinal_position, data_type FROM information_schema.columns
                 WHERE table_name = 'orders' ORDER BY 2"
            )
            .await,
        ["id|1|bigint", "name|2|text", "price|3|numeric(9,2)"]
    );
    let said = place.problem("SELECT * FROM elsewhere.shop.orders").await;
    assert!(said.contains("there is only 'forebay'"), "{said}");
}

#[tokio::test]
async fn whole_numbers_that_do_not_fit_into_their_type_are_an_error() {
    let place = place().await;
    place
        .sql(
            "main.t",
            WriteMode::Overwrite,
            "SELECT big, small::int AS small FROM (VALUES (9223372036854775807, 1), (-2, 2147483647)) AS t(big, small)",
        )
        .await
        .unwrap();
    for (sql, said) in [
        ("SELECT 9223372036854775807 + 1", "out of the range of bigint"),
        ("SELECT big + small FROM main.t", "9223372036854775807 + 1"),
        ("SELECT big - -1 FROM main.t", "out of the range of bigint"),
        ("SELECT big * 2 FROM main.t", "out of the range of bigint"),
        ("SELECT small + small FROM main.t", "out of the range of integer"),
        ("SELECT -(-2147483647::int - 1::int)", "out of the range of integer"),
        ("SELECT sum(big) FROM (SELECT big FROM main.t UNION ALL SELECT 5) AS u", "the sum"),
        (
            "SELECT small, sum(big) OVER (ORDER BY big DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
             FROM (SELECT * FROM main.t UNION ALL SELECT 9223372036854775806, 3) AS u",
            "the sum",
        ),
        ("SELECT small % 1, sum(big) FROM (SELECT * FROM main.t UNION ALL SELECT 5, 5) AS u GROUP BY 1", "the sum"),
        ("SELECT sum(DISTINCT big) FROM (SELECT big FROM main.t UNION ALL SELECT 5) AS u", "the sum"),
    ] {
        let problem = place.problem(sql).await;
        assert!(problem.contains(said), "{sql}: {problem}");
    }
    // What is out of range on the way may come back into it.
    assert_eq!(
        place
            .rows("SELECT sum(big) FROM (SELECT 1 AS big UNION ALL SELECT big FROM main.t) AS u")
            .await,
        ["9223372036854775806"]
    );
}

#[tokio::test]
async fn a_short_float_beside_a_decimal_is_what_each_dialect_makes_of_it() {
    let sql = "SELECT arrow_typeof(x), 0.1::real = 0.1::decimal(10, 2) \
               FROM (SELECT 1.5::real AS x UNION ALL SELECT 2.5::decimal(10, 2)) AS u LIMIT 1";
    let folder = tempfile::tempdir().unwrap();
    for (dialect, expected) in [
        (Dialect::DuckDb, "Float32|true"),
        (Dialect::Postgres, "Float64|false"),
    ] {
        let lake = open_as(&folder, 64 << 20, dialect).await;
        let rows = all(lake.query(sql).await.unwrap()).await.unwrap();
        assert_eq!(lines(&rows), [expected], "{dialect:?}");
    }
}

/// The rows that a query answers in DuckDB's dialect, with the names of its columns before them.
async fn answers_of_duckdb(cases: &[(&str, &[&str])]) {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    for (sql, expected) in cases {
        let found = lake
            .collect(sql)
            .await
            .unwrap_or_else(|problem| panic!("{sql}: {problem}"));
        let columns = found.first().map(|rows| rows.schema());
        let columns = columns.iter().flat_map(|schema| schema.fields());
        let names: Vec<&str> = columns.map(|field| field.name().as_str()).collect();
        let mut all = vec![names.join("|")];
        all.extend(lines(&found));
        assert_eq!(all, *expected, "{sql}");
    }
}

#[tokio::test]
async fn expressions_that_only_a_cast_tells_apart_are_two() {
    answers_of_duckdb(&[
        (
            "SELECT sum(x) AS a, sum(x::int) AS b, sum(x::int::double) AS c FROM (VALUES (1.5), (2.5)) AS t(x)",
            &["a|b|c", "4.0|5|5.0"],
        ),
        (
            "SELECT x::int AS y, x AS z, count(*) AS n FROM (VALUES (1.5), (2.5)) AS t(x) GROUP BY 1, 2 ORDER BY 1",
            &["y|z|n", "2|1.5|1", "3|2.5|1"],
        ),
        (
            "SELECT lag(x) OVER (ORDER BY x) AS a, lag(x::int) OVER (ORDER BY x) AS b FROM (VALUES (1.5), (2.5)) AS t(x)
             ORDER BY x",
            &["a|b", "null|null", "1.5|2"],
        ),
        (
            "SELECT k, sum(x::int) AS a FROM (VALUES (1, 1.5), (2, 0.5)) AS t(k, x) GROUP BY k HAVING sum(x) > 0
             ORDER BY sum(x)",
            &["k|a", "2|1", "1|2"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_cast_that_loses_digits_is_compared_with_what_it_leaves() {
    answers_of_duckdb(&[
        ("SELECT x FROM (VALUES (1.2), (2.5)) AS t(x) WHERE x::int = 1", &["x", "1.2"]),
        (
            "WITH a AS (SELECT x::decimal(10, 2) AS y FROM (VALUES (1.205), (3.7)) AS t(x)) SELECT * FROM a WHERE y = 1.21",
            &["y", "1.21"],
        ),
        (
            "SELECT x::int AS y, count(*) AS n FROM (VALUES (1.2), (1.4)) AS t(x) GROUP BY GROUPING SETS ((x::int), ())
             ORDER BY n, y NULLS LAST",
            &["y|n", "1|2", "null|2"],
        ),
        (
            "SELECT x FROM (VALUES (3000000000), (4)) AS t(x) WHERE try_cast(x AS int) > 3",
            &["x", "4"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_subquery_that_is_one_value_is_null_where_it_has_no_row() {
    answers_of_duckdb(&[
        ("SELECT (SELECT 1 WHERE false) IS NULL AS a", &["a", "true"]),
        (
            "SELECT x FROM (VALUES (7)) AS t(x) WHERE (SELECT y FROM (VALUES (1)) AS u(y) WHERE y > 5) IS NULL",
            &["x", "7"],
        ),
        (
            "SELECT x, coalesce((SELECT y FROM (VALUES (1)) AS u(y) WHERE y = x), 0) AS a FROM (VALUES (1), (2)) AS t(x)
             ORDER BY x",
            &["x|a", "1|1", "2|0"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn fields_of_structures_are_columns_by_their_own_names() {
    answers_of_duckdb(&[
        (
            "WITH u AS (SELECT s.a, s.b.c FROM (SELECT {'a': 1, 'b': {'c': 'x'}} AS s) AS t) SELECT a, c FROM u",
            &["a|c", "1|x"],
        ),
        (
            "SELECT s.id FROM (SELECT 1 AS id, {'id': 9} AS s UNION ALL SELECT 2, {'id': 8}) AS t ORDER BY id DESC",
            &["s['id']", "8", "9"],
        ),
        (
            "SELECT s.a, count(*) AS n, sum(s.b) AS m FROM (SELECT {'a': 1, 'b': 2} AS s) AS t GROUP BY s.a ORDER BY s.a",
            &["a|n|m", "1|1|2"],
        ),
    ])
    .await;
}
