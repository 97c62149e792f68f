//! Columns of a query that gives them no name: tables are made with the names that PostgreSQL and DuckDB give.

use forebay_lake::{Dialect, Executed};

use crate::support::open_as;

const FROM: &str = "FROM (SELECT 1 AS id, 2.5 AS y, 'a' AS s, DATE '2024-01-02' AS d) AS t";

async fn check(dialect: Dialect, cases: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, dialect).await;
    for (query, expected) in cases {
        let sql = match query.starts_with("SELECT") {
            true => (*query).to_owned(),
            false => format!("SELECT {query} {FROM}"),
        };
        let found = match lake.execute(&sql).await {
            Ok(Executed::Rows(schema, _)) => {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                names.collect::<Vec<_>>().join(" | ")
            }
            Ok(_) => "no rows".to_owned(),
            Err(problem) => problem.to_string(),
        };
        assert_eq!(found, *expected, "{sql}");
    }
}

#[tokio::test]
async fn columns_are_named_as_postgresql_does() {
    check(
        Dialect::Postgres,
        &[
            ("1::numeric(5,2)", "numeric"),
            ("(id + 1)::varchar(5)", "varchar"),
            ("1e10::float8::text", "text"),
            ("id::text", "id"),
            ("upper(s)::varchar(3)", "upper"),
            ("1::int", "int4"),
            ("'t'::boolean", "bool"),
            ("date '2024-01-01'", "date"),
            ("CASE id WHEN 1 THEN 'a' ELSE s END", "s"),
            ("CASE WHEN id = 1 THEN s END", "case"),
            ("(SELECT 5 AS five)", "five"),
            (
                "(SELECT max(id) FROM generate_series(1, 2) AS u(id))",
                "max",
            ),
            ("s COLLATE \"C\"", "s"),
            ("id + 1", "?column?"),
            ("unnest(ARRAY[1, 2])", "unnest"),
            ("generate_series(1, 2)", "generate_series"),
            ("SELECT * FROM unnest(ARRAY[1, 2])", "unnest"),
            ("SELECT * FROM unnest(ARRAY[1, 2]) AS x", "x"),
            ("SELECT * FROM generate_series(1, 3) AS s", "s"),
            ("SELECT * FROM jsonb_array_elements('[1]') AS x", "value"),
            ("SELECT * FROM jsonb_each('{\"a\": 1}') AS x", "key | value"),
        ],
    )
    .await;
}

#[tokio::test]
async fn columns_are_named_as_duckdb_does() {
    check(
        Dialect::DuckDb,
        &[
            ("min(id)::int", "CAST(min(id) AS INTEGER)"),
            ("id::decimal(5,2)", "CAST(id AS DECIMAL(5, 2))"),
            ("count(*) OVER ()", "count() OVER ()"),
            (
                "count(*) FILTER (id > 1)",
                "count_star() FILTER (WHERE (id > 1))",
            ),
            (
                "sum(id) OVER (PARTITION BY s ORDER BY d DESC ROWS UNBOUNDED PRECEDING)",
                "sum(id) OVER (PARTITION BY s ORDER BY d DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            ),
            ("id IS NULL, -id, -5", "(id IS NULL) | (-(id)) | -5"),
            ("extract(year FROM d)", "date_part('YEAR', d)"),
            (
                "CASE WHEN id = 1 THEN 2 END",
                "CASE  WHEN ((id = 1)) THEN (2) ELSE NULL END",
            ),
            ("nullif(id, 1)", "\"nullif\"(id, 1)"),
            ("ifnull(id, 1)", "COALESCE(id, 1)"),
            ("s LIKE 'b', s NOT ILIKE 'b'", "(s ~~ 'b') | (s !~~* 'b')"),
            ("try_cast(d AS timestamp)", "TRY_CAST(d AS TIMESTAMP)"),
            ("[1, 2], {'a': 1}", "list_value(1, 2) | struct_pack(a := 1)"),
            ("id IN (1, 2)", "(id IN (1, 2))"),
            ("id <> 1 AND y > 2 AND id < 3", "((id != 1) AND (y > 2) AND (id < 3))"),
            (
                "d + INTERVAL 1 DAY",
                "(d + to_days(CAST(trunc(CAST(1 AS DOUBLE)) AS INTEGER)))",
            ),
            (
                "list_transform([1], lambda a: a + 1)",
                "list_transform(list_value(1), (lambda a: (a + 1)))",
            ),
            ("string_agg(s, ',' ORDER BY id DESC)", "string_agg(s, ',' ORDER BY id DESC)"),
            ("unnest([1, 2])", "unnest(list_value(1, 2))"),
            ("SELECT unnest({'a': 1, 'b': 2})", "a | b"),
            ("SELECT id, unnest(s) FROM (SELECT 1 AS id, {'a': 1, 'b': 2} AS s)", "id | a | b"),
            ("SELECT * FROM unnest([1, 2])", "unnest"),
            ("SELECT * FROM unnest([1, 2]) AS t", "t"),
            ("SELECT u.* FROM (SELECT [1] AS l) AS a, unnest(a.l) AS u", "u"),
            ("SELECT * FROM range(3) AS r", "r"),
        ],
    )
    .await;
}
