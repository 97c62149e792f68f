//! Slips that the parser notices only further on: a tab that indents, a list that is never closed.

use super::Mark;

/// What is wrong, and what would be right.
pub(super) struct Slip {
    pub what: &'static str,
    pub hint: &'static str,
}

pub(super) const TAB: Slip = Slip {
    what: "a tab cannot indent",
    hint: "use blanks",
};

const OPEN_LIST: Slip = Slip {
    what: "the list that begins here is never closed",
    hint: "] is missing",
};

const OPEN_MAPPING: Slip = Slip {
    what: "the mapping that begins here is never closed",
    hint: "} is missing",
};

/// For what the parser says of a line.
pub(super) fn hint(info: &str) -> Option<&'static str> {
    let rules = [
        (
            "did not find expected",
            "keys of one mapping begin in one column, and so do the items of a list",
        ),
        (
            "mapping values are not allowed",
            "quote a text that has a colon in it, and begin keys of one mapping in one column",
        ),
        (
            "simple key",
            "a key ends with a colon and a blank: key: value",
        ),
        ("quote", "a quote that begins a text has to end it, too"),
        (
            "while scanning a quoted",
            "a quote that begins a text has to end it, too",
        ),
    ];
    let found = rules.iter().find(|(part, _)| info.contains(part));
    found.map(|(_, hint)| *hint)
}

/// The place of a slip before the one where the parser gave up, and what it is.
pub(super) fn found(text: &str, at: Mark) -> Option<(Mark, Slip)> {
    tab(text, at).or_else(|| unclosed(text, at))
}

/// On the line of the error, or the one beside it.
fn tab(text: &str, at: Mark) -> Option<(Mark, Slip)> {
    let near = (1u32..).zip(text.lines());
    let mut near = near.filter(|(line, _)| line.abs_diff(at.line) <= 1);
    near.find_map(|(line, text)| {
        let blanks = &text[..text.len() - text.trim_start().len()];
        let column = blanks.chars().position(|c| c == '\t')?;
        let mark = Mark {
            line,
            column: column as u32 + 1,
        };
        Some((mark, TAB))
    })
}

/// The innermost bracket that is open where the parser gave up.
fn unclosed(text: &str, at: Mark) -> Option<(Mark, Slip)> {
    let mut open: Vec<(Mark, char)> = Vec::new();
    let (mut quote, mut before) = (None, ' ');
    let (mut line, mut column) = (1, 0);
    for c in text.chars() {
        column += 1;
        if (line, column) >= (at.line, at.column) {
            break;
        }
        match (quote, c) {
            (Some(own), c) if c == own => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if starts(before) => quote = Some(c),
            (None, '#') if before.is_whitespace() => quote = Some('\n'),
            (None, '[' | '{') if !open.is_empty() || starts(before) => {
                open.push((Mark { line, column }, c));
            }
            (None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        if c == '\n' {
            (line, column) = (line + 1, 0);
            quote = quote.filter(|own| *own != '\n');
        }
        before = c;
    }
    let (mark, bracket) = open.pop()?;
    let slip = match bracket {
        '[' => OPEN_LIST,
        _ => OPEN_MAPPING,
    };
    Some((mark, slip))
}

/// Whether a value may begin behind the letter.
fn starts(before: char) -> bool {
    before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_where_it_is() {
        let at = |text: &str, line, column| {
            let (mark, slip) = found(text, Mark { line, column })?;
            Some((
                mark.line,
                mark.column,
                slip.what.split(' ').nth(1).unwrap().to_owned(),
            ))
        };
        let told = |line, column, word: &str| Some((line, column, word.to_owned()));
        assert_eq!(at("a:\n  - b\n\tc: d", 2, 5), told(3, 1, "tab"));
        assert_eq!(at("a: [x, y\nb: 'c'", 2, 3), told(1, 4, "list"));
        assert_eq!(at("a: {b: [1, 2]\nc: d", 2, 3), told(1, 4, "mapping"));
        assert_eq!(at("a: x[0] # [\nb: '['\nc", 3, 2), None);
    }
}
