//! Builds the tree from the parser's events: anchors, merge keys, duplicates, one document a file.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use forebay_core::{Diagnostic, Location};
use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Entry, Mark, Scalar, Value, Yaml, slips};
use crate::problems::Problems;

/// Aliases copy what they name: a small file must not grow into gigabytes.
const MAX_NODES: usize = 1_000_000;

/// Reads a file of a project, without the blanks at its ends, as dbt does. An empty one is `None`, and so is one that is
/// not YAML (which is a problem).
pub(crate) fn parse_file(file: &str, text: &str, problems: &Problems) -> Option<Yaml> {
    let (text, first) = stripped(text);
    read(file, text.into_owned(), first, problems)
}

/// Reads a text as it is.
pub(crate) fn parse(file: &str, text: &str, problems: &Problems) -> Option<Yaml> {
    let first = Mark { line: 1, column: 0 };
    read(file, text.to_owned(), first, problems)
}

fn read(file: &str, mut text: String, first: Mark, problems: &Problems) -> Option<Yaml> {
    loop {
        let mut builder = Builder {
            file,
            problems,
            text: &text,
            first,
            parser: Parser::new_from_str(&text),
            anchors: HashMap::new(),
            nodes: 0,
            texts: Vec::new(),
        };
        match builder.document() {
            // PyYAML takes a comment right behind a bracket.
            Err(Stop::Comment(at)) => text.insert(at, ' '),
            Err(Stop::Problem(problem)) => return problems.keep(Err(*problem)),
            Ok(root) => return root,
        }
    }
}

/// As dbt reads files, without the blanks at their ends. How many the first line with a text had before it.
fn stripped(text: &str) -> (Cow<'_, str>, Mark) {
    let text = text.trim_end();
    let blanks = &text[..text.len() - text.trim_start().len()];
    let lines = blanks.matches('\n').count();
    let indent = blanks.rsplit('\n').next().unwrap_or_default();
    let first = Mark {
        line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
        column: u32::try_from(indent.chars().count()).unwrap_or(u32::MAX),
    };
    match blanks.is_empty() {
        true => (text.into(), first),
        false => (
            format!("{}{}", "\n".repeat(lines), text.trim_start()).into(),
            first,
        ),
    }
}

/// Why a file cannot be read, or cannot yet.
enum Stop {
    Problem(Box<Diagnostic>),
    /// A `#` that begins a comment, and what is before it has to be told from it by a blank: where it is.
    Comment(usize),
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Problem(Box::new(problem))
    }
}

struct Builder<'a> {
    file: &'a str,
    problems: &'a Problems,
    text: &'a str,
    /// The first line with a text, and how far it was indented.
    first: Mark,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Yaml>,
    nodes: usize,
    /// First and last lines of texts in quotes and blocks.
    texts: Vec<(usize, usize)>,
}

type Found<'a> = (Event<'a>, Mark);

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Yaml>, Stop> {
        let (mut root, mut start) = (None, Mark::default());
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => {
                    self.check_tabs()?;
                    return Ok(root);
                }
                Event::DocumentStart(..) => start = at,
                Event::StreamStart | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    let problem = self.error("the file has more than one YAML document", start);
                    return Err(problem.hint("remove the line ---").into());
                }
                event => root = Some(self.node(event, at)?).filter(|yaml| !yaml.is_null()),
            }
        }
    }

    fn next(&mut self) -> Result<Found<'a>, Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((Event::Scalar(text, style, anchor, tag), span))) => {
                    if style != ScalarStyle::Plain {
                        self.texts.push((span.start.line(), span.end.line()));
                    }
                    let text = self.at_end(text, style, &span);
                    return Ok((Event::Scalar(text, style, anchor, tag), self.mark(&span)));
                }
                Some(Ok((event, span))) => return Ok((event, self.mark(&span))),
                None => return Ok((Event::StreamEnd, Mark::default())),
                Some(Err(error)) => {
                    let at = position(error.marker());
                    if let Some(at) = self.comment(error.marker(), &error.info()) {
                        return Err(Stop::Comment(at));
                    }
                    let found = slips::found(self.text, at);
                    let problem = match found {
                        Some((at, slip)) => self
                            .error(format!("not valid YAML: {}", slip.what), at)
                            .hint(slip.hint),
                        None => self
                            .error(format!("not valid YAML: {}", error.info()), at)
                            .maybe_hint(slips::hint(&error.info()).map(str::to_owned)),
                    };
                    return Err(problem.into());
                }
            }
        }
    }

    /// A block at the end of a file has no last line break: dbt strips files before it reads them.
    fn at_end(&self, text: Cow<'a, str>, style: ScalarStyle, span: &Span) -> Cow<'a, str> {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        match block && span.end.index() >= self.text.chars().count() {
            true => text.strip_suffix('\n').unwrap_or(&text).to_owned().into(),
            false => text,
        }
    }

    fn mark(&self, span: &Span) -> Mark {
        self.shifted(position(&span.start))
    }

    /// In the file as it is.
    fn shifted(&self, mut at: Mark) -> Mark {
        if at.line == self.first.line {
            at.column += self.first.column;
        }
        at
    }

    fn comment(&self, marker: &granit_parser::Marker, info: &str) -> Option<usize> {
        let wanted = info.starts_with("comments must be separated");
        let (at, _) = self
            .text
            .char_indices()
            .nth(marker.index())
            .filter(|_| wanted)?;
        let before = self.text[..at].trim_end_matches('#');
        let behind = before.ends_with([']', '}', '"', '\'']);
        (behind && self.text[before.len()..].starts_with('#')).then_some(before.len())
    }

    /// As in PyYAML, a line of blanks that begins with a tab is one that a tab indents, but for lists in brackets.
    fn check_tabs(&self) -> Result<(), Stop> {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_slip = |line: usize, text: &str| {
            let inside = |(first, last): &(usize, usize)| *first <= line && line <= *last;
            let is_blank = |text: &str| text.trim().is_empty();
            let mut before = lines[..line - 1].iter().rev();
            let before = before.find(|text| !is_blank(text));
            let in_brackets = before.is_some_and(|text| text.trim_end().ends_with(['[', '{', ',']));
            text.starts_with('\t')
                && is_blank(text)
                && !in_brackets
                && !self.texts.iter().any(inside)
        };
        let mut lines = (1..).zip(self.text.lines());
        let Some((line, text)) = lines.find(|(line, text)| is_slip(*line, text)) else {
            return Ok(());
        };
        let at = Mark {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: text.find('\t').map_or(1, |at| at as u32 + 1),
        };
        let problem = self.error(format!("not valid YAML: {}", slips::TAB.what), at);
        Err(problem.hint(slips::TAB.hint).into())
    }

    fn node(&mut self, event: Event<'a>, at: Mark) -> Result<Yaml, Stop> {
        self.count(1, at)?;
        self.check_tag(&event, at)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(text, style, tag), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list()?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map()?, anchor),
            Event::Alias(id) => return self.alias(id, at),
            other => {
                let problem = Diagnostic::internal(format!("unexpected YAML event {other:?}"));
                return Err(problem.into());
            }
        };
        let yaml = Yaml {
            at,
            value,
            written: None,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, yaml.clone());
        }
        Ok(yaml)
    }

    fn check_tag(&self, event: &Event<'a>, at: Mark) -> Result<(), Stop> {
        let tag = match event {
            Event::Scalar(.., tag)
            | Event::SequenceStart(.., tag)
            | Event::MappingStart(.., tag) => tag,
            _ => &None,
        };
        let unknown = tag.as_ref().filter(|tag| {
            let (handle, _) = tag.parts();
            handle != "tag:yaml.org,2002:" && tag.original() != "!"
        });
        match unknown {
            Some(tag) => {
                let message = format!("nobody knows the YAML tag {}", tag.original());
                Err(self.error(message, at).into())
            }
            None => Ok(()),
        }
    }

    fn alias(&mut self, id: usize, at: Mark) -> Result<Yaml, Stop> {
        let Some(yaml) = self.anchors.get(&id).cloned() else {
            let message = "an alias (*name) stands inside the value that it names";
            return Err(self.error(message, at).into());
        };
        self.count(size(&yaml), at)?;
        Ok(yaml)
    }

    fn count(&mut self, nodes: usize, at: Mark) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let problem = self.error("aliases (*name) make the file too large", at);
            return Err(problem.into());
        }
        Ok(())
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, at) => items.push(self.node(event, at)?),
            }
        }
    }

    fn map(&mut self) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, key_at) = match self.next()? {
                (Event::MappingEnd, _) => break,
                found => found,
            };
            let key = self.key(event, key_at)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at)?;
            match key {
                Key::Merge if is_merged(&value) => merged.push(value),
                Key::Merge => {
                    let message =
                        format!("<< takes a mapping or a list of them, not {}", value.kind());
                    return Err(self.error(message, at).into());
                }
                Key::Text(key) => self.insert(&mut entries, Entry { key, key_at, value }),
            }
        }
        merge(&mut entries, merged);
        Ok(Value::Map(entries))
    }

    fn key(&mut self, event: Event<'a>, at: Mark) -> Result<Key, Stop> {
        let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
        match self.node(event, at)?.value {
            Value::Scalar(scalar) if plain && scalar.text == "<<" => Ok(Key::Merge),
            Value::Scalar(scalar) => Ok(Key::Text(scalar.text)),
            _ => Err(self
                .error("a key must be a single text", at)
                .hint("quote Jinja that stands for a whole value: \"{{ ... }}\"")
                .into()),
        }
    }

    /// The last of two equal keys counts, as in dbt, but it is hardly ever meant.
    fn insert(&self, entries: &mut Vec<Entry>, entry: Entry) {
        if let Some(first) = entries.iter_mut().find(|e| e.key == entry.key) {
            self.problems.push(
                Diagnostic::warning(format!("the key '{}' is written twice", entry.key))
                    .at(entry.key_at.in_file(self.file))
                    .hint(format!("line {} is ignored: remove one", first.key_at.line)),
            );
            *first = entry;
        } else {
            entries.push(entry);
        }
    }

    fn error(&self, message: impl Into<String>, at: Mark) -> Diagnostic {
        let at = self.shifted(at);
        Diagnostic::error(message).at(Location::new(self.file, at.line, at.column))
    }
}

enum Key {
    Merge,
    Text(String),
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<Cow<'_, Tag>>) -> Value {
    let quoted =
        style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    Value::Scalar(if quoted {
        Scalar::quoted(text.into_owned())
    } else {
        Scalar::plain(text.into_owned())
    })
}

/// `<<: *defaults`: keys of the mapping itself win, then those of earlier merges.
fn merge(entries: &mut Vec<Entry>, merged: Vec<Yaml>) {
    let mut seen: HashSet<String> = entries.iter().map(|e| e.key.clone()).collect();
    let maps = merged.into_iter().flat_map(|yaml| match yaml.value {
        Value::List(items) => items,
        _ => vec![yaml],
    });
    for yaml in maps {
        if let Value::Map(more) = yaml.value {
            entries.extend(more.into_iter().filter(|e| seen.insert(e.key.clone())));
        }
    }
}

fn is_merged(yaml: &Yaml) -> bool {
    match &yaml.value {
        Value::Map(_) => true,
        Value::List(items) => items.iter().all(|item| item.as_map().is_some()),
        Value::Scalar(_) => false,
    }
}

fn size(yaml: &Yaml) -> usize {
    1 + match &yaml.value {
        Value::Scalar(_) => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|entry| 1 + size(&entry.value)).sum(),
    }
}

fn position(marker: &granit_parser::Marker) -> Mark {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Mark {
        line: number(marker.line()),
        column: number(marker.col() + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> (Option<Yaml>, String) {
        let problems = Problems::default();
        let yaml = parse_file("a.yml", text, &problems);
        let text = match problems.finish() {
            Ok(warnings) => forebay_core::Diagnostics(warnings).to_string(),
            Err(errors) => errors.to_string(),
        };
        (yaml, text)
    }

    #[test]
    fn anchors_and_merge_keys() {
        let (yaml, problems) = read("a: &d {x: 1, y: 2}\nb: {<<: *d, y: 3}\nc: *d\n");
        assert_eq!(
            yaml.unwrap().to_json(),
            json!({"a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2}})
        );
        assert_eq!(problems, "");
    }

    #[test]
    fn a_block_that_ends_with_the_file_has_no_last_line_break() {
        let text = |text: &str| read(text).0.unwrap().get("a").unwrap().to_json();
        assert_eq!(text("a: >\n  one\n  two\n"), json!("one two"));
        assert_eq!(text("a: |+\n  one\n  two\n\n"), json!("one\ntwo"));
        assert_eq!(text("a: |\n  one\n\nb: x"), json!("one\n"));
        assert_eq!(text("a: one"), json!("one"));
    }

    #[test]
    fn a_file_is_read_as_pyyaml_reads_it() {
        let json = |text: &str| read(text).0.map(|yaml| yaml.to_json());
        assert_eq!(
            json("\n  a: {b: 1}# one\nc: [2]#two\n"),
            Some(json!({"a": {"b": 1}, "c": [2]}))
        );
        let first = read("  a: 1\nb: 2").0.unwrap();
        let entries = first.as_map().unwrap();
        assert_eq!((entries[0].key_at.column, entries[1].key_at.column), (3, 1));
        assert_eq!(
            json("a: |\n  x\n  \t\n  y\nb: 1"),
            Some(json!({"a": "x\n\t\ny\n", "b": 1}))
        );
        let (_, problems) = read("a:\n  - b\n\t\n  - c\n");
        assert!(problems.contains("--> a.yml:3:1"), "{problems}");
    }

    #[test]
    fn places_are_those_of_keys_and_values() {
        let yaml = read("a:\n  - b: {c: d}\n").0.unwrap();
        let b = match &yaml.get("a").unwrap().value {
            Value::List(items) => &items[0],
            other => panic!("{other:?}"),
        };
        let entry = &b.as_map().unwrap()[0];
        assert_eq!((entry.key_at.line, entry.key_at.column), (2, 5));
        let d = b.get("b").unwrap().get("c").unwrap();
        assert_eq!((d.at.line, d.at.column), (2, 12));
    }

    #[test]
    fn broken_yaml_says_where() {
        let (yaml, problems) = read("a: [1, 2\nb: 3\n");
        assert!(yaml.is_none());
        assert!(problems.starts_with("error: not valid YAML:"), "{problems}");
        assert!(problems.contains("--> a.yml:1:4"), "{problems}");
    }

    #[test]
    fn a_key_twice_is_named_with_both_lines() {
        let (yaml, problems) = read("a: 1\nb: 2\na: 3\n");
        assert_eq!(yaml.unwrap().get("a").unwrap().to_json(), json!(3));
        assert_eq!(
            problems,
            "warning: the key 'a' is written twice\n  --> a.yml:3:1\n  hint: line 1 is ignored: remove one"
        );
    }

    #[test]
    fn aliases_cannot_explode() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let last = i - 1;
            text += &format!(
                "a{i}: &a{i} [{}]\n",
                vec![format!("*a{last}"); 10].join(", ")
            );
        }
        assert!(read(&text).1.contains("too large"));
    }

    #[test]
    fn an_empty_file_is_nothing() {
        assert_eq!(read("# only a comment\n"), (None, String::new()));
    }
}
