//! `PIVOT t ON k USING sum(x) GROUP BY g` and `UNPIVOT t ON a, b` as queries, in the tokens: the parser knows
//! both in `FROM` alone.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// What a pivot's `GROUP BY` is called among its aggregates.
pub(super) const GROUP: &str = "forebay_group";

/// What it is pivoted by, as one expression: the parser reads less than any behind `FOR`.
pub(super) const KEYS: &str = "forebay_keys";

/// The values of one of several keys.
pub(super) const VALUES: &str = "forebay_values";

/// Inner ones first, so that what they become is inside of the outer ones.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    grouped(tokens);
    for at in (0..tokens.len()).rev() {
        let is_pivot = is_word(&tokens[at], "pivot");
        if !(is_pivot || is_word(&tokens[at], "unpivot")) || !begins(tokens, at) {
            continue;
        }
        let end = end(tokens, at + 1);
        let parts = Parts::of(&tokens[at + 1..end]);
        let turned = match is_pivot {
            true => parts.pivot(),
            false => parts.unpivot(),
        };
        if let Some(turned) = turned {
            let span = tokens[at].span;
            let turned = turned.into_iter().map(|mut token| {
                // Tokens of our own stand where the word stood.
                if token.span.start.line == 0 {
                    token.span = span;
                }
                token
            });
            tokens.splice(at..end, turned.collect::<Vec<_>>());
        }
    }
}

/// `GROUP BY g` within `t PIVOT (sum(x) FOR k IN (1, 2) GROUP BY g)` goes among the aggregates.
fn grouped(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len()).rev() {
        if !is_word(&tokens[at], "pivot") || begins(tokens, at) {
            continue;
        }
        let behind = tokens[at + 1..].iter().position(|token| !is_space(&token));
        let Some(open) = behind.map(|behind| at + 1 + behind) else {
            continue;
        };
        if tokens[open].token != Token::LParen {
            continue;
        }
        let close = end(tokens, open + 1);
        let word = |wanted: &str| {
            let mut depth = 0;
            (open + 1..close).find(|at| {
                depth += nesting(&tokens[*at].token);
                depth == 0 && is_word(&tokens[*at], wanted)
            })
        };
        let (Some(by), Some(group)) = (word("for"), word("group")) else {
            continue;
        };
        let columns = tokens.drain(group..close).skip(1);
        let columns: Vec<TokenWithSpan> = columns.filter(|token| !is_word(token, "by")).collect();
        let span = tokens[by].span;
        let call = [own(&format!(", {GROUP} (")), columns, own(")")].concat();
        let call = call.into_iter().map(|mut token| {
            if token.span.start.line == 0 {
                token.span = span;
            }
            token
        });
        tokens.splice(by..by, call.collect::<Vec<_>>());
    }
}

/// How much deeper a token is nested than those before it.
fn nesting(token: &Token) -> i32 {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => 1,
        Token::RParen | Token::RBracket | Token::RBrace => -1,
        _ => 0,
    }
}

/// What a pivot is by, and the list of its values: keys behind `ON`, each perhaps with values behind `IN`.
fn pivoted(on: &[TokenWithSpan]) -> Option<(Vec<TokenWithSpan>, Vec<TokenWithSpan>)> {
    let mut keys = Vec::new();
    let mut lists = Vec::new();
    for part in split(on, |token| token.token == Token::Comma) {
        let mut sides = split(part, |token| is_word(token, "in")).into_iter();
        keys.push(sides.next()?);
        lists.extend(sides.next());
    }
    let values = match (keys.len(), lists.as_slice()) {
        (_, []) => own("( ANY )"),
        (1, [list]) => list.to_vec(),
        (count, lists) if count == lists.len() => {
            let each = lists
                .iter()
                .map(|list| [own(VALUES), list.to_vec()].concat());
            [
                own("("),
                each.collect::<Vec<_>>().join(&own(",")[0]),
                own(")"),
            ]
            .concat()
        }
        _ => return None,
    };
    let is_name = |key: &[TokenWithSpan]| {
        let mut parts = key.iter().filter(|token| !is_space(token));
        parts.all(|token| matches!(token.token, Token::Word(_) | Token::Period))
    };
    let by = match keys.as_slice() {
        [key] if is_name(key) => key.to_vec(),
        [key] => {
            // `(a, b)` are two keys, and `(a > 1)` is one.
            let inner: Vec<_> = key
                .iter()
                .filter(|token| !is_space(token))
                .cloned()
                .collect();
            let is_list = matches!(inner.first(), Some(first) if first.token == Token::LParen)
                && end(&inner, 1) + 1 == inner.len();
            match is_list {
                true => [own(KEYS), key.to_vec()].concat(),
                false => [own(&format!("{KEYS} (")), key.to_vec(), own(")")].concat(),
            }
        }
        several => {
            let inner = several.join(&own(",")[0]);
            [own(&format!("{KEYS} (")), inner, own(")")].concat()
        }
    };
    Some((by, values))
}

/// The parts between what is no deeper than they are.
fn split(
    tokens: &[TokenWithSpan],
    is_between: impl Fn(&TokenWithSpan) -> bool,
) -> Vec<&[TokenWithSpan]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += nesting(&token.token);
        depth == 0 && is_between(token)
    });
    parts.collect()
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    match &token.token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

fn is_space(token: &&TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// Whether a query begins there, rather than a table of `FROM` going on.
fn begins(tokens: &[TokenWithSpan], at: usize) -> bool {
    let Some(before) = tokens[..at].iter().rev().find(|token| !is_space(token)) else {
        return true;
    };
    match before.token {
        Token::LParen | Token::SemiColon => true,
        // Behind common table expressions, or behind a query of FROM.
        Token::RParen => {
            let mut after = tokens[at + 1..].iter().filter(|token| !is_space(token));
            match after.next().map(|token| &token.token) {
                Some(Token::LParen) => after.next().is_some_and(|token| {
                    ["select", "from", "with", "values"]
                        .iter()
                        .any(|word| is_word(token, word))
                }),
                Some(_) => true,
                None => false,
            }
        }
        _ => is_word(before, "as") || is_word(before, "explain") || is_word(before, "describe"),
    }
}

/// Where the query ends.
fn end(tokens: &[TokenWithSpan], from: usize) -> usize {
    let mut depth = 0;
    let ends = tokens[from..].iter().position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return true,
            Token::RParen => depth -= 1,
            Token::SemiColon | Token::EOF => return true,
            _ => {}
        }
        false
    });
    ends.map_or(tokens.len(), |at| from + at)
}

/// The query between its words, by them.
struct Parts<'a> {
    /// `INCLUDE NULLS`.
    with_nulls: bool,
    parts: Vec<(&'a str, &'a [TokenWithSpan])>,
}

const WORDS: [&str; 7] = ["on", "using", "into", "name", "value", "group", "order"];

impl<'a> Parts<'a> {
    fn of(tokens: &'a [TokenWithSpan]) -> Self {
        let mut words = tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| !is_space(token));
        let (first, second) = (words.next(), words.next());
        let nulls = second.filter(|(_, token)| is_word(token, "nulls"));
        let with_nulls =
            nulls.is_some() && first.is_some_and(|(_, token)| is_word(token, "include"));
        let tokens = nulls.map_or(tokens, |(at, _)| &tokens[at + 1..]);
        let (mut depth, mut start, mut word) = (0, 0, "");
        let mut parts = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            let next = WORDS.iter().find(|word| is_word(token, word));
            // A part with nothing in it yet is no part: `INTO NAME name VALUE value`.
            let is_empty = tokens[start..at].iter().all(|token| is_space(&token));
            if let (0, Some(next)) = (depth, next)
                && (!is_empty || word == "into")
            {
                parts.push((word, &tokens[start..at]));
                (start, word) = (at + 1, next);
            }
        }
        parts.push((word, &tokens[start..]));
        Self { with_nulls, parts }
    }

    fn get(&self, word: &str) -> Option<Vec<TokenWithSpan>> {
        let part = self.parts.iter().find(|(found, _)| *found == word);
        part.map(|(_, tokens)| tokens.to_vec())
    }

    fn pivot(&self) -> Option<Vec<TokenWithSpan>> {
        let (by, values) = pivoted(&self.get("on")?)?;
        let mut all = own("SELECT * FROM");
        all.extend(self.get("")?);
        all.extend(own("PIVOT ("));
        all.extend(self.get("using").unwrap_or_else(|| own("count ( * )")));
        if let Some(group) = self.get("group") {
            all.extend(own(&format!(", {GROUP} (")));
            all.extend(group.into_iter().filter(|token| !is_word(token, "by")));
            all.extend(own(")"));
        }
        all.extend(own("FOR"));
        all.extend(by);
        all.extend(own("IN"));
        all.extend(values);
        all.extend(own(")"));
        all.extend(self.order());
        Some(all)
    }

    fn unpivot(&self) -> Option<Vec<TokenWithSpan>> {
        let mut all = own("SELECT * FROM");
        all.extend(self.get("")?);
        all.extend(own("UNPIVOT"));
        if self.with_nulls {
            all.extend(own("INCLUDE NULLS"));
        }
        all.extend(own("("));
        all.extend(self.get("value").unwrap_or_else(|| own("value")));
        all.extend(own("FOR"));
        all.extend(self.get("name").unwrap_or_else(|| own("name")));
        all.extend(own("IN ("));
        all.extend(self.get("on")?);
        all.extend(own(") )"));
        all.extend(self.order());
        Some(all)
    }

    fn order(&self) -> Vec<TokenWithSpan> {
        match self.get("order") {
            Some(order) => [own("ORDER"), order].concat(),
            None => Vec::new(),
        }
    }
}

/// Words and signs between spaces.
fn own(text: &str) -> Vec<TokenWithSpan> {
    let token = |text: &str| match text {
        "*" => Token::Mul,
        "(" => Token::LParen,
        ")" => Token::RParen,
        "," => Token::Comma,
        word => Token::make_keyword(word),
    };
    text.split(' ')
        .map(|text| TokenWithSpan::wrap(token(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::syntax::parse;

    #[test]
    fn a_pivot_is_a_query_over_the_pivoted_table() {
        for (sql, expected) in [
            (
                "pivot t on k using sum(x) group by a, b order by a",
                "SELECT * FROM t PIVOT(sum(x), forebay_group(a, b) FOR k IN (ANY)) ORDER BY a",
            ),
            (
                "with c as (pivot (select 1 as k) on k in (1, 2)) from c",
                "WITH c AS (SELECT * FROM (SELECT 1 AS k) PIVOT(count(*) FOR k IN (1, 2))) SELECT * FROM c",
            ),
            (
                "pivot t on a > 1 using sum(x)",
                "SELECT * FROM t PIVOT(sum(x) FOR forebay_keys(a > 1) IN (ANY))",
            ),
            (
                "pivot t on a in (1, 2), b in ('x') using sum(x)",
                "SELECT * FROM t PIVOT(sum(x) FOR forebay_keys(a, b) IN (forebay_values(1, 2), forebay_values('x')))",
            ),
            (
                "from t pivot (sum(x) for k in (1, 2) group by g)",
                "SELECT * FROM t PIVOT(sum(x), forebay_group(g) FOR k IN (1, 2))",
            ),
            (
                "unpivot t on a, b into name field value v",
                "SELECT * FROM t UNPIVOT(v FOR field IN (a, b))",
            ),
            (
                "from (unpivot include nulls t on a)",
                "SELECT * FROM (SELECT * FROM t UNPIVOT INCLUDE NULLS (value FOR name IN (a)))",
            ),
            (
                "select * from (select 1 as k) pivot (sum(k) for k in (1))",
                "SELECT * FROM (SELECT 1 AS k) PIVOT(sum(k) FOR k IN (1))",
            ),
        ] {
            let parsed = parse(sql, 50).unwrap();
            assert_eq!(parsed[0].to_string(), expected, "{sql}");
        }
    }
}
