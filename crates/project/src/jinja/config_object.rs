//! `config(...)` notes a node's configuration; `config.get(...)` reads it.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Serde, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Map;

use super::collections;
use super::errors::failed;
use super::functions::shown;
use super::named::placed;
use super::scope::Scope;
use crate::config::setting_name;
use crate::manifest;

struct Config(Arc<Scope>);

pub(crate) fn value(scope: &Arc<Scope>) -> Value {
    Value::from_object(Config(scope.clone()))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<config>")
    }
}

impl Object for Config {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    /// Takes keywords, or one mapping; gives nothing to print.
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        if args.len() != 1 {
            return Err(failed(
                "config() takes names and values, or one mapping: config(tags=['a'])",
            ));
        }
        let mut found = Map::new();
        for arg in args {
            if !arg.is_kwargs() && arg.kind() != ValueKind::Map {
                let what = shown(arg);
                return Err(failed(format!(
                    "config() takes names and values, not {what}: config(tags=['a'])"
                )));
            }
            for key in arg.try_iter()? {
                let setting = arg.get_item(&key)?;
                if is_undefined(&setting) {
                    let name = setting_name(&key.to_string());
                    self.0.record().undefined.insert(name);
                    continue;
                }
                let json = serde_json::to_value(&setting)
                    .map_err(|_| failed(format!("config({key}=...) is not plain data")))?;
                let name = setting_name(&key.to_string());
                if found.insert(name.clone(), json).is_some() {
                    let other = name.replace('_', "-");
                    return Err(failed(format!("config() says both '{name}' and '{other}'")));
                }
            }
        }
        self.0.record().configs.push(found);
        Ok(Value::from(""))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "get" => self.setting(args),
            "meta_get" => self.meta(args),
            "meta_require" => match self.meta(args)? {
                found if found.is_none() && self.0.compiling().is_some() => Err(failed(format!(
                    "'meta' of this node has no {}",
                    shown(&args[0])
                ))),
                found => Ok(found),
            },
            "require" => self.setting(args).and_then(|found| {
                if found.is_none() && self.0.compiling().is_some() {
                    return Err(failed(format!(
                        "this node's configuration has no {}",
                        shown(&args[0])
                    )));
                }
                Ok(found)
            }),
            "set" => self.set(args),
            "persist_relation_docs" => Ok(Value::from(self.persists("relation"))),
            "persist_column_docs" => Ok(Value::from(self.persists("columns"))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Whether there is no value, or none in a place of a list or a mapping.
fn is_undefined(setting: &Value) -> bool {
    match setting.kind() {
        ValueKind::Undefined => true,
        ValueKind::Seq => setting
            .try_iter()
            .is_ok_and(|mut items| items.any(|item| is_undefined(&item))),
        ValueKind::Map => setting.try_iter().is_ok_and(|mut keys| {
            keys.any(|key| setting.get_item(&key).is_ok_and(|item| is_undefined(&item)))
        }),
        _ => false,
    }
}

const PARAMS: &[&str] = &["name", "default", "validator"];

impl Config {
    /// Part of the configuration while the project is read; later, seen by the template that sets it until it ends.
    fn set(&self, args: &[Value]) -> Result<Value, Error> {
        let (name, value): (&str, Value) = from_args(args)?;
        if self.0.compiling().is_none() {
            let json = serde_json::to_value(&value)
                .map_err(|_| failed(format!("config.set('{name}', ...) is not plain data")))?;
            let set = Map::from_iter([(name.to_owned(), json)]);
            self.0.record().configs.push(set);
        }
        self.0.set_config(name, value);
        Ok(Value::from(""))
    }

    /// A key of `meta`.
    fn meta(&self, args: &[Value]) -> Result<Value, Error> {
        let args = placed("config.meta_get", PARAMS, args)?;
        let (name, default, _validator): (&str, Option<Value>, Option<Value>) = from_args(&args)?;
        let meta = self.0.node.config.get("meta");
        let found = meta.and_then(|meta| meta.get(name));
        Ok(match (found, self.0.compiling()) {
            (_, None) => Value::from(""),
            (Some(found), _) => collections::from_json(found),
            (None, _) => default.unwrap_or(Value::from(())),
        })
    }

    fn persists(&self, what: &str) -> bool {
        let config = self.0.node.config.get("persist_docs");
        config.is_some_and(|persist| persist[what] == true)
    }

    /// While parsing the configuration is not complete, so every answer is the empty text, as in
    /// dbt; but what stands already is told.
    fn setting(&self, args: &[Value]) -> Result<Value, Error> {
        let args = placed("config.get", PARAMS, args)?;
        let (name, default, _validator): (&str, Option<Value>, Option<Value>) = from_args(&args)?;
        if let Some(found) = self.0.config_set(name) {
            return Ok(found);
        }
        if let Some(found) = self.0.node.config.get(name).filter(|json| !json.is_null()) {
            return Ok(Value::from(Serde(found)));
        }
        let known = || manifest::default_of(self.0.kind(), name);
        Ok(match (default, self.0.compiling()) {
            // Also where that is nothing: dbt's settings are there, said or not.
            (_, Some(_)) if let Some(known) = known() => collections::from_json(known),
            (Some(default), _) => default,
            (None, Some(_)) => Value::from(()),
            (None, None) => Value::from(""),
        })
    }
}
