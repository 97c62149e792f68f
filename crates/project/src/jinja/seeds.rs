//! `adapter.*` as macros of seeds call it. The rows of the file are in a table beside the seed's (`seeds.sql`).

use std::sync::Arc;

use forebay_core::{Relation, name};
use minijinja::value::from_args;
use minijinja::{Error, Value};

use super::errors::failed;
use super::scope::Scope;
use crate::ask::{Answer, Question};

/// The name of the table that holds a seed's rows while macros load it.
pub fn rows_of(seed: &Relation) -> Relation {
    Relation::new(&seed.schema, format!("{}__dbt_seed", seed.name))
}

/// The type of the file's column at that place.
pub(super) fn convert_type(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (_table, at): (Value, usize) = from_args(args)?;
    let Some(seed) = &scope.node.this else {
        return Err(failed("adapter.convert_type is for seeds"));
    };
    let found = scope.ask(Question::Columns(rows_of(seed)))?;
    Ok(match found.as_deref() {
        Some(Answer::Columns(columns)) => {
            let column = columns.get(at);
            column.map_or(Value::UNDEFINED, |column| Value::from(&*column.data_type))
        }
        _ => Value::from(()),
    })
}

pub(super) fn as_it_is(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (table,): (Value,) = from_args(args)?;
    Ok(table)
}

pub(super) fn binding_char(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    let of_duckdb = scope.shared.target.kind == "duckdb";
    Ok(Value::from(if of_duckdb { "?" } else { "%s" }))
}

/// From the project's folder.
pub(super) fn file_path(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (model,): (Value,) = from_args(args)?;
    model.get_attr("original_file_path")
}

/// As it is where `quote_columns` is false.
pub(super) fn quote_column(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (column, quoted): (&str, Option<bool>) = from_args(args)?;
    Ok(Value::from(match quoted.unwrap_or(true) {
        true => name::quote(column),
        false => column.to_owned(),
    }))
}

/// A statement with values in the places that `get_binding_char` marks.
pub(super) fn bound(sql: &str, bindings: &Value) -> Result<String, Error> {
    let values: Vec<Value> = bindings.try_iter()?.collect();
    let mark = if sql.contains("%s") { "%s" } else { "?" };
    let parts: Vec<&str> = sql.split(mark).collect();
    if parts.len() != values.len() + 1 {
        return Err(failed(format!(
            "adapter.add_query: {} values for {} places",
            values.len(),
            parts.len() - 1
        )));
    }
    let literals = values.iter().map(literal).chain([String::new()]);
    let parts = parts.iter().zip(literals);
    Ok(parts
        .map(|(part, literal)| format!("{part}{literal}"))
        .collect())
}

fn literal(value: &Value) -> String {
    if value.is_none() || value.is_undefined() {
        return "null".to_owned();
    }
    let text = value.to_string();
    match value.is_number() || value.kind() == minijinja::value::ValueKind::Bool {
        true => text,
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_into_their_places() {
        let values = Value::from(vec![Value::from("it's"), Value::from(1.5), Value::from(())]);
        let sql = bound("values (%s, %s, %s)", &values).unwrap();
        assert_eq!(sql, "values ('it''s', 1.5, null)");
        assert!(bound("values (?)", &values).is_err());
    }
}
