//! Queries: types at the boundary, messages, memory, and functions that projects rely on.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use forebay_core::Fault;
use forebay_lake::{SchemaChange, WriteMode};
use futures::StreamExt;

use crate::support::{place, place_with_memory, relation};

#[tokio::test]
async fn answers_have_plain_types_and_tables_microseconds() {
    let place = place().await;
    let sql = "SELECT 'a' AS text, now() AS moment, TIMESTAMP '2999-12-31 00:00:00' AS far,
                      CAST(1 AS DECIMAL(10, 2)) AS money, row_number() OVER () AS place, NULL AS nothing";
    let types = |schema: arrow::datatypes::SchemaRef| -> Vec<DataType> {
        schema
            .fields()
            .iter()
            .map(|f| f.data_type().clone())
            .collect()
    };
    let micros =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let answer = types(place.schema_of(sql).await.unwrap());
    assert_eq!(
        answer[..3],
        [DataType::Utf8, micros(Some("UTC")), micros(None)]
    );
    assert_eq!(types(place.query(sql).await.unwrap().schema), answer);

    place
        .sql("main.t", WriteMode::Overwrite, sql)
        .await
        .unwrap();
    let stored = types(
        place
            .info(&relation("main.t"))
            .await
            .unwrap()
            .unwrap()
            .schema,
    );
    assert_eq!(
        stored,
        [
            DataType::Utf8,
            micros(Some("UTC")),
            micros(None),
            DataType::Decimal128(10, 2),
            DataType::Int64,
            DataType::Utf8,
        ]
    );
    assert_eq!(
        types(place.schema_of("SELECT * FROM main.t").await.unwrap()),
        stored
    );
    assert_eq!(
        place.rows("SELECT far FROM main.t").await,
        ["2999-12-31T00:00:00"]
    );
}

#[tokio::test]
async fn names_are_lower_case_unless_quoted() {
    let place = place().await;
    place
        .sql(
            "Raw.Mixed Case",
            WriteMode::Append,
            "SELECT 1 AS Id, 2 AS \"Id2\"",
        )
        .await
        .unwrap();
    assert_eq!(
        place
            .rows("SELECT ID, \"Id2\" FROM \"Raw\".\"Mixed Case\"")
            .await,
        ["1|2"]
    );
    let problem = place
        .problem("SELECT Id2 FROM \"Raw\".\"Mixed Case\"")
        .await;
    assert!(problem.contains("hint: the column is \"Id2\""), "{problem}");
}

#[tokio::test]
async fn problems_say_what_where_and_what_was_meant() {
    let place = place().await;
    let rows = "SELECT 1 AS carrier, 2 AS origin";
    place
        .sql("raw.flights", WriteMode::Append, rows)
        .await
        .unwrap();
    for (sql, expected) in [
        (
            "SELECT carrier\nFROM raw.flights WHER origin = 2",
            "error: SQL syntax: expected: end of statement, found: origin (line 2, column 23)\n  hint: did you mean 'where'?",
        ),
        (
            "SELECT carrier,\n       carier\nFROM raw.flights",
            "error: there is no column 'carier' (line 2, column 8)\n  hint: did you mean 'carrier'?",
        ),
        (
            "SELECT f.x FROM raw.flights AS f",
            "error: there is no column 'f.x' (line 1, column 8)\n  hint: columns here: carrier, origin",
        ),
        (
            "SELECT g.carrier FROM raw.flights AS f",
            "error: there is no column 'g.carrier' (line 1, column 8)\n  hint: no table of this query has the name 'g'",
        ),
        (
            "SELECT * FROM raw.flihgts",
            "error: there is no table or view 'raw.flihgts' (line 1, column 15)\n  hint: did you mean 'raw.flights'?",
        ),
        (
            "SELECT carrier FROM raw.flights AS a, raw.flights AS b",
            "error: column 'carrier' is in more than one table of the query (line 1, column 8)\n  hint: name the table too: table.carrier",
        ),
        (
            "SELECT uper('a')",
            "error: there is no function 'uper' (line 1, column 8)\n  hint: did you mean 'upper'?",
        ),
        (
            "SELECT 1 / 0",
            "error: division by zero (line 1, column 10)\n  hint: guard the divisor: nullif(divisor, 0) makes the answer null",
        ),
        (
            "SELECT CAST('x' AS BIGINT)",
            "error: Cannot cast string 'x' to value of bigint type (line 1, column 13)\n  hint: try_cast(x as type) makes null of what does not fit",
        ),
        (
            "DROP TABLE raw.flights",
            "error: 'DROP TABLE ...' is not a query: only SELECT, WITH, VALUES and EXPLAIN can be run",
        ),
        (
            "SELECT 1; SELECT 2",
            "error: the SQL has more than one statement (line 1, column 11)\n  hint: a query stands alone: remove what is behind the ';', or run it by itself, as a hook",
        ),
        ("", "error: the SQL is empty"),
    ] {
        assert_eq!(place.problem(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_sort_larger_than_the_memory_limit_spills() {
    let place = place_with_memory(32 << 20).await;
    let sql =
        "SELECT value, (value::bigint * 7919) % 2000003 AS shuffled, 'some text that takes room' AS text
               FROM generate_series(1, 2000000) AS t(value) ORDER BY shuffled";
    let mut rows = place.query(sql).await.unwrap();
    let (mut count, mut last) = (0, i64::MIN);
    while let Some(batch) = rows.stream.next().await {
        let batch = batch.unwrap();
        let keys = batch.column(1).as_primitive::<Int64Type>();
        for key in keys.values() {
            assert!(last <= *key);
            last = *key;
        }
        count += batch.num_rows();
    }
    assert_eq!(count, 2_000_000);
}

#[tokio::test]
async fn a_join_larger_than_the_memory_limit_is_done_by_sorting() {
    let place = place_with_memory(24 << 20).await;
    let side = "SELECT value AS k, 'some text that takes room ' || CAST(value AS VARCHAR) AS text FROM generate_series(1, 600000) AS t(value)";
    let sql = format!(
        "SELECT count(*), sum(a.k) FROM ({side}) AS a JOIN ({side}) AS b ON a.k = b.k AND a.text = b.text"
    );
    assert_eq!(place.rows(&sql).await, ["600000|180000300000"]);
}

#[tokio::test]
async fn running_out_of_memory_is_said_plainly() {
    let place = place_with_memory(1 << 20).await;
    let sql = "SELECT array_agg(value) FROM generate_series(1, 2000000) AS t(value)";
    let problem = place.collect(sql).await.unwrap_err();
    assert_eq!(problem.fault, Fault::Environment);
    assert_eq!(
        problem.message,
        "the query needs more memory than the memory limit leaves"
    );
}

#[tokio::test]
async fn the_functions_of_time() {
    let place = place().await;
    for (expression, expected) in [
        ("extract(year FROM DATE '2013-06-30')", "2013"),
        ("date_part('dow', TIMESTAMP '2013-01-06 10:00:00')", "0"),
        (
            "date_trunc('month', TIMESTAMP '2013-06-30 10:00:00')",
            "2013-06-01T00:00:00",
        ),
        ("make_date(2013, 6, 30)", "2013-06-30"),
        (
            "make_date(2013, 6, 30) + INTERVAL '1 month'",
            "2013-07-30T00:00:00",
        ),
        (
            "to_timestamp('2013-06-30T10:00:00Z')",
            "2013-06-30T10:00:00Z",
        ),
        ("'2013-06-30'::date", "2013-06-30"),
        (
            "'2013-06-30 10:00:00'::timestamp + INTERVAL '90 minutes'",
            "2013-06-30T11:30:00",
        ),
        (
            "TIMESTAMP '2013-06-30 10:00:00' - INTERVAL '1 day'",
            "2013-06-29T10:00:00",
        ),
        (
            "CAST('2013-06-30T10:00:00-04:00' AS TIMESTAMPTZ)",
            "2013-06-30T14:00:00Z",
        ),
        (
            "TIMESTAMPTZ '2013-06-30 10:00:00Z' = TIMESTAMP '2013-06-30 10:00:00'",
            "true",
        ),
        ("DATE '2013-03-01' - DATE '2013-02-01'", "28"),
        (
            "(TIMESTAMP '2013-01-01 05:00:00' AT TIME ZONE 'America/New_York') AT TIME ZONE 'UTC'",
            "2013-01-01T10:00:00",
        ),
        ("coalesce(NULL, 3)", "3"),
        ("7 / 2", "3"),
        ("round(2.5)", "3"),
        ("'a' || 1", "a1"),
    ] {
        let rows = place.rows(&format!("SELECT {expression}")).await;
        assert_eq!(rows, [expected], "{expression}");
    }
}

#[tokio::test]
async fn a_small_table_is_one_file_however_many_partitions_made_it() {
    let place = place().await;
    let sql = "SELECT value % 10 AS k, count(*) AS n FROM generate_series(1, 100000) AS t(value) GROUP BY 1";
    place
        .sql("main.t", WriteMode::Overwrite, sql)
        .await
        .unwrap();
    let info = place.info(&relation("main.t")).await.unwrap().unwrap();
    assert_eq!((info.files, info.rows), (1, Some(10)));
    assert_eq!(SchemaChange::default(), SchemaChange::Ignore);
}

/// Three answers that the engine, or the Delta scan below it, would give wrongly.
#[tokio::test]
async fn conditions_without_columns_hold_and_set_operations_count() {
    let place = place().await;
    let rows = "SELECT value AS k FROM generate_series(1, 1000) AS t(value)";
    place
        .sql("main.t", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    for condition in [
        "k > 1 AND NULL",
        "k NOT IN (1, NULL)",
        "k > 1 AND random() > 2",
    ] {
        let sql = format!("SELECT count(*) FROM main.t WHERE {condition}");
        assert_eq!(place.rows(&sql).await, ["0"], "{condition}");
    }
    assert_eq!(
        place
            .rows("SELECT count(*) FROM main.t WHERE k > 1 AND k < 4")
            .await,
        ["2"]
    );
    let twice = "(SELECT k FROM main.t UNION ALL SELECT k FROM main.t)";
    for (operator, rows) in [("EXCEPT", "1999"), ("INTERSECT", "1")] {
        let sql = format!("SELECT count(*) FROM ({twice} {operator} ALL SELECT 1) AS s");
        assert_eq!(place.rows(&sql).await, [rows], "{operator}");
    }
}

/// Files are skipped by the least and greatest values in the log, which are cut short for long
/// texts and fine times: the very last value must still be found.
#[tokio::test]
async fn no_row_is_lost_to_the_statistics_of_its_file() {
    let place = place().await;
    let long = "z".repeat(500);
    let rows = format!(
        "SELECT TIMESTAMP '2013-01-01 00:00:00.123456' AS ts, '{long}' AS text, 0.1::double AS x,
                CAST('12345678901234567.89' AS DECIMAL(20, 2)) AS money, NULL::bigint AS n
         UNION ALL SELECT TIMESTAMP '2013-01-01 00:00:00', 'a', 'NaN'::double, 0, 1"
    );
    for _ in 0..2 {
        place.sql("main.t", WriteMode::Append, &rows).await.unwrap();
    }
    for condition in [
        "ts = TIMESTAMP '2013-01-01 00:00:00.123456'".to_owned(),
        "ts > TIMESTAMP '2013-01-01 00:00:00.123455'".to_owned(),
        format!("text = '{long}'"),
        format!("text > '{}'", &long[..400]),
        "x > 1e300".to_owned(),
        "x < 1".to_owned(),
        "money = CAST('12345678901234567.89' AS DECIMAL(20, 2))".to_owned(),
        "n IS NULL".to_owned(),
        "n IS NOT NULL".to_owned(),
        "NOT (n > 1)".to_owned(),
    ] {
        let sql = format!("SELECT count(*) FROM main.t WHERE {condition}");
        assert_eq!(place.rows(&sql).await, ["2"], "{condition}");
    }
    let sums =
        "SELECT count(n), count(x), count(*), max(ts), min(text), length(max(text)) FROM main.t";
    let expected = ["2|4|4|2013-01-01T00:00:00.123456|a|500"];
    assert_eq!(place.rows(sums).await, expected);
}
