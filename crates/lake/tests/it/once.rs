//! What is computed anew each time is computed once for all who read it by one name.

use forebay_lake::WriteMode;

use crate::support::place;

/// Rows, all of which satisfy both sides.
const TRUE_OF_ALL: [&str; 11] = [
    // A split into a part to train with and one to test with loses no row, and has none twice.
    "with s as (select i, random() as r from range(1000) t(i)) \
     select (select count(*) from s where r < 0.8) + (select count(*) from s where r >= 0.8) = 1000",
    "with s as (select i, random() as r from range(1000) t(i)), \
     parts as (select i from s where r < 0.5 union all select i from s where r >= 0.5) \
     select count(*) = 1000 and count(distinct i) = 1000 from parts",
    // Keys made by one name are found under another, whichever columns are read of it.
    "with r as (select uuid() as id, i, i + 1 as j from range(20) t(i)), keys as (select id from r) \
     select count(*) = 20 from keys join r using (id) where j > 0",
    "with r as (select uuid() as id from range(20)), s as (select id, id as other from r) \
     select count(*) = 20 from s a join s b on a.id = b.other join r on r.id = a.id",
    // With a subquery that reads the rows around it, and with an aggregate.
    "with t as (select i from range(20) t(i)), \
     r as (select random() as x, (select max(u.i) from t u where u.i <= t.i) as m from t) \
     select count(*) = 20 and max(a.m) = 19 from r a join r b on a.x = b.x",
    "with r as (select i % 3 as k, max(random()) as x from range(30) t(i) group by 1) \
     select count(*) = 3 from r a where x in (select x from r)",
    // Each reader has its own order of them.
    "with s as (select (i * 7919) % 1000 as k, uuid() as r from range(1000) t(i)) select \
     (select count(distinct r) from s) = 1000 \
     and (select sum(k) from (select k, row_number() over (order by k) as n from s) where n <= 3) = 3 \
     and (select sum(k) from (select k, row_number() over (order by k desc) as n from s) where n <= 3) = 2994",
    // A name may stand for another expression elsewhere.
    "with a as (with s as (select 1 as q) select * from s), s as (select random() as x) \
     select count(*) = 1 from s s1 join s s2 using (x) cross join a",
    // Each step of a recursive query reads the same rows.
    "with recursive n as (select random() as x), \
     steps as (select 1 as i, x from n union all select i + 1, n.x from steps cross join n where i < 5) \
     select count(*) = 5 and count(distinct x) = 1 from steps",
    // Two expressions are two, and so is one that need not be kept.
    "with a as not materialized (select random() as x) select count(*) = 0 from a join a as b using (x)",
    "with a as (select random() as x), b as (select random() as x) \
     select count(*) = 0 from a join b using (x) join a as c using (x)",
];

#[tokio::test]
async fn an_expression_that_is_read_twice_has_the_same_rows() {
    let place = place().await;
    for sql in TRUE_OF_ALL {
        assert_eq!(place.rows(sql).await, ["true"], "{sql}");
    }
}

#[tokio::test]
async fn rows_that_memory_has_no_room_for_are_kept_in_a_file() {
    let place = place().await;
    // 360 MB, of 256.
    let sql = "WITH r AS (SELECT random() AS x, repeat('x', 400) AS t FROM generate_series(1, 900000) AS g(i))
               SELECT (SELECT max(x) FROM r) = (SELECT max(x) FROM r),
                      (SELECT sum(length(t)) FROM r WHERE x >= 0), (SELECT count(*) FROM r)";
    assert_eq!(place.rows(sql).await, ["true|360000000|900000"]);
}

#[tokio::test]
async fn groups_that_are_read_twice_are_computed_once() {
    let place = place().await;
    let rows = "SELECT value AS id, value % 7 AS k FROM generate_series(1, 1000) AS t(value)";
    place.sql("main.t", WriteMode::Append, rows).await.unwrap();
    let best = "g AS (SELECT k, sum(id) AS s FROM t GROUP BY k)";
    let of_best = "SELECT k, s FROM g WHERE s = (SELECT max(s) FROM g)";
    let once = |plan: &str| plan.matches("OnceExec").count();
    for (sql, readers) in [
        (format!("WITH {best} {of_best}"), 2),
        (
            format!(
                "WITH {} {of_best}",
                best.replace("AS (", "AS NOT MATERIALIZED (")
            ),
            0,
        ),
    ] {
        assert_eq!(place.rows(&sql).await, ["6|71929"], "{sql}");
        let plan = place.rows(&format!("EXPLAIN {sql}")).await.join("\n");
        assert_eq!(once(&plan), readers, "{plan}");
    }
}
