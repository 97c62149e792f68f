//! JSON as text: the parts of a value are found and cut out as they are written.

use std::collections::BTreeMap;

use datafusion::common::exec_err;
use datafusion::error::Result;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    /// Negative ones count from the end.
    At(i64),
    /// `[*]`
    EachItem,
    /// `.*`
    EachValue,
    /// `..`: of the value, and of all within it.
    Deep,
}

impl Step {
    /// Whether it may lead to many values.
    pub(super) fn is_wild(&self) -> bool {
        matches!(self, Self::EachItem | Self::EachValue | Self::Deep)
    }
}

/// Whether it can be read.
pub(crate) fn check_path(text: &str) -> Result<()> {
    path(text).map(drop)
}

/// `$.a.b[0]`, `/a/b/0`, or the name of one key.
pub(super) fn path(text: &str) -> Result<Vec<Step>> {
    if let Some(rest) = text.strip_prefix('$') {
        return dollar(rest, text);
    }
    if let Some(rest) = text.strip_prefix('/') {
        let step = |key: &str| match key.parse::<i64>() {
            Ok(at) => Step::At(at),
            Err(_) => Step::Key(key.replace("~1", "/").replace("~0", "~")),
        };
        return Ok(rest.split('/').map(step).collect());
    }
    Ok(vec![Step::Key(text.to_owned())])
}

fn dollar(mut rest: &str, whole: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    while let Some(letter) = rest.chars().next() {
        let after = &rest[1..];
        match letter {
            '.' if after.starts_with('"') => {
                let Some((key, more)) = after[1..].split_once('"') else {
                    return exec_err!("'{whole}' is no path into JSON");
                };
                steps.push(Step::Key(key.to_owned()));
                rest = more;
            }
            '.' if after.starts_with('.') => {
                steps.push(Step::Deep);
                rest = after;
            }
            '.' if after.starts_with('*') => {
                steps.push(Step::EachValue);
                rest = &after[1..];
            }
            '.' => {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (key, more) = after.split_at(end);
                if key.is_empty() {
                    return exec_err!("'{whole}' is no path into JSON");
                }
                steps.push(Step::Key(key.to_owned()));
                rest = more;
            }
            '[' => {
                let Some((inside, more)) = after.split_once(']') else {
                    return exec_err!("'{whole}' is no path into JSON");
                };
                match inside.replace('#', "").parse::<i64>() {
                    _ if inside == "*" => steps.push(Step::EachItem),
                    Ok(at) => steps.push(Step::At(at)),
                    Err(_) if inside.starts_with(['"', '\'']) => {
                        steps.push(Step::Key(inside.trim_matches(['"', '\'']).to_owned()));
                    }
                    Err(_) => {
                        return exec_err!("the path '{whole}': '[{inside}]' is not supported");
                    }
                }
                rest = more;
            }
            _ => return exec_err!("'{whole}' is no path into JSON"),
        }
    }
    Ok(steps)
}

/// Which of the members of an object that have one key is meant.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// DuckDB's.
    First,
    /// PostgreSQL's.
    Last,
}

/// The part of the value that the steps lead to.
pub(super) fn find<'a>(json: &'a str, steps: &[Step], of: Of) -> Option<&'a str> {
    let mut found = json.trim();
    for step in steps {
        found = match step {
            Step::Key(key) if found.starts_with('{') => {
                let mut members = Parts::of(found, '{', '}').filter_map(member);
                let is_wanted = |(name, _): &(&str, &str)| is_key(name, key);
                match of {
                    Of::First => members.find(is_wanted)?.1,
                    Of::Last => members.filter(is_wanted).last()?.1,
                }
            }
            Step::Key(_) => return None,
            Step::At(at) if found.starts_with('[') => {
                let mut items = Parts::of(found, '[', ']');
                match usize::try_from(*at) {
                    Ok(at) => items.nth(at)?,
                    Err(_) => {
                        let items: Vec<&str> = items.collect();
                        let at = *at + items.len() as i64;
                        *items.get(usize::try_from(at).ok()?)?
                    }
                }
            }
            Step::At(_) | Step::EachItem | Step::EachValue | Step::Deep => return None,
        };
    }
    Some(found)
}

/// Whether the quoted name is the key.
fn is_key(name: &str, key: &str) -> bool {
    match name.contains('\\') {
        true => unquoted(name) == key,
        false => name.len() == key.len() + 2 && &name[1..name.len() - 1] == key,
    }
}

/// The items of a list, as they are written.
pub(super) fn items(list: &str) -> Vec<&str> {
    Parts::of(list, '[', ']').collect()
}

/// The keys, in quotes, and values of an object.
pub(super) fn members(object: &str) -> Vec<(&str, &str)> {
    Parts::of(object, '{', '}').filter_map(member).collect()
}

fn member(part: &str) -> Option<(&str, &str)> {
    let end = end_of_text(part)?;
    let value = part[end..].trim_start().strip_prefix(':')?;
    Some((&part[..end], value.trim()))
}

/// What commas stand between.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(whole: &'a str, open: char, close: char) -> Self {
        let inside = whole.trim().strip_prefix(open);
        let inside = inside.and_then(|rest| rest.strip_suffix(close));
        Self {
            rest: inside.unwrap_or_default().trim(),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = self.rest.as_bytes();
        let (mut depth, mut at) = (0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'"' => at += end_of_text(&self.rest[at..]).unwrap_or(bytes.len() - at) - 1,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b',' if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        let part = self.rest[..at].trim();
        self.rest = self.rest.get(at + 1..).unwrap_or_default().trim_start();
        Some(part)
    }
}

/// Where the quoted text at the start ends, its quotes included.
fn end_of_text(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|b| matches!(b, b'"' | b'\\'))?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// A quoted text without its quotes and escapes; anything else as it is.
pub(super) fn unquoted(json: &str) -> String {
    match json.starts_with('"') {
        true if !json.contains('\\') => json.trim_matches('"').to_owned(),
        true => serde_json::from_str(json).unwrap_or_else(|_| json.trim_matches('"').to_owned()),
        false => json.to_owned(),
    }
}

/// Without spaces outside of texts.
pub(super) fn minified(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            c if c.is_ascii_whitespace() && !in_text => continue,
            ']' | '}' if !in_text => drop_comma(&mut out),
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// One may stand behind the last item.
fn drop_comma(out: &mut String) {
    if out.ends_with(',') {
        out.pop();
    }
}

/// Without spaces outside of texts, with texts and numbers in one form each.
pub(super) fn normal(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '"' => end_of_text(rest).unwrap_or(rest.len()),
            '-' | '0'..='9' => {
                let is_digit = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
                rest.find(|c| !is_digit(c)).unwrap_or(rest.len())
            }
            letter => letter.len_utf8(),
        };
        let (part, more) = rest.split_at(length);
        match letter {
            '"' => out.push_str(&quoted(&unquoted(part))),
            letter if letter.is_ascii_whitespace() => {}
            ']' | '}' => {
                drop_comma(&mut out);
                out.push(letter);
            }
            _ if part.contains(['.', 'e', 'E']) && letter != 'e' => match part.parse::<f64>() {
                Ok(number) => out.push_str(&number_text(number)),
                Err(_) => out.push_str(part),
            },
            _ => out.push_str(part),
        }
        rest = more;
    }
    out
}

/// As PostgreSQL writes `jsonb`: of equal keys the last, shorter ones first, numbers without exponents, and one form of
/// texts and spaces.
pub(super) fn jsonb(json: &str) -> String {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{') => object(members(json)),
        Some(b'[') => list(&items(json)),
        Some(b'"') => quoted(&unquoted(json)),
        Some(b'-' | b'0'..=b'9') => digits_of(json),
        _ => json.to_owned(),
    }
}

fn object(members: Vec<(&str, &str)>) -> String {
    let last: BTreeMap<(usize, String), &str> = members
        .into_iter()
        .map(|(key, value)| (unquoted(key), value))
        .map(|(key, value)| ((key.len(), key), value))
        .collect();
    let members = last
        .iter()
        .map(|((_, key), value)| format!("{}: {}", quoted(key), jsonb(value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn list(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| jsonb(item)).collect();
    format!("[{}]", items.join(", "))
}

/// `1e2` as `100`, `1.5e-3` as `0.0015`: all digits stay, so `1.10` does.
fn digits_of(number: &str) -> String {
    let Some((digits, exponent)) = number.split_once(['e', 'E']) else {
        return number.to_owned();
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return number.to_owned();
    };
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let point = whole.len() as i32 + exponent;
    let all = format!("{whole}{part}");
    let text = match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{all:0<point$}"),
        Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
        _ => format!("0.{}{all}", "0".repeat(point.unsigned_abs() as usize)),
    };
    let leading = text.trim_start_matches('0');
    match leading.is_empty() || leading.starts_with('.') {
        true => format!("{sign}0{leading}"),
        false => format!("{sign}{leading}"),
    }
}

/// Two objects as one, in which the right one's members count; otherwise the items of both.
pub(super) fn joined(left: &str, right: &str) -> String {
    let (left, right) = (left.trim(), right.trim());
    if left.starts_with('{') && right.starts_with('{') {
        return object([members(left), members(right)].concat());
    }
    let items_of = |json| match str::starts_with(json, '[') {
        true => items(json),
        false => vec![json],
    };
    list(&[items_of(left), items_of(right)].concat())
}

/// A double's shortest digits, with an exponent where it is very large or small.
pub(super) fn number_text(number: f64) -> String {
    let size = number.abs();
    match size {
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number.is_infinite() && number > 0.0 => "Infinity".to_owned(),
        _ if number.is_infinite() => "-Infinity".to_owned(),
        _ if size != 0.0 && !(1e-6..1e21).contains(&size) => format!("{number:e}"),
        _ if number.fract() == 0.0 => format!("{number:.1}"),
        _ => number.to_string(),
    }
}

/// Whether it is JSON as the standard and PostgreSQL have it.
pub(super) fn is_valid(json: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok()
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
