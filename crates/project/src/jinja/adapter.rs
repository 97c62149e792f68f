//! `adapter.*` as far as it needs no connection, and `exceptions.*`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use forebay_core::{Diagnostic, Relation, suggest};
use indexmap::IndexSet;
use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use super::errors::{failed, problem};
use super::functions::existing;
use super::relation::RelationValue;
use super::scope::Scope;
use super::{collections, column, seeds, statements};
use crate::ask::{Answer, Column, Question, RelationKind};
use crate::config::{PARTS, Quoting};

type Method = fn(&Arc<Scope>, &[Value]) -> Result<Value, Error>;

const ADAPTER: &[(&str, Method)] = &[
    ("dispatch", dispatch),
    ("get_relation", get_relation),
    ("quote", quote),
    ("external_root", external_root),
    ("type", kind),
    ("get_columns_in_relation", columns),
    ("columns_of_warehouse", columns),
    ("get_missing_columns", missing_columns),
    ("list_relations", list_relations),
    ("list_relations_without_caching", list_relations),
    ("check_schema_exists", schema_exists),
    ("create_schema", nothing),
    ("expand_target_column_types", nothing),
    ("verify_database", nothing),
    ("commit", nothing),
    ("clear_transaction", nothing),
    ("cache_added", nothing),
    ("cache_dropped", nothing),
    ("cache_renamed", nothing),
    ("warn_once", warn),
    ("is_motherduck", no),
    ("is_ducklake", no),
    ("quote_as_configured", quote_as_configured),
    ("get_column_schema_from_query", query_columns),
    ("get_incremental_strategy_macro", strategy_macro),
    ("valid_incremental_strategies", strategies),
    ("builtin_incremental_strategies", strategies),
    ("get_hard_deletes_behavior", hard_deletes),
    ("convert_type", seeds::convert_type),
    ("convert_datetimes_to_strs", seeds::as_it_is),
    ("get_binding_char", seeds::binding_char),
    ("get_seed_file_path", seeds::file_path),
    ("quote_seed_column", seeds::quote_column),
];

/// Those that change the warehouse; they do nothing while the project is read.
const STATEMENTS: &[(&str, Method)] = &[
    ("drop_relation", statements::drop_relation),
    ("rename_relation", statements::rename_relation),
    ("truncate_relation", statements::truncate_relation),
    ("drop_schema", statements::drop_schema),
    ("execute", statements::execute),
    ("add_query", statements::execute),
];

/// Those that are macros of the same name, which a project may have instead, as in dbt.
const BY_MACROS: &[&str] = &[
    "drop_relation",
    "drop_schema",
    "get_columns_in_relation",
    "rename_relation",
    "truncate_relation",
];

const RELATIONS: &[(&str, Method)] = &[
    ("create", create_relation),
    ("add_ephemeral_prefix", add_ephemeral_prefix),
    ("scd_args", scd_args),
];

const COLUMNS: &[(&str, Method)] = &[
    ("create", create_column),
    ("translate_type", translate_type),
    ("string_type", string_type),
    ("numeric_type", numeric_type),
];

const EXCEPTIONS: &[(&str, Method)] = &[
    ("raise_compiler_error", raise),
    ("raise_not_implemented", raise),
    ("warn", warn),
];

pub(crate) fn value(scope: &Arc<Scope>) -> Value {
    Methods::value("adapter", ADAPTER, scope)
}

pub(crate) fn exceptions(scope: &Arc<Scope>) -> Value {
    Methods::value("exceptions", EXCEPTIONS, scope)
}

/// `api.Relation` and `api.Column`.
pub(crate) fn api(scope: &Arc<Scope>) -> Value {
    Value::from_pairs([
        ("Relation", Methods::value("api.Relation", RELATIONS, scope)),
        ("Column", Methods::value("api.Column", COLUMNS, scope)),
    ])
}

/// An object that is nothing but its methods.
struct Methods {
    name: &'static str,
    methods: &'static [(&'static str, Method)],
    scope: Arc<Scope>,
}

impl Methods {
    fn value(
        name: &'static str,
        methods: &'static [(&'static str, Method)],
        scope: &Arc<Scope>,
    ) -> Value {
        Value::from_object(Self {
            name,
            methods,
            scope: scope.clone(),
        })
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.name)
    }
}

impl Object for Methods {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    /// So that templates can ask whether a method is defined, and hand it on.
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let kind = RELATION_KINDS.iter().find(|(name, _)| *name == key);
        if let Some((_, kind)) = kind.filter(|_| self.name == "api.Relation") {
            return Some(Value::from(*kind));
        }
        if self.name == "adapter"
            && let Some(part) = part(&self.scope, key)
        {
            return Some(part);
        }
        let (method, _) = self.methods.iter().find(|(name, _)| *name == key)?;
        let of = Arc::clone(self);
        Some(Value::from_object(Bound { of, method }))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.call_method(state, "create", args)
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let mut methods = self.methods.iter();
        let mut found = methods.find(|(name, _)| *name == method);
        let is_run = self.scope.compiling().is_some();
        if is_run && self.name == "adapter" {
            if BY_MACROS.contains(&method) && self.scope.shared.has_own(method) {
                let shared = &self.scope.shared;
                let found = shared.macros.find(&shared.project, &shared.project, method);
                let found = found.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))?;
                return self.scope.macro_value(found).call(state, args);
            }
            let is_of = |(name, _): &&(&str, Method)| *name == method;
            found = found.or_else(|| STATEMENTS.iter().find(is_of));
        }
        // While the project is read nothing comes of a call, so an unknown one hurts nobody yet.
        if found.is_none() && !is_run && self.name == "adapter" {
            return Ok(Value::from(()));
        }
        let Some((_, function)) = found else {
            let names: Vec<&str> = self.methods.iter().map(|(name, _)| *name).collect();
            return Err(problem(
                Diagnostic::error(format!("{}.{method} is not supported yet", self.name))
                    .maybe_hint(suggest::nearest(method, names.iter().copied()))
                    .hint(format!("supported: {}", names.join(", "))),
            ));
        };
        function(&self.scope, args).map_err(|error| match error.kind() {
            ErrorKind::MissingArgument | ErrorKind::TooManyArguments => {
                failed(format!("{}.{method}: {error}", self.name))
            }
            _ => error,
        })
    }
}

pub(super) const RELATION_KINDS: &[(&str, &str)] = &[
    ("CTE", "cte"),
    ("External", "external"),
    ("MaterializedView", "materialized_view"),
    ("Table", "table"),
    ("View", "view"),
];

/// A method that has not been called yet.
#[derive(Debug)]
struct Bound {
    of: Arc<Methods>,
    method: &'static str,
}

impl Object for Bound {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.of.call_method(state, self.method, args)
    }
}

/// The macro of that name for the engine at hand: the first of `forebay__x`, `<type>__x`,
/// `postgres__x`, `default__x` that the project or we have.
fn dispatch(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let part = parts(args);
    let Some(name) = part(0, "macro_name") else {
        return Err(failed("adapter.dispatch needs the name of a macro"));
    };
    let (namespace, shared) = (part(1, "macro_namespace"), &scope.shared);
    let found = shared.dispatched(scope.package(), &name, namespace.as_deref());
    // As in dbt, the macros of a generic test look in the test's own package.
    let anywhere = || {
        shared
            .dispatched_to(&name, None)
            .filter(|_| namespace.is_none())
    };
    if let Some(found) = found.or_else(anywhere) {
        return Ok(scope.macro_value(found));
    }
    let names: IndexSet<String> = shared
        .prefixes()
        .into_iter()
        .map(|prefix| format!("{prefix}__{name}"))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    Err(problem(
        Diagnostic::error(format!("adapter.dispatch found no macro for '{name}'"))
            .hint(format!("looked for {}", names.join(", "))),
    ))
}

/// Arguments by place or by name.
fn parts(args: &[Value]) -> impl Fn(usize, &str) -> Option<String> {
    let (named, positional) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (last.clone(), rest.to_vec()),
        _ => (Value::UNDEFINED, args.to_vec()),
    };
    move |index, key| {
        let value = positional.get(index).cloned();
        value
            .or_else(|| named.get_attr(key).ok())
            .filter(|value| !value.is_none() && !value.is_undefined())
            .map(|value| value.to_string())
    }
}

fn get_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let part = parts(args);
    let elsewhere = |name: &String| !name.eq_ignore_ascii_case(&scope.shared.target.database);
    if part(0, "database").is_some_and(|name| elsewhere(&name)) {
        return Ok(Value::from(()));
    }
    match (part(1, "schema"), part(2, "identifier")) {
        (Some(schema), Some(name)) => existing(scope, &Relation::new(schema, name)),
        _ => Err(failed(
            "adapter.get_relation needs database, schema and identifier",
        )),
    }
}

fn quote(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (identifier,): (&str,) = from_args(args)?;
    Ok(Value::from(forebay_core::name::quote(identifier)))
}

/// The profile's folder for models that are written into files.
fn external_root(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    let root = scope.shared.target.text("external_root");
    Ok(Value::from(root.unwrap_or(".")))
}

fn kind(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(&*scope.shared.target.kind))
}

fn no(_: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(false))
}

/// What `adapter` has besides its methods.
fn part(scope: &Arc<Scope>, key: &str) -> Option<Value> {
    let target = || Value::from(minijinja::value::Serde(scope.shared.target.to_json()));
    Some(match key {
        "Relation" => Methods::value("api.Relation", RELATIONS, scope),
        "Column" => Methods::value("api.Column", COLUMNS, scope),
        "config" => Value::from_pairs([
            ("credentials", target()),
            ("project_name", Value::from(&*scope.shared.project)),
            ("profile_name", Value::from(&*scope.shared.target.profile)),
            ("target_name", Value::from(&*scope.shared.target.name)),
            (
                "threads",
                Value::from(scope.shared.target.threads.unwrap_or(1)),
            ),
            (
                "quoting",
                collections::from_json(&scope.shared.quoting.to_json()),
            ),
        ]),
        "behavior" => collections::dict([]),
        _ => return None,
    })
}

/// What is no part of a relation's name is left as it is.
fn quote_as_configured(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (identifier, part): (&str, Option<&str>) = from_args(args)?;
    let Quoting(quoted) = scope.shared.quoting;
    let mut parts = PARTS.iter().zip(quoted);
    let quoted = parts.any(|(name, quoted)| quoted && part == Some(*name));
    Ok(Value::from(match quoted {
        true => forebay_core::name::quote(identifier),
        false => identifier.to_owned(),
    }))
}

const STRATEGIES: &[&str] = &[
    "append",
    "delete+insert",
    "merge",
    "insert_overwrite",
    "microbatch",
];

fn strategies(_: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    Ok(collections::list(
        STRATEGIES.iter().map(|name| Value::from(*name)),
    ))
}

/// The macro that says how new rows come into the table: `get_incremental_<strategy>_sql`.
fn strategy_macro(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (_context, strategy): (Value, &str) = from_args(args)?;
    let name = strategy_macro_name(strategy);
    let shared = &scope.shared;
    let found = shared.macros.find(scope.package(), &shared.project, &name);
    found.map(|found| scope.macro_value(found)).ok_or_else(|| {
        problem(
            Diagnostic::error(format!("no incremental strategy is called '{strategy}'"))
                .hint(format!("a strategy of your own is a macro '{name}'"))
                .maybe_hint(suggest::nearest(strategy, STRATEGIES.iter().copied())),
        )
    })
}

pub(crate) fn strategy_macro_name(strategy: &str) -> String {
    format!("get_incremental_{}_sql", strategy.replace('+', "_"))
}

/// What becomes of a snapshot's rows that are gone: `ignore`, `invalidate`, `new_record`.
fn hard_deletes(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    let config = &scope.node.config;
    let said = config.get("hard_deletes").and_then(Json::as_str);
    let invalidates = config.get("invalidate_hard_deletes") == Some(&true.into());
    let by_default = if invalidates { "invalidate" } else { "ignore" };
    Ok(Value::from(said.unwrap_or(by_default)))
}

/// What names a version: the key, or all of its parts, and the time.
fn scd_args(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (key, updated_at): (Value, Value) = from_args(args)?;
    let keys: Vec<Value> = match key.as_str() {
        Some(_) => vec![key],
        None => key.try_iter()?.collect(),
    };
    Ok(collections::list(keys.into_iter().chain([updated_at])))
}

fn query_columns(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (sql,): (Value,) = from_args(args)?;
    let asked = Question::QueryColumns(sql.to_string());
    Ok(collections::list(column_values(scope, scope.ask(asked)?)))
}

/// Of a relation, or of one that its text names.
fn columns(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    Ok(collections::list(columns_of(scope, args.first())?))
}

fn columns_of(scope: &Arc<Scope>, value: Option<&Value>) -> Result<Vec<Value>, Error> {
    let value = value.ok_or_else(|| failed("get_columns_in_relation needs a relation"))?;
    let relation = match value.downcast_object_ref::<RelationValue>() {
        Some(relation) => Some(relation.relation.clone()),
        None => named(&value.to_string()),
    };
    let Some(relation) = relation else {
        return Ok(Vec::new());
    };
    Ok(column_values(
        scope,
        scope.ask(Question::Columns(relation))?,
    ))
}

/// `"shop"."main"."orders"`, or without the first part.
fn named(text: &str) -> Option<Relation> {
    let text = text.replace('"', "");
    let mut parts = text.rsplitn(3, '.');
    let (name, schema) = (parts.next()?, parts.next()?);
    Some(Relation::new(schema, name))
}

/// Those of the first relation that the second lacks.
fn missing_columns(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let name = |column: &Value| column.get_attr("name").map(|name| name.to_string());
    let second = columns_of(scope, args.get(1))?;
    let known: Vec<String> = second.iter().map(name).collect::<Result<_, _>>()?;
    let mut missing = Vec::new();
    for column in columns_of(scope, args.first())? {
        if !known.contains(&name(&column)?) {
            missing.push(column);
        }
    }
    Ok(collections::list(missing))
}

fn column_values(scope: &Scope, answer: Option<Cow<'_, Answer>>) -> Vec<Value> {
    match answer.map(Cow::into_owned) {
        Some(Answer::Columns(columns)) => {
            let value = |column| column::value(scope, column);
            columns.into_iter().map(value).collect()
        }
        _ => Vec::new(),
    }
}

fn relations(scope: &Arc<Scope>) -> Result<Vec<(Relation, RelationKind)>, Error> {
    Ok(match scope.ask(Question::Relations)?.map(Cow::into_owned) {
        Some(Answer::Relations(all)) => all,
        _ => Vec::new(),
    })
}

/// Of a schema: named, or that of a relation.
fn list_relations(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let schema = match args.first() {
        Some(value) if value.downcast_object_ref::<RelationValue>().is_some() => {
            value.get_attr("schema")?.to_string()
        }
        _ => args
            .get(1)
            .or(args.first())
            .map_or(String::new(), Value::to_string),
    };
    let all = relations(scope)?.into_iter();
    let of_schema = all.filter(|(r, _)| r.schema == schema);
    let value = |(relation, kind): (Relation, RelationKind)| {
        Value::from_object(RelationValue::found(scope, relation, kind))
    };
    Ok(collections::list(of_schema.map(value)))
}

fn schema_exists(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let schema = args.last().map_or(String::new(), Value::to_string);
    let all = relations(scope)?;
    Ok(Value::from(all.iter().any(|(r, _)| r.schema == schema)))
}

/// Done for everyone already.
fn nothing(_: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(()))
}

fn create_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let part = parts(args);
    let schema = part(1, "schema").unwrap_or_else(|| scope.shared.target.schema.clone());
    let name = part(2, "identifier").unwrap_or_default();
    let given = [(0, "database"), (1, "schema"), (2, "identifier")];
    let shown = given.map(|(place, name)| part(place, name).is_some());
    let relation = RelationValue::new(scope, Relation::new(schema, name));
    let relation = relation.in_database(part(0, "database")).showing(shown);
    Ok(Value::from_object(match part(3, "type").as_deref() {
        Some("view") => relation.of_kind(RelationKind::View),
        Some("table") => relation.of_kind(RelationKind::Table),
        _ => relation,
    }))
}

fn add_ephemeral_prefix(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (name,): (String,) = from_args(args)?;
    let relation = Relation::new("", name);
    Ok(Value::from(super::references::cte_name(&relation)))
}

fn create_column(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    type Given = (String, String, Option<u32>, Option<u32>, Option<u32>);
    let (name, kind, size, precision, scale): Given = from_args(args)?;
    let text = column::is_text(&kind);
    let data_type = match (size, precision) {
        (Some(size), _) if text => format!("character varying({size})"),
        (_, Some(precision)) if column::is_decimal(&kind) => {
            format!("{kind}({precision},{})", scale.unwrap_or(0))
        }
        _ => translated(&kind).to_owned(),
    };
    Ok(column::value(scope, Column { name, data_type }))
}

fn translate_type(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (name,): (&str,) = from_args(args)?;
    Ok(Value::from(translated(name)))
}

/// The database's name of a type that has another one in templates.
fn translated(name: &str) -> &str {
    match name.eq_ignore_ascii_case("string") {
        true => "TEXT",
        false => name,
    }
}

fn string_type(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (size,): (u32,) = from_args(args)?;
    Ok(Value::from(format!("character varying({size})")))
}

fn numeric_type(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (name, precision, scale): (&str, i64, i64) = from_args(args)?;
    Ok(Value::from(format!("{name}({precision},{scale})")))
}

fn raise(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (message,): (Value,) = from_args(args)?;
    Err(failed(message.to_string()))
}

fn warn(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (message,): (Value,) = from_args(args)?;
    let is_error = scope.shared.flags.get("WARN_ERROR") == Some(&true.into());
    if is_error && scope.compiling().is_some() {
        return Err(failed(message.to_string()));
    }
    scope
        .record()
        .warnings
        .push(Diagnostic::warning(message.to_string()));
    Ok(Value::from(""))
}
