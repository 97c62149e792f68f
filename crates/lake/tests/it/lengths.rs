//! Lengths of time: differences of timestamps against intervals.

use crate::support::{Place, place};

async fn one(place: &Place, expression: &str) -> String {
    let from =
        "(SELECT TIMESTAMP '2013-01-05 12:00:00' AS b, TIMESTAMP '2013-01-01 00:00:00' AS a) AS t";
    let rows = place
        .rows(&format!("SELECT {expression} FROM {from}"))
        .await;
    rows.into_iter().next().unwrap_or_default()
}

/// `b - a` is four days and a half.
#[tokio::test]
async fn comparisons_count_time_not_units() {
    let place = place().await;
    for (expression, expected) in [
        ("(b - a) > INTERVAL '3 days'", "true"),
        ("(b - a) > INTERVAL '5 days'", "false"),
        ("(b - a) < INTERVAL '5 days'", "true"),
        ("(b - a) >= INTERVAL '108 hours'", "true"),
        ("(b - a) = INTERVAL '4 days 12 hours'", "true"),
        ("(b - a) <> INTERVAL '108 hours'", "false"),
        ("(b - a) = INTERVAL '1' DAY", "false"),
        ("INTERVAL '4 days' < (b - a)", "true"),
        (
            "(b - a) BETWEEN INTERVAL '4 days' AND INTERVAL '5 days'",
            "true",
        ),
        (
            "(b - a) NOT BETWEEN INTERVAL '1 hour' AND INTERVAL '2 days'",
            "true",
        ),
        (
            "(b - a) IN (INTERVAL '108 hours', INTERVAL '2 days')",
            "true",
        ),
        ("(b - a) IS DISTINCT FROM INTERVAL '108 hours'", "false"),
        ("(a - b) < INTERVAL '-4 days'", "true"),
        ("(b - a) > 2 * INTERVAL '2 days'", "true"),
        ("(b - a) > INTERVAL '2 days' * 3", "false"),
        ("(b - a) > INTERVAL '2 days' + INTERVAL '60 hours'", "false"),
        ("(b - a) + INTERVAL '1 day' > INTERVAL '5 days'", "true"),
        (
            "CASE b - a WHEN INTERVAL '108 hours' THEN 'same' ELSE 'other' END",
            "same",
        ),
        (
            "CASE WHEN b - a > INTERVAL '3 days' THEN 'long' ELSE 'short' END",
            "long",
        ),
        (
            "greatest(b - a, INTERVAL '5 days') = INTERVAL '120 hours'",
            "true",
        ),
        ("(now() - b) > INTERVAL '100 days'", "true"),
        ("INTERVAL '36 hours' > INTERVAL '1 day'", "true"),
        ("INTERVAL '24 hours' = INTERVAL '1 day'", "true"),
        ("NOT (b - a <= INTERVAL '3 days')", "true"),
        ("(b - a) > (SELECT INTERVAL '3 days')", "true"),
        ("max(b - a) > INTERVAL '3 days'", "true"),
        ("count(*) FILTER (WHERE b - a > INTERVAL '3 days')", "1"),
        ("nullif(b - a, INTERVAL '108 hours') IS NULL", "true"),
    ] {
        assert_eq!(one(&place, expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn in_filters_joins_subqueries_and_common_table_expressions() {
    let place = place().await;
    let spans = "(VALUES (1, TIMESTAMP '2013-01-01', TIMESTAMP '2013-01-02 06:00:00'),
                         (2, TIMESTAMP '2013-01-01', TIMESTAMP '2013-01-11')) AS s(id, a, b)";
    for (sql, expected) in [
        (
            format!("SELECT id FROM {spans} WHERE b - a > INTERVAL '1 day' ORDER BY id"),
            "1 2",
        ),
        (
            format!("SELECT id FROM {spans} WHERE b - a > INTERVAL '9 days'"),
            "2",
        ),
        (
            format!(
                "WITH d AS (SELECT id, b - a AS took FROM {spans}) SELECT id FROM d WHERE took > INTERVAL '2 days'"
            ),
            "2",
        ),
        (
            format!(
                "SELECT id FROM (SELECT id, b - a AS took FROM {spans}) AS d WHERE took BETWEEN INTERVAL '1 day' AND INTERVAL '2 days'"
            ),
            "1",
        ),
        (
            format!(
                "SELECT s.id FROM {spans} JOIN (SELECT 1 AS x) AS one ON s.b - s.a > INTERVAL '3 days'"
            ),
            "2",
        ),
        (
            format!(
                "SELECT s.id FROM {spans} WHERE EXISTS (SELECT 1 FROM (SELECT 1) AS one WHERE s.b - s.a > INTERVAL '3 days')"
            ),
            "2",
        ),
        (
            format!("SELECT count(*) FROM {spans} GROUP BY b - a > INTERVAL '2 days'"),
            "1 1",
        ),
        (
            format!("SELECT max(id) FROM {spans} GROUP BY a HAVING max(b - a) > INTERVAL '9 days'"),
            "2",
        ),
    ] {
        assert_eq!(place.rows(&sql).await.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_month_is_compared_as_thirty_days() {
    let place = place().await;
    for (sql, expected) in [
        (
            "SELECT TIMESTAMP '2013-03-01' - TIMESTAMP '2013-01-01' > INTERVAL '1 month'",
            "true",
        ),
        ("SELECT INTERVAL '1 month' = INTERVAL '30 days'", "true"),
        (
            "SELECT INTERVAL '1 month' < INTERVAL '30 days 1 second'",
            "true",
        ),
    ] {
        assert_eq!(place.rows(sql).await, [expected], "{sql}");
    }
    // Adding one is no comparison.
    assert_eq!(
        place
            .rows("SELECT DATE '2013-01-31' + INTERVAL '1 month' > DATE '2013-02-27'")
            .await,
        ["true"]
    );
}

#[tokio::test]
async fn the_parts_of_a_difference() {
    let place = place().await;
    for (expression, expected) in [
        ("extract(epoch FROM (b - a))", "388800.0"),
        ("extract(epoch FROM b - a) / 3600", "108.0"),
        ("date_part('epoch', a - b)", "-388800.0"),
        (
            "extract(epoch FROM TIMESTAMP '2013-01-01 00:00:01.5' - a)",
            "1.5",
        ),
        ("extract(day FROM b - a)", "4"),
        ("extract(hour FROM b - a)", "12"),
        ("extract(minute FROM (b - a) + INTERVAL '90 minutes')", "30"),
        ("extract(epoch FROM INTERVAL '1 day 1 second')", "86401.0"),
        ("((b - a) + INTERVAL '1 day')::text", "5 days 12:00:00"),
        ("extract(day FROM INTERVAL '1 day' - (a - b))", "5"),
        ("(b - a)::interval::text", "4 days 12:00:00"),
        ("avg(extract(epoch FROM b - a))", "388800.0"),
    ] {
        assert_eq!(one(&place, expression).await, expected, "{expression}");
    }
    // However many days there are, they make no months.
    assert_eq!(one(&place, "extract(month FROM b - a)").await, "0");
    let problem = place
        .problem("SELECT extract(dow FROM INTERVAL '1 day')")
        .await;
    assert!(problem.contains("no part 'dow'"), "{problem}");
}

#[tokio::test]
async fn multiples_of_an_interval() {
    let place = place().await;
    for (expression, expected) in [
        ("a + 3 * INTERVAL '1 day'", "2013-01-04T00:00:00"),
        ("a + INTERVAL '1 month' * 2", "2013-03-01T00:00:00"),
        ("a - n * INTERVAL '90 minutes'", "2012-12-31T21:00:00"),
        ("b - INTERVAL '1 week' * NULL::int", "null"),
    ] {
        let sql = format!(
            "SELECT {expression} FROM (SELECT TIMESTAMP '2013-01-01' AS a, TIMESTAMP '2013-01-05' AS b, 2 AS n) AS t"
        );
        assert_eq!(place.rows(&sql).await, [expected], "{expression}");
    }
}
