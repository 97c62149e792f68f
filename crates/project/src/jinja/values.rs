//! Functions that make values of other values: texts of JSON and YAML, lists, sets and mappings, sums.

use std::sync::Arc;

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind, from_args};
use minijinja::{Error, State, Value};
use serde_json::Value as Json;

use super::errors::{failed, of_template};
use super::filters::sort_keys;
use super::scope::Scope;
use super::text_format;
use super::yaml_text::yaml_text;
use super::{collections, order};
use crate::problems::Problems;
use crate::{text, yaml};

/// Python's spacing: `{"a": [1, 2]}`.
pub(super) fn to_json(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (value, default, sort): (Value, Option<Value>, Option<bool>) = from_args(args)?;
    let sort = sort.unwrap_or(false);
    if value.kind() == ValueKind::Plain {
        let message = format!("tojson: {value} is no plain data");
        return default.ok_or_else(|| failed(message));
    }
    match serde_json::to_value(&value) {
        Ok(json) => Ok(Value::from(super::filters::json_text(&json, sort, None))),
        Err(error) => default.ok_or_else(|| failed(format!("tojson: {error}"))),
    }
}

pub(super) fn from_json(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (text, default): (&str, Option<Value>) = from_args(args)?;
    match serde_json::from_str::<Json>(text) {
        Ok(json) => Ok(collections::from_json(&json)),
        Err(_) => Ok(default.unwrap_or(Value::from(()))),
    }
}

/// What cannot be gone through is the default.
pub(super) fn unique(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (items, default): (Option<Value>, Option<Value>) = from_args(args)?;
    let Some(items) = items else {
        return Ok(collections::set([]));
    };
    match (items.try_iter(), default) {
        (Ok(items), _) => Ok(collections::set(items)),
        (Err(_), Some(default)) => Ok(default),
        (Err(error), None) => Err(error),
    }
}

/// `a + b` of numbers, texts or lists.
pub(super) fn added(left: &Value, right: &Value) -> Result<Value, Error> {
    let texts = left.as_str().zip(right.as_str());
    if let Some((left, right)) = texts {
        return Ok(Value::from(format!("{left}{right}")));
    }
    if is_list(left) && is_list(right) {
        return Ok(collections::list(left.try_iter()?.chain(right.try_iter()?)));
    }
    let whole = left
        .as_i64()
        .zip(right.as_i64())
        .filter(|_| left.is_integer() && right.is_integer());
    if let Some(sum) = whole.and_then(|(left, right)| left.checked_add(right)) {
        return Ok(Value::from(sum));
    }
    Ok(Value::from(
        f64::try_from(left.clone())? + f64::try_from(right.clone())?,
    ))
}

/// Terms with signs between them. Dates and lists are added as Python does: the sum of two lists is one that can be
/// changed. All else as the engine does.
pub(super) fn sum(
    _: &Arc<Scope>,
    state: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let mut total = args.first().cloned().unwrap_or_default();
    for next in args[1..].chunks(2) {
        let [sign, term] = next else { break };
        let negative = sign.as_str() == Some("-");
        let lists = !negative && is_list(&total) && is_list(term);
        total = match super::moment::added(&total, term, negative) {
            Some(sum) => sum?,
            None if lists => collections::list(total.try_iter()?.chain(term.try_iter()?)),
            None => {
                let text = if negative { "a - b" } else { "a + b" };
                let expression = state.env().compile_expression(text)?;
                let sum = expression.eval(Value::from_pairs([("a", total), ("b", term.clone())]));
                sum.map_err(of_template)?
            }
        };
    }
    Ok(total)
}

/// The items of a loop.
pub(super) fn each(
    scope: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let items = args.first().cloned().unwrap_or_default();
    order::iterable(items, scope.compiling().is_none())
}

/// `a < b` and its like.
pub(super) fn compare(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (left, sign, right): (Value, &str, Value) = from_args(args)?;
    order::compared(&left, sign, &right).map(Value::from)
}

/// `a % b`: a text is filled in, a number divided.
pub(super) fn percent(
    _: &Arc<Scope>,
    state: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (left, _sign, right): (Value, &str, Value) = from_args(args)?;
    if let Some(text) = left.as_str() {
        return text_format::printf(text, &right).map(Value::from);
    }
    let expression = state.env().compile_expression("a % b")?;
    let rest = expression.eval(Value::from_pairs([("a", left), ("b", right)]));
    rest.map_err(of_template)
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !value.is_tuple()
}

pub(super) fn list(_: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (items,): (Value,) = from_args(args)?;
    collections::list_of(&items)
}

/// Of a mapping, of pairs, or empty, and of keywords besides.
pub(super) fn dict(_: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let mut pairs = Vec::new();
    for given in args {
        pairs.extend(match given.kind() {
            ValueKind::Map => collections::entries(given)?,
            _ => {
                let pair =
                    |pair: Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
                given
                    .try_iter()?
                    .map(pair)
                    .collect::<Result<Vec<_>, Error>>()?
            }
        });
    }
    Ok(collections::dict(pairs))
}

/// What cannot be gone through makes all of it the default, where one is given.
pub(super) fn zip(_: &Arc<Scope>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (lists, named): (Rest<Value>, Kwargs) = from_args(args)?;
    let default = named.get::<Option<Value>>("default")?;
    named.assert_all_used()?;
    let lists: Result<Vec<Vec<Value>>, Error> = lists
        .iter()
        .map(|list| Ok(list.try_iter()?.collect()))
        .collect();
    let lists = match (lists, default) {
        (Err(_), Some(default)) => return Ok(default),
        (lists, _) => lists?,
    };
    let rows = lists.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..rows).map(|row| {
        let items = lists.iter().map(|list| list[row].clone());
        Value::from(Tuple::new(items.collect()))
    });
    Ok(rows.collect())
}

pub(super) fn from_yaml(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (text, default): (&str, Option<Value>) = from_args(args)?;
    let problems = Problems::default();
    match yaml::parse("", text, &problems) {
        Some(yaml) => Ok(collections::from_json(&yaml.to_json())),
        None => Ok(default.unwrap_or(Value::from(()))),
    }
}

pub(super) fn to_yaml(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (value, default, sort): (Value, Option<Value>, Option<bool>) = from_args(args)?;
    let sort = sort.unwrap_or(false);
    match serde_json::to_value(&value) {
        Ok(json) if sort => Ok(Value::from(yaml_text(&sort_keys(json)))),
        Ok(json) => Ok(Value::from(yaml_text(&json))),
        Err(error) => default.ok_or_else(|| failed(format!("toyaml: {error}"))),
    }
}

/// Of two mappings to lists of texts: what the first has and the second lacks, in whatever case.
pub(super) fn difference(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (first, second): (Value, Value) = from_args(args)?;
    let small = |value: &Value| value.to_string().to_lowercase();
    let second = collections::entries(&second)?;
    let mut left = Vec::new();
    for (key, values) in collections::entries(&first)? {
        let Some((_, other)) = second.iter().find(|(other, _)| small(other) == small(&key)) else {
            left.push((key, values));
            continue;
        };
        let other: Vec<String> = other.try_iter()?.map(|value| small(&value)).collect();
        let values: Vec<Value> = values
            .try_iter()?
            .filter(|value| !other.contains(&small(value)))
            .collect();
        if !values.is_empty() {
            left.push((key, collections::list(values)));
        }
    }
    Ok(collections::dict(left))
}

pub(super) fn local_md5(
    _: &Arc<Scope>,
    _: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let (value,): (Value,) = from_args(args)?;
    Ok(Value::from(text::md5(&value.to_string())))
}
