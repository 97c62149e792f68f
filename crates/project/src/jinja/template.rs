//! Template texts as the engine sees them, and the way back to the user's file.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use forebay_core::{Diagnostic, Location};
use regex::{Captures, Regex};

use super::blocks::{Block, open_block};
use super::literals::{blanked, wrapped};
use crate::text;

/// Stands before every template that is rendered itself: it hands the engine a macro which
/// imports other templates into the running state. Only there can `caller()` be called back. It is in a scope of
/// its own: macros see what is set in the scope that they stand in, and so would all that it imports.
pub(crate) const PROLOGUE: &str = concat!(
    "{% with %}{% macro __import(template) %}{% import template as module %}",
    "{% do __imported(template, module) %}{% endmacro %}",
    "{% do __register(__import) %}{% endwith %}"
);

/// Where a template's text comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    file: String,
    text: Arc<str>,
    /// From this offset of the template on, subtract this from it to get the file's offset.
    shifts: Vec<(usize, isize)>,
}

impl Origin {
    pub fn locate(&self, offset: usize) -> Location {
        text::locate(&self.file, &self.text, self.expression_start(offset))
    }

    /// The file's text from there on.
    pub fn text_at(&self, offset: usize) -> &str {
        self.text.get(self.expression_start(offset)..).unwrap_or("")
    }

    /// The whole file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file's offset; none where the template has more than the file.
    pub fn in_file(&self, offset: usize) -> Option<usize> {
        let shift = self.shifts.iter().rev().find(|(from, _)| *from <= offset);
        let shift = shift.map_or(0, |(_, shift)| *shift);
        usize::try_from(offset as isize - shift).ok()
    }

    /// A block that the file opens and never closes.
    pub fn open_block(&self) -> Option<Diagnostic> {
        let (offset, word) = open_block(&self.text)?;
        let message = format!("Jinja syntax error: the block {{% {word} %}} is never closed");
        let hint = format!("{{% end{word} %}} is missing");
        Some(Diagnostic::error(message).at(self.at(offset)).hint(hint))
    }

    /// The place of an offset of the file.
    pub fn at(&self, offset: usize) -> Location {
        text::locate(&self.file, &self.text, offset)
    }

    /// The file's offset. The engine points at the dot of `a.b()`, which a reader calls `a.b`.
    fn expression_start(&self, offset: usize) -> usize {
        let offset = self.in_file(offset).unwrap_or(0);
        let (Some(before), Some(after)) = (self.text.get(..offset), self.text.get(offset..)) else {
            return offset;
        };
        if !after.starts_with('.') {
            return offset;
        }
        before
            .trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'))
            .len()
    }

    /// Where the file has a text for the first time.
    pub fn find(&self, text: &str) -> Option<Location> {
        let offset = self.text.find(text)?;
        Some(text::locate(&self.file, &self.text, offset))
    }

    /// Texts of our own have no file.
    pub fn is_file(&self) -> bool {
        !self.file.is_empty()
    }

    pub fn start(&self) -> Location {
        Location::file(&self.file)
    }
}

/// `{% print a, b %}` as `{{ a ~ b }}`, as long as it was. None: there is nothing of the kind.
fn printing(template: &str) -> Option<String> {
    static PRINT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?s)\{%([-+]?\s*)print\b(.*?)([-+]?)%\}").expect("a valid pattern")
    });
    let rewritten = |found: &Captures<'_>| {
        let (mut depth, mut quote) = (0_i32, None);
        let inner = found[2].chars().map(|c| {
            match (quote, c) {
                (Some(mark), c) if c == mark => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') => depth -= 1,
                (None, ',') if depth == 0 => return '~',
                _ => {}
            }
            c
        });
        let inner: String = inner.collect();
        format!("{{{{{}     {inner}{}}}}}", &found[1], &found[3])
    };
    let rewrite = || PRINT.replace_all(template, rewritten).into_owned();
    template.contains("print").then(rewrite)
}

/// The template with its literals made changeable, and the shifts that this adds.
fn changeable(template: &str, shifts: &[(usize, isize)]) -> (String, Vec<(usize, isize)>) {
    let printed = printing(template);
    let template = printed.as_deref().unwrap_or(template);
    let (insertions, idle) = wrapped(template);
    let blanked = (!idle.is_empty()).then(|| blanked(template, &idle));
    let template = blanked.as_deref().unwrap_or(template);
    let mut text = String::with_capacity(template.len());
    let (mut copied, mut moved) = (0, Vec::with_capacity(shifts.len() + insertions.len()));
    let mut base = shifts.iter().peekable();
    let mut shift = 0;
    let mut added = 0;
    // Those of the text before it come first.
    let mut pass = |until: usize, added: usize, moved: &mut Vec<(usize, isize)>| {
        while let Some((from, own)) = base.next_if(|(from, _)| *from <= until) {
            shift = *own;
            moved.push((from + added, shift + added as isize));
        }
        shift
    };
    for (at, insertion) in insertions {
        let shift = pass(at, added, &mut moved);
        text.push_str(&template[copied..at]);
        text.push_str(insertion);
        copied = at;
        added += insertion.len();
        moved.push((text.len(), shift + added as isize));
    }
    pass(template.len(), added, &mut moved);
    text.push_str(&template[copied..]);
    (text, moved)
}

/// A part of a file that is rendered itself: a model, a singular test, a snapshot's body.
pub(crate) fn whole(file: &str, text: &Arc<str>, range: Range<usize>) -> (String, Origin) {
    let template = format!("{PROLOGUE}{}", &text[range.clone()]);
    let shift = PROLOGUE.len() as isize - range.start as isize;
    let (template, shifts) = changeable(&template, &[(0, shift)]);
    let origin = Origin {
        file: file.to_owned(),
        text: text.clone(),
        shifts,
    };
    (template, origin)
}

/// What names of macros' templates begin with.
pub(crate) const MACRO: &str = "macro ";

/// What every macro is called inside its own template. Its real name may begin with an underscore,
/// which the engine would not let out.
pub(crate) const EXPORTED: &str = "forebay__macro";

/// A macro or generic test as a template of its own. Names that Python's Jinja passes by itself
/// (`varargs`, `kwargs`) become parameters where the body uses them.
pub(crate) fn of_macro(
    file: &str,
    text: &Arc<str>,
    block: &Block,
    extra: &[&str],
) -> (String, Origin) {
    let mut template = text[block.open.start..block.keyword.start].to_owned();
    template.push_str(&format!("macro {EXPORTED}("));
    if let Some(signature) = &block.signature {
        template.push_str(text[signature.clone()].trim_end().trim_end_matches(','));
    }
    for parameter in extra {
        let comma = if template.ends_with('(') { "" } else { ", " };
        template.push_str(&format!("{comma}{parameter}=none"));
    }
    template.push(')');
    let tail = text[..block.open.end].trim_end_matches("%}");
    template.push_str(if tail.ends_with('-') { " -%}" } else { " %}" });
    let body_at = template.len();
    template.push_str(&text[block.body.clone()]);
    let close = &text[block.close.clone()];
    let left = if close.starts_with("{%-") {
        "{%-"
    } else {
        "{%"
    };
    template.push_str(&format!("{left} endmacro %}}"));
    let shifts = [
        (0, -(block.open.start as isize)),
        (body_at, body_at as isize - block.body.start as isize),
    ];
    let (template, shifts) = changeable(&template, &shifts);
    let origin = Origin {
        file: file.to_owned(),
        text: text.clone(),
        shifts,
    };
    (template, origin)
}
