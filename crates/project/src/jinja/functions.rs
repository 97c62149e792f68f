//! The functions that dbt's templates call: one entry each in [`FUNCTIONS`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use forebay_core::{Diagnostic, Relation, suggest};
use minijinja::value::{Kwargs, Object, ObjectRepr, from_args};
use minijinja::{Error, State, Value};
use serde_json::Value as Json;

use super::errors::{failed, problem, returning};
use super::named::{Params, placed};
use super::references::{function, problem_with, reference, source};
use super::relation::RelationValue;
use super::scope::{Context, Scope};
use super::{collections, cycles, macros, python, table, template, values};
use crate::ask::{Answer, Question};
use crate::config::Vars;
use crate::render::has_jinja;

pub(crate) type Function = fn(&Arc<Scope>, &mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

/// Each with its parameters, where it takes them by name too.
pub(crate) const FUNCTIONS: &[(&str, Params, Function)] = &[
    ("ref", &[], reference),
    ("source", &[], source),
    ("var", &["var_name", "default"], var),
    ("env_var", &["var", "default"], env_var),
    ("doc", &[], doc),
    ("function", &[], function),
    ("is_incremental", &[], is_incremental),
    ("should_full_refresh", &[], should_full_refresh),
    ("load_relation", &["relation"], load_relation),
    ("return", &["data"], return_value),
    ("log", &["msg", "info"], log),
    ("print", &["msg"], print),
    (
        "tojson",
        &["value", "default", "sort_keys"],
        values::to_json,
    ),
    ("fromjson", &["string", "default"], values::from_json),
    ("set", &["value", "default"], values::unique),
    ("zip", &[], values::zip),
    ("run_query", &["sql"], run_query),
    ("statement", &[], statement),
    ("load_result", &["name"], load_result),
    ("store_result", &[], store_result),
    ("store_raw_result", &[], store_result),
    ("render", &["string"], render),
    ("fromyaml", &["value", "default"], values::from_yaml),
    (
        "toyaml",
        &["value", "default", "sort_keys"],
        values::to_yaml,
    ),
    ("set_strict", &["value"], values::unique),
    ("zip_strict", &[], values::zip),
    (
        "diff_of_two_dicts",
        &["dict_a", "dict_b"],
        values::difference,
    ),
    ("local_md5", &["value"], values::local_md5),
    ("__register", &[], register),
    ("__imported", &[], imported),
    ("__value", &[], keep_value),
    ("__do", &[], |_, _, _| Ok(Value::UNDEFINED)),
    ("__each", &[], values::each),
    ("__compare", &[], values::compare),
    ("__sum", &[], values::sum),
    ("__percent", &[], values::percent),
    ("__list", &[], values::list),
    ("__dict", &[], values::dict),
    ("dict", &[], values::dict),
    ("cycler", &[], cycles::cycler),
    ("joiner", &[], cycles::joiner),
];

pub(crate) fn get(scope: &Arc<Scope>, name: &str) -> Option<Value> {
    let known = FUNCTIONS.iter().find(|(known, ..)| *known == name)?;
    Some(Callable::value(scope, known))
}

/// Functions here that are macros of the package `dbt` there: `dbt.run_query(...)`.
const MACROS_OF_DBT: &[&str] = &[
    "run_query",
    "statement",
    "is_incremental",
    "should_full_refresh",
    "load_relation",
];

/// What `dbt.name` is where it is a function of ours.
pub(crate) fn of_package(scope: &Arc<Scope>, package: &str, name: &str) -> Option<Value> {
    let known = package == "dbt" && MACROS_OF_DBT.contains(&name);
    get(scope, name).filter(|_| known)
}

/// `builtins.ref` and its like: ours, even where the project has a macro of that name.
pub(crate) fn builtins(scope: &Arc<Scope>) -> Value {
    let public = FUNCTIONS
        .iter()
        .filter(|(name, ..)| !name.starts_with("__"));
    let mut all: Vec<(&str, Value)> = public
        .map(|known| (known.0, Callable::value(scope, known)))
        .collect();
    all.push(("config", super::config_object::value(scope)));
    Value::from_pairs(all)
}

/// A function that always answers the same.
pub(crate) fn constant(value: &Json) -> Value {
    Value::from_object(Constant(collections::from_json(value)))
}

#[derive(Debug)]
struct Constant(Value);

impl Object for Constant {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(self.0.clone())
    }
}

/// A function bound to the rendering that calls it.
pub(crate) struct Callable {
    name: &'static str,
    params: Params,
    function: Function,
    scope: Arc<Scope>,
}

impl Callable {
    fn value(scope: &Arc<Scope>, known: &(&'static str, Params, Function)) -> Value {
        let (name, params, function) = *known;
        Value::from_object(Self {
            name,
            params,
            function,
            scope: scope.clone(),
        })
    }
}

/// How functions are called that take more than one form.
const FORMS: &[(&str, &str)] = &[
    ("doc", "doc('name') or doc('package', 'name')"),
    ("env_var", "env_var('NAME') or env_var('NAME', 'default')"),
    (
        "function",
        "function('name') or function('package', 'name')",
    ),
    (
        "ref",
        "ref('model'), ref('package', 'model') or ref('model', v=1)",
    ),
    ("source", "source('source', 'table')"),
    ("var", "var('name') or var('name', 'default')"),
];

impl Callable {
    /// The engine does not say which call has an argument too few or too many.
    fn told(&self, error: Error) -> Error {
        let what = match error.kind() {
            minijinja::ErrorKind::MissingArgument => "has too few arguments".to_owned(),
            minijinja::ErrorKind::TooManyArguments => match error.detail() {
                Some(detail) => format!("has too many arguments: {detail}"),
                None => "has too many arguments".to_owned(),
            },
            _ => return error,
        };
        let form = FORMS.iter().find(|(name, _)| *name == self.name);
        let problem_of = Diagnostic::error(format!("Jinja: {}() {what}", self.name));
        problem(problem_of.maybe_hint(form.map(|(_, form)| (*form).to_owned())))
    }
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl Object for Callable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let called = match self.params {
            [] => (self.function)(&self.scope, state, args),
            params => {
                let args = placed(self.name, params, args)?;
                (self.function)(&self.scope, state, &args)
            }
        };
        called.map_err(|error| self.told(error))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let asked = matches!(self.name, "ref" | "source") && key == "config";
        asked.then(|| collections::from_json(&self.scope.shared.runtime_config))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if (self.name, method) != ("var", "has_var") {
            return Err(Error::from(minijinja::ErrorKind::UnknownMethod));
        }
        let (name,): (&str,) = from_args(args)?;
        let found = self.scope.vars().and_then(|vars| vars.get(name));
        Ok(Value::from(found.is_some()))
    }
}

fn var(scope: &Arc<Scope>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (name, default) = name_and_default(args)?;
    let vars = scope.vars();
    let overridden = scope.compiling().and_then(|c| c.overrides.vars.get(name));
    match overridden.or_else(|| vars?.get(name)) {
        // A variable may be a template itself; what that gives is a text.
        Some(Json::String(text)) if has_jinja(text) => {
            let context = Value::from_object(Context(scope.clone()));
            let (source, _) = template::whole("", &Arc::from(text.as_str()), 0..text.len());
            return state.env().render_str(&source, context).map(Value::from);
        }
        Some(value) => return Ok(collections::from_json(value)),
        None => {}
    }
    if let Some(default) = default {
        return Ok(default);
    }
    // As in dbt: the node may not be among those that run.
    if scope.node.of_node && scope.compiling().is_none() {
        scope.record().missing.insert(name.to_owned());
        return Ok(Value::from(()));
    }
    Err(problem(
        Diagnostic::error(format!("the variable '{name}' has no value"))
            .maybe_hint(suggest::nearest(
                name,
                vars.into_iter().flat_map(Vars::names),
            ))
            .hint(format!(
                "give it one under vars: in dbt_project.yml, or a default: var('{name}', ...)"
            )),
    ))
}

/// `none` is a default like any other.
fn name_and_default(args: &[Value]) -> Result<(&str, Option<Value>), Error> {
    let name = args.first().and_then(Value::as_str);
    let name = name.ok_or_else(|| failed("var() and env_var() need the name of a variable"))?;
    Ok((name, args.get(1).cloned()))
}

/// How names of environment variables begin that nobody may see.
const SECRET: &str = "DBT_ENV_SECRET_";

fn env_var(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (name, default) = name_and_default(args)?;
    let default = default.filter(|default| !default.is_none());
    if name.starts_with(SECRET) && !scope.shared.secrets {
        let message = format!("the environment variable '{name}' is a secret");
        let hint = format!("{SECRET}* may be read in profiles.yml and packages.yml alone");
        return Err(problem_with(message, &hint));
    }
    let overridden = scope
        .compiling()
        .and_then(|c| c.overrides.env_vars.get(name));
    if let Some(value) = overridden {
        return Ok(Value::from(match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    if let Some(value) = scope.shared.env.get(name) {
        return Ok(Value::from(&**value));
    }
    default.ok_or_else(|| {
        problem(
            Diagnostic::error(format!("the environment variable '{name}' is not set")).hint(
                format!("set it, or give a default: env_var('{name}', '...')"),
            ),
        )
    })
}

fn doc(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (first, second): (String, Option<String>) = from_args(args)?;
    let (package, name) = match second {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    let docs = &scope.shared.docs;
    let found = scope.shared.doc(scope.package(), package.as_deref(), &name);
    found
        .map(|(_, doc)| Value::from(&*doc.text))
        .ok_or_else(|| {
            let known = docs.values().flat_map(BTreeMap::keys).map(String::as_str);
            problem(
                Diagnostic::error(format!("no {{% docs %}} block is called '{name}'")).hint(
                    suggest::nearest(&name, known).unwrap_or_else(|| {
                        format!("write one in an .md file: {{% docs {name} %}} .. {{% enddocs %}}")
                    }),
                ),
            )
        })
}

fn is_incremental(scope: &Arc<Scope>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
    let materialized = scope.node.config.get("materialized").and_then(Json::as_str);
    let incremental = scope.compiling().is_some_and(|c| c.incremental);
    Ok(Value::from(
        incremental && materialized == Some("incremental") && !is_full_refresh(scope),
    ))
}

/// A node's own setting wins over the command line's.
fn is_full_refresh(scope: &Scope) -> bool {
    let config = scope.node.config.get("full_refresh");
    let asked = scope.compiling().is_some_and(|c| c.full_refresh);
    config.and_then(Json::as_bool).unwrap_or(asked)
}

fn should_full_refresh(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    _: &[Value],
) -> Result<Value, Error> {
    Ok(Value::from(is_full_refresh(scope)))
}

/// `none` where the relation does not exist.
fn load_relation(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (value,): (Value,) = from_args(args)?;
    match value.downcast_object_ref::<RelationValue>() {
        Some(relation) => existing(scope, &relation.relation),
        None => Err(failed(
            "load_relation needs a relation: load_relation(this)",
        )),
    }
}

pub(crate) fn existing(scope: &Arc<Scope>, relation: &Relation) -> Result<Value, Error> {
    let found = scope.ask(Question::Relation(relation.clone()))?;
    Ok(match found.as_deref() {
        Some(Answer::Relation(Some(kind))) => {
            Value::from_object(RelationValue::found(scope, relation.clone(), *kind))
        }
        _ => Value::from(()),
    })
}

fn return_value(_: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    // What is undefined stays so: templates ask for its length.
    Err(returning(args.first().cloned().unwrap_or(Value::from(()))))
}

fn log(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (message, info): (Value, Option<Value>) = from_args(args)?;
    let info = info.is_some_and(|info| info.is_true());
    match info && scope.compiling().is_some() {
        true => scope.say(message.to_string()),
        false => tracing::debug!(target: "dbt", "{message}"),
    }
    Ok(Value::from(""))
}

fn print(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (message,): (Value,) = from_args(args)?;
    if scope.compiling().is_some() {
        scope.say(message.to_string());
    }
    Ok(Value::from(""))
}

/// The rows of a query; not defined while the project is read, as in dbt.
fn run_query(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (sql,): (Value,) = from_args(args)?;
    let found = rows(scope, &sql.to_string())?;
    Ok(match found.is_none() {
        true => Value::UNDEFINED,
        false => found,
    })
}

fn rows(scope: &Arc<Scope>, sql: &str) -> Result<Value, Error> {
    let found = scope.ask(Question::Rows(sql.trim().to_owned()))?;
    Ok(match found.as_deref() {
        Some(Answer::Rows(rows)) => table::value(rows),
        _ => Value::from(()),
    })
}

/// `{% call statement('name', fetch_result=true) %}`: what the block prints is run.
fn statement(
    scope: &Arc<Scope>,
    state: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (name, kwargs): (Option<Value>, Kwargs) = from_args(args)?;
    let name = match name {
        Some(name) => name,
        None => kwargs.get::<Option<Value>>("name")?.unwrap_or_default(),
    };
    let caller: Value = kwargs.get("caller")?;
    let sql = caller.call(state, &[])?.to_string();
    if scope.compiling().is_some() {
        let found = table::result(rows(scope, &sql)?);
        scope.results().insert(name.to_string(), found);
    }
    Ok(Value::from(""))
}

fn load_result(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (name,): (&str,) = from_args(args)?;
    let mut results = scope.results();
    let Some(found) = results.get(name).cloned() else {
        return Ok(Value::from(()));
    };
    if found.is_undefined() {
        let message = format!("the result of the statement '{name}' has been loaded already");
        let hint = "keep it in a variable: a result can be loaded once";
        return Err(problem_with(message, hint));
    }
    // As in dbt, but for that of the node itself.
    if name != "main" {
        results.insert(name.to_owned(), Value::UNDEFINED);
    }
    Ok(found)
}

/// `store_result('main', response='OK', agate_table=none)`.
fn store_result(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (name, response, kwargs): (Value, Option<Value>, Kwargs) = from_args(args)?;
    let given = |key: &str| kwargs.get::<Option<Value>>(key);
    let table = given("agate_table")?.unwrap_or(Value::from(()));
    let response = match response {
        None => given("response")?.or(given("message")?),
        found => found,
    };
    let found = table::result_saying(table, response.unwrap_or_else(|| Value::from("OK")));
    scope.results().insert(name.to_string(), found);
    Ok(Value::from(""))
}

/// A text as a template in the context at hand: hooks.
fn render(scope: &Arc<Scope>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (text,): (&str,) = from_args(args)?;
    let context = Value::from_object(Context(scope.clone()));
    let (source, _) = template::whole("", &Arc::from(text), 0..text.len());
    state.env().render_str(&source, context).map(Value::from)
}

fn register(_: &Arc<Scope>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (importer,): (Value,) = from_args(args)?;
    macros::register(state, importer);
    Ok(Value::from(""))
}

fn imported(_: &Arc<Scope>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (template, module): (&str, Value) = from_args(args)?;
    macros::imported(state, template, module);
    Ok(Value::from(""))
}

fn keep_value(scope: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (value,): (Value,) = from_args(args)?;
    scope.record().value = Some(value);
    Ok(Value::from(""))
}

/// For messages that show a value.
pub(crate) fn shown(value: &Value) -> String {
    python::repr(value)
}
