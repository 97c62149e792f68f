//! Joins with USING: the merged column is never lost.

use crate::support::{Place, place};
use forebay_lake::WriteMode;

/// `a` has the keys 1 and 2, `b` has 2 and 3, `c` has 3 and 4.
async fn tables() -> Place {
    let place = place().await;
    for (name, rows) in [
        ("main.a", "(1, 'a1', 10), (2, 'a2', 20)"),
        ("main.b", "(2, 'b2', 200), (3, 'b3', 300)"),
        ("main.c", "(3, 'c3', 3000), (4, 'c4', 4000)"),
    ] {
        let column = &name[5..];
        let sql = format!("SELECT * FROM (VALUES {rows}) AS v(k, {column}, n{column})");
        place.sql(name, WriteMode::Overwrite, &sql).await.unwrap();
    }
    place
}

async fn check(cases: &[(&str, &[&str])]) {
    let place = tables().await;
    for (sql, expected) in cases {
        assert_eq!(place.rows(sql).await, *expected, "{sql}");
    }
}

#[tokio::test]
async fn right_and_full_joins_keep_the_merged_key() {
    check(&[
        (
            "SELECT k, a, b FROM a RIGHT JOIN b USING (k) ORDER BY k",
            &["2|a2|b2", "3|null|b3"],
        ),
        (
            "SELECT k, a, b FROM a FULL JOIN b USING (k) ORDER BY k",
            &["1|a1|null", "2|a2|b2", "3|null|b3"],
        ),
        (
            "SELECT k FROM a FULL OUTER JOIN b USING (k) ORDER BY 1 DESC",
            &["3", "2", "1"],
        ),
        (
            "SELECT k, a, b FROM a NATURAL FULL JOIN b ORDER BY k",
            &["1|a1|null", "2|a2|b2", "3|null|b3"],
        ),
        (
            "SELECT k, b FROM a NATURAL RIGHT JOIN b ORDER BY k",
            &["2|b2", "3|b3"],
        ),
        // Inner and left joins are the engine's own.
        ("SELECT k, b FROM a JOIN b USING (k)", &["2|b2"]),
        (
            "SELECT k, a.k AS own, d.b FROM a LEFT JOIN b USING (k) JOIN a AS c USING (k) LEFT JOIN b AS d USING (k) ORDER BY k",
            &["1|1|null", "2|2|b2"],
        ),
        (
            "SELECT k, count(*) FROM a LEFT JOIN b USING (k) LEFT JOIN c USING (k) GROUP BY k ORDER BY k",
            &["1|1", "2|1"],
        ),
        (
            "SELECT k, b, c FROM a LEFT JOIN b USING (k) LEFT JOIN c USING (k) ORDER BY k",
            &["1|null|null", "2|b2|null"],
        ),
        (
            "SELECT * FROM (SELECT b.*, a.* FROM a LEFT JOIN b USING (k)) AS t(bk, b, nb, ak, a, na) ORDER BY ak",
            &["null|null|null|1|a1|10", "2|b2|200|2|a2|20"],
        ),
        (
            "SELECT count(*) FROM a JOIN b USING (k) JOIN a AS c USING (k) JOIN b AS d USING (k) JOIN b AS e USING (k)",
            &["1"],
        ),
        (
            "SELECT k, b FROM a LEFT JOIN b USING (k) ORDER BY k",
            &["1|null", "2|b2"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_star_has_the_merged_key_once_at_the_left_place() {
    check(&[
        (
            "SELECT * FROM a FULL JOIN b USING (k) ORDER BY k",
            &["1|a1|10|null|null", "2|a2|20|b2|200", "3|null|null|b3|300"],
        ),
        (
            "SELECT * FROM a RIGHT JOIN b USING (k) ORDER BY k",
            &["2|a2|20|b2|200", "3|null|null|b3|300"],
        ),
        (
            "SELECT * EXCLUDE (na, nb) FROM a FULL JOIN b USING (k) ORDER BY k",
            &["1|a1|null", "2|a2|b2", "3|null|b3"],
        ),
        (
            "SELECT b.*, k AS key FROM a FULL JOIN b USING (k) ORDER BY key",
            &["null|null|null|1", "2|b2|200|2", "3|b3|300|3"],
        ),
        ("SELECT count(*) FROM a FULL JOIN b USING (k)", &["3"]),
    ])
    .await;
}

#[tokio::test]
async fn each_sides_own_key_can_be_named() {
    check(&[
        ("SELECT k, a.k AS ak, b.k AS bk FROM a FULL JOIN b USING (k) ORDER BY k", &["1|1|null", "2|2|2", "3|null|3"]),
        ("SELECT k FROM a FULL JOIN b USING (k) WHERE a.k IS NULL", &["3"]),
        ("SELECT l.k IS NULL AS only_right, k FROM main.a AS l RIGHT JOIN main.b AS r USING (k) ORDER BY k", &["false|2", "true|3"]),
        ("SELECT main.b.k FROM main.a FULL JOIN main.b USING (k) ORDER BY coalesce(a.k, b.k)", &["null", "2", "3"]),
    ])
    .await;
}

#[tokio::test]
async fn every_clause_means_the_merged_key() {
    check(&[
        ("SELECT a, b FROM a JOIN b USING (k) WHERE k >= 2", &["a2|b2"]),
        ("SELECT k + 1 AS next, k FROM a LEFT JOIN b USING (k) WHERE k > 0 ORDER BY k DESC", &["3|2", "2|1"]),
        ("SELECT k, count(*) FROM a JOIN b USING (k) GROUP BY k HAVING k IS NOT NULL", &["2|1"]),
        ("SELECT a FROM a LEFT JOIN b USING (k) WHERE k IN (SELECT k FROM b)", &["a2"]),
        ("SELECT CASE WHEN k = 1 THEN a END AS one FROM a NATURAL LEFT JOIN b ORDER BY 1", &["a1", "null"]),
        ("SELECT a, b FROM a FULL JOIN b USING (k) WHERE k >= 2 ORDER BY k DESC", &["null|b3", "a2|b2"]),
        ("SELECT k % 2 AS odd, count(*) FROM a FULL JOIN b USING (k) GROUP BY k % 2 ORDER BY odd", &["0|1", "1|2"]),
        ("SELECT k, count(*) FROM a FULL JOIN b USING (k) GROUP BY k HAVING k > 1 ORDER BY k", &["2|1", "3|1"]),
        ("SELECT k, count(*) FROM a FULL JOIN b USING (k) GROUP BY 1 ORDER BY 1", &["1|1", "2|1", "3|1"]),
        ("SELECT DISTINCT k FROM a FULL JOIN b USING (k) ORDER BY k", &["1", "2", "3"]),
        ("SELECT k, row_number() OVER (ORDER BY k DESC) AS place FROM a FULL JOIN b USING (k) ORDER BY k", &["1|3", "2|2", "3|1"]),
        ("SELECT k, sum(k) OVER w AS s FROM a FULL JOIN b USING (k) WINDOW w AS (ORDER BY k) ORDER BY k", &["1|1", "2|3", "3|6"]),
        ("SELECT max(k) FROM a FULL JOIN b USING (k)", &["3"]),
        ("SELECT -k AS k FROM a FULL JOIN b USING (k) ORDER BY k", &["-3", "-2", "-1"]),
        ("SELECT k AS key FROM a FULL JOIN b USING (k) ORDER BY k DESC", &["3", "2", "1"]),
        ("SELECT CASE WHEN k = 3 THEN 'three' ELSE a END FROM a FULL JOIN b USING (k) ORDER BY k", &["a1", "a2", "three"]),
    ])
    .await;
}

#[tokio::test]
async fn chains_of_joins_merge_all_keys() {
    let full = "a FULL JOIN b USING (k) FULL JOIN c USING (k)";
    let place = tables().await;
    assert_eq!(
        place
            .rows(&format!("SELECT k, a, b, c FROM {full} ORDER BY k"))
            .await,
        [
            "1|a1|null|null",
            "2|a2|b2|null",
            "3|null|b3|c3",
            "4|null|null|c4"
        ]
    );
    assert_eq!(
        place
            .rows(&format!(
                "SELECT * EXCLUDE (na, nb, nc) FROM {full} ORDER BY k"
            ))
            .await,
        [
            "1|a1|null|null",
            "2|a2|b2|null",
            "3|null|b3|c3",
            "4|null|null|c4"
        ]
    );
    let cases = [
        (
            "SELECT k, a, c FROM a RIGHT JOIN b USING (k) LEFT JOIN c USING (k) ORDER BY k",
            vec!["2|a2|null", "3|null|c3"],
        ),
        (
            "SELECT k, a, c FROM a LEFT JOIN b USING (k) RIGHT JOIN c USING (k) ORDER BY k",
            vec!["3|null|c3", "4|null|c4"],
        ),
        (
            "SELECT k, a, c FROM (a FULL JOIN b USING (k)) JOIN c ON c.k = a.k OR c.k = b.k ORDER BY b.k",
            vec![],
        ),
        (
            "SELECT c.k, a, c FROM a FULL JOIN b USING (k) JOIN c ON c.nc = b.k * 1000 ORDER BY 1",
            vec!["3|null|c3"],
        ),
    ];
    for (sql, expected) in cases {
        if expected.is_empty() {
            // Two tables have a column k here: the bare name is refused, as in PostgreSQL.
            assert!(
                place.problem(sql).await.contains("more than one table"),
                "{sql}"
            );
        } else {
            assert_eq!(place.rows(sql).await, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn in_subqueries_expressions_and_set_operations() {
    check(&[
        ("WITH f AS (SELECT * FROM a FULL JOIN b USING (k)) SELECT k, b FROM f ORDER BY k", &["1|null", "2|b2", "3|b3"]),
        ("WITH x AS (SELECT k, a FROM a), y AS (SELECT k, b FROM b), z AS (SELECT * FROM x FULL JOIN y USING (k)) SELECT * FROM z ORDER BY k", &["1|a1|null", "2|a2|b2", "3|null|b3"]),
        ("SELECT k FROM (SELECT k, a FROM a) AS x FULL JOIN (SELECT k FROM b) AS y USING (k) ORDER BY k", &["1", "2", "3"]),
        ("SELECT s.k FROM (SELECT * FROM a RIGHT JOIN b USING (k)) AS s ORDER BY 1", &["2", "3"]),
        ("SELECT k FROM a FULL JOIN b USING (k) UNION ALL SELECT k FROM b RIGHT JOIN c USING (k) ORDER BY 1", &["1", "2", "3", "3", "4"]),
        ("SELECT k FROM c WHERE k IN (SELECT k FROM a FULL JOIN b USING (k))", &["3"]),
        ("SELECT k FROM a FULL JOIN b USING (k) WHERE k IN (SELECT k FROM c)", &["3"]),
        ("SELECT k FROM a FULL JOIN b USING (k) WHERE EXISTS (SELECT 1 FROM c WHERE c.k = b.k)", &["3"]),
        ("SELECT k, (SELECT max(nc) FROM c) AS m FROM a FULL JOIN b USING (k) ORDER BY k", &["1|4000", "2|4000", "3|4000"]),
        ("WITH a AS (SELECT * FROM b) SELECT k, a.nb FROM a FULL JOIN c USING (k) ORDER BY k", &["2|200", "3|300", "4|null"]),
        ("EXPLAIN SELECT k FROM a FULL JOIN b USING (k) WHERE false", &["logical_plan|EmptyRelation: rows=0", "physical_plan|EmptyExec\n"]),
    ])
    .await;
}

#[tokio::test]
async fn several_keys_and_capitals() {
    let place = place().await;
    for (name, rows) in [
        ("main.p", "(1, 'x', 1), (1, 'y', 2)"),
        ("main.q", "(1, 'y', 20), (2, 'x', 30)"),
    ] {
        let column = &name[5..];
        let sql = format!("SELECT * FROM (VALUES {rows}) AS v(\"K\", j, {column})");
        place.sql(name, WriteMode::Overwrite, &sql).await.unwrap();
    }
    assert_eq!(
        place
            .rows("SELECT \"K\", J, p, q FROM p FULL JOIN q USING (\"K\", J) ORDER BY 1, 2")
            .await,
        ["1|x|1|null", "1|y|2|20", "2|x|null|30"]
    );
    assert_eq!(
        place
            .rows("SELECT * FROM p FULL JOIN q USING (\"K\", j) ORDER BY 1, 2")
            .await,
        ["1|x|1|null", "1|y|2|20", "2|x|null|30"]
    );
}

#[tokio::test]
async fn a_natural_left_join_without_common_columns_keeps_its_rows() {
    let place = tables().await;
    let sql =
        "SELECT a.k FROM a NATURAL LEFT JOIN (SELECT 1 AS other WHERE false) AS nothing ORDER BY 1";
    assert_eq!(place.rows(sql).await, ["1", "2"]);
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let place = tables().await;
    let problem = place.problem("SELECT z FROM a FULL JOIN b USING (z)").await;
    assert!(
        problem.contains("column 'z' of USING is in no table on the left"),
        "{problem}"
    );
    let problem = place
        .problem("SELECT k, a.k FROM a FULL JOIN b USING (k)")
        .await;
    assert!(
        problem.contains("'a.k' and 'k' are both in the query's answer"),
        "{problem}"
    );
    let problem = place
        .problem("SELECT * REPLACE (1 AS z) FROM a FULL JOIN b USING (k)")
        .await;
    assert!(problem.contains("no column 'z' to replace"), "{problem}");
}

#[tokio::test]
async fn a_star_has_the_key_of_the_first_table_whatever_the_tables_are_called() {
    let place = place().await;
    let sql = "WITH z AS (SELECT 1 AS id, 'x' AS name UNION ALL SELECT 2, 'y'), a AS (SELECT 1 AS id, 'q' AS other) ";
    for (query, expected) in [
        (
            "SELECT * FROM z LEFT JOIN a USING (id) ORDER BY 1",
            ["1|x|q", "2|y|null"],
        ),
        (
            "SELECT * REPLACE (upper(name) AS name) FROM z LEFT JOIN a USING (id) ORDER BY 1",
            ["1|X|q", "2|Y|null"],
        ),
        (
            "SELECT * FROM z LEFT JOIN a USING (id) LEFT JOIN (SELECT 3 AS id) AS b USING (id) ORDER BY 1",
            ["1|x|q", "2|y|null"],
        ),
    ] {
        assert_eq!(
            place.rows(&format!("{sql}{query}")).await,
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_is_said_so() {
    let place = tables().await;
    let problem = place
        .problem("SELECT k + 1 AS next FROM a JOIN nowhere USING (k)")
        .await;
    assert!(
        problem.contains("there is no table or view 'main.nowhere'"),
        "{problem}"
    );
}
