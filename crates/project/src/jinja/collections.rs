//! Python's lists, dictionaries and sets, which templates change in place: `{% do names.append('x') %}`.
//!
//! The engine's own values never change, so literals of templates become these (see `literals`).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{DynObject, Enumerator, Kwargs, Object, ObjectRepr, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use super::errors::failed;
use super::moment::Moment;
use super::python;
use crate::yaml::MOMENT;

pub(crate) struct List(Mutex<Vec<Value>>);

pub(crate) struct Dict(Mutex<IndexMap<Value, Value>>);

/// Goes through its items in their order, where Python's is accidental.
pub(crate) struct Set(Mutex<BTreeSet<Value>>);

pub(crate) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(List(Mutex::new(items.into_iter().collect())))
}

pub(crate) fn dict(entries: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Value::from_object(Dict(Mutex::new(entries.into_iter().collect())))
}

pub(crate) fn set(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(Set(Mutex::new(items.into_iter().collect())))
}

/// What `groupby` gives: a tuple whose parts have names.
#[derive(Debug)]
pub(crate) struct Group {
    grouper: Value,
    list: Value,
}

impl Group {
    pub fn of(pair: Value) -> Result<Value, Error> {
        Ok(Value::from_object(Self {
            grouper: pair.get_item_by_index(0)?,
            list: list_of(&pair.get_item_by_index(1)?)?,
        }))
    }
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_i64(), key.as_str()) {
            (Some(0 | -2), _) | (_, Some("grouper")) => Some(self.grouper.clone()),
            (Some(1 | -1), _) | (_, Some("list")) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python::repr(&Value::from_dyn_object(self.clone())))
    }
}

pub(crate) fn is_tuple(value: &Value) -> bool {
    value.is_tuple() || value.downcast_object_ref::<Group>().is_some()
}

/// Plain data as Python has it: lists and dictionaries that can be changed, all the way down.
pub(crate) fn from_json(json: &Json) -> Value {
    match json {
        Json::Array(items) => list(items.iter().map(from_json)),
        Json::Object(map) => dict(
            map.iter()
                .map(|(key, value)| (Value::from(&**key), from_json(value))),
        ),
        Json::String(text) if text.starts_with(MOMENT) => {
            let text = &text[MOMENT.len_utf8()..];
            Moment::written(text).map_or_else(|| Value::from(text), Moment::value)
        }
        scalar => Value::from(minijinja::value::Serde(scalar)),
    }
}

/// A copy of any list, or of what is iterated over.
pub(crate) fn list_of(items: &Value) -> Result<Value, Error> {
    Ok(list(items.try_iter()?))
}

/// The keys of any mapping with their values.
pub(super) fn entries(map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let pair = |key: Value| {
        let value = map.get_item(&key)?;
        Ok((key, value))
    };
    map.try_iter()?.map(pair).collect()
}

impl List {
    fn items(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As Python counts: from the end where it is negative.
    fn index(&self, index: i64) -> Option<usize> {
        let length = self.items().len() as i64;
        let index = if index < 0 { index + length } else { index };
        (0..length)
            .contains(&index)
            .then(|| usize::try_from(index).unwrap_or_default())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items().iter()).finish()
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = self.index(key.as_i64()?)?;
        self.items().get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items().len())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let nothing = Ok(Value::from(()));
        match method {
            "append" => {
                let (item,): (Value,) = from_args(args)?;
                self.items().push(item);
                nothing
            }
            "extend" => {
                let (more,): (Value,) = from_args(args)?;
                // Read before locking: a list may be extended by itself.
                let more: Vec<Value> = more.try_iter()?.collect();
                self.items().extend(more);
                nothing
            }
            "insert" => {
                let (index, item): (i64, Value) = from_args(args)?;
                let length = self.items().len() as i64;
                let at = if index < 0 { index + length } else { index };
                let at = usize::try_from(at.clamp(0, length)).unwrap_or_default();
                self.items().insert(at, item);
                nothing
            }
            "pop" => {
                let (index,): (Option<i64>,) = from_args(args)?;
                let index = index.unwrap_or(-1);
                match self.index(index) {
                    Some(at) => Ok(self.items().remove(at)),
                    None => Err(failed(format!("pop({index}): the list has no such item"))),
                }
            }
            "remove" => {
                let (item,): (Value,) = from_args(args)?;
                let at = self.position(&item)?;
                self.items().remove(at);
                nothing
            }
            "index" => {
                let (item,): (Value,) = from_args(args)?;
                Ok(Value::from(self.position(&item)?))
            }
            "count" => {
                let (item,): (Value,) = from_args(args)?;
                let items = self.items().clone();
                Ok(Value::from(items.iter().filter(|i| **i == item).count()))
            }
            "clear" => {
                self.items().clear();
                nothing
            }
            "reverse" => {
                self.items().reverse();
                nothing
            }
            "sort" => {
                let (kwargs,): (Kwargs,) = from_args(args)?;
                let reverse = kwargs.get::<Option<bool>>("reverse")?.unwrap_or(false);
                kwargs.assert_all_used()?;
                let mut items = self.items();
                items.sort();
                if reverse {
                    items.reverse();
                }
                nothing
            }
            "copy" => Ok(list(self.items().clone())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let theirs = other.items().clone();
        Some(self.items().clone().cmp(&theirs))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python::repr(&Value::from_dyn_object(self.clone())))
    }
}

impl List {
    fn position(&self, item: &Value) -> Result<usize, Error> {
        let items = self.items().clone();
        items
            .iter()
            .position(|known| known == item)
            .ok_or_else(|| failed(format!("{} is not in the list", python::repr(item))))
    }
}

impl Dict {
    fn entries(&self) -> MutexGuard<'_, IndexMap<Value, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().iter()).finish()
    }
}

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.entries().get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries().keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries().len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let nothing = Ok(Value::from(()));
        match method {
            "get" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let found = self.entries().get(&key).cloned();
                Ok(found.or(default).unwrap_or(Value::from(())))
            }
            "keys" => Ok(list(self.entries().keys().cloned())),
            "values" => Ok(list(self.entries().values().cloned())),
            "items" => {
                let entries = self.entries().clone();
                let pair = |(key, value)| Value::from(Tuple::from(vec![key, value]));
                Ok(list(entries.into_iter().map(pair)))
            }
            "update" => {
                let mut more = Vec::new();
                for arg in args {
                    more.extend(entries(arg)?);
                }
                self.entries().extend(more);
                nothing
            }
            "setdefault" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let default = default.unwrap_or(Value::from(()));
                Ok(self.entries().entry(key).or_insert(default).clone())
            }
            "pop" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let found = self.entries().shift_remove(&key);
                found.or(default).ok_or_else(|| {
                    failed(format!("pop({}): there is no such key", python::repr(&key)))
                })
            }
            // Results and nodes are dictionaries here: a copy is what dbt's `to_dict` makes of them.
            "copy" | "to_dict" => Ok(dict(self.entries().clone())),
            "clear" => {
                self.entries().clear();
                nothing
            }
            _ => {
                // A function that was put under a name: `{'f': my_macro}.f()`.
                let held = self.entries().get(&Value::from(method)).cloned();
                match held {
                    Some(held) => held.call(state, args),
                    None => Err(Error::from(ErrorKind::UnknownMethod)),
                }
            }
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python::map_repr(&Value::from_dyn_object(self.clone())))
    }
}

impl Set {
    fn items(&self) -> MutexGuard<'_, BTreeSet<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.items().iter()).finish()
    }
}

impl Object for Set {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items().iter().nth(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().iter().cloned().collect())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let (other,): (Option<Value>,) = from_args(args)?;
        let other = other.unwrap_or_default();
        match method {
            "add" => {
                self.items().insert(other);
                return Ok(Value::from(()));
            }
            "discard" | "remove" => {
                self.items().remove(&other);
                return Ok(Value::from(()));
            }
            "copy" => return Ok(set(self.items().clone())),
            _ => {}
        }
        let theirs: BTreeSet<Value> = other.try_iter()?.collect();
        let own = self.items().clone();
        Ok(match method {
            "union" => set(own.union(&theirs).cloned()),
            "intersection" => set(own.intersection(&theirs).cloned()),
            "difference" => set(own.difference(&theirs).cloned()),
            "symmetric_difference" => set(own.symmetric_difference(&theirs).cloned()),
            "issubset" => Value::from(own.is_subset(&theirs)),
            "issuperset" => Value::from(own.is_superset(&theirs)),
            "isdisjoint" => Value::from(own.is_disjoint(&theirs)),
            "update" => {
                self.items().extend(theirs);
                Value::from(())
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let theirs = other.downcast_ref::<Self>()?.items().clone();
        Some(self.items().clone().cmp(&theirs))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python::repr(&Value::from_dyn_object(self.clone())))
    }
}
