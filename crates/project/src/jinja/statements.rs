//! What `adapter.*` does to the warehouse: statements, run where a template is run for its effects.

use std::sync::Arc;

use minijinja::value::{Kwargs, Tuple};
use minijinja::{Error, Value};

use super::errors::failed;
use super::relation::RelationValue;
use super::scope::Scope;
use super::table;
use crate::ask::{Answer, Question};

pub(super) fn drop_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let relation = relation(args, 0, "relation", "drop_relation")?;
    let kind = if relation.is_view() { "view" } else { "table" };
    run(scope, format!("drop {kind} if exists {relation} cascade"))
}

/// The new name takes the place of whatever has it.
pub(super) fn rename_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let from = relation(args, 0, "from_relation", "rename_relation")?;
    let to = relation(args, 1, "to_relation", "rename_relation")?;
    run(scope, format!("alter table {from} rename to {to}"))
}

pub(super) fn truncate_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let relation = relation(args, 0, "relation", "truncate_relation")?;
    run(scope, format!("truncate table {relation}"))
}

pub(super) fn drop_schema(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let relation = relation(args, 0, "relation", "drop_schema")?;
    let schema = relation.showing([true, true, false]);
    run(scope, format!("drop schema if exists {schema} cascade"))
}

/// `adapter.execute(sql, fetch=true)`: what it says, and the rows.
pub(super) fn execute(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let placed = args.iter().filter(|arg| !arg.is_kwargs());
    let sql = placed.map(Value::to_string).next();
    let mut sql = sql.ok_or_else(|| failed("adapter.execute needs a statement"))?;
    let named = args.last().filter(|last| last.is_kwargs());
    let bindings = named.and_then(|named| named.get_attr("bindings").ok());
    if let Some(bindings) = bindings.filter(Value::is_true) {
        sql = super::seeds::bound(&sql, &bindings)?;
    }
    let rows = run(scope, sql)?;
    Ok(Value::from(Tuple::from(vec![Value::from("OK"), rows])))
}

fn run(scope: &Arc<Scope>, sql: String) -> Result<Value, Error> {
    let found = scope.ask(Question::Rows(sql))?;
    Ok(match found.as_deref() {
        Some(Answer::Rows(rows)) => table::value(rows),
        _ => Value::from(()),
    })
}

/// By place, or by its name.
fn relation(args: &[Value], at: usize, name: &str, what: &str) -> Result<RelationValue, Error> {
    let named = args.last().filter(|last| last.is_kwargs());
    let named = named.and_then(|kwargs| Kwargs::try_from(kwargs.clone()).ok());
    let placed = args.get(at).filter(|arg| !arg.is_kwargs()).cloned();
    let found = placed.or_else(|| named?.get::<Value>(name).ok());
    let relation = found.and_then(|found| found.downcast_object_ref::<RelationValue>().cloned());
    relation.ok_or_else(|| failed(format!("adapter.{what} needs a relation")))
}
