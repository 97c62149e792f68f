//! `ref`, `source` and `function`: what a template asks for by name, and what it is given.

use std::sync::Arc;

use forebay_core::{Diagnostic, Relation};
use minijinja::value::{Kwargs, from_args};
use minijinja::{Error, State, Value};

use super::errors::problem;
use super::names::Known;
use super::ref_call::RefCall;
use super::relation::RelationValue;
use super::scope::Scope;

pub(super) fn reference(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(first) = args.first().filter(|first| first.as_str().is_none()) {
        let problem = format!("ref() needs the name of a model, not a {}", first.kind());
        return Err(problem_with(problem, "write it as a text: ref('orders')"));
    }
    let (first, second, kwargs): (String, Option<String>, Kwargs) = from_args(args)?;
    let version = match kwargs.get::<Option<Value>>("version")? {
        None => kwargs.get::<Option<Value>>("v")?,
        found => found,
    };
    let version = version.map(|version| version.to_string());
    kwargs.assert_all_used()?;
    let (package, name) = match second {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    let call = RefCall::Ref {
        package: package.clone(),
        name: name.clone(),
        version: version.clone(),
    };
    let Some(names) = scope.shared.names.get() else {
        return Ok(remember(scope, call, &name));
    };
    if scope.node.excused.contains(&call) {
        return Ok(remember(scope, call, &name));
    }
    let known = names
        .reference(scope.asker(), package.as_deref(), &name, version.as_deref())
        .map_err(problem)?;
    check_seen(scope, known, &call)?;
    use_known(scope, known, &call.to_string())
}

pub(super) fn problem_with(message: String, hint: &str) -> Error {
    problem(Diagnostic::error(message).hint(hint))
}

pub(super) fn source(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (source, table): (String, String) = from_args(args)?;
    let call = RefCall::Source {
        source: source.clone(),
        table: table.clone(),
    };
    let Some(names) = scope.shared.names.get() else {
        return Ok(remember(scope, call, &table));
    };
    if scope.node.excused.contains(&call) {
        return Ok(remember(scope, call, &table));
    }
    let known = names
        .source(scope.package(), &source, &table)
        .map_err(problem)?;
    use_known(scope, known, &format!("source('{source}', '{table}')"))
}

/// The name of a function of the database.
pub(super) fn function(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (first, second): (String, Option<String>) = from_args(args)?;
    let (package, name) = match second {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    let call = RefCall::Function {
        package: package.clone(),
        name: name.clone(),
    };
    let Some(names) = scope.shared.names.get() else {
        return Ok(remember(scope, call, &name));
    };
    if scope.node.excused.contains(&call) {
        return Ok(remember(scope, call, &name));
    }
    let known = names
        .function(scope.package(), package.as_deref(), &name)
        .map_err(problem)?;
    let mut value = RelationValue::new(scope, known.relation.clone());
    value.quoted = known.quoting;
    Ok(Value::from_object(value))
}

/// Nothing is known yet: note the call, and answer with something of the right shape.
fn remember(scope: &Arc<Scope>, call: RefCall, name: &str) -> Value {
    let mut record = scope.record();
    if !record.calls.contains(&call) {
        record.calls.push(call);
    }
    let relation = Relation::new(&scope.shared.target.schema, name);
    Value::from_object(RelationValue::new(scope, relation))
}

/// As in dbt, a source may be named where nobody has seen it: it is there already.
fn check_seen(scope: &Scope, known: &Known, call: &RefCall) -> Result<(), Error> {
    let parents = scope.node.parents.as_ref();
    if parents.is_none_or(|parents| parents.contains(&known.id)) {
        return Ok(());
    }
    let unseen = Diagnostic::error(format!("{call} was not seen while the project was read"));
    let way = format!("write -- depends_on: {{{{ {call} }}}} outside of the condition");
    Err(problem(unseen.hint(way)))
}

fn use_known(scope: &Arc<Scope>, known: &Known, call: &str) -> Result<Value, Error> {
    let stand_in = scope.compiling().and_then(|c| c.stand_ins.get(&known.id));
    if let Some(sql) = stand_in {
        let relation = RelationValue::cte(scope, known.relation.clone(), sql.clone());
        return Ok(Value::from_object(relation));
    }
    if scope.compiling().is_some_and(|c| c.only_stand_ins) {
        let message = format!("the unit test gives no rows for {call}, which its model reads");
        return Err(problem(
            Diagnostic::error(message).hint("an input without rows: rows: []"),
        ));
    }
    if !known.ephemeral {
        let reading = scope.shared.reading.get();
        let instead = reading.and_then(|reading| reading.deferred.get(&known.id));
        let relation = instead.unwrap_or(&known.relation).clone();
        let mut value = RelationValue::new(scope, relation);
        value.quoted = known.quoting;
        value.location = known.location.clone().filter(|_| instead.is_none());
        value.wanted = wanted(scope, known);
        return Ok(Value::from_object(value));
    }
    let mut record = scope.record();
    if !record.ephemerals.contains(&known.id) {
        record.ephemerals.push(known.id.clone());
    }
    drop(record);
    let cte = cte_name(&known.relation);
    let mut value = RelationValue::cte(scope, known.relation.clone(), cte);
    value.wanted = wanted(scope, known);
    Ok(Value::from_object(value))
}

/// Which of its rows are read: with `--empty` none, in a batch and with `--sample`, by models and snapshots, those of that time.
fn wanted(scope: &Scope, known: &Known) -> Option<String> {
    let reading = scope.shared.reading.get();
    let compiling = scope.compiling()?;
    if reading.is_some_and(|reading| reading.empty) {
        return Some("false limit 0".to_owned());
    }
    let kind = scope.node.model.get("resource_type")?.as_str()?;
    let sample = reading
        .and_then(|reading| reading.sample)
        .filter(|_| matches!(kind, "model" | "snapshot"));
    let window = match (compiling.batch, sample) {
        (Some(batch), Some(sample)) => batch.and(sample),
        (batch, sample) => batch.or(sample)?,
    };
    let column = known.event_time.as_deref()?;
    Some(window.holds(column))
}

/// dbt's name for an ephemeral model's expression.
pub(crate) fn cte_name(relation: &Relation) -> String {
    format!("__dbt__cte__{}", relation.name)
}
