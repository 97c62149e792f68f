//! Few rows keep the order in which they are written.

use forebay_lake::WriteMode;

use crate::support::place;

#[tokio::test]
async fn parts_of_a_union_come_in_turn_and_new_rows_behind_the_old() {
    let place = place().await;
    let united = "select 1 as id union all select 2 union all select 3 union all select 4";
    let all = "select string_agg(id::text, ',') as ids from main.t";
    for _ in 0..5 {
        place
            .sql("main.t", WriteMode::Overwrite, united)
            .await
            .unwrap();
        assert_eq!(place.rows(all).await, ["1,2,3,4"]);
        for id in 5..8 {
            let sql = format!("select {id} as id");
            place.sql("main.t", WriteMode::Append, &sql).await.unwrap();
        }
        assert_eq!(place.rows(all).await, ["1,2,3,4,5,6,7"]);
        let keys = vec!["id".to_owned()];
        let again = "select 2 as id union all select 9";
        place
            .sql("main.t", WriteMode::DeleteInsert { keys }, again)
            .await
            .unwrap();
        let ids = place.rows(all).await.remove(0);
        assert!(ids.ends_with("2,9"), "{ids}");
    }
    let numbered = "with a as (select 10 as x union all select 20), b as (select 30 as x), \
         both as (select x from a union all select x from b) \
         select row_number() over () as n, x from both";
    for _ in 0..5 {
        place
            .sql("main.n", WriteMode::Overwrite, numbered)
            .await
            .unwrap();
        assert_eq!(
            place.rows("select * from main.n").await,
            ["1|10", "2|20", "3|30"]
        );
    }
    let joined = "select t.id from (select 3 as id union all select 1 union all select 2) as t \
         cross join (select 1 as one) as o";
    assert_eq!(place.rows(joined).await, ["3", "1", "2"]);
}

#[tokio::test]
async fn parts_of_a_union_do_not_wait_for_each_other_in_a_join() {
    let place = place().await;
    place
        .sql(
            "main.k",
            WriteMode::Overwrite,
            "select * from (values (1, 'a'), (2, 'b'), (3, 'c')) as t(id, name)",
        )
        .await
        .unwrap();
    let united =
        "(select id from main.k union all select id + 1 from main.k union all select 1) as u";
    for (sql, expected) in [
        (
            format!("select count(*), sum(u.id) from {united} join main.k on k.id = u.id"),
            vec!["6|12"],
        ),
        (
            format!(
                "select count(*) from {united} left join main.k on k.id = u.id where k.id is null"
            ),
            vec!["1"],
        ),
        (
            format!(
                "select u.id, row_number() over (order by u.id desc) as n from {united} right join main.k on k.id = u.id order by n limit 1"
            ),
            vec!["3|1"],
        ),
        (
            format!(
                "select count(*) from {united} where id in (select id from main.k union all select 4) and exists (select 1 from {} where true)",
                united.replace(" as u", " as w")
            ),
            vec!["7"],
        ),
        (
            "select id from (select 3 as id union all select 1) union all select 2 order by id"
                .to_owned(),
            vec!["1", "2", "3"],
        ),
    ] {
        assert_eq!(place.rows(&sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn groups_that_are_read_twice_leave_the_order_to_what_they_are_joined_to() {
    let place = place().await;
    let rows = "select value as i, value * 5 % 7 as k from generate_series(1, 500) as t(value)";
    place
        .sql("main.t", WriteMode::Overwrite, rows)
        .await
        .unwrap();
    let numbered = "with g as (select k, max(i) as v, count(*) as c from t group by k) \
         select a.i, g.v, row_number() over () as n from t as a join g on a.k = g.k \
         where a.k in (select k from g where c > 1)";
    place
        .sql("main.n", WriteMode::Overwrite, numbered)
        .await
        .unwrap();
    let is_same = "select bool_and(i = n), count(*) from n";
    assert_eq!(place.rows(is_same).await, ["true|500"]);
}
