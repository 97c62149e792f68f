//! Python's tokens, as far as finding calls needs them: names, texts, numbers and marks.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    /// A text with its escapes resolved; of an f-string there is no value.
    Text(Option<String>),
    Number(String),
    Mark(char),
    /// The end of a line that is not inside of brackets, and how far the next one is indented.
    Line(usize),
}

pub(super) type Placed = (Token, Range<usize>);

/// # Errors
/// The offset where a text or bracket is opened that is never closed.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, (usize, &'static str)> {
    let mut reader = Reader {
        text,
        at: 0,
        brackets: Vec::new(),
        found: Vec::new(),
    };
    while reader.at < text.len() {
        reader.next()?;
    }
    match reader.brackets.last() {
        Some(open) => Err((*open, "a bracket is never closed")),
        None => Ok(reader.found),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Where the brackets were opened that are open.
    brackets: Vec<usize>,
    found: Vec<Placed>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token, length: usize) {
        self.found.push((token, self.at..self.at + length));
        self.at += length;
    }

    fn next(&mut self) -> Result<(), (usize, &'static str)> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(());
        };
        match first {
            '\n' => self.line(),
            '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            '\\' if self.rest().starts_with("\\\n") => self.at += 2,
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '"' | '\'' => self.string(0)?,
            c if c.is_ascii_digit() => {
                let number = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                let length = self.rest().find(number).unwrap_or(self.rest().len());
                let text = self.rest()[..length].replace('_', "");
                self.push(Token::Number(text), length);
            }
            c if c.is_alphabetic() || c == '_' => {
                let other = |c: char| !(c.is_alphanumeric() || c == '_');
                let length = self.rest().find(other).unwrap_or(self.rest().len());
                let word = self.rest()[..length].to_owned();
                let prefix =
                    word.len() <= 2 && word.to_lowercase().chars().all(|c| "rbfu".contains(c));
                match prefix && self.rest()[length..].starts_with(['"', '\'']) {
                    true => self.string(length)?,
                    false => self.push(Token::Name(word), length),
                }
            }
            mark => {
                match mark {
                    '(' | '[' | '{' => self.brackets.push(self.at),
                    ')' | ']' | '}' => {
                        self.brackets.pop();
                    }
                    _ => {}
                }
                self.push(Token::Mark(mark), mark.len_utf8());
            }
        }
        Ok(())
    }

    fn line(&mut self) {
        let rest = &self.rest()[1..];
        let body = rest.trim_start_matches([' ', '\t']);
        let indent = rest.len() - body.len();
        let blank = body.starts_with(['\n', '#', '\r']) || body.is_empty();
        match self.brackets.is_empty() && !blank {
            true => self.push(Token::Line(indent), 1),
            false => self.at += 1,
        }
    }

    fn string(&mut self, prefix: usize) -> Result<(), (usize, &'static str)> {
        let unclosed = (self.at, "a text is never closed");
        let marks = self.rest()[..prefix].to_lowercase();
        let (raw, formatted) = (marks.contains('r'), marks.contains('f'));
        let body = &self.rest()[prefix..];
        let quote = body
            .chars()
            .next()
            .map_or("", |c| if c == '"' { "\"" } else { "'" });
        let triple = quote.repeat(3);
        let quote = if body.starts_with(&triple) {
            triple.as_str()
        } else {
            quote
        };
        let inside = &body[quote.len()..];
        let mut value = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            if inside[at..].starts_with(quote) {
                let length = prefix + quote.len() * 2 + at;
                self.push(Token::Text((!formatted).then_some(value)), length);
                return Ok(());
            }
            if c == '\n' && quote.len() == 1 {
                return Err(unclosed);
            }
            match c {
                '\\' if raw => {
                    value.push('\\');
                    value.extend(chars.next().map(|(_, c)| c));
                }
                '\\' => value.extend(chars.next().and_then(|(_, c)| escaped(c))),
                c => value.push(c),
            }
        }
        Err(unclosed)
    }
}

fn escaped(c: char) -> Option<char> {
    Some(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '\n' => return None,
        other => other,
    })
}
