//! The engine as dbt sets it up: filters, Python's methods, printing, and nothing escaped.

use std::hash::{BuildHasher, Hasher, RandomState};

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters,
};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::collections::{self, Group};
use super::errors::failed;
use super::named::{Params, Takes};
use super::unknown::{EXCUSED, Unknown};
use super::{order, text_methods};

/// Filters of a text that is to be what it spells.
pub(super) const AS_TYPES: [&str; 3] = ["as_bool", "as_number", "as_native"];

pub(crate) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::None);
    // As in dbt, a name that nobody knows prints as nothing; calling it is an error.
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_unknown_method_callback(python_method);
    env.set_formatter(super::python::format);
    env.set_debug(false);
    for name in AS_TYPES {
        env.add_filter(name, native);
    }
    env.add_filter("as_text", |value: Value| value.to_string());
    env.add_filter("list", |value: Value| collections::list_of(&value));
    env.add_filter("map", mapped);
    env.add_filter("random", random);
    super::text_filters::add(&mut env);
    for filter in [with_arguments(), super::text_filters::with_arguments()].concat() {
        add_named(&mut env, filter);
    }
    env.add_test("iterable", |value: Value| {
        !value.is_none() && value.try_iter().is_ok()
    });
    env.add_test("callable", |value: Value| value.kind() == ValueKind::Plain);
    env
}

/// A filter with the names of its arguments.
pub(super) type Filter = (&'static str, Params, Takes, Value);

fn with_arguments() -> Vec<Filter> {
    use Takes::{Names, Places};
    use Value as V;
    let default = || V::from_function(filters::default);
    let by_case = &["case_sensitive", "attribute"];
    vec![
        ("attr", &["name"], Places, V::from_function(filters::attr)),
        (
            "batch",
            &["linecount", "fill_with"],
            Places,
            V::from_function(filters::batch),
        ),
        ("d", &["default_value", "boolean"], Places, default()),
        ("default", &["default_value", "boolean"], Places, default()),
        (
            "dictsort",
            &["case_sensitive", "by", "reverse"],
            Names,
            V::from_function(filters::dictsort),
        ),
        ("float", &["default"], Places, V::from_function(float)),
        (
            "groupby",
            &["attribute", "default", "case_sensitive"],
            Names,
            V::from_function(grouped),
        ),
        ("int", &["default", "base"], Places, V::from_function(int)),
        (
            "join",
            &["d", "attribute"],
            Names,
            V::from_function(filters::join),
        ),
        ("max", by_case, Names, V::from_function(filters::max)),
        ("min", by_case, Names, V::from_function(filters::min)),
        (
            "round",
            &["precision", "method"],
            Names,
            V::from_function(filters::round),
        ),
        (
            "slice",
            &["slices", "fill_with"],
            Places,
            V::from_function(filters::slice),
        ),
        (
            "sort",
            &["reverse", "case_sensitive", "attribute"],
            Names,
            V::from_function(filters::sort),
        ),
        (
            "sum",
            &["attribute", "start"],
            Names,
            V::from_function(filters::sum),
        ),
        ("unique", by_case, Names, V::from_function(filters::unique)),
    ]
}

fn add_named(env: &mut Environment<'static>, (name, params, takes, function): Filter) {
    env.add_filter(
        name,
        move |state: &mut State<'_, '_>, value: Value, given: Rest<ValueOrKwargs>| {
            let given = takes.bring(name, params, &given.into_values())?;
            check_items(name, &value, &given)?;
            let all = [vec![value], given].concat();
            function.call(state, &all)
        },
    );
}

/// Whether Python would put the items in order, or add them; of parts of items it is left to the engine.
fn check_items(name: &str, value: &Value, given: &[Value]) -> Result<(), Error> {
    if !matches!(name, "sort" | "min" | "max" | "sum" | "join") {
        return Ok(());
    }
    order::iterable(value.clone(), false)?;
    let attribute = given
        .first()
        .and_then(|named| named.get_attr("attribute").ok());
    if name == "join" || value.kind() == ValueKind::Map {
        return Ok(());
    }
    let items: Vec<Value> = value.try_iter()?.collect();
    let items =
        match attribute.filter(|attribute| !attribute.is_undefined() && !attribute.is_none()) {
            None => items,
            Some(attribute) => {
                let part = |item: &Value| item.get_item(&attribute);
                items.iter().map(part).collect::<Result<_, _>>()?
            }
        };
    match name {
        "sum" => order::no_texts(&items, "sum"),
        _ => order::orderable(&items),
    }
}

/// Any of them; none of nothing.
fn random(items: Value) -> Result<Value, Error> {
    let items: Vec<Value> = items.try_iter()?.collect();
    let chance = RandomState::new().build_hasher().finish() as usize;
    let picked = chance.checked_rem(items.len());
    Ok(picked.map_or_else(Value::default, |at| items[at].clone()))
}

fn grouped(value: Value, kwargs: Kwargs) -> Result<Value, Error> {
    let groups = filters::groupby(value, None, kwargs)?;
    let groups: Result<Vec<Value>, Error> = groups.try_iter()?.map(Group::of).collect();
    Ok(collections::list(groups?))
}

/// The attribute of each item, or what a filter makes of it, which is given the rest of the arguments.
fn mapped(
    state: &mut State<'_, '_>,
    items: Value,
    given: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    if given.first().is_none_or(|first| first.is_kwargs()) {
        return Ok(collections::list(filters::map(state, items, given)?));
    }
    let given = given.into_values();
    let filter = given[0].as_str().unwrap_or_default();
    let mut all = Vec::new();
    for item in items.try_iter()? {
        all.push(state.apply_filter(filter, &[&[item], &given[1..]].concat())?);
    }
    Ok(collections::list(all))
}

/// As Jinja has it: what is no number is the default.
fn int(value: Value, default: Option<Value>, base: Option<u32>) -> Value {
    if let Some(text) = value.as_str() {
        if let Some(whole) = whole(&text.trim().replace('_', ""), base.unwrap_or(10)) {
            return Value::from(whole);
        }
    } else if value.is_integer() {
        return value;
    }
    let number = number(&value).filter(|number| number.is_finite());
    number.map_or(default.unwrap_or(Value::from(0)), |number| {
        Value::from(number.trunc() as i64)
    })
}

/// With the prefix of its base, if it has one; base 0 is that of the prefix.
fn whole(text: &str, base: u32) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixes = [(2, "0b"), (8, "0o"), (16, "0x")];
    let prefix = prefixes.iter().find_map(|(of, prefix)| {
        let start = digits.get(..2)?.to_ascii_lowercase();
        (start == *prefix && (base == 0 || base == *of)).then_some(*of)
    });
    let (base, digits) = match prefix {
        Some(of) => (of, &digits[2..]),
        None if base == 0 => (10, digits),
        None => (base, digits),
    };
    let signed = format!("{sign}{digits}");
    (2..=36)
        .contains(&base)
        .then(|| i64::from_str_radix(&signed, base).ok())?
}

fn float(value: Value, default: Option<Value>) -> Value {
    number(&value).map_or(default.unwrap_or(Value::from(0.0)), Value::from)
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    }
}

/// Python's methods; those that the engine's own set lacks are here.
fn python_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let found = known_method(state, value, method, args);
    match found {
        // As in dbt, a node's own text is told so when it is compiled.
        Err(error) if error.kind() == ErrorKind::UnknownMethod && is_excused(state) => {
            Ok(Unknown::value())
        }
        found => found,
    }
}

/// The context of a node's text says so while the project is read.
fn is_excused(state: &State<'_, '_>) -> bool {
    let excused = state.lookup(EXCUSED);
    excused.is_some_and(|excused| excused.is_true())
}

fn known_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return unknown_method_callback(state, value, method, args);
    };
    let args = text_methods::placed(method, args)?;
    if let ("join", Some(parts)) = (method, args.first()) {
        let mut parts = parts.try_iter()?;
        if let Some(part) = parts.find(|part| part.as_str().is_none() && !part.is_undefined()) {
            let of = super::python::type_name(&part);
            return Err(failed(format!("join takes texts, not '{of}'")));
        }
    }
    if let Some(answer) = text_methods::call(state, text, method, &args)? {
        return Ok(answer);
    }
    match text_methods::part(text, method, &args)? {
        None => {
            let answer = unknown_method_callback(state, value, method, &args)?;
            match answer.kind() {
                // Lists of Python can be changed.
                ValueKind::Seq => collections::list_of(&answer),
                _ => Ok(answer),
            }
        }
        Some((before, part)) => {
            let found = known_method(state, &Value::from(part), method, &args[..1])?;
            let place = found.as_usize().filter(|_| method.contains("find"));
            Ok(place.map_or(found, |place| Value::from(before + place)))
        }
    }
}

/// A text that spells a boolean, a number or null becomes it.
pub(super) fn native(value: Value) -> Value {
    if value.kind() != ValueKind::String {
        return value;
    }
    let text = value.as_str().unwrap_or_default();
    match text {
        "True" | "true" => Value::from(true),
        "False" | "false" => Value::from(false),
        "None" | "none" => Value::from(()),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::from(whole),
            (_, Ok(number)) => Value::from(number),
            _ => value,
        },
    }
}

/// JSON as Python writes it, which hashes of texts in projects rely on: with blanks behind its signs, or a line for
/// each item, and what is not ASCII by its number.
pub(crate) fn json_text(json: &Json, sort: bool, indent: Option<usize>) -> String {
    let sorted;
    let json = if sort {
        sorted = sort_keys(json.clone());
        &sorted
    } else {
        json
    };
    let mut text = Vec::new();
    let written = match indent {
        None => json.serialize(&mut Serializer::with_formatter(&mut text, Spaced)),
        Some(indent) => {
            let by = " ".repeat(indent);
            let lines = PrettyFormatter::with_indent(by.as_bytes());
            json.serialize(&mut Serializer::with_formatter(&mut text, lines))
        }
    };
    written.expect("plain JSON can be written to memory");
    ascii(&String::from_utf8(text).expect("JSON is written as UTF-8"))
}

fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii() {
            true => out.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

pub(super) fn sort_keys(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries
                .into_iter()
                .map(|(key, value)| (key, sort_keys(value)))
                .collect()
        }
        Json::Array(items) => items.into_iter().map(sort_keys).collect(),
        scalar => scalar,
    }
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, w: &mut W) -> std::io::Result<()> {
        w.write_all(b": ")
    }
}
