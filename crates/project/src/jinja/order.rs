//! Which values Python compares, and what it refuses.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::collections;
use super::errors::{failed, problem};
use super::moment::Moment;
use super::python;
use forebay_core::Diagnostic;

/// `a < b`: values of unlike kinds are a mistake.
pub(super) fn compared(left: &Value, sign: &str, right: &Value) -> Result<bool, Error> {
    if !is_comparable(left, right) {
        let (of, with) = (python::type_name(left), python::type_name(right));
        let message = format!("'{sign}' not supported between instances of '{of}' and '{with}'");
        let is_number = |value: &Value| value.kind() == ValueKind::Number;
        let mixed = left.as_str().is_some() && is_number(right)
            || right.as_str().is_some() && is_number(left);
        let hint =
            mixed.then(|| "a text that spells a number becomes one by |int or |float".to_owned());
        return Err(problem(Diagnostic::error(message).maybe_hint(hint)));
    }
    Ok(match sign {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    })
}

/// Whether all items can be put in order.
pub(super) fn orderable(items: &[Value]) -> Result<(), Error> {
    let Some((first, rest)) = items.split_first() else {
        return Ok(());
    };
    for item in rest {
        compared(item, "<", first)?;
    }
    Ok(())
}

/// What is no plain data is left to whoever compares it.
fn is_comparable(left: &Value, right: &Value) -> bool {
    use ValueKind::{Bool, Map, None, Number, Plain, Seq, String, Undefined};
    let is_moment = |value: &Value| value.downcast_object_ref::<Moment>().is_some();
    let is_plain = |kind| matches!(kind, Bool | Map | None | Number | Seq | String);
    match (left.kind(), right.kind()) {
        (Undefined, _) | (_, Undefined) => true,
        (Plain, of) if is_moment(left) => !is_plain(of),
        (of, Plain) if is_moment(right) => !is_plain(of),
        (Bool | Number, Bool | Number) | (String, String) => true,
        (Seq, Seq) => collections::is_tuple(left) == collections::is_tuple(right),
        (left, right) => !(is_plain(left) && is_plain(right)),
    }
}

/// What a loop goes through. As in Python, nothing is none.
pub(super) fn iterable(value: Value, reading: bool) -> Result<Value, Error> {
    if !value.is_none() {
        return Ok(value);
    }
    let problem = Diagnostic::error("'NoneType' object is not iterable");
    let hint = "queries give nothing while the project is read: put {% if execute %} around";
    Err(super::errors::problem(match reading {
        true => problem.hint(hint),
        false => problem,
    }))
}

/// What `sum` and `join` take.
pub(super) fn no_texts(items: &[Value], what: &str) -> Result<(), Error> {
    let wrong = items
        .iter()
        .find(|item| item.is_none() || item.as_str().is_some());
    wrong.map_or(Ok(()), |item| {
        let of = python::type_name(item);
        Err(failed(format!(
            "{what} adds numbers, and cannot add a '{of}'"
        )))
    })
}
