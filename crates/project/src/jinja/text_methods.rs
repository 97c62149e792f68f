//! Methods that Python's texts have and the engine's own set lacks.

use minijinja::value::{Tuple, from_args};
use minijinja::{Error, State, Value};

use super::collections::{dict, list};
use super::errors::failed;
use super::named::{self, Params};
use super::text_format;

/// The methods whose arguments have names.
const NAMED: &[(&str, Params)] = &[
    ("expandtabs", &["tabsize"]),
    ("rsplit", &["sep", "maxsplit"]),
    ("split", &["sep", "maxsplit"]),
    ("splitlines", &["keepends"]),
];

pub(super) fn placed(method: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
    match NAMED.iter().find(|(name, _)| *name == method) {
        Some((name, params)) => named::placed(name, params, args),
        None => Ok(args.to_vec()),
    }
}

/// Methods that look at a part of the text where they are told its ends.
const OF_A_PART: &[&str] = &["count", "endswith", "find", "rfind", "startswith"];

/// That part, and how many characters are before it. `None`: they look at the whole.
pub(super) fn part<'t>(
    text: &'t str,
    method: &str,
    args: &[Value],
) -> Result<Option<(usize, &'t str)>, Error> {
    if args.len() < 2 || !OF_A_PART.contains(&method) {
        return Ok(None);
    }
    let (_, start, end): (&Value, Option<i64>, Option<i64>) = from_args(args)?;
    let length = text.chars().count() as i64;
    // As Python counts: from the end where it is negative.
    let place = |at: i64| (if at < 0 { at + length } else { at }).clamp(0, length) as usize;
    let (start, end) = (place(start.unwrap_or(0)), place(end.unwrap_or(length)));
    let byte = |place: usize| {
        let place = text.char_indices().nth(place);
        place.map_or(text.len(), |(byte, _)| byte)
    };
    Ok(Some((start, &text[byte(start)..byte(end.max(start))])))
}

/// `None`: there is no such method here.
pub(super) fn call(
    state: &State<'_, '_>,
    text: &str,
    method: &str,
    args: &[Value],
) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "format" => Value::from(text_format::filled(state.env(), text, args)?),
        "expandtabs" => {
            let (size,): (Option<usize>,) = from_args(args)?;
            Value::from(expanded(text, size.unwrap_or(8)))
        }
        "title" => Value::from(titled(text)),
        "maketrans" => table(args)?,
        "translate" => translated(text, args)?,
        "zfill" => Value::from(filled(text, from_args::<(usize,)>(args)?.0)),
        "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<&str>) = from_args(args)?;
            Value::from(justified(text, method, width, fill.unwrap_or(" ")))
        }
        "rsplit" => {
            let (by, most): (Option<&str>, Option<i64>) = from_args(args)?;
            list(split_from_right(text, by, most))
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

/// The table of characters to leave out or to change, by their numbers.
fn table(args: &[Value]) -> Result<Value, Error> {
    let number = |c: char| Value::from(u32::from(c));
    if let [table] = args {
        let mut pairs = Vec::new();
        for key in table.try_iter()? {
            let to = table.get_item(&key)?;
            let c = key.as_str().and_then(|key| key.chars().next());
            pairs.push((c.map_or(key, number), to));
        }
        return Ok(dict(pairs));
    }
    let (from, to, without): (&str, &str, Option<&str>) = from_args(args)?;
    let changed = from.chars().zip(to.chars().map(number));
    let lost = without.unwrap_or_default().chars();
    let table = changed.chain(lost.map(|c| (c, Value::from(()))));
    Ok(dict(table.map(|(c, to)| (number(c), to))))
}

fn translated(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (table,): (Value,) = from_args(args)?;
    let changed = text.chars().map(|c| {
        let to = table.get_item(&Value::from(u32::from(c)));
        let to = to.unwrap_or_default();
        let as_number = to.as_i64().and_then(|number| u32::try_from(number).ok());
        match as_number.and_then(char::from_u32) {
            Some(other) => other.to_string(),
            None if to.is_undefined() => c.to_string(),
            None => to.as_str().unwrap_or_default().to_owned(),
        }
    });
    Ok(Value::from(changed.collect::<String>()))
}

fn expanded(text: &str, size: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                let blanks = size - column % size;
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\t' => {}
            c => {
                out.push(c);
                column = if matches!(c, '\n' | '\r') {
                    0
                } else {
                    column + 1
                };
            }
        }
    }
    out
}

/// A word begins behind whatever is no letter.
fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut in_word = false;
    for c in text.chars() {
        match in_word {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        in_word = c.is_alphabetic();
    }
    out
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
        assert_eq!(expanded("a\tb\nab\tc", 4), "a   b\nab  c");
        assert_eq!(titled("it's a1b"), "It'S A1B");
        let args = [Value::from("a"), Value::from(-2)];
        assert_eq!(part("abcä", "find", &args).unwrap(), Some((2, "cä")));
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
