//! Queries in a session whose time zone is not UTC. The answers are DuckDB's.

use forebay_lake::{Dialect, Lake, LakeOptions};
use tempfile::TempDir;

use crate::support::{lines, options};

async fn in_zone(folder: &TempDir, zone: &str) -> Lake {
    let settings = vec![("TimeZone".to_owned(), zone.to_owned())];
    let options = LakeOptions {
        dialect: Dialect::DuckDb,
        settings,
        ..options(folder)
    };
    Lake::open(options).await.unwrap()
}

/// Three instants, the second in the hour before New York's clocks are put forward.
const INSTANTS: &str = "with i as (select unnest(['2024-01-01 23:30:00+00'::timestamptz, \
    '2024-03-10 06:59:00+00'::timestamptz, '2024-07-01 04:00:00.5+00'::timestamptz]) as t) ";

const NEW_YORK: &[(&str, &[&str])] = &[
    (
        "select t::varchar, t::date, t::timestamp::varchar from i order by t",
        &[
            "2024-01-01 18:30:00-05|2024-01-01|2024-01-01 18:30:00",
            "2024-03-10 01:59:00-05|2024-03-10|2024-03-10 01:59:00",
            "2024-07-01 00:00:00.5-04|2024-07-01|2024-07-01 00:00:00.5",
        ],
    ),
    (
        "select hour(t), dayname(t), date_trunc('day', t)::varchar, date_trunc('hour', t)::varchar from i order by t",
        &[
            "18|Monday|2024-01-01 00:00:00-05|2024-01-01 18:00:00-05",
            "1|Sunday|2024-03-10 00:00:00-05|2024-03-10 01:00:00-05",
            "0|Monday|2024-07-01 00:00:00-04|2024-07-01 00:00:00-04",
        ],
    ),
    (
        "select (t + interval 1 day)::varchar, (t - interval '1 month')::varchar, (t + interval 3 hour)::varchar from i order by t",
        &[
            "2024-01-02 18:30:00-05|2023-12-01 18:30:00-05|2024-01-01 21:30:00-05",
            "2024-03-11 01:59:00-04|2024-02-10 01:59:00-05|2024-03-10 05:59:00-04",
            "2024-07-02 00:00:00.5-04|2024-06-01 00:00:00.5-04|2024-07-01 03:00:00.5-04",
        ],
    ),
    (
        "select date_diff('day', t, u), date_diff('hour', t, u), (t - timestamptz '2024-01-01 00:00:00+00')::varchar \
         from i, (select timestamptz '2024-12-31 00:00:00+00' as u) order by t",
        &[
            "364|8737|23:30:00",
            "295|7098|69 days 06:59:00",
            "182|4388|182 days 05:00:00.5",
        ],
    ),
    (
        "select epoch(t), extract(epoch from t), strftime(t, '%d %H:%M%z'), 'at ' || t from i where t > '2024-06-30'",
        &["1719806400.5|1719806400.5|01 00:00-04|at 2024-07-01 00:00:00.5-04"],
    ),
    (
        "select '2024-01-01'::timestamptz::varchar, timestamp '2024-07-01 10:00:00'::timestamptz::varchar, \
         '2024-01-01 10:00:00+02'::timestamptz::varchar, try_cast('x' as timestamptz), make_timestamptz(2024, 1, 2, 3, 4, 5)::varchar",
        &[
            "2024-01-01 00:00:00-05|2024-07-01 10:00:00-04|2024-01-01 03:00:00-05|null|2024-01-02 03:04:05-05",
        ],
    ),
    (
        "select count(*) from i where t >= timestamp '2024-01-01 23:00:00'",
        &["2"],
    ),
    (
        "select (t - timestamp '2024-01-01')::varchar, (timestamp '2024-01-01' - t)::varchar, (t - date '2024-01-01')::varchar, \
         datediff('hour', date '2024-01-01', t), datediff('minute', timestamp '2024-01-01 18:00:00', t), strftime(t, '%Z') \
         from i where t < '2024-02-01'",
        &["18:30:00|-18:30:00|18:30:00|18|30|America/New_York"],
    ),
    (
        "select (timestamptz '2024-11-02 05:30:00+00' + interval 1 day)::varchar, \
         (timestamptz '2024-03-09 07:30:00+00' + interval 1 day)::varchar",
        &["2024-11-03 01:30:00-04|2024-03-10 03:30:00-04"],
    ),
    (
        "select current_setting('TimeZone'), now()::date = current_date and hour(now()) = hour(current_time), typeof(t), to_json(t)::varchar from i limit 1",
        &["America/New_York|true|TIMESTAMP WITH TIME ZONE|\"2024-01-01 18:30:00-05\""],
    ),
];

#[tokio::test]
async fn days_and_texts_are_those_of_the_sessions_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    let lake = in_zone(&folder, "america/new_york").await;
    for (query, expected) in NEW_YORK {
        let found = lines(&lake.collect(&format!("{INSTANTS}{query}")).await.unwrap());
        assert_eq!(found, *expected, "{query}");
    }
    let turned =
        "select (interval 1 day + t)::varchar, []::timestamptz[] from i where t > '2024-06-30'";
    let found = lines(&lake.collect(&format!("{INSTANTS}{turned}")).await.unwrap());
    assert_eq!(found, ["2024-07-02 00:00:00.5-04|[]"]);
    let hours = "select date_diff('hour', timestamptz '2024-01-01 23:20:00+00', timestamptz '2024-01-01 23:40:00+00')";
    for (zone, expected) in [("Asia/Kolkata", "1"), ("UTC", "0")] {
        let folder = tempfile::tempdir().unwrap();
        let lake = in_zone(&folder, zone).await;
        assert_eq!(
            lines(&lake.collect(hours).await.unwrap()),
            [expected],
            "{zone}"
        );
    }
}

#[tokio::test]
async fn what_would_be_answered_otherwise_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = in_zone(&folder, "Asia/Tokyo").await;
    for (query, problem) in [
        (
            "select [t]::varchar from i",
            "lists and structures of timestamps with a time zone are not written in the time zone Asia/Tokyo",
        ),
        (
            "select ['2024-01-01']::timestamptz[] from i",
            "lists and structures of such timestamps are not read in the time zone Asia/Tokyo",
        ),
        (
            "select [t]::date[] from i",
            "lists and structures of timestamps with a time zone are not written in the time zone Asia/Tokyo",
        ),
        (
            "select date_part(p, t) from i, (values ('epoch')) v(p)",
            "a part that is of the zone, or in a column, is not given in the time zone Asia/Tokyo",
        ),
        (
            "select generate_series(t, t, interval 1 day) from i",
            "a series of timestamps with a time zone is not made in the time zone Asia/Tokyo",
        ),
    ] {
        let found = lake.collect(&format!("{INSTANTS}{query}")).await;
        let message = found.unwrap_err().message;
        assert!(message.starts_with(problem), "{message}");
    }
    lake.execute("set TimeZone = 'asia/tokyo'").await.unwrap();
    lake.execute("set threads = 4").await.unwrap();
    for (statement, problem) in [
        (
            "set timezone = 'UTC'",
            "the time zone is Asia/Tokyo, and no statement changes it to 'UTC'",
        ),
        (
            "pragma default_null_order = 'nulls_first'",
            "default_null_order cannot be 'nulls_first': queries would answer otherwise than they can here",
        ),
        (
            "set integer_division = true",
            "integer_division cannot be 'true': queries would answer otherwise than they can here",
        ),
    ] {
        let found = lake.execute(statement).await;
        assert_eq!(found.unwrap_err().message, problem);
    }
}
