//! Python's regular expressions, written as our engine reads them.

/// What stands before a pattern: `(?ix)`.
pub(super) struct Flags {
    pub verbose: bool,
    pub multiline: bool,
}

/// Braces that repeat nothing are plain, a class holds plain characters only, and `$` is also before the newline
/// at the end. <https://docs.python.org/3/library/re.html#regular-expression-syntax>
pub(super) fn translated(pattern: &str, mut flags: Flags) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\\' => escape(rest, &mut out),
            '[' => class(rest, &mut out),
            '#' if flags.verbose => rest.find('\n').unwrap_or(rest.len()),
            '{' => brace(rest, &mut out),
            '}' => push("\\}", &mut out),
            '$' if !flags.multiline => push("(?=\\n?\\z)", &mut out),
            '(' => group(rest, &mut flags, &mut out),
            c => copy(rest, c.len_utf8(), &mut out),
        };
        rest = &rest[length..];
    }
    out
}

fn copy(rest: &str, length: usize, out: &mut String) -> usize {
    out.push_str(&rest[..length]);
    length
}

/// In the place of one character.
fn push(text: &str, out: &mut String) -> usize {
    out.push_str(text);
    1
}

fn escape(rest: &str, out: &mut String) -> usize {
    match rest[1..].chars().next() {
        Some('Z') => {
            out.push_str("\\z");
            2
        }
        Some(c) => copy(rest, 1 + c.len_utf8(), out),
        None => copy(rest, 1, out),
    }
}

/// `[^]a-z ]`: the first bracket closes nothing, and there are no classes inside of a class.
fn class(rest: &str, out: &mut String) -> usize {
    let start = if rest.starts_with("[^") { 2 } else { 1 };
    out.push_str(&rest[..start]);
    let mut at = start;
    while let Some(c) = rest[at..].chars().next() {
        at += match c {
            ']' if at > start => return at + copy("]", 1, out),
            '\\' => escape(&rest[at..], out),
            ' ' => push("\\x20", out),
            '\n' => push("\\n", out),
            '\t' => push("\\t", out),
            '[' | ']' | '&' | '~' | '#' => {
                out.push('\\');
                push(c.encode_utf8(&mut [0; 4]), out)
            }
            c => copy(&rest[at..], c.len_utf8(), out),
        };
    }
    at
}

/// `{2}`, `{2,}`, `{,3}` and `{2,3}` repeat what is before them.
fn brace(rest: &str, out: &mut String) -> usize {
    let end = rest.find('}').unwrap_or(0);
    let inner = rest.get(1..end).unwrap_or_default();
    let (from, to) = inner.split_once(',').unwrap_or((inner, inner));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !is_number(from) || !is_number(to) || from.is_empty() && to.is_empty() {
        return push("\\{", out);
    }
    let from = if from.is_empty() { "0" } else { from };
    match inner.contains(',') {
        true => out.push_str(&format!("{{{from},{to}}}")),
        false => out.push_str(&format!("{{{from}}}")),
    }
    end + 1
}

/// `(?ix)` changes how what is behind it is read.
fn group(rest: &str, flags: &mut Flags, out: &mut String) -> usize {
    if let Some((letters, _)) = rest
        .strip_prefix("(?")
        .and_then(|text| text.split_once(')'))
        && letters.chars().all(|c| c.is_ascii_lowercase())
    {
        flags.verbose |= letters.contains('x');
        flags.multiline |= letters.contains('m');
    }
    copy(rest, 1, out)
}

#[cfg(test)]
mod tests {
    use super::{Flags, translated};

    #[test]
    fn patterns_mean_what_they_mean_to_python() {
        for (pattern, expected) in [
            (r"{{\s*ref\(", r"\{\{\s*ref\("),
            (r"a{2}b{,3}c{1,}d{x}", r"a{2}b{0,3}c{1,}d\{x\}"),
            (r"[[ ]\Z", r"[\[\x20]\z"),
            (r"[^]a]+", r"[^\]a]+"),
            (r"a$", r"a(?=\n?\z)"),
            (r"(?m)a$", r"(?m)a$"),
            ("(?x) a # [ {{ (\n b", "(?x) a \n b"),
        ] {
            let flags = Flags {
                verbose: false,
                multiline: false,
            };
            assert_eq!(translated(pattern, flags), expected);
        }
    }
}
