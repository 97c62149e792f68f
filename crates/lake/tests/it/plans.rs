//! What the engine is spared: joins in the order of their sizes, dates compared as dates. No answer changes.

use std::time::Duration;

use forebay_lake::WriteMode;

use crate::support::{Place, lines, open_alone, place};

/// Orders of customers in cities, with keys that are null, missing or there twice.
async fn shop() -> Place {
    let place = place().await;
    let tables = [
        (
            "main.orders",
            "SELECT value AS id, CASE WHEN value % 7 = 0 THEN NULL ELSE value % 40 END AS customer_id,
                    value % 11 AS item_id, value % 5 AS amount FROM generate_series(1, 5000) AS t(value)",
        ),
        (
            "main.customers",
            "SELECT value AS id, nullif(value % 10, 3) AS city_id, 'customer ' || value AS name
             FROM generate_series(0, 35) AS t(value)",
        ),
        (
            "main.cities",
            "SELECT * FROM (VALUES (1, 'Oslo'), (2, 'Rome'), (2, 'Roma'), (4, 'Lima'), (CAST(NULL AS INT), 'Atlantis'))
             AS t(id, name)",
        ),
        (
            "main.items",
            "SELECT value AS id, value % 3 AS price FROM generate_series(0, 9) AS t(value)",
        ),
    ];
    for (name, sql) in tables {
        place.sql(name, WriteMode::Append, sql).await.unwrap();
    }
    place
}

fn permutations(of: &[&'static str]) -> Vec<Vec<&'static str>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let first = |at: usize| {
        let mut rest = of.to_vec();
        let first = rest.remove(at);
        let with_first = move |mut rest: Vec<_>| {
            rest.insert(0, first);
            rest
        };
        permutations(&rest).into_iter().map(with_first)
    };
    (0..of.len()).flat_map(first).collect()
}

#[tokio::test]
async fn the_order_of_tables_in_a_query_changes_no_answer() {
    let place = shop().await;
    let tables = ["orders o", "customers c", "cities t", "items i"];
    for (items, condition, expected) in [
        // As DuckDB counts and adds.
        ("count(*), sum(o.amount)", "true", "1558|3505"),
        (
            "count(*), sum(o.amount)",
            "t.name > 'P' and i.price + o.amount > c.city_id",
            "470|940",
        ),
        (
            "count(*), sum(o.amount)",
            "o.id in (select item_id * 6 + 1 from orders where amount = 4)",
            "3|3",
        ),
        (
            "count(*), sum(o.amount)",
            "not exists (select 1 from customers x where x.city_id = c.city_id and x.id > c.id)",
            "390|878",
        ),
    ] {
        for order in permutations(&tables).into_iter().step_by(3) {
            let sql = format!(
                "select {items} from {} where o.customer_id = c.id and c.city_id = t.id
                 and o.item_id = i.id and {condition}",
                order.join(", ")
            );
            assert_eq!(place.rows(&sql).await, [expected], "{sql}");
        }
    }
}

#[tokio::test]
async fn small_tables_are_joined_before_they_meet_a_large_one() {
    let place = shop().await;
    let plan = place
        .rows(
            "explain select t.name, count(*) from orders o, items i, customers c, cities t
             where o.item_id = i.id and o.customer_id = c.id and c.city_id = t.id and t.name = 'Lima' group by 1",
        )
        .await
        .concat();
    let physical = plan.rsplit_once("physical_plan").unwrap().1;
    let mut upwards = physical.lines().rev();
    let deepest = upwards.find(|line| line.contains("HashJoinExec")).unwrap();
    assert!(deepest.contains("city_id"), "{physical}");
}

#[tokio::test]
async fn rows_that_a_subquery_chooses_are_chosen_before_the_joins() {
    let place = shop().await;
    let plan = place
        .rows(
            "explain select c.name, count(*) from customers c, orders o, cities t
             where c.id = o.customer_id and c.city_id = t.id
               and o.id in (select id from items where price = 2) group by 1",
        )
        .await
        .concat();
    let physical = plan.rsplit_once("physical_plan").unwrap().1;
    let semi = physical.find("Semi").unwrap();
    let inner = physical.find("join_type=Inner").unwrap();
    assert!(inner < semi, "{physical}");
}

#[tokio::test]
async fn dates_are_compared_with_midnights_as_dates() {
    let place = shop().await;
    let days =
        "SELECT DATE '2024-01-01' + value::int AS day FROM generate_series(0, 99) AS t(value)";
    place
        .sql("main.days", WriteMode::Append, days)
        .await
        .unwrap();
    for (condition, expected) in [
        ("day < date '2024-01-01' + interval '1 month'", "31"),
        ("day >= timestamp '2024-01-31 00:00:00'", "70"),
        ("timestamp '2024-01-31 00:00:00' > day", "30"),
        ("day = timestamp '2024-01-31 00:00:00'", "1"),
        ("day < timestamp '2024-01-31 00:00:01'", "31"),
        ("day = timestamp '2024-01-31 12:00:00'", "0"),
        (
            "day between '1969-12-31'::timestamp and '2024-01-02'::timestamp",
            "2",
        ),
    ] {
        let sql = format!("select count(*) from days where {condition}");
        assert_eq!(place.rows(&sql).await, [expected], "{condition}");
    }
    let plan = place
        .rows("explain select day from days where day < date '2024-01-01' + interval '1 month'")
        .await
        .concat();
    assert!(!plan.contains("CAST"), "{plan}");
}

#[tokio::test]
async fn few_rows_are_kept_in_memory_to_look_many_up() {
    let place = shop().await;
    let plan = place
        .rows(
            "explain select count(*) from customers c where c.name = 'customer 3'
               and not exists (select 1 from orders o where o.customer_id = c.id and o.item_id > c.city_id)",
        )
        .await
        .concat();
    let physical = plan.rsplit_once("physical_plan").unwrap().1;
    assert!(physical.contains("LeftAnti"), "{physical}");
    let customers = physical.find("main/customers").unwrap();
    assert!(
        customers < physical.find("main/orders").unwrap(),
        "{physical}"
    );
}

#[tokio::test]
async fn rows_that_a_join_drops_are_dropped_before_they_are_grouped() {
    let place = shop().await;
    let sql = "select count(*), sum(o.amount) from items i join orders o on o.item_id = i.id
               where i.price = 2 and o.amount < (select avg(x.amount) from orders x where x.item_id = i.id)";
    let plan = place.rows(&format!("explain {sql}")).await.concat();
    let physical = plan.rsplit_once("physical_plan").unwrap().1;
    let mut lines = physical.lines();
    lines.find(|line| line.contains("while_worth")).unwrap();
    assert!(lines.next().unwrap().contains("main/orders"), "{physical}");
    // As DuckDB counts and adds.
    assert_eq!(place.rows(sql).await, ["546|273"]);
}

#[tokio::test]
async fn a_computed_column_is_not_taken_for_the_one_whose_name_it_has() {
    let place = place().await;
    for (table, sql) in [
        (
            "main.t",
            "SELECT value % 50 AS k, value AS v FROM generate_series(1, 5000) AS t(value)",
        ),
        (
            "main.p",
            "SELECT value AS k FROM generate_series(3, 7) AS t(value)",
        ),
    ] {
        place.sql(table, WriteMode::Append, sql).await.unwrap();
    }
    let alone = open_alone(&place.folder).await;
    // As DuckDB counts and adds.
    for (items, expected) in [("k + 1 AS k, v", "5|1239500"), ("k, v", "5|1240000")] {
        let sql = format!(
            "SELECT count(*), sum(s.sm) FROM p
             JOIN (SELECT k, sum(v) AS sm FROM (SELECT {items} FROM t) AS u GROUP BY k) AS s ON s.k = p.k"
        );
        let found = alone.collect(&sql).await.unwrap();
        assert_eq!(lines(&found), [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_condition_of_one_side_of_a_join_is_not_asked_of_a_column_of_that_name_on_the_other() {
    let place = place().await;
    for (table, sql) in [
        (
            "main.o",
            "SELECT * FROM (VALUES (1, 1, 'n1'), (2, 2, NULL), (3, 3, 'n3')) AS t(id, customer_id, note)",
        ),
        (
            "main.c",
            "SELECT value AS id FROM generate_series(2, 6) AS t(value)",
        ),
    ] {
        place.sql(table, WriteMode::Append, sql).await.unwrap();
    }
    for (sql, expected) in [
        (
            "SELECT o.id FROM o LEFT JOIN c ON o.customer_id = c.id
             WHERE c.id IS NULL AND o.id > 0 AND o.note IS NOT NULL",
            "1",
        ),
        (
            "SELECT u.id FROM (SELECT * FROM o WHERE note IS NULL) AS u
             LEFT JOIN (VALUES (1), (3), (4)) AS s(id) ON u.id = s.id WHERE s.id IS NULL",
            "2",
        ),
        (
            "SELECT c.id FROM c LEFT JOIN o ON o.id = c.id LEFT JOIN o AS p ON p.id = o.id + 1
             WHERE p.id IS NULL AND o.note IS NOT NULL",
            "3",
        ),
    ] {
        assert_eq!(place.rows(sql).await, [expected], "{sql}");
    }
}

/// A part of the outer join that has no rows does not look into the inner one, whose other part must not wait for it.
#[tokio::test]
async fn joins_below_others_do_not_wait_for_parts_that_nobody_reads() {
    let place = place().await;
    let rows = "SELECT * FROM (VALUES (1, 'a', 10), (2, 'a', -3), (3, 'b', 7), (4, 'b', 7), (5, 'b', NULL),
                (6, NULL, 0), (7, 'c', 2147483647), (8, 'c', -2147483648)) AS t(id, k, n)";
    place.sql("main.t", WriteMode::Append, rows).await.unwrap();
    let query = "SELECT id, (SELECT max(b.n) FROM t AS b WHERE b.k IS NOT DISTINCT FROM a.k) AS p FROM t AS a
                 WHERE (SELECT bool_and(a.n < b.n) FROM t AS b WHERE b.id > a.id AND b.k <> a.k) OR id = 1
                 ORDER BY id";
    let answer = tokio::time::timeout(Duration::from_secs(60), place.rows(query)).await;
    assert_eq!(answer.unwrap(), ["1|10"]);
}
