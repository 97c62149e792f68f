//! What people often write in Jinja though it cannot be read, and what to write instead.

use forebay_core::{Diagnostic, suggest};
use minijinja::ErrorKind;

use super::blocks::BLOCKS;
use super::template::Origin;

/// Tags that open nothing.
const SINGLE: &[&str] = &["do", "docs", "elif", "else", "include"];

const FILTERS: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "capitalize",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "xmlattr",
];

const METHODS: &[&str] = &[
    "append",
    "capitalize",
    "copy",
    "count",
    "endswith",
    "extend",
    "find",
    "format",
    "get",
    "index",
    "insert",
    "isdigit",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "pop",
    "remove",
    "replace",
    "reverse",
    "rsplit",
    "rstrip",
    "sort",
    "split",
    "startswith",
    "strftime",
    "strip",
    "title",
    "update",
    "upper",
    "values",
    "zfill",
];

/// `detail` is what the engine says, `text` what stands where it says so.
pub(super) fn hint(kind: ErrorKind, detail: &str, text: &str) -> Option<String> {
    let text = text.trim_start();
    match kind {
        ErrorKind::UnknownFilter => {
            let name = detail
                .strip_prefix("filter ")?
                .strip_suffix(" is unknown")?;
            suggest::nearest(name, FILTERS.iter().copied())
        }
        ErrorKind::UnknownMethod => {
            let (_, name) = detail.split_once(" has no method named ")?;
            // Another kind of value has it.
            let is_known = METHODS.contains(&name);
            let near = suggest::nearest(name, METHODS.iter().copied()).filter(|_| !is_known);
            let is_nothing = detail.starts_with("none ") || detail.starts_with("undefined ");
            near.or_else(|| {
                is_nothing.then(|| "what stands before the dot has no value here".to_owned())
            })
        }
        ErrorKind::TemplateNotFound => {
            Some("templates have no include here: write a macro, and call it".to_owned())
        }
        ErrorKind::InvalidOperation if detail.ends_with("is not iterable") => {
            Some("for goes through lists, mappings and rows of a query".to_owned())
        }
        ErrorKind::InvalidOperation if detail.starts_with("tried to use + operator") => {
            Some("~ joins texts with what is none".to_owned())
        }
        ErrorKind::SyntaxError => match detail.strip_prefix("unknown statement ") {
            Some("elseif" | "elsif" | "elseIf") => Some("write elif".to_owned()),
            Some(word)
                if word
                    .strip_prefix("end")
                    .is_some_and(|of| BLOCKS.contains(&of)) =>
            {
                Some("the block that was opened last ends with another word".to_owned())
            }
            Some("else" | "elif") => Some(
                "it belongs to an if or for that is open, and nothing follows its else".to_owned(),
            ),
            Some("test") => {
                Some("a generic test is written in tests/generic/ or macros/".to_owned())
            }
            Some(word) if BLOCKS.contains(&word) => {
                Some(format!("a file of this kind has no {{% {word} %}}"))
            }
            Some(word) => {
                let ends: Vec<String> = BLOCKS.iter().map(|block| format!("end{block}")).collect();
                let ends = ends.iter().map(String::as_str);
                suggest::nearest(word, SINGLE.iter().chain(BLOCKS).copied().chain(ends))
            }
            None if detail.starts_with("unexpected `=`") => {
                Some("== compares; = gives a name a value".to_owned())
            }
            None if detail.ends_with(", expected end of variable block") => {
                Some("an expression ends with }}, and ~ joins two of them".to_owned())
            }
            None if detail.ends_with(", expected end of block")
                && !detail.starts_with("unexpected end of input") =>
            {
                Some("a statement ends with %}".to_owned())
            }
            None if detail == "unexpected `}`" || detail == "unexpected `%`" => {
                Some("a bracket that was opened before is not closed".to_owned())
            }
            None => [("&&", "and"), ("||", "or"), ("!", "not")]
                .iter()
                .find(|(sign, _)| detail == "unexpected character" && text.starts_with(sign))
                .map(|(sign, word)| format!("Jinja writes '{word}', not '{sign}'")),
        },
        _ => None,
    }
}

/// What is opened and runs to the end of the file: told where it begins.
pub(super) fn never_closed(detail: &str, origin: &Origin) -> Option<Diagnostic> {
    let text = origin.text();
    let (offset, what) = match detail {
        "unexpected end of comment" => (text.rfind("{#")?, "the comment {#"),
        "unexpected end of string" => {
            let in_tag = |offset: &usize| {
                let line = text[..*offset].rsplit('\n').next().unwrap_or_default();
                line.contains("{{") || line.contains("{%")
            };
            let quotes = ['\'', '"']
                .into_iter()
                .filter_map(|quote| text.rfind(quote));
            (quotes.filter(in_tag).min()?, "the text that begins here")
        }
        _ => return None,
    };
    let message = format!("Jinja syntax error: {what} is never closed");
    Some(Diagnostic::error(message).at(origin.at(offset)))
}

/// A text that goes on to the quote which begins another one, in a later line: what follows that is no Jinja, and the place
/// to look at is where the first text begins. `rest` is the file from where the engine stumbled.
pub(super) fn closed_late(origin: &Origin, rest: &str) -> Option<Diagnostic> {
    let text = origin.text();
    let before = text.get(..text.len() - rest.len())?;
    let (mut in_tag, mut last) = (false, None);
    let mut chars = before.char_indices();
    while let Some((at, c)) = chars.next() {
        let here = &before[at..];
        if !in_tag {
            in_tag = here.starts_with("{{") || here.starts_with("{%");
            last = None;
        } else if here.starts_with("}}") || here.starts_with("%}") {
            in_tag = false;
        } else if matches!(c, '\'' | '"') {
            let end = chars.find(|(_, other)| *other == c)?.0;
            last = Some((at, end));
        }
    }
    let (begin, end) = last.filter(|_| in_tag)?;
    let follows = before[end + 1..].trim().is_empty();
    if !follows || !before[begin..end].contains('\n') {
        return None;
    }
    let line = before[..end].matches('\n').count() + 1;
    let message = "Jinja syntax error: the text that begins here does not end in its line";
    let hint = format!("is a quote missing? The next one is in line {line}");
    Some(Diagnostic::error(message).at(origin.at(begin)).hint(hint))
}
