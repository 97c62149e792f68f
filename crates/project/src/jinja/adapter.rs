//! `adapter.*` as far as it needs no connection, and `exceptions.*`.

use std::fmt;
use std::sync::Arc;

use forebay_core::{Diagnostic, Relation, suggest};
use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors::{failed, problem};
use super::functions::existing;
use super::macros::BUILTIN;
use super::scope::Scope;

type Method = fn(&Arc<Scope>, &[Value]) -> Result<Value, Error>;

const ADAPTER: &[(&str, Method)] = &[
    ("dispatch", dispatch),
    ("get_relation", get_relation),
    ("quote", quote),
    ("type", kind),
    ("get_columns_in_relation", columns),
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

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let found = self.methods.iter().find(|(name, _)| *name == method);
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

/// The macro of that name for the engine at hand: the first of `forebay__x`, `<type>__x`,
/// `postgres__x`, `default__x` that the project or we have.
fn dispatch(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (name, namespace, _packages): (String, Option<String>, Option<Value>) = from_args(args)?;
    let shared = &scope.shared;
    let prefixes = ["forebay", &shared.target.kind, "postgres", "default"];
    let namespace = namespace.as_deref();
    let configured = namespace.and_then(|namespace| shared.dispatch.get(namespace));
    let mut packages: Vec<&str> = match configured {
        Some(order) => order.iter().map(String::as_str).collect(),
        None => [Some(shared.project.as_str()), namespace]
            .into_iter()
            .flatten()
            .collect(),
    };
    if !packages.contains(&BUILTIN) {
        packages.push(BUILTIN);
    }
    for package in packages {
        for prefix in prefixes {
            if let Some(found) = shared.macros.get(package, &format!("{prefix}__{name}")) {
                return Ok(scope.macro_value(found));
            }
        }
    }
    Err(problem(
        Diagnostic::error(format!("adapter.dispatch found no macro for '{name}'")).hint(format!(
            "looked for {}",
            prefixes.map(|p| format!("{p}__{name}")).join(", ")
        )),
    ))
}

fn get_relation(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (named, positional) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (last.clone(), rest),
        _ => (Value::UNDEFINED, args),
    };
    let part = |index: usize, key: &str| {
        let value = positional.get(index).cloned();
        value
            .or_else(|| named.get_attr(key).ok())
            .and_then(|v| v.as_str().map(str::to_owned))
    };
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

fn kind(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(&*scope.shared.target.kind))
}

fn columns(scope: &Arc<Scope>, _: &[Value]) -> Result<Value, Error> {
    match scope.compiling() {
        None => Ok(Value::from(Vec::<Value>::new())),
        Some(_) => Err(failed(
            "adapter.get_columns_in_relation is not supported yet",
        )),
    }
}

fn raise(_: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (message,): (Value,) = from_args(args)?;
    Err(failed(message.to_string()))
}

fn warn(scope: &Arc<Scope>, args: &[Value]) -> Result<Value, Error> {
    let (message,): (Value,) = from_args(args)?;
    scope
        .record()
        .warnings
        .push(Diagnostic::warning(message.to_string()));
    Ok(Value::from(""))
}
