//! Texts of lists, structures and maps as DuckDB reads them: `[a, 'b, c']`, `{'a': 1}`, `(1, 2)`, `{k=v}`. Quotes may
//! stand around any part of a text, within them a backslash takes the next letter as it is, and what is in brackets
//! stays as it is written, until it is read as a type of its own.

use arrow::datatypes::{DataType, Fields};
use serde_json::{Map, Value};

/// As the value of JSON that the type would be read from: a map is a list of its pairs. None: it is no text of the
/// type's form. Where it is tried, a part that is none is null.
pub(super) fn value(text: &str, to: &DataType, tries: bool) -> Option<Value> {
    match to {
        DataType::List(item) => items(text)?
            .into_iter()
            .map(|part| inner(part, item.data_type(), tries))
            .collect::<Option<_>>()
            .map(Value::Array),
        DataType::Struct(fields) => structure(text, fields, tries),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                let pairs = pairs(text)?.into_iter().map(|(key, value)| {
                    let key = inner(key, pair[0].data_type(), tries)?;
                    let value = inner(value, pair[1].data_type(), tries)?;
                    (!key.is_null()).then(|| Value::Array(vec![key, value]))
                });
                pairs.collect::<Option<_>>().map(Value::Array)
            }
            _ => None,
        },
        DataType::LargeUtf8 => serde_json::from_str(text).ok(),
        _ => Some(Value::String(text.to_owned())),
    }
}

fn inner(part: &str, to: &DataType, tries: bool) -> Option<Value> {
    if part.eq_ignore_ascii_case("null") {
        return Some(Value::Null);
    }
    let read = value(&unquoted(part, true), to, tries);
    read.or_else(|| tries.then_some(Value::Null))
}

fn items(text: &str) -> Option<Vec<&str>> {
    let mut rest = Rest::of(text);
    rest.skip(b'[')?;
    let mut items = Vec::new();
    loop {
        let item = rest.value(b",]")?;
        let is_last = rest.next()? == b']';
        if !is_last || !item.is_empty() || !items.is_empty() {
            items.push(item);
        }
        if is_last {
            return rest.is_over().then_some(items);
        }
    }
}

fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = Rest::of(text);
    rest.skip(b'{')?;
    let mut pairs = Vec::new();
    if rest.skip(b'}').is_some() {
        return rest.is_over().then_some(pairs);
    }
    loop {
        let key = rest.value(b"=")?;
        rest.next()?;
        pairs.push((key, rest.value(b",}")?));
        if rest.next()? == b'}' {
            return rest.is_over().then_some(pairs);
        }
    }
}

/// Fields that are not named are null.
fn structure(text: &str, fields: &Fields, tries: bool) -> Option<Value> {
    let nulls = fields
        .iter()
        .map(|field| (field.name().clone(), Value::Null));
    let mut object: Map<String, Value> = nulls.collect();
    let mut rest = Rest::of(text);
    let (is_named, end) = match rest.skip(b'{') {
        Some(()) => (true, b'}'),
        None => {
            rest.skip(b'(')?;
            (false, b')')
        }
    };
    if rest.skip(end).is_some() {
        return rest.is_over().then_some(Value::Object(object));
    }
    let mut places = fields.iter();
    loop {
        let field = match is_named {
            true => {
                let name = unquoted(rest.name()?, false);
                rest.next()?;
                fields.iter().find(|field| field.name() == &name)
            }
            false => places.next(),
        }?;
        let part = rest.value(&[b',', end])?;
        object.insert(field.name().clone(), inner(part, field.data_type(), tries)?);
        if rest.next()? == end {
            return rest.is_over().then_some(Value::Object(object));
        }
    }
}

struct Rest<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Rest<'t> {
    fn of(text: &'t str) -> Self {
        let text = text.trim_matches(is_space);
        Self { text, at: 0 }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        self.at += 1;
        Some(byte)
    }

    fn is_over(&self) -> bool {
        self.at == self.text.len()
    }

    /// Past the sign and what is empty before and behind it.
    fn skip(&mut self, sign: u8) -> Option<()> {
        let rest = self.text[self.at..].trim_start_matches(is_space);
        let inside = rest.strip_prefix(char::from(sign))?;
        self.at = self.text.len() - inside.trim_start_matches(is_space).len();
        Some(())
    }

    /// What stands before one of the ends, which is neither in quotes nor in brackets.
    fn value(&mut self, ends: &[u8]) -> Option<&'t str> {
        self.part(ends, true)
    }

    /// A field's, in which brackets are signs like any other.
    fn name(&mut self) -> Option<&'t str> {
        let name = self.part(b":", false)?;
        (!name.is_empty() && !name.eq_ignore_ascii_case("null")).then_some(name)
    }

    fn part(&mut self, ends: &[u8], nests: bool) -> Option<&'t str> {
        let (start, mut escaped) = (self.at, false);
        loop {
            match self.byte()? {
                byte if ends.contains(&byte) => break,
                b'"' | b'\'' if !escaped => self.quotes()?,
                b'[' | b'{' | b'(' if nests => self.brackets()?,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    continue;
                }
                _ => self.at += 1,
            }
            escaped = false;
        }
        Some(self.text[start..self.at].trim_matches(is_space))
    }

    /// Past the quote that closes the one here.
    fn quotes(&mut self) -> Option<()> {
        let quote = self.next()?;
        loop {
            match self.next()? {
                b'\\' => self.at += 1,
                byte if byte == quote => return Some(()),
                _ => {}
            }
        }
    }

    /// Past the bracket that closes the one here.
    fn brackets(&mut self) -> Option<()> {
        let (mut open, mut escaped) = (Vec::new(), false);
        loop {
            let byte = self.byte()?;
            match byte {
                b'"' | b'\'' if !escaped => {
                    self.quotes()?;
                    continue;
                }
                byte if closing(byte).is_some() => open.extend(closing(byte)),
                byte if open.last() == Some(&byte) => {
                    open.pop();
                }
                _ => {}
            }
            escaped = byte == b'\\';
            self.at += 1;
            if open.is_empty() {
                return Some(());
            }
        }
    }
}

fn closing(bracket: u8) -> Option<u8> {
    match bracket {
        b'[' => Some(b']'),
        b'{' => Some(b'}'),
        b'(' => Some(b')'),
        _ => None,
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// Without the quotes outside of brackets, and without the backslashes that take a letter as it is.
fn unquoted(part: &str, nests: bool) -> String {
    if !part.contains(['"', '\'']) {
        return part.to_owned();
    }
    let mut text = String::with_capacity(part.len());
    let (mut quote, mut open) = (None, Vec::new());
    let mut letters = part.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_quote = matches!(letter, '"' | '\'');
        match letter {
            '\\' if open.is_empty() => {
                let escapes =
                    quote.is_some() || letters.peek().is_some_and(|c| matches!(c, '"' | '\''));
                match escapes {
                    true => text.extend(letters.next()),
                    false => text.push(letter),
                }
                continue;
            }
            _ if is_quote && open.is_empty() && quote == Some(letter) => {
                quote = None;
                continue;
            }
            _ if is_quote && open.is_empty() && quote.is_none() => {
                quote = Some(letter);
                continue;
            }
            _ => {}
        }
        if quote.is_none() && nests {
            match u8::try_from(letter).ok().and_then(closing) {
                Some(end) => open.push(char::from(end)),
                None if open.last() == Some(&letter) => {
                    open.pop();
                }
                None => {}
            }
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use serde_json::json;

    use super::*;

    fn texts() -> DataType {
        DataType::new_list(DataType::Utf8, true)
    }

    #[test]
    fn a_list_is_split_outside_of_quotes_and_brackets() {
        for (text, list) in [
            (r"['x, y', z]", json!(["x, y", "z"])),
            (r"['it''s']", json!(["its"])),
            (r"['a\'b']", json!(["a'b"])),
            (r"[\'a]", json!(["'a"])),
            (r"[a\,b]", json!(["a\\", "b"])),
            (r"['a' 'b', c ' d ']", json!(["a b", "c  d "])),
            (r"[a'b, c'd]", json!(["ab, cd"])),
            (r#"["a, b" c]"#, json!(["a, b c"])),
            ("[a[b,c]d]", json!(["a[b,c]d"])),
            ("[{a:1,b:2}, c]", json!(["{a:1,b:2}", "c"])),
            ("[['a'], b]", json!(["['a']", "b"])),
            ("[,]", json!(["", ""])),
            ("[ ]", json!([])),
            (
                "[null, 'null', \"NULL\", nUll]",
                json!([null, "null", "NULL", null]),
            ),
            ("[é, 'ü,x']", json!(["é", "ü,x"])),
            (r"[a\\]", json!(["a\\\\"])),
            (r"['a\\']", json!(["a\\"])),
        ] {
            assert_eq!(value(text, &texts(), false), Some(list), "{text}");
        }
        for text in [
            "", "a", "[a", "a]", "['a]", "[a'b]", "[a]b]", "[[a]", "[a] x",
        ] {
            assert_eq!(value(text, &texts(), false), None, "{text}");
        }
    }

    #[test]
    fn lists_in_lists_are_read_again() {
        let lists = DataType::new_list(texts(), true);
        let text = r#"[[a, b], '[c]', ["d, e"], null]"#;
        let read = json!([["a", "b"], ["c"], ["d, e"], null]);
        assert_eq!(value(text, &lists, false), Some(read));
        assert_eq!(value("[[a], b]", &lists, false), None);
        assert_eq!(value("[[a], b]", &lists, true), Some(json!([["a"], null])));
    }

    #[test]
    fn a_structure_has_its_fields_by_names_or_by_places() {
        let field = |name| Field::new(name, DataType::Utf8, true);
        let of = DataType::Struct(vec![field("a"), field("b")].into());
        for (text, read) in [
            (
                r#"{"a": 'x, y', b: {z: 1}}"#,
                json!({"a": "x, y", "b": "{z: 1}"}),
            ),
            ("{b: x:y}", json!({"a": null, "b": "x:y"})),
            ("(1, null)", json!({"a": "1", "b": null})),
            ("{}", json!({"a": null, "b": null})),
        ] {
            assert_eq!(value(text, &of, false), Some(read), "{text}");
        }
        for text in ["{A: x}", "{a: x,}", "{c: x}", "(1, 2, 3)", "x"] {
            assert_eq!(value(text, &of, false), None, "{text}");
        }
    }

    #[test]
    fn a_map_has_keys_and_values() {
        let pair = vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ];
        let entries = Field::new("entries", DataType::Struct(pair.into()), false);
        let map = DataType::Map(Arc::new(entries), false);
        let read = json!([["a, b", "1"], ["c", null]]);
        assert_eq!(value(r#"{"a, b"=1, c = NULL }"#, &map, false), Some(read));
        assert_eq!(value("{}", &map, false), Some(json!([])));
        for text in ["{a:1}", "{null=1}", "[]"] {
            assert_eq!(value(text, &map, false), None, "{text}");
        }
    }
}
