//! Data on stdout: tables as text, or JSON.

use forebay_core::Diagnostic;
use forebay_runner::cells::{Cells, Kind};
use serde::Serialize;

use super::out;

/// Writes to stdout. A reader that went away (`| head`) ends the program quietly.
pub fn print(text: &str) {
    if out::line(text).is_err() {
        std::process::exit(0);
    }
}

pub fn json(value: &impl Serialize) -> Result<(), Diagnostic> {
    print(&json_text(value)?);
    Ok(())
}

pub fn json_text(value: &impl Serialize) -> Result<String, Diagnostic> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Diagnostic::internal(format!("cannot encode the answer: {error}")))
}

/// Rows as one JSON object each, in an array.
pub fn json_rows(cells: &Cells) -> serde_json::Value {
    let names = told_apart(&cells.columns);
    let object = |row: &Vec<Option<String>>| {
        let pairs = names.iter().zip(&cells.kinds).zip(row);
        let pairs = pairs.map(|((name, kind), cell)| (name.clone(), value(cell, *kind)));
        serde_json::Value::Object(pairs.collect())
    };
    cells.rows.iter().map(object).collect()
}

/// A name that repeats is numbered, as DuckDB does: `x`, `x_1`.
fn told_apart(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let numbered = (1..).map(|n| format!("{column}_{n}"));
        let mut free = std::iter::once(column.clone()).chain(numbered);
        let name = free.find(|name| !names.contains(name));
        names.extend(name);
    }
    names
}

fn value(cell: &Option<String>, kind: Kind) -> serde_json::Value {
    match cell {
        None => serde_json::Value::Null,
        Some(text) if kind == Kind::Text => text.clone().into(),
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.clone().into()),
    }
}

/// A table with aligned columns. Numbers to the right, long cells shortened.
pub fn table(cells: &Cells) -> String {
    const WIDEST: usize = 48;
    let shorten = |text: &str| match text.chars().count() > WIDEST {
        true => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        false => text.replace(['\n', '\r'], " "),
    };
    let rows: Vec<Vec<String>> = cells
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| shorten(cell.as_deref().unwrap_or("∅")))
                .collect()
        })
        .collect();
    let width = |index: usize| {
        let cells_width = rows
            .iter()
            .map(|row| row[index].chars().count())
            .max()
            .unwrap_or(0);
        cells_width.max(cells.columns[index].chars().count())
    };
    let widths: Vec<usize> = (0..cells.columns.len()).map(width).collect();
    let line = |row: &[String]| {
        let parts = row
            .iter()
            .enumerate()
            .map(|(i, cell)| match cells.kinds[i] {
                Kind::Number => format!("{cell:>width$}", width = widths[i]),
                _ => format!("{cell:<width$}", width = widths[i]),
            });
        parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let head = [line(&cells.columns), rule.join("  ")];
    let body = rows.iter().map(|row| line(row));
    head.into_iter().chain(body).collect::<Vec<_>>().join("\n")
}
