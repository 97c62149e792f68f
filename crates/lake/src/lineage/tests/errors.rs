//! What is refused, and how: with a diagnostic, never with a panic.

use super::super::statement::{from_syntax, lineage};
use super::grade::Cases;
use super::schemas;

fn refusal(sql: &str) -> String {
    let known = schemas(&[
        ("customers", "id bigint, name text"),
        ("orders", "id bigint, amount double precision"),
        ("raw.undeclared", ""),
    ]);
    lineage(sql, &known).expect_err(sql).to_string()
}

#[test]
fn unknown_names_are_named_with_their_place_and_the_nearest() {
    let expected = [
        (
            "SELECT id,\n nme FROM customers",
            "error: no column 'nme' in customers (line 2, column 2)\n  hint: did you mean 'name'?",
        ),
        (
            "SELECT c.idd FROM customers c",
            "error: no column 'idd' in c (line 1, column 10)\n  hint: did you mean 'id'?",
        ),
        (
            "SELECT cc.id FROM customers c",
            "error: no table 'cc' in the FROM clause (line 1, column 8)\n  hint: did you mean 'c'?",
        ),
        (
            "SELECT id FROM custmers",
            "error: table 'custmers' is not known (line 1, column 16)\n  \
             hint: did you mean 'customers'?\n  \
             hint: declare its columns in a source's or model's properties",
        ),
        (
            "SELECT id FROM customers, orders",
            "error: column 'id' is in several tables (line 1, column 8)\n  \
             hint: say which: <table>.id",
        ),
        (
            "SELECT * FROM raw.undeclared",
            "error: '*' reads table 'raw.undeclared', whose columns are not declared\n  \
             hint: declare its columns in a source's or model's properties",
        ),
    ];
    for (sql, message) in expected {
        assert_eq!(refusal(sql), message, "{sql}");
    }
}

#[test]
fn constructs_that_are_not_followed_are_named() {
    let expected = [
        ("DROP TABLE orders", "the statement DROP TABLE"),
        ("SELECT 1; SELECT 2", "there are 2 SQL statements"),
        ("-- nothing", "there is no SQL statement"),
        ("SELEC id FROM orders", "the SQL cannot be read"),
        (
            "SELECT * FROM orders PIVOT (sum(amount) FOR id IN (1, 2))",
            "PIVOT",
        ),
        (
            "SELECT id FROM orders ORDER BY 3",
            "position 3 is not one of the 1 outputs",
        ),
        (
            "SELECT id FROM orders UNION SELECT id, name FROM customers",
            "the branches of UNION have 1 and 2 columns",
        ),
        (
            "SELECT sum(amount) OVER w FROM orders WINDOW w AS (w)",
            "nests deeper",
        ),
    ];
    for (sql, message) in expected {
        let refusal = refusal(sql);
        assert!(refusal.contains(message), "{sql}: {refusal}");
    }
}

#[test]
fn columns_of_an_undeclared_table_are_followed_by_name() {
    let known = schemas(&[("raw.undeclared", "")]);
    let found = lineage("SELECT u.a, B + 1 AS c FROM raw.undeclared u", &known);
    let sources: Vec<String> = found
        .expect("both name columns")
        .outputs
        .iter()
        .flat_map(|output| &output.inputs)
        .map(|edge| format!("{}.{}", edge.table, edge.column))
        .collect();
    assert_eq!(sources, ["raw.undeclared.a", "raw.undeclared.b"]);
}

/// Every case with each of its words left out: a diagnostic or an answer.
#[test]
fn broken_statements_do_not_panic() {
    for file in ["cases.json", "own_cases.json"] {
        let cases = Cases::read(file);
        let known = cases.schemas();
        for case in &cases.cases {
            let words: Vec<&str> = case.sql.split_whitespace().collect();
            for i in 0..words.len() {
                let without = [&words[..i], &words[i + 1..]].concat().join(" ");
                drop(from_syntax(&without, &known));
            }
        }
    }
}

#[test]
fn endless_statements_neither_panic_nor_overflow_the_stack() {
    let known = schemas(&[("orders", "id bigint, amount double precision")]);
    let many = 20_000;
    let sum = vec!["amount"; many].join(" + ");
    let found = lineage(&format!("SELECT {sum} AS total FROM orders"), &known);
    assert_eq!(
        found.expect("a long sum is followed").outputs[0]
            .inputs
            .len(),
        1
    );

    let longest = vec!["1"; 500_000].join("+");
    let found = lineage(&format!("SELECT {longest} AS n"), &known);
    assert!(found.is_ok_and(|lineage| lineage.outputs[0].inputs.is_empty()));

    let union = vec!["SELECT id FROM orders"; 2_000].join(" UNION ALL ");
    let found = lineage(&union, &known).expect("a long union is followed");
    assert_eq!(found.outputs[0].inputs.len(), 1);

    let casts = "::text".repeat(many);
    let refused = lineage(&format!("SELECT id{casts} FROM orders"), &known);
    assert!(refused.is_err_and(|e| e.message.contains("nests deeper")));

    let parentheses = format!(
        "SELECT {}id{} FROM orders",
        "(".repeat(many),
        ")".repeat(many)
    );
    assert!(lineage(&parentheses, &known).is_err());

    let doubling: Vec<String> = (1..40)
        .map(|i| format!("t{i} AS (SELECT * FROM t{0} a, t{0} b)", i - 1))
        .collect();
    let sql = format!(
        "WITH t0 AS (SELECT * FROM orders), {} SELECT * FROM t39",
        doubling.join(", ")
    );
    assert!(lineage(&sql, &known).is_err_and(|e| e.message.contains("columns")));
}
