//! A map from what a template wrote to the places that wrote it: the template is rendered once more with marks in its
//! text, which tell where each line of text and each `{{ ... }}` stands.
//!
//! Only what has failed is rendered so. A template may look at its own text (`{% if caller() == 'x' %}`), and then writes
//! something else when there are marks in it: whoever reads the map compares what is left without them.

use std::ops::Range;

use super::blocks::{find_plain_end, tag_end, word};
use super::template::Origin;

/// Which templates are marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    #[default]
    None,
    /// Those of nodes, and no macros.
    Nodes,
    All,
}

/// A mark is `BEGIN kind template SPLIT offset END`; the letters are private ones of Unicode.
const BEGIN: char = '\u{f0000}';
const SPLIT: char = '\u{f0001}';
const END: char = '\u{f0002}';

/// A place that wrote text: the template's name and the offset in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    pub template: String,
    pub offset: usize,
    /// Its own text stands there; else the value of an expression.
    pub is_text: bool,
}

/// The template with marks. What is not in the file has none.
pub(crate) fn marked(name: &str, source: &str, origin: &Origin) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut copied = 0;
    for (at, insertion) in insertions(name, source, origin) {
        out.push_str(&source[copied..at]);
        out.push_str(&insertion);
        copied = at;
    }
    out.push_str(&source[copied..]);
    out
}

/// The offset in the template without marks of one in the template with them.
pub(crate) fn offset(name: &str, source: &str, origin: &Origin, marked: usize) -> usize {
    let mut added = 0;
    for (at, insertion) in insertions(name, source, origin) {
        if marked < at + added {
            break;
        }
        if marked < at + added + insertion.len() {
            return at;
        }
        added += insertion.len();
    }
    marked - added
}

fn insertions(name: &str, source: &str, origin: &Origin) -> Vec<(usize, String)> {
    let mark = |kind: char, at: usize| {
        let offset = origin.in_file(at)?;
        Some(format!("{BEGIN}{kind}{name}{SPLIT}{offset}{END}"))
    };
    let quoted = |mark: &str| mark.replace('\\', "\\\\").replace('"', "\\\"");
    let mut found = Vec::new();
    for part in parts(source) {
        match part {
            Part::Text(range) => {
                let lines = line_starts(source, range);
                found.extend(lines.filter_map(|at| Some((at, mark('T', at)?))));
            }
            Part::Expression(range) => {
                let Some((open, close)) = mark('O', range.start).zip(mark('C', range.start)) else {
                    continue;
                };
                let tag = &source[range.clone()];
                let left = if tag.starts_with("{{-") { "{{-" } else { "{{" };
                let right = if tag.ends_with("-}}") { "-}}" } else { "}}" };
                found.push((range.start, format!("{left}\"{}\"}}}}", quoted(&open))));
                found.push((range.end, format!("{{{{\"{}\"{right}", quoted(&close))));
            }
        }
    }
    found
}

enum Part {
    Text(Range<usize>),
    Expression(Range<usize>),
}

/// Texts and expressions of a template; statements, comments and raw sections are passed over.
fn parts(source: &str) -> Vec<Part> {
    let (mut found, mut at, mut text) = (Vec::new(), 0, 0);
    while let Some(start) = source[at..].find('{').map(|found| at + found) {
        let end = match source.as_bytes().get(start + 1) {
            Some(b'{') => tag_end(source, start + 2, "}}"),
            Some(b'#') => source[start..].find("#}").map(|end| start + end + 2),
            Some(b'%') => match &source[word(source, start + 2)] {
                "raw" => find_plain_end(source, start + 2, "endraw").map(|end| end.end),
                _ => tag_end(source, start + 2, "%}"),
            },
            _ => {
                at = start + 1;
                continue;
            }
        };
        found.push(Part::Text(text..start));
        let Some(end) = end else { return found };
        if source[start..].starts_with("{{") {
            found.push(Part::Expression(start..end));
        }
        (at, text) = (end, end);
    }
    found.push(Part::Text(text..source.len()));
    found
}

/// Where each line of the text begins, behind its blanks: those a tag may take away.
fn line_starts(source: &str, range: Range<usize>) -> impl Iterator<Item = usize> {
    let text = &source[range.clone()];
    let mut at = range.start;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at + line.len() - line.trim_start().len();
        at += line.len();
        (!line.trim().is_empty()).then_some(start)
    })
}

/// Behind the marks that a text begins with.
pub(crate) fn behind(text: &str) -> usize {
    let mut at = 0;
    while text[at..].starts_with(BEGIN) {
        let Some(end) = text[at..].find(END) else {
            break;
        };
        at += end + END.len_utf8();
    }
    at
}

/// The text without marks, and who wrote it: from which byte on, outermost first.
pub(crate) struct Map {
    pub text: String,
    writers: Vec<(usize, Vec<Writer>)>,
}

impl Map {
    pub fn read(marked: &str) -> Self {
        let (mut text, mut writers) = (String::with_capacity(marked.len()), Vec::new());
        let mut open: Vec<Writer> = Vec::new();
        let mut parts = marked.split(BEGIN);
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (mark, rest) = part.split_once(END).unwrap_or(("", part));
            let mut now = Vec::new();
            match writer(mark) {
                Some(('O', writer)) => open.push(writer),
                Some(('C', writer)) => {
                    if let Some(at) = open.iter().rposition(|own| *own == writer) {
                        open.truncate(at);
                    }
                }
                Some((_, writer)) => now.push(Writer {
                    is_text: true,
                    ..writer
                }),
                None => {}
            }
            writers.push((text.len(), open.iter().cloned().chain(now).collect()));
            text.push_str(rest);
        }
        Self { text, writers }
    }

    /// Who wrote what stands at that byte, outermost first.
    pub fn writers_at(&self, byte: usize) -> Vec<Writer> {
        let next = self.writers.partition_point(|(start, _)| *start <= byte);
        let Some((start, writers)) = next.checked_sub(1).map(|at| &self.writers[at]) else {
            return Vec::new();
        };
        let mut writers = writers.clone();
        if let Some(last) = writers.last_mut().filter(|last| last.is_text) {
            last.offset += byte - start;
        }
        writers
    }

    /// The expression that wrote nothing last before that byte, on its line.
    pub fn nothing_before(&self, byte: usize) -> Option<&Writer> {
        let line = self.text[..byte].rfind('\n').map_or(0, |end| end + 1);
        let parts = self.writers.windows(2).rev();
        let mut empty = parts.filter(|parts| (line..=byte).contains(&parts[0].0));
        empty.find_map(|parts| {
            let ((start, opened), (end, closed)) = (&parts[0], &parts[1]);
            let is_closed = start == end && closed.len() < opened.len();
            opened.last().filter(|writer| is_closed && !writer.is_text)
        })
    }

    /// The byte here of what stands at a byte of the same text, which may have other blanks: templates trim what they
    /// write. None: it is not the same text.
    pub fn byte_of(&self, same: &str, byte: usize) -> Option<usize> {
        let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let letters = |text: &'_ str| {
            text.chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>()
        };
        if letters(&self.text) != letters(same) {
            return None;
        }
        let before = solid(same.get(..byte)?);
        let mut own = self.text.char_indices().filter(|(_, c)| !c.is_whitespace());
        own.nth(before).map(|(at, _)| at)
    }
}

/// The text without marks.
pub(crate) fn unmarked(text: &str) -> Option<String> {
    text.contains(BEGIN).then(|| Map::read(text).text)
}

fn writer(mark: &str) -> Option<(char, Writer)> {
    let kind = mark.chars().next()?;
    let (template, offset) = mark[kind.len_utf8()..].split_once(SPLIT)?;
    let writer = Writer {
        template: template.to_owned(),
        offset: offset.parse().ok()?,
        is_text: false,
    };
    Some((kind, writer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::jinja::template::whole;

    fn template(file: &str, text: &str) -> String {
        let (source, origin) = whole(file, &Arc::from(text), 0..text.len());
        marked(file, &source, &origin)
    }

    fn rendered(source: &str) -> String {
        let mut env = minijinja::Environment::new();
        env.add_function("__do", |_: minijinja::Value| "");
        env.add_function("__register", |_: minijinja::Value| "");
        env.add_function("__list", |value: minijinja::Value| value);
        env.add_function("__each", |value: minijinja::Value| value);
        env.render_str(source, minijinja::context! { x => "a\n b" })
            .unwrap()
    }

    #[test]
    fn each_line_and_each_value_is_known_by_its_place() {
        let text = "select 1,\n{%- for n in [1, 2] %}\n  {{ x }}{{- n -}}  , nope\n{% endfor %}\n# {{ 'é' }}";
        let map = Map::read(&rendered(&template("m.sql", text)));
        assert_eq!(
            map.text,
            "select 1,\n  a\n b1, nope\n\n  a\n b2, nope\n\n# é"
        );
        let at = |word: &str, nth: usize| {
            let (byte, _) = map.text.match_indices(word).nth(nth).unwrap();
            let writer = map.writers_at(byte).pop().unwrap();
            (&text[writer.offset..writer.offset + 4], writer.is_text)
        };
        assert_eq!(at("1,", 0), ("1,\n{", true));
        assert_eq!(at("b", 0), ("{{ x", false));
        assert_eq!(at("2", 0), ("{{- ", false));
        assert_eq!(at("nope", 1), ("nope", true));
        assert_eq!(at("é", 0), ("{{ '", false));
    }

    #[test]
    fn places_in_the_template_with_marks_are_those_of_the_one_without() {
        let text: Arc<str> = Arc::from("select 1 {{ x }}\n, 2\n{% do y %}");
        let (source, origin) = whole("m.sql", &text, 0..text.len());
        let marked = marked("m.sql", &source, &origin);
        for word in ["select", "x }}", ", 2", "{% do "] {
            let (with, without) = (marked.rfind(word).unwrap(), source.rfind(word).unwrap());
            assert_eq!(offset("m.sql", &source, &origin, with), without, "{word}");
        }
    }

    #[test]
    fn an_expression_that_writes_nothing_is_known() {
        let map = Map::read(&rendered(&template("m.sql", "select\n({{ y }} * {{ x }})")));
        let star = map.text.find('*').unwrap();
        assert_eq!(map.nothing_before(star).unwrap().offset, 8);
        assert_eq!(map.nothing_before(3), None);
    }

    #[test]
    fn a_place_is_found_again_where_blanks_were_trimmed() {
        let map = Map::read(&rendered(&template("m.sql", "\n select  {{ 1 }}\n")));
        assert_eq!(
            map.byte_of("select 1", 7),
            Some(map.text.find('1').unwrap())
        );
        assert_eq!(map.byte_of("select 2", 7), None);
    }
}
