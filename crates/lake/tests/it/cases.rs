//! Statements with their answers, which are DuckDB's and PostgreSQL's own: `tests/sql_cases`.

use forebay_lake::{Dialect, Executed, Lake};

use crate::answer;
use crate::support::open_as;

const SETUP: &str = include_str!("../../../../bench/sql_differences/setup.sql");

#[tokio::test]
async fn statements_answer_as_duckdb_does() {
    check(Dialect::DuckDb, include_str!("../sql_cases/duckdb.txt")).await;
}

#[tokio::test]
async fn statements_answer_as_postgresql_does() {
    check(Dialect::Postgres, include_str!("../sql_cases/postgres.txt")).await;
}

/// A case is a statement after `> `, and a line for each row of its answer.
async fn check(dialect: Dialect, cases: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lake = open_as(&folder, 1 << 28, dialect).await;
    for statement in SETUP.split(";\n").filter(|text| !text.trim().is_empty()) {
        lake.execute(statement).await.unwrap();
    }
    let mut wrong = Vec::new();
    for case in cases.split("\n> ") {
        let (sql, expected) = case.split_once('\n').unwrap_or((case, ""));
        let sql = sql.trim_start_matches("> ");
        let mut expected: Vec<&str> = expected.lines().collect();
        let mut found = answers(&lake, sql).await;
        if !sql.to_lowercase().contains("order by") {
            expected.sort_unstable();
            found.sort_unstable();
        }
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(found, expected)| same_row(found, expected));
        if !same {
            wrong.push(format!(
                "{sql}\n  expected {expected:?}\n  found    {found:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn answers(lake: &Lake, sql: &str) -> Vec<String> {
    match lake.execute(sql).await {
        Ok(Executed::Rows(_, batches)) => {
            let rows = answer::rows(&batches).into_iter();
            rows.map(|row| row.join("|").replace('\n', "\\n")).collect()
        }
        Ok(_) => Vec::new(),
        Err(problem) => vec![problem.to_string()],
    }
}

/// Numbers are the same where their first nine digits are.
fn same_row(found: &str, expected: &str) -> bool {
    let (found, expected): (Vec<&str>, Vec<&str>) =
        (found.split('|').collect(), expected.split('|').collect());
    let same = |(found, expected): (&&str, &&str)| {
        found == expected || loose(found) == loose(expected) || near(found, expected)
    };
    found.len() == expected.len() && found.iter().zip(&expected).all(same)
}

fn near(found: &str, expected: &str) -> bool {
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
        _ => false,
    }
}

/// Lists and structures without what one engine writes and the other does not.
fn loose(value: &str) -> String {
    let is_nested = value.starts_with(['[', '{']);
    let written = |c: &char| !is_nested || !"\"' ".contains(*c);
    let plain: String = value.chars().filter(written).collect();
    plain
        .replace(".0,", ",")
        .replace(".0]", "]")
        .replace("NULL", "null")
}
