//! What DuckDB refuses is an error under its dialect too, and what it takes beside that is not.

use forebay_lake::{Dialect, Lake};

use crate::support::open_as;

const ROW: &str = "with o as (select '12' as v, 5 as i, 5::bigint as g, date '2024-01-02' as d,
    timestamp '2024-01-02 03:04:05' as ts, true as b, 2.5::double as x, time '10:00' as t, '{' as broken) ";

async fn problem(lake: &Lake, expr: &str) -> Option<String> {
    let sql = format!("{ROW}select {expr} as a from o");
    let answer = lake.collect(&sql).await;
    answer.err().map(|problem| problem.to_string())
}

#[tokio::test]
async fn what_duckdb_refuses_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, Dialect::DuckDb).await;
    let mut wrong = Vec::new();
    for (refused, taken, says) in [
        ("v > 5", "v::int > 5", "text is not compared with integer"),
        ("v < d", "v < d::varchar", "not compared with date"),
        (
            "v between 1 and 50",
            "v between '1' and '5'",
            "not compared",
        ),
        ("i > (select '4')", "i > '4'", "not compared"),
        ("v in (select 12)", "v in (12, 13)", "not compared"),
        ("d > 5", "d > '2024-01-01'", "date '2024-01-31'"),
        ("b < x", "b < i", "compared"),
        (
            "case when b then d else 0 end",
            "case when b then d else '2024-01-01' end",
            "values of one type",
        ),
        ("coalesce(d, i)", "coalesce(d, ts)", "no function coalesce"),
        ("d + g", "d + i", "d + n::integer"),
        (
            "d - row_number() over ()",
            "d - 1",
            "no operation date - bigint",
        ),
        ("t - t", "t::varchar", "no operation"),
        ("v + interval 1 day", "d + interval 1 day", "no operation"),
        (
            "'2024-01-01' + interval 1 day",
            "date '2024-01-01' + interval 1 day",
            "say which: date '2024-01-01'",
        ),
        ("year('2024-01-01')", "year(d)", "year() is given a text"),
        (
            "extract(year from '2024-01-01')",
            "extract(year from d)",
            "extract()",
        ),
        (
            "datediff('day', '2024-01-01', '2024-01-02')",
            "datediff('day', '2024-01-01', d)",
            "datediff()",
        ),
        (
            "date_trunc('month', v)",
            "date_trunc('month', d)",
            "takes dates and timestamps",
        ),
        ("year(v)", "year(ts)", "takes dates and timestamps"),
        (
            "current_timestamp()",
            "current_timestamp",
            "without brackets",
        ),
        ("safe_cast(v as int)", "try_cast(v as int)", "try_cast"),
        (
            "v like any ('a%', 'b%')",
            "v like 'a%' or v like 'b%'",
            "LIKE ANY",
        ),
        ("d + interval i day", "d + interval (i) day", "in brackets"),
        (
            "lag(i) ignore nulls over (order by i)",
            "lag(i ignore nulls) over (order by i)",
            "within the brackets",
        ),
        ("broken->>'a'", "try(broken->>'a')", "this is no JSON"),
        (
            "v->>'$.a[' from o where false--",
            "v->>'$.a[0]'",
            "no path into JSON",
        ),
        ("v->'$[0'", "v->'$[0]'", "no path into JSON"),
        (
            r"substring(v from '\d')",
            "substring(v from '1')",
            "Cannot cast",
        ),
        (
            "percentile_cont(0.5) within group (order by i) over ()",
            "quantile_cont(i, 0.5) over ()",
            "WITHIN GROUP is of no window",
        ),
        (
            "sum(i) over (order by i rows unbounded preceding exclude ties)",
            "sum(i) over (order by i rows unbounded preceding)",
            "EXCLUDE is not supported",
        ),
        ("'[1,2,3]'::int[2]", "'[1,2]'::int[2]", "has length 3"),
        ("v ** 'a'", "2 ** i", "Cannot cast"),
        (
            "json_extract('{\"b\": abc, \"a\": 2}', '$.a')",
            "json_extract('{\"b\": NaN, \"a\": 2,}', '$.a')",
            "at byte 6",
        ),
        (
            "json_array_length(broken)",
            "case when json_valid(broken) then json_array_length(broken) end",
            "this is no JSON",
        ),
    ] {
        match problem(&lake, refused).await {
            None => wrong.push(format!("{refused} is taken")),
            Some(told) if !told.contains(says) => wrong.push(format!("{refused}: {told}")),
            Some(_) => {}
        }
        if let Some(told) = problem(&lake, taken).await {
            wrong.push(format!("{taken} is refused: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
