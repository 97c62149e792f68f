//! Regular expressions as PostgreSQL and DuckDB write them, compiled once for many rows.

use std::cell::RefCell;
use std::rc::Rc;

use datafusion::common::exec_err;
use datafusion::error::Result;
use regex::{Regex, RegexBuilder};

/// What the letters of a call's options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub all: bool,
    ignore_case: bool,
    dot_is_any: bool,
    multi_line: bool,
    literal: bool,
}

impl Options {
    /// `g`, `i`, `c`, `s`, `n`, `m`, `p`, `l`, in any order.
    pub(super) fn parse(letters: &str) -> Result<Self> {
        let mut options = Self::default();
        for letter in letters.chars() {
            match letter {
                'g' => options.all = true,
                'i' => options.ignore_case = true,
                'c' => options.ignore_case = false,
                's' => options.dot_is_any = true,
                'm' | 'n' | 'p' => options.multi_line = true,
                'l' => options.literal = true,
                other => {
                    return exec_err!("a regular expression has no option '{other}'");
                }
            }
        }
        Ok(options)
    }
}

thread_local! {
    static LAST: RefCell<Option<(String, Options, Rc<Regex>)>> = const { RefCell::new(None) };
}

/// The compiled pattern. Nearly every call of a query has the same one.
pub(super) fn compiled(pattern: &str, options: Options) -> Result<Rc<Regex>> {
    LAST.with_borrow_mut(|last| {
        if let Some((text, of, regex)) = last
            && text == pattern
            && *of == options
        {
            return Ok(Rc::clone(regex));
        }
        let regex = Rc::new(compile(pattern, options)?);
        *last = Some((pattern.to_owned(), options, Rc::clone(&regex)));
        Ok(regex)
    })
}

fn compile(pattern: &str, options: Options) -> Result<Regex> {
    let text = match options.literal {
        true => regex::escape(pattern),
        false => translated(pattern),
    };
    let built = RegexBuilder::new(&text)
        .case_insensitive(options.ignore_case)
        .dot_matches_new_line(options.dot_is_any)
        .multi_line(options.multi_line)
        .build();
    match built {
        Ok(regex) => Ok(regex),
        Err(regex::Error::Syntax(message)) if message.contains("look-around") => exec_err!(
            "the regular expression '{pattern}' looks around (?=, ?!, ?<), which is not supported"
        ),
        Err(_) => exec_err!("'{pattern}' is no regular expression that is understood"),
    }
}

/// PostgreSQL's escapes for the borders of words in this engine's words.
fn translated(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('y') => text.push_str(r"\b"),
                Some('Y') => text.push_str(r"\B"),
                Some('m') => text.push_str(r"\b{start}"),
                Some('M') => text.push_str(r"\b{end}"),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

/// As PostgreSQL reads it: `.` is a new line too, the classes of letters are of Unicode, digits those of ASCII, and
/// options may stand in front.
pub(crate) fn of_postgres(pattern: &str) -> String {
    if let Some(literal) = pattern.strip_prefix("***=") {
        return regex::escape(literal);
    }
    let pattern = pattern.strip_prefix("***:").unwrap_or(pattern);
    let (options, pattern) = leading(pattern).unwrap_or(("", pattern));
    if options.contains('q') {
        return regex::escape(pattern);
    }
    let mut text = with_digits(&translated(pattern));
    for (class, of_unicode) in CLASSES {
        text = text.replace(class, of_unicode);
    }
    let mut flags = String::new();
    match options.contains(['n', 'm', 'p', 'w']) {
        true if options.contains(['n', 'm', 'w']) => flags.push('m'),
        false if text.contains('.') => flags.push('s'),
        _ => {}
    }
    if options.contains('w') && text.contains('.') {
        flags.push('s');
    }
    flags.extend(options.chars().filter(|option| matches!(option, 'i' | 'x')));
    match flags.is_empty() {
        true => text,
        false => format!("(?{flags}){text}"),
    }
}

/// `(?i)` in front: its letters, and what is behind.
fn leading(pattern: &str) -> Option<(&str, &str)> {
    let (options, rest) = pattern.strip_prefix("(?")?.split_once(')')?;
    let known = |option: char| "bceimnpqstwx".contains(option);
    (!options.is_empty() && options.chars().all(known)).then_some((options, rest))
}

/// `\d` is a digit of ASCII, and `\s` no space that keeps words together.
fn with_digits(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match (letters.next(), in_class) {
                (Some('d'), true) => text.push_str("0-9"),
                (Some('d'), false) => text.push_str("[0-9]"),
                (Some('D'), _) => text.push_str("[^0-9]"),
                (Some('s'), _) => text.push_str(SPACES),
                (Some('S'), _) => text.push_str(&SPACES.replacen("[", "[^", 1)),
                (Some(other), _) => text.extend(['\\', other]),
                (None, _) => text.push('\\'),
            },
            '[' => {
                in_class = true;
                text.push(letter);
            }
            ']' => {
                in_class = false;
                text.push(letter);
            }
            other => text.push(other),
        }
    }
    text
}

/// Unicode's, without those that no line is broken at.
const SPACES: &str =
    r"[\t-\r\x20\u{1680}\u{2000}-\u{2006}\u{2008}-\u{200A}\u{2028}\u{2029}\u{205F}\u{3000}]";

const CLASSES: [(&str, &str); 6] = [
    ("[:alpha:]", r"\p{Alphabetic}"),
    ("[:alnum:]", r"\p{Alphabetic}\p{Nd}"),
    ("[:digit:]", "0-9"),
    ("[:lower:]", r"\p{Lowercase}"),
    ("[:upper:]", r"\p{Uppercase}"),
    ("[:space:]", SPACES),
];

/// With `\w`, `\d`, `\s` and `\b` of ASCII's letters alone, as DuckDB reads them.
pub(crate) fn of_ascii(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut letters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            let escaped = letters.next().unwrap_or('\\');
            match (class(escaped), in_class) {
                (Some(class), false) => text.push_str(&format!("[{class}]")),
                (Some(class), true) if class.starts_with('^') => {
                    text.push_str(&format!("[{class}]"));
                }
                (Some(class), true) => text.push_str(class),
                (None, false) if escaped == 'b' => text.push_str(r"(?-u:\b)"),
                (None, _) => text.extend(['\\', escaped]),
            }
            continue;
        }
        text.push(letter);
        match letter {
            '[' if !in_class => {
                in_class = true;
                // A bracket that comes first is one of the class.
                text.extend(letters.next_if_eq(&'^'));
                if letters.next_if_eq(&']').is_some() {
                    text.push_str(r"\]");
                }
            }
            '[' if letters.peek() == Some(&':') => {
                for letter in letters.by_ref() {
                    text.push(letter);
                    if letter == ']' {
                        break;
                    }
                }
            }
            ']' => in_class = false,
            _ => {}
        }
    }
    text
}

fn class(escaped: char) -> Option<&'static str> {
    Some(match escaped {
        'w' => "0-9A-Za-z_",
        'W' => "^0-9A-Za-z_",
        'd' => "0-9",
        'D' => "^0-9",
        's' => r"\t\n\f\r\x20",
        'S' => r"^\t\n\f\r\x20",
        _ => return None,
    })
}

/// `\1` to `\9` are groups, `\0` and `\&` the match, `\\` a backslash; `$` is an ordinary letter.
pub(crate) fn replacement(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => made.push_str("$$"),
            '\\' => match letters.next() {
                Some(digit @ '0'..='9') => made.push_str(&format!("${{{digit}}}")),
                Some('&') => made.push_str("${0}"),
                Some('\\') | None => made.push('\\'),
                Some(other) => made.extend(['\\', other]),
            },
            other => made.push(other),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::{of_ascii, of_postgres};

    #[test]
    fn patterns_of_postgresql_have_options_in_front() {
        for (given, made) in [
            ("a.b", "(?s)a.b"),
            ("(?n)a.b", "(?m)a.b"),
            ("(?ix)a.b", "(?six)a.b"),
            ("***=a+b", r"a\+b"),
            ("(?q)a+b", r"a\+b"),
            (r"\d[\d-]", "[0-9][0-9-]"),
            ("(?:a)", "(?:a)"),
        ] {
            assert_eq!(of_postgres(given), made);
        }
    }

    #[test]
    fn classes_are_of_ascii() {
        for (given, made) in [
            (r"^\d+$", "^[0-9]+$"),
            (r"[\w-]+\.", r"[0-9A-Za-z_-]+\."),
            (r"[^\W]", "[^[^0-9A-Za-z_]]"),
            (r"\ba", r"(?-u:\b)a"),
            (r"[]a]\d", r"[\]a][0-9]"),
            (r"[[:alpha:]\d]", "[[:alpha:]0-9]"),
            (r"\\d", r"\\d"),
        ] {
            assert_eq!(of_ascii(given), made);
        }
    }
}
