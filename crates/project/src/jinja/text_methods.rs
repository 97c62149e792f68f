//! Methods that Python's texts have and the engine's own set lacks.

use minijinja::value::{Tuple, from_args};
use minijinja::{Error, Value};

use super::errors::failed;

/// `None`: there is no such method here.
pub(super) fn call(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "maketrans" => table(args)?,
        "translate" => translated(text, args)?,
        "zfill" => Value::from(filled(text, from_args::<(usize,)>(args)?.0)),
        "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<&str>) = from_args(args)?;
            Value::from(justified(text, method, width, fill.unwrap_or(" ")))
        }
        "rsplit" => {
            let (by, most): (Option<&str>, Option<i64>) = from_args(args)?;
            super::collections::list(split_from_right(text, by, most))
        }
        "partition" | "rpartition" => {
            let (by,): (&str,) = from_args(args)?;
            partition(text, by, method == "rpartition")
        }
        "index" | "rindex" => {
            let (part,): (&str,) = from_args(args)?;
            let at = match method {
                "index" => text.find(part),
                _ => text.rfind(part),
            };
            let at = at.ok_or_else(|| failed(format!("'{part}' is not in '{text}'")))?;
            Value::from(text[..at].chars().count())
        }
        "swapcase" => Value::from(text.chars().map(swapped).collect::<String>()),
        "casefold" => Value::from(text.to_lowercase()),
        "removeprefix" => {
            let (part,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(part).unwrap_or(text))
        }
        "removesuffix" => {
            let (part,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(part).unwrap_or(text))
        }
        "isdecimal" => {
            let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            Value::from(digits)
        }
        "isidentifier" => Value::from(is_identifier(text)),
        _ => return Ok(None),
    }))
}

/// The table of characters to leave out or to change.
fn table(args: &[Value]) -> Result<Value, Error> {
    let (from, to, without): (&str, &str, Option<&str>) = from_args(args)?;
    let changed = from.chars().zip(to.chars().map(Value::from));
    let lost = without.unwrap_or_default().chars();
    let table = changed.chain(lost.map(|c| (c, Value::from(()))));
    Ok(Value::from_pairs(table.map(|(c, to)| (c.to_string(), to))))
}

fn translated(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (table,): (Value,) = from_args(args)?;
    let changed = text.chars().map(|c| {
        let to = table.get_item(&Value::from(c.to_string()));
        let to = to.unwrap_or_default();
        match to.is_undefined() {
            true => c.to_string(),
            false => to.as_str().unwrap_or_default().to_owned(),
        }
    });
    Ok(Value::from(changed.collect::<String>()))
}

/// Zeros come behind the sign.
fn filled(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    format!("{sign}{}{digits}", "0".repeat(missing))
}

/// In the middle, what is odd comes where Python puts it.
pub(super) fn justified(text: &str, how: &str, width: usize, fill: &str) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = match how {
        "ljust" => 0,
        "rjust" => missing,
        _ => missing / 2 + (missing & width & 1),
    };
    let (before, after) = (fill.repeat(left), fill.repeat(missing - left));
    format!("{before}{text}{after}")
}

fn split_from_right(text: &str, by: Option<&str>, most: Option<i64>) -> Vec<Value> {
    let most = most.and_then(|most| usize::try_from(most).ok());
    let limit = most.map_or(usize::MAX, |most| most + 1);
    let mut parts: Vec<&str> = match by {
        Some(by) => text.rsplitn(limit, by).collect(),
        None => {
            let text = text.trim();
            let parts = text.rsplitn(limit, char::is_whitespace);
            parts
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect()
        }
    };
    parts.reverse();
    parts.into_iter().map(Value::from).collect()
}

fn partition(text: &str, by: &str, from_right: bool) -> Value {
    let found = match from_right {
        true => text.rsplit_once(by),
        false => text.split_once(by),
    };
    let parts = match (found, from_right) {
        (Some((before, after)), _) => [before, by, after],
        (None, true) => ["", "", text],
        (None, false) => [text, "", ""],
    };
    Value::from(Tuple::from(parts.map(Value::from)))
}

fn swapped(c: char) -> char {
    let other = match c.is_uppercase() {
        true => c.to_lowercase().next(),
        false => c.to_uppercase().next(),
    };
    other.unwrap_or(c)
}

fn is_identifier(text: &str) -> bool {
    let word = text.chars().all(|c| c.is_alphanumeric() || c == '_');
    word && text.chars().next().is_some_and(|c| !c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_and_split_as_in_python() {
        assert_eq!(filled("-7", 4), "-007");
        assert_eq!(justified("a", "center", 4, " "), " a  ");
        assert_eq!(justified("ab", "center", 5, " "), "  ab ");
        assert_eq!(
            partition("a.b.c", ".", true).to_string(),
            "('a.b', '.', 'c')"
        );
        let parts = split_from_right("a.b.c", Some("."), Some(1));
        assert_eq!(
            super::super::collections::list(parts).to_string(),
            "['a.b', 'c']"
        );
    }
}
