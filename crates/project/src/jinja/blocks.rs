//! Finds dbt's top-level blocks in a file: `{% macro %}`, `{% test %}`, `{% snapshot %}`; and, in
//! Markdown, `{% docs %}`.
//!
//! Jinja itself knows only the first of them, so a file is cut up before its parts are compiled.

use std::ops::Range;

/// One block; all ranges are bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub kind: BlockKind,
    /// What follows the keyword: `not_null` of `{% test not_null(model, column_name) %}`.
    pub name: String,
    /// Between the name's brackets, where it has them.
    pub signature: Option<Range<usize>>,
    /// The keyword itself: `test`.
    pub keyword: Range<usize>,
    /// The whole opening tag.
    pub open: Range<usize>,
    pub body: Range<usize>,
    /// The whole closing tag.
    pub close: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Macro,
    Test,
    Snapshot,
    Materialization,
}

const KEYWORDS: &[(&str, BlockKind)] = &[
    ("macro", BlockKind::Macro),
    ("test", BlockKind::Test),
    ("data_test", BlockKind::Test),
    ("snapshot", BlockKind::Snapshot),
    ("materialization", BlockKind::Materialization),
];

/// A block that cannot be read: where, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BlockError {
    pub offset: usize,
    pub message: String,
}

/// The blocks of a file in their order. Text between them is passed over.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, BlockError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(tag) = next_tag(text, at)? {
        at = tag.range.end;
        let word = &text[tag.word.clone()];
        if let Some((_, kind)) = KEYWORDS.iter().find(|(keyword, _)| *keyword == word) {
            let block = block(text, *kind, &tag)?;
            at = block.close.end;
            found.push(block);
        }
    }
    Ok(found)
}

fn block(text: &str, kind: BlockKind, open: &Tag) -> Result<Block, BlockError> {
    let word = &text[open.word.clone()];
    let (name, signature) = head(text, open);
    check_head(text, kind, open, &name)?;
    let close = match closing(text, open, &|tag| *tag == format!("end{word}"))? {
        Some(close) => close,
        None => return Err(unclosed(text, open, &name)),
    };
    Ok(Block {
        kind,
        name,
        signature,
        keyword: open.word.clone(),
        open: open.range.clone(),
        body: open.range.end..close.start,
        close,
    })
}

/// Names, places and texts of the `{% docs %}` blocks of a Markdown file, and where one begins that never ends. It is
/// plain text: a quote or a brace in it opens nothing.
pub(crate) fn docs(text: &str) -> (Vec<(&str, usize, &str)>, Option<usize>) {
    let (mut found, mut open, mut at) = (Vec::new(), None, 0);
    while let Some((range, inner)) = plain_tag(text, at) {
        at = range.end;
        let name = inner
            .strip_prefix("docs")
            .filter(|rest| rest.starts_with(char::is_whitespace));
        let Some(name) = name else { continue };
        let Some(close) = find_plain_end(text, range.end, "enddocs") else {
            open.get_or_insert(range.start);
            continue;
        };
        // As in dbt, one within another leaves the outer one open.
        if find_docs(text, range.end).is_some_and(|inner| inner < close.start) {
            open.get_or_insert(range.start);
        }
        let body = text[range.end..close.start].trim();
        found.push((name.trim(), range.start, body));
        at = close.end;
    }
    (found, open)
}

/// Where the next block of documentation begins.
fn find_docs(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some((range, inner)) = plain_tag(text, at) {
        let name = inner.strip_prefix("docs");
        if name.is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            return Some(range.start);
        }
        at = range.end;
    }
    None
}

/// At the tag that closes a block of another kind, where there is one.
fn unclosed(text: &str, open: &Tag, name: &str) -> BlockError {
    let word = &text[open.word.clone()];
    let is_end = |tag: &str| {
        let kind = tag.strip_prefix("end");
        kind.is_some_and(|kind| KEYWORDS.iter().any(|(keyword, _)| *keyword == kind))
    };
    match closing(text, open, &is_end) {
        Ok(Some(wrong)) => BlockError {
            offset: wrong.start,
            message: format!(
                "{} does not close the {word} '{name}': {{% end{word} %}} does",
                &text[wrong]
            ),
        },
        _ => BlockError {
            offset: open.range.start,
            message: format!("the {word} '{name}' is never closed: {{% end{word} %}} is missing"),
        },
    }
}

/// What a template opens and has to close.
pub(super) const BLOCKS: &[&str] = &[
    "call",
    "data_test",
    "filter",
    "for",
    "if",
    "macro",
    "materialization",
    "raw",
    "set",
    "snapshot",
    "test",
];

/// Where the outermost block begins that is never closed, and its word.
pub(super) fn open_block(text: &str) -> Option<(usize, &str)> {
    let (mut open, mut at): (Vec<(usize, &str)>, usize) = (Vec::new(), 0);
    while let Ok(Some(tag)) = next_tag(text, at) {
        at = tag.range.end;
        let word = &text[tag.word.clone()];
        let is_value = word == "set" && text[tag.word.end..tag.range.end].contains('=');
        if BLOCKS.contains(&word) && !is_value {
            open.push((tag.range.start, word));
        } else if let Some(closed) = word.strip_prefix("end") {
            match open.iter().rposition(|(_, word)| *word == closed) {
                // What is open within it was never closed.
                Some(own) if own + 1 < open.len() => return Some(open[own + 1]),
                Some(own) => open.truncate(own),
                None => {}
            }
        }
    }
    open.first().copied()
}

fn closing(
    text: &str,
    open: &Tag,
    closes: &dyn Fn(&str) -> bool,
) -> Result<Option<Range<usize>>, BlockError> {
    let mut at = open.range.end;
    while let Some(tag) = next_tag(text, at)? {
        if closes(&text[tag.word.clone()]) {
            return Ok(Some(tag.range));
        }
        at = tag.range.end;
    }
    Ok(None)
}

pub(super) fn find_plain_end(text: &str, from: usize, end: &str) -> Option<Range<usize>> {
    let mut at = from;
    while let Some((range, inner)) = plain_tag(text, at) {
        if inner == end {
            return Some(range);
        }
        at = range.start + 2;
    }
    None
}

/// The next `{% ... %}`, whatever stands around it, and its inside.
fn plain_tag(text: &str, from: usize) -> Option<(Range<usize>, &str)> {
    let start = from + text[from..].find("{%")?;
    let end = start + text[start..].find("%}")? + 2;
    let inner = text[start + 2..end - 2].trim_matches(['-', '+']).trim();
    Some((start..end, inner))
}

/// As in dbt, a head that is not complete is an error.
fn check_head(text: &str, kind: BlockKind, open: &Tag, name: &str) -> Result<(), BlockError> {
    let word = &text[open.word.clone()];
    let inner = &text[open.word.end..open.range.end - 2];
    let rest = inner.trim_start();
    let error = |message: String| BlockError {
        offset: match name.is_empty() {
            true => open.word.start,
            false => open.word.end + inner.len() - rest.len(),
        },
        message,
    };
    if name.is_empty() {
        return Err(error(format!("a {{% {word} %}} block without a name")));
    }
    if !is_name(name) {
        return Err(error(format!("'{name}' cannot be the name of a {word}")));
    }
    if !matches!(kind, BlockKind::Macro | BlockKind::Test) {
        return Ok(());
    }
    let after = rest[name.len()..].trim_end_matches(['-', '+']).trim();
    let Some(parameters) = after.strip_prefix('(') else {
        let message = format!("the {word} '{name}' has no parentheses: {{% {word} {name}() %}}");
        return Err(error(message));
    };
    let Some(parameters) = parameters.strip_suffix(')') else {
        let message = format!("the parentheses of the {word} '{name}' are not closed at its end");
        return Err(error(message));
    };
    match super::signature::params(parameters)
        .iter()
        .find(|p| !is_name(&p.name))
    {
        Some(wrong) => Err(error(format!(
            "'{}' cannot be a parameter of the {word} '{name}'",
            wrong.name
        ))),
        None => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    let word = text.chars().all(|c| c.is_alphanumeric() || c == '_');
    word && text.chars().next().is_some_and(|c| !c.is_numeric())
}

fn head(text: &str, open: &Tag) -> (String, Option<Range<usize>>) {
    let inner = open.word.end..open.range.end - 2;
    let rest = &text[inner.clone()];
    let name_end = rest.find(['(', ',']).unwrap_or(rest.len());
    let name = rest[..name_end].trim().trim_end_matches(['-', '+']).trim();
    let signature = (rest[name_end..].starts_with('(')).then(|| {
        let end = rest
            .rfind(')')
            .filter(|end| *end > name_end)
            .unwrap_or(rest.len());
        inner.start + name_end + 1..inner.start + end
    });
    (name.to_owned(), signature)
}

/// `{% word ... %}`.
struct Tag {
    range: Range<usize>,
    word: Range<usize>,
}

/// The next statement tag; comments, expressions and raw sections are stepped over.
fn next_tag(text: &str, mut at: usize) -> Result<Option<Tag>, BlockError> {
    while let Some(start) = text[at..].find('{').map(|i| at + i) {
        let unclosed = |what: &str| BlockError {
            offset: start,
            message: format!("{what} is never closed"),
        };
        match text.as_bytes().get(start + 1) {
            Some(b'#') => {
                let end = text[start..]
                    .find("#}")
                    .ok_or_else(|| unclosed("the comment {#"))?;
                at = start + end + 2;
            }
            Some(b'{') => {
                let end = tag_end(text, start + 2, "}}").ok_or_else(|| unclosed("the tag {{"))?;
                at = end;
            }
            Some(b'%') => {
                let end = tag_end(text, start + 2, "%}").ok_or_else(|| unclosed("the tag {%"))?;
                let tag = Tag {
                    range: start..end,
                    word: word(text, start + 2),
                };
                if text[tag.word.clone()] != *"raw" {
                    return Ok(Some(tag));
                }
                at = find_plain_end(text, end, "endraw")
                    .ok_or_else(|| unclosed("the section {% raw %}"))?
                    .end;
            }
            _ => at = start + 1,
        }
    }
    Ok(None)
}

pub(super) fn word(text: &str, from: usize) -> Range<usize> {
    let rest = &text[from..];
    let start = from + rest.len() - rest.trim_start_matches(['-', '+']).trim_start().len();
    let letters = text[start..].find(|c: char| !c.is_alphanumeric() && c != '_');
    start..letters.map_or(text.len(), |n| start + n)
}

/// Just behind the closing mark. Marks inside quotes do not close; nor does `}}` of a `{{1}: {}}`.
pub(super) fn tag_end(text: &str, from: usize, close: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quote, mut depth) = (from, None, 0usize);
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(_) if byte == b'\\' => at += 1,
            Some(open) => quote = (byte != open).then_some(open),
            None if depth == 0 && bytes[at..].starts_with(close.as_bytes()) => {
                return Some(at + close.len());
            }
            None => match byte {
                b'\'' | b'"' => quote = Some(byte),
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(BlockKind, String)> {
        let found = blocks(text).expect("readable");
        found.into_iter().map(|b| (b.kind, b.name)).collect()
    }

    #[test]
    fn finds_blocks_between_other_text() {
        let text = "words {# {% macro no() %} #}
            {%- macro one(a, b=')') -%} {{ a ~ '{% endmacro %}' }} {%- endmacro -%}
            {% raw %}{% macro hidden() %}{% endraw %}
            {% test two(model) %}select 1{% endtest %}
            {% snapshot three %}{{ {'a': {}} }}{% endsnapshot %}
            ";
        assert_eq!(
            names(text),
            [
                (BlockKind::Macro, "one".to_owned()),
                (BlockKind::Test, "two".to_owned()),
                (BlockKind::Snapshot, "three".to_owned()),
            ]
        );
        let block = &blocks(text).unwrap()[0];
        assert_eq!(&text[block.signature.clone().unwrap()], "a, b=')'");
        assert_eq!(&text[block.keyword.clone()], "macro");
    }

    #[test]
    fn a_head_that_is_not_complete_is_an_error() {
        for (head, message) in [
            (
                "macro mm",
                "the macro 'mm' has no parentheses: {% macro mm() %}",
            ),
            (
                "macro mm(",
                "the parentheses of the macro 'mm' are not closed at its end",
            ),
            (
                "macro mm(x, ",
                "the parentheses of the macro 'mm' are not closed at its end",
            ),
            ("macro 1mm()", "'1mm' cannot be the name of a macro"),
            (
                "macro mm(a b)",
                "'a b' cannot be a parameter of the macro 'mm'",
            ),
            (
                "test tt(model",
                "the parentheses of the test 'tt' are not closed at its end",
            ),
            (
                "materialization m default",
                "'m default' cannot be the name of a materialization",
            ),
        ] {
            let word = head.split(' ').next().unwrap();
            let error = blocks(&format!("{{% {head} %}}1{{% end{word} %}}")).unwrap_err();
            assert_eq!(error.message, message);
        }
        assert_eq!(
            names("{%- macro  a(b=(1, ')'), c={'x': 1}) -%}{% endmacro %}").len(),
            1
        );
    }

    #[test]
    fn documentation_is_plain_text() {
        let text = "It's {{ not closed. {% docs a %} what it's {{ {%- enddocs -%} {% docs b %}";
        let open = text.find("{% docs b");
        assert_eq!(docs(text), (vec![("a", 20, "what it's {{")], open));
    }

    #[test]
    fn a_block_that_is_never_closed_is_found() {
        for (text, expected) in [
            (
                "a {% if x %} b {% for y in z %}{% endfor %}",
                Some((2, "if")),
            ),
            ("{% macro m() %}{% if x %}{% endmacro %}", Some((15, "if"))),
            ("{% set x %}", Some((0, "set"))),
            ("{% set x = 1 %}{% if x %}{% endif %}", None),
        ] {
            assert_eq!(open_block(text), expected);
        }
        let error = blocks("{% test t(model) %}1{% endmacro %}").unwrap_err();
        assert_eq!(error.offset, 20);
    }

    #[test]
    fn an_open_block_is_an_error_at_its_start() {
        let error = blocks("x\n{% macro m() %}{% if a %}").unwrap_err();
        assert_eq!(error.offset, 2);
        assert_eq!(
            error.message,
            "the macro 'm' is never closed: {% endmacro %} is missing"
        );
        assert_eq!(
            blocks("{% set x = 'a %}").unwrap_err().message,
            "the tag {% is never closed"
        );
    }
}
