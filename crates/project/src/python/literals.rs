//! Python's literals in the arguments of a call.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::tokens::{Placed, Token};

/// The arguments of a call; None for one that is no literal.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub placed: Vec<(Option<Json>, Range<usize>)>,
    pub named: Vec<(String, Option<Json>, Range<usize>)>,
}

/// Reads up to the closing bracket; `tokens` begins behind the opening one.
pub(super) fn arguments(tokens: &[Placed]) -> Arguments {
    let mut reader = Reader { tokens, at: 0 };
    let mut found = Arguments::default();
    while !reader.done(')') {
        let name = match tokens.get(reader.at..reader.at + 2) {
            Some([(Token::Name(name), _), (Token::Mark('='), _)])
                if !matches!(tokens.get(reader.at + 2), Some((Token::Mark('='), _))) =>
            {
                reader.at += 2;
                Some(name.clone())
            }
            _ => None,
        };
        let start = reader.at;
        let value = reader.value().filter(|_| reader.at_end(')'));
        reader.skip(')');
        let range = match (
            tokens.get(start),
            reader.at.checked_sub(1).and_then(|at| tokens.get(at)),
        ) {
            (Some((_, first)), Some((_, last))) => first.start..last.end.max(first.end),
            _ => 0..0,
        };
        match name {
            Some(name) => found.named.push((name, value, range)),
            None => found.placed.push((value, range)),
        }
        reader.comma();
    }
    found
}

struct Reader<'a> {
    tokens: &'a [Placed],
    at: usize,
}

impl Reader<'_> {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn done(&self, close: char) -> bool {
        self.token()
            .is_none_or(|token| *token == Token::Mark(close))
    }

    fn at_end(&self, close: char) -> bool {
        self.done(close) || self.token() == Some(&Token::Mark(','))
    }

    fn comma(&mut self) {
        if self.token() == Some(&Token::Mark(',')) {
            self.at += 1;
        }
    }

    /// Past what is left of an argument.
    fn skip(&mut self, close: char) {
        let mut depth = 0;
        while let Some(token) = self.token() {
            match token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(mark) if depth == 0 && (*mark == close || *mark == ',') => return,
                Token::Mark(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Json> {
        let token = self.token()?.clone();
        self.at += 1;
        Some(match token {
            Token::Text(text) => Json::String(self.texts(text?)?),
            Token::Number(number) => self.number(&number, false)?,
            Token::Mark('-') => match self.token()?.clone() {
                Token::Number(number) => {
                    self.at += 1;
                    self.number(&number, true)?
                }
                _ => return None,
            },
            Token::Name(name) => match name.as_str() {
                "True" => Json::Bool(true),
                "False" => Json::Bool(false),
                "None" => Json::Null,
                _ => return None,
            },
            Token::Mark('[') => Json::Array(self.items(']')?),
            Token::Mark('(') => Json::Array(self.items(')')?),
            Token::Mark('{') => self.map()?,
            _ => return None,
        })
    }

    /// Texts beside each other are one.
    fn texts(&mut self, mut text: String) -> Option<String> {
        while let Some(Token::Text(more)) = self.token().cloned() {
            text.push_str(&more?);
            self.at += 1;
        }
        Some(text)
    }

    fn number(&self, text: &str, negative: bool) -> Option<Json> {
        let text = format!("{}{text}", if negative { "-" } else { "" });
        let whole = text.parse::<i64>().ok().map(Json::from);
        whole.or_else(|| Some(Json::from(text.parse::<f64>().ok()?)))
    }

    fn items(&mut self, close: char) -> Option<Vec<Json>> {
        let mut items = Vec::new();
        while !self.done(close) {
            items.push(self.value()?);
            match self.at_end(close) {
                true => self.comma(),
                false => return None,
            }
        }
        self.at += 1;
        Some(items)
    }

    /// A dictionary; a set is a list.
    fn map(&mut self) -> Option<Json> {
        let (mut map, mut set) = (Map::new(), Vec::new());
        while !self.done('}') {
            let key = self.value()?;
            if self.token() == Some(&Token::Mark(':')) {
                self.at += 1;
                let name = match key {
                    Json::String(name) => name,
                    other => other.to_string(),
                };
                map.insert(name, self.value()?);
            } else {
                set.push(key);
            }
            match self.at_end('}') {
                true => self.comma(),
                false => return None,
            }
        }
        self.at += 1;
        Some(match set.is_empty() {
            true => Json::Object(map),
            false => Json::Array(set),
        })
    }
}
