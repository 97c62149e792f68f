//! Filters of Jinja that are about texts, as its own are.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use super::errors::failed;
use super::filters::{Filter, json_text};
use super::named::Takes::Places;
use super::text_methods::justified;

pub(super) fn add(env: &mut Environment<'static>) {
    for name in ["escape", "e", "forceescape"] {
        env.add_filter(name, |value: Value| escaped(&text(&value)));
    }
    env.add_filter("urlencode", url_encoded);
    env.add_filter("wordcount", |value: Value| words(&text(&value)).count());
    env.add_filter("striptags", |value: Value| striptags(&text(&value)));
}

pub(super) fn with_arguments() -> Vec<Filter> {
    use Value as V;
    let centered = |value: Value, width: Option<usize>| {
        justified(&text(&value), "center", width.unwrap_or(80), " ")
    };
    let size = |value: f64, binary: Option<bool>| {
        minijinja_contrib::filters::filesizeformat(value, binary)
    };
    vec![
        ("center", &["width"], Places, V::from_function(centered)),
        (
            "filesizeformat",
            &["binary"],
            Places,
            V::from_function(size),
        ),
        (
            "indent",
            &["width", "first", "blank"],
            Places,
            V::from_function(indent),
        ),
        (
            "replace",
            &["old", "new", "count"],
            Places,
            V::from_function(replaced),
        ),
        ("tojson", &["indent"], Places, V::from_function(to_json)),
        ("trim", &["chars"], Places, V::from_function(trimmed)),
        (
            "truncate",
            &["length", "killwords", "end", "leeway"],
            Places,
            V::from_function(truncate),
        ),
        (
            "wordwrap",
            &["width", "break_long_words", "wrapstring"],
            Places,
            V::from_function(wrapped),
        ),
    ]
}

fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_undefined() => String::new(),
        None => super::python::repr(value),
    }
}

/// For pages: keys are sorted, and what means something in HTML is written by its number.
fn to_json(value: Value, indent: Option<usize>) -> Result<String, Error> {
    let json = serde_json::to_value(&value).map_err(|error| failed(format!("tojson: {error}")))?;
    let mut json = json_text(&json, true, indent);
    for (c, number) in [('<', "3c"), ('>', "3e"), ('&', "26"), ('\'', "27")] {
        json = json.replace(c, &format!("\\u00{number}"));
    }
    Ok(json)
}

fn replaced(value: Value, old: Value, new: Value, count: Option<usize>) -> String {
    let most = count.unwrap_or(usize::MAX);
    text(&value).replacen(&text(&old), &text(&new), most)
}

fn trimmed(value: Value, chars: Option<String>) -> String {
    let text = text(&value);
    match chars {
        Some(chars) => text.trim_matches(|c| chars.contains(c)).to_owned(),
        None => text.trim().to_owned(),
    }
}

fn indent(
    value: Value,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
) -> Result<String, Error> {
    let (first, blank) = (first.unwrap_or(false), blank.unwrap_or(false));
    let by = match width {
        None => " ".repeat(4),
        Some(width) => match (width.as_str(), width.as_usize()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(count)) => " ".repeat(count),
            (None, None) => return Err(failed("indent needs a number or a text")),
        },
    };
    let text = text(&value);
    let lines = text.split('\n').enumerate();
    let lines = lines.map(|(number, line)| match (number, line.is_empty()) {
        (0, _) if !first => line.to_owned(),
        (1.., true) if !blank => String::new(),
        _ => format!("{by}{line}"),
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let text = text.replace('>', "&gt;").replace('\'', "&#39;");
    text.replace('"', "&#34;")
}

/// A text, or pairs that become a query.
fn url_encoded(value: Value) -> Result<String, Error> {
    if value.kind() == ValueKind::String {
        return Ok(quoted(&text(&value), "/", "%20"));
    }
    let mut parts = Vec::new();
    for item in value.try_iter()? {
        let (key, value) = match value.kind() {
            ValueKind::Map => (item.clone(), value.get_item(&item)?),
            _ => (item.get_item_by_index(0)?, item.get_item_by_index(1)?),
        };
        let [key, value] = [key, value].map(|part| quoted(&text(&part), "", "+"));
        parts.push(format!("{key}={value}"));
    }
    Ok(parts.join("&"))
}

fn quoted(text: &str, safe: &str, space: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        match c {
            ' ' => out.push_str(space),
            c if c.is_ascii_alphanumeric() || "_.-~".contains(c) || safe.contains(c) => out.push(c),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn truncate(
    value: Value,
    length: Option<usize>,
    killwords: Option<bool>,
    end: Option<String>,
    leeway: Option<usize>,
) -> Result<String, Error> {
    let (length, leeway) = (length.unwrap_or(255), leeway.unwrap_or(5));
    let (killwords, end) = (killwords.unwrap_or(false), end.as_deref().unwrap_or("..."));
    let text = text(&value);
    if text.chars().count() <= length + leeway {
        return Ok(text);
    }
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(failed("truncate: the length is less than that of its end"));
    };
    let kept: String = text.chars().take(kept).collect();
    let kept = match kept.rfind(' ').filter(|_| !killwords) {
        Some(at) => &kept[..at],
        None => &kept,
    };
    Ok(format!("{kept}{end}"))
}

/// Lines of at most that many characters; a longer word is cut.
fn wrapped(value: Value, width: Option<usize>, long: Option<bool>, wrap: Option<String>) -> String {
    let (width, long) = (width.unwrap_or(79).max(1), long.unwrap_or(true));
    let text = text(&value);
    let lines = text.lines().flat_map(|line| lines_of(line, width, long));
    let lines: Vec<String> = lines.collect();
    lines.join(wrap.as_deref().unwrap_or("\n"))
}

fn lines_of(line: &str, width: usize, cut: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    let length = |line: &str| line.chars().count();
    for word in line.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() || length(last) + 1 + length(word) <= width {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
        while cut && lines.last().is_some_and(|last| length(last) > width) {
            let last = lines.pop().expect("there is a line");
            let at = last
                .char_indices()
                .nth(width)
                .map_or(last.len(), |(at, _)| at);
            lines.extend([last[..at].to_owned(), last[at..].to_owned()]);
        }
    }
    lines
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    parts.filter(|part| !part.is_empty())
}

/// Without tags, with one blank between words.
fn striptags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        match rest[open..].find('>') {
            Some(close) => rest = &rest[open + close + 1..],
            None => break,
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_quoted_and_freed_of_tags() {
        assert_eq!(
            lines_of("foo bar bazooka", 5, true),
            ["foo", "bar", "bazoo", "ka"]
        );
        assert_eq!(quoted("a b&c/d?", "/", "%20"), "a%20b%26c/d%3F");
        assert_eq!(striptags("<p>a  <b>b</b></p>"), "a b");
        assert_eq!(words("one, two").count(), 2);
    }
}
