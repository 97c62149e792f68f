//! `FROM t WHERE x` without a `SELECT`, and aliases that stand in front, `SELECT name: x`, in the tokens: the parser reads
//! no clause behind the tables of a query that has no `SELECT`, and no such alias.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn is_space(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// The token before, spaces aside.
fn before(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    tokens[..at].iter().rposition(|token| !is_space(token))
}

/// Where in a query the tokens between two parentheses are.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A query may begin here.
    Start,
    /// Among common table expressions.
    With,
    Other,
}

/// Writes the `SELECT *` of queries that have none.
pub(super) fn select_all(tokens: &mut Vec<TokenWithSpan>) {
    let (mut parts, mut at) = (vec![Part::Start], 0);
    while at < tokens.len() {
        let Some(part) = parts.last_mut() else {
            return;
        };
        match &tokens[at].token {
            Token::Whitespace(_) => {}
            Token::SemiColon => *part = Part::Start,
            Token::LParen | Token::LBracket | Token::LBrace => {
                // TRIM(FROM x) reads no table.
                let is_trim = before(tokens, at)
                    .is_some_and(|word| keyword(&tokens[word]) == Some(Keyword::TRIM));
                if *part == Part::Start {
                    *part = Part::Other;
                }
                parts.push(match is_trim || tokens[at].token != Token::LParen {
                    true => Part::Other,
                    false => Part::Start,
                });
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                parts.pop();
            }
            _ => {
                let word = keyword(&tokens[at]);
                let begins = *part != Part::Other || follows(tokens, at);
                *part = match (*part, word) {
                    (Part::Start, Some(Keyword::WITH)) => Part::With,
                    (Part::Start, Some(Keyword::EXPLAIN | Keyword::DESCRIBE)) => Part::Start,
                    (
                        Part::With,
                        Some(
                            Keyword::SELECT
                            | Keyword::FROM
                            | Keyword::VALUES
                            | Keyword::INSERT
                            | Keyword::UPDATE
                            | Keyword::DELETE
                            | Keyword::MERGE,
                        ),
                    ) => Part::Other,
                    (Part::With, _) => Part::With,
                    _ => Part::Other,
                };
                if begins && word == Some(Keyword::FROM) {
                    if let Some(select) = select_of(tokens, at + 1) {
                        // In the usual order, which the parser knows of subqueries too.
                        let end = end_of_items(tokens, select + 1);
                        let space = TokenWithSpan::new(
                            Token::Whitespace(Whitespace::Space),
                            tokens[at].span,
                        );
                        tokens.insert(end, space.clone());
                        tokens.insert(select, space);
                        tokens[at..=end + 1].rotate_left(select + 1 - at);
                        at += 1;
                        continue;
                    }
                    let span = tokens[at].span;
                    let space = || Token::Whitespace(Whitespace::Space);
                    let all = [Token::make_keyword("SELECT"), space(), Token::Mul, space()];
                    let all = all.map(|token| TokenWithSpan::new(token, span));
                    at += all.len();
                    let here = at - all.len();
                    tokens.splice(here..here, all);
                }
            }
        }
        at += 1;
    }
}

/// Whether a query follows here within a statement: behind `AS`, or the word of a set operation.
fn follows(tokens: &[TokenWithSpan], at: usize) -> bool {
    let mut earlier = before(tokens, at);
    // Before other words it gives a name: `x AS name FROM t`.
    if earlier.is_some_and(|word| keyword(&tokens[word]) == Some(Keyword::AS)) {
        return true;
    }
    while let Some(word) = earlier {
        match keyword(&tokens[word]) {
            Some(Keyword::ALL | Keyword::BY | Keyword::NAME | Keyword::DISTINCT) => {}
            Some(Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT) => return true,
            _ => return false,
        }
        earlier = before(tokens, word);
    }
    false
}

/// The place of the `SELECT` of the query whose tables begin there.
fn select_of(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace if depth == 0 => return None,
            Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
            Token::SemiColon => return None,
            _ if depth > 0 => {}
            _ => match keyword(token) {
                Some(Keyword::SELECT) => return Some(at),
                Some(Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::WHERE) => {
                    return None;
                }
                _ => {}
            },
        }
    }
    None
}

/// Where the items of a `SELECT` end.
fn end_of_items(tokens: &[TokenWithSpan], from: usize) -> usize {
    let mut end = from;
    loop {
        end = end_of_item(tokens, end);
        match tokens.get(end).map(|token| &token.token) {
            Some(Token::Comma) => end += 1,
            _ => return end,
        }
    }
}

/// `name: x` among the items of `SELECT` is `x AS name`, to DuckDB alone: elsewhere it is a part of JSON, or nothing.
pub(super) fn aliases(tokens: &mut Vec<TokenWithSpan>) {
    // Whether the tokens between two parentheses are items.
    let (mut parts, mut at) = (vec![false], 0);
    while at < tokens.len() {
        let starts = match &tokens[at].token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                parts.push(false);
                false
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                parts.pop();
                false
            }
            Token::Comma => parts.last() == Some(&true),
            _ => match (keyword(&tokens[at]), parts.last_mut()) {
                (Some(Keyword::SELECT), Some(part)) => {
                    *part = true;
                    true
                }
                (Some(Keyword::DISTINCT), Some(true)) => true,
                (Some(_), Some(part)) if ends_items(tokens, at) => {
                    *part = false;
                    false
                }
                _ => false,
            },
        };
        if starts && let Some((name, colon)) = alias(tokens, at + 1) {
            let end = end_of_item(tokens, colon + 1);
            let span = tokens[name].span;
            let own = |token| TokenWithSpan::new(token, span);
            let space = || own(Token::Whitespace(Whitespace::Space));
            let behind = [
                space(),
                own(Token::make_keyword("AS")),
                space(),
                tokens[name].clone(),
                space(),
            ];
            tokens.splice(end..end, behind);
            tokens.drain(name..=colon);
        }
        at += 1;
    }
}

/// The places of a name and of the colon behind it.
fn alias(tokens: &[TokenWithSpan], from: usize) -> Option<(usize, usize)> {
    let next = |from: usize| (from..tokens.len()).find(|at| !is_space(&tokens[*at]));
    let name = next(from)?;
    let colon = next(name + 1)?;
    let is_name =
        matches!(&tokens[name].token, Token::Word(word) if word.keyword != Keyword::LAMBDA);
    (is_name && tokens[colon].token == Token::Colon).then_some((name, colon))
}

fn end_of_item(tokens: &[TokenWithSpan], from: usize) -> usize {
    let mut depth = 0;
    for at in from..tokens.len() {
        match &tokens[at].token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace if depth == 0 => return at,
            Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
            _ if depth > 0 => {}
            Token::Comma | Token::SemiColon | Token::EOF => return at,
            _ if ends_items(tokens, at) => return at,
            _ => {}
        }
    }
    tokens.len()
}

/// Whether the word there begins a clause behind the items.
fn ends_items(tokens: &[TokenWithSpan], at: usize) -> bool {
    let Some(word) = keyword(&tokens[at]) else {
        return false;
    };
    let behind = before(tokens, at).and_then(|at| keyword(&tokens[at]));
    match word {
        Keyword::FROM => behind != Some(Keyword::DISTINCT),
        Keyword::GROUP => behind != Some(Keyword::WITHIN),
        Keyword::WHERE
        | Keyword::HAVING
        | Keyword::QUALIFY
        | Keyword::WINDOW
        | Keyword::ORDER
        | Keyword::LIMIT
        | Keyword::OFFSET
        | Keyword::UNION
        | Keyword::INTERSECT => true,
        // Of sets, not of columns.
        Keyword::EXCEPT => {
            let next = tokens[at + 1..].iter().find(|token| !is_space(token));
            let next = next.and_then(keyword);
            matches!(
                next,
                Some(Keyword::SELECT | Keyword::FROM | Keyword::ALL | Keyword::WITH)
            )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::{parse, parse_small};

    fn same(sql: &str, as_written: &str) {
        let text = |sql| {
            parse_small(sql, 50).unwrap().0[0]
                .to_string()
                .to_lowercase()
        };
        assert_eq!(text(sql), text(as_written), "{sql}");
    }

    #[test]
    fn a_query_of_tables_alone_selects_all() {
        for (sql, as_written) in [
            ("from t where x > 1", "select * from t where x > 1"),
            (
                "with a as (from t where x) from a group by all",
                "with a as (select * from t where x) select * from a group by all",
            ),
            (
                "select exists (from t u where u.x = t.x) from t",
                "select exists (select * from t u where u.x = t.x) from t",
            ),
            (
                "select * from t union all from u where x",
                "select * from t union all select * from u where x",
            ),
            (
                "create table n as from t where x",
                "create table n as select * from t where x",
            ),
            ("from t select x, y where y", "select x, y from t where y"),
            ("from t select x", "select x from t"),
            (
                "select (from t select max(x) limit 1) as m, z from u",
                "select (select max(x) from t limit 1) as m, z from u",
            ),
            (
                "select trim(both from x), extract(year from d), a is distinct from b from t",
                "select trim(both ' ' from x), extract(year from d), a is distinct from b from t",
            ),
            (
                "select count(*) filter (x > 1) from t",
                "select count(*) filter (where x > 1) from t",
            ),
            (
                "select x as name from t where x",
                "select x as name from t where x",
            ),
            (
                "select * except (a) from t where x",
                "select * except (a) from t where x",
            ),
        ] {
            same(sql, as_written);
        }
    }

    #[test]
    fn an_alias_may_stand_in_front() {
        assert!(parse("select v: id from t", 50).is_err());
        for (sql, as_written) in [
            (
                "select id: a + 1, \"N\": f(x, y), z from t",
                "select a + 1 as id, f(x, y) as \"N\", z from t",
            ),
            (
                "select distinct d: a is distinct from b",
                "select distinct a is distinct from b as d",
            ),
            (
                "select {a: 1}, list_transform(l, lambda x: x + 1), l[1:2]",
                "select {a: 1}, list_transform(l, lambda x: x + 1), l[1:2]",
            ),
        ] {
            same(sql, as_written);
        }
    }
}
