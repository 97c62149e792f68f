//! Answers SQL statements, one a line of standard input as a JSON text, with one line of JSON each.
//! For `bench/sql_differences`, which compares the answers with those of DuckDB and PostgreSQL.

#[path = "../tests/it/answer.rs"]
mod answer;

use std::io::{BufRead, Write};

use forebay_lake::{Dialect, Executed, Lake, LakeOptions, sql_type};
use serde_json::{Value, json};

fn main() {
    let dialect = match std::env::args().nth(1).as_deref() {
        Some("duckdb") => Dialect::DuckDb,
        Some("postgres") => Dialect::Postgres,
        _ => panic!("usage: sql_answers duckdb|postgres"),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        root: folder.path().join("warehouse"),
        memory_limit: 1 << 30,
        threads: 2,
        spill: folder.path().join("spill"),
        dialect,
        database: "forebay".to_owned(),
        files: std::env::current_dir().unwrap(),
        settings: Vec::new(),
    };
    let lake = runtime.block_on(Lake::open(options)).unwrap();
    for line in std::io::stdin().lock().lines() {
        let sql: String = serde_json::from_str(&line.unwrap()).unwrap();
        let lake = lake.clone();
        let answered = runtime.block_on(async { tokio::spawn(answered(lake, sql)).await });
        let answer = answered.unwrap_or_else(|panic| json!({ "error": format!("PANIC {panic}") }));
        println!("{answer}");
        std::io::stdout().flush().unwrap();
    }
}

async fn answered(lake: Lake, sql: String) -> Value {
    match lake.execute(&sql).await {
        Ok(Executed::Rows(schema, batches)) => {
            let column = |f: &std::sync::Arc<arrow::datatypes::Field>| {
                json!([f.name(), sql_type(f.data_type())])
            };
            json!({
                "columns": schema.fields().iter().map(column).collect::<Vec<_>>(),
                "rows": answer::rows(&batches),
            })
        }
        Ok(_) => json!({ "columns": [], "rows": [] }),
        Err(problem) => json!({ "error": problem.to_string() }),
    }
}
