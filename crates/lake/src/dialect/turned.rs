//! `PIVOT t ON k USING sum(x) GROUP BY g` and `UNPIVOT t ON a, b` as queries, in the tokens: the parser knows
//! both in `FROM` alone.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// What a pivot's `GROUP BY` is called among its aggregates.
pub(super) const GROUP: &str = "forebay_group";

/// Inner ones first, so that what they become is inside of the outer ones.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
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

const WORDS: [&str; 8] = [
    "on", "in", "using", "into", "name", "value", "group", "order",
];

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
        let on = self.get("on")?;
        let has_several = {
            let mut depth = 0;
            on.iter().any(|token| {
                match token.token {
                    Token::LParen => depth += 1,
                    Token::RParen => depth -= 1,
                    _ => {}
                }
                depth == 0 && token.token == Token::Comma
            })
        };
        let mut all = own("SELECT * FROM");
        all.extend(self.get("")?);
        all.extend(own("PIVOT ("));
        all.extend(self.get("using").unwrap_or_else(|| own("count ( * )")));
        if let Some(group) = self.get("group") {
            all.extend(own(&format!(", {GROUP} (")));
            all.extend(group.into_iter().filter(|token| !is_word(token, "by")));
            all.extend(own(")"));
        }
        all.extend(own(if has_several { "FOR (" } else { "FOR" }));
        all.extend(on);
        all.extend(own(if has_several { ") IN" } else { "IN" }));
        all.extend(self.get("in").unwrap_or_else(|| own("( ANY )")));
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
