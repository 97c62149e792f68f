//! Slips of the pen that the SQL shows where the engine stumbled: a comma that is missing, a text in the quotes of a name,
//! quotes of an editor.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use forebay_core::{Diagnostic, suggest};

use super::stumbled;

/// The problem with a hint at the slip. Its SQL is what its message counts lines in.
pub(super) fn hinted(mut problem: Diagnostic) -> Diagnostic {
    let is_syntax = problem.message.starts_with("SQL syntax");
    let is_name = problem.message.starts_with("there is no column '");
    let Some(sql) = problem.sql.clone().filter(|_| is_syntax || is_name) else {
        return problem;
    };
    let lookalike = LOOKALIKES
        .iter()
        .find(|(letters, _)| sql.contains(*letters));
    if let Some((_, hint)) = lookalike {
        return problem.hint(*hint);
    }
    let tokens = stumbled::tokens(&sql).filter(|_| is_syntax);
    if let Some(token) = tokens.as_deref().and_then(no_end) {
        let at = token.span.start;
        let what = match token.token {
            Token::EOF => String::new(),
            _ => format!(" before {token}"),
        };
        problem.message = format!(
            "SQL syntax: a CASE has no END{what} (line {}, column {})",
            at.line, at.column
        );
        return problem;
    }
    let found = stumbled::tokens(&sql).and_then(|tokens| {
        let (line, column) = place(&problem.message)?;
        let is_there = |token: &TokenWithSpan| {
            let start = token.span.start;
            (start.line, start.column) == (line, column)
        };
        let at = tokens.iter().position(is_there)?;
        Some((tokens, at))
    });
    let Some((tokens, at)) = found else {
        return problem;
    };
    match is_syntax {
        true => {
            if let Some(open) = unclosed(&problem.message, &tokens, at) {
                let start = open.span.start;
                let before = match &tokens[at].token {
                    Token::EOF => "the end".to_owned(),
                    token => token.to_string(),
                };
                problem.message = format!(
                    "SQL syntax: a parenthesis is not closed before {before} (line {}, column {})",
                    start.line, start.column
                );
                return problem.hint("is a ) missing?");
            }
            problem.maybe_hint(no_comma(&tokens, at).or_else(|| misspelt(&tokens, at)))
        }
        false => {
            quoted(&mut problem, &tokens, at);
            problem
        }
    }
}

/// What editors and web pages put in the place of quotes and blanks.
const LOOKALIKES: &[(&[char], &str)] = &[
    (
        &['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'],
        "the query has typographic quotes; SQL's are ' and \"",
    ),
    (
        &['\u{a0}'],
        "the query has a no-break space, which is no blank to SQL",
    ),
];

/// The line and column that the message ends with.
pub(super) fn place(message: &str) -> Option<(u64, u64)> {
    let (_, place) = message.rsplit_once(" (line ")?;
    let (line, column) = place.strip_suffix(')')?.split_once(", column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The token before which a CASE should have ended.
fn no_end(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    // Of what is open, whether it is a CASE; else it is a bracket.
    let mut open: Vec<bool> = Vec::new();
    let keyword = |at: usize| match &tokens[at].token {
        Token::Word(word) if at == 0 || tokens[at - 1].token != Token::Period => word.keyword,
        _ => Keyword::NoKeyword,
    };
    for (at, token) in tokens.iter().enumerate() {
        let in_case = open.last() == Some(&true);
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(false),
            Token::RParen | Token::RBracket | Token::RBrace if !in_case => {
                open.pop();
            }
            Token::RParen | Token::RBracket | Token::RBrace | Token::Comma | Token::SemiColon
                if in_case =>
            {
                return Some(token);
            }
            Token::EOF if in_case => return Some(token),
            _ => match keyword(at) {
                Keyword::CASE => open.push(true),
                Keyword::END if in_case => {
                    open.pop();
                }
                // `is distinct from`
                Keyword::FROM if in_case && (at == 0 || keyword(at - 1) != Keyword::DISTINCT) => {
                    return Some(token);
                }
                Keyword::AS | Keyword::WHERE | Keyword::GROUP if in_case => return Some(token),
                _ => {}
            },
        }
    }
    None
}

/// The innermost parenthesis that is open where the parser stumbled, in SQL that has more of them opened than closed.
fn unclosed<'a>(
    message: &str,
    tokens: &'a [TokenWithSpan],
    at: usize,
) -> Option<&'a TokenWithSpan> {
    let open_at = |end: usize| {
        let mut open = Vec::new();
        for token in &tokens[..end] {
            match token.token {
                Token::LParen => open.push(token),
                Token::RParen => {
                    open.pop();
                }
                _ => {}
            }
        }
        open
    };
    let ends = match &tokens[at].token {
        Token::EOF => true,
        Token::Word(word) => CLAUSES.contains(&word.keyword) || word.keyword == Keyword::AS,
        _ => false,
    };
    if !(ends || message.contains("expected: ),")) || open_at(tokens.len()).is_empty() {
        return None;
    }
    // `with a as (select 1, b as (select`: the last one has only just been opened.
    let just = at.checked_sub(1).map(|before| &tokens[before]);
    let opened = just.filter(|before| before.token == Token::LParen);
    let mut open = open_at(at);
    if opened.is_some() && open.len() > 1 {
        open.pop();
    }
    open.pop()
}

/// Words that a query hardly does without.
const USUAL: [&str; 11] = [
    "select", "from", "where", "group", "order", "having", "union", "join", "limit", "with",
    "distinct",
];

/// Words that others are easily taken for: only where the parser stumbled.
const SHORT: [&str; 14] = [
    "all", "and", "between", "case", "cross", "else", "end", "inner", "left", "like", "outer",
    "over", "then", "when",
];

/// A word that is nearly one of SQL's, where the parser stumbled or directly before.
fn misspelt(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    let near = |at: usize, words: &[&str]| match &tokens[at].token {
        Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::NoKeyword => {
            suggest::nearest(&word.value.to_lowercase(), words.iter().copied())
        }
        _ => None,
    };
    let found = near(at, &USUAL).or_else(|| near(at.checked_sub(1)?, &USUAL));
    found.or_else(|| near(at, &SHORT))
}

/// Whether ON or USING follows the table of the JOIN there.
pub(super) fn is_joined(tokens: &[TokenWithSpan], join: usize) -> bool {
    let mut depth = 0usize;
    for token in &tokens[join + 1..] {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            Token::Comma | Token::SemiColon if depth == 0 => return false,
            Token::Word(word) if depth == 0 => match word.keyword {
                Keyword::ON | Keyword::USING => return true,
                Keyword::JOIN | Keyword::WHERE | Keyword::GROUP | Keyword::ORDER => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

/// `country = "ES"`: there is no such column, and a text was meant.
fn quoted(problem: &mut Diagnostic, tokens: &[TokenWithSpan], at: usize) {
    let Token::Word(word) = &tokens[at].token else {
        return;
    };
    let dotted = |at: Option<usize>| {
        at.and_then(|at| tokens.get(at))
            .is_some_and(|token| token.token == Token::Period)
    };
    if word.quote_style != Some('"') || dotted(at.checked_sub(1)) || dotted(Some(at + 1)) {
        return;
    }
    // Names are planned with in small letters.
    let small = format!("'{}'", word.value.to_lowercase());
    let own = format!("'{}'", word.value);
    problem.message = problem.message.replacen(&small, &own, 1);
    let hint = format!(
        "\"...\" is the name of a column: a text stands in single quotes, '{}'",
        word.value.replace('\'', "''")
    );
    problem.hints.insert(0, hint);
}

/// Words that no list of values goes on behind.
const CLAUSES: &[Keyword] = &[
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::HAVING,
    Keyword::QUALIFY,
    Keyword::JOIN,
    Keyword::ON,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::WITH,
];

/// A value that follows a value, or its alias, in a list: the parser stumbles behind what it took for an alias, so
/// perhaps one word later.
fn no_comma(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    let name = |at: usize| match &tokens.get(at)?.token {
        Token::Word(word) if !CLAUSES.contains(&word.keyword) => Some(word),
        _ => None,
    };
    let first = match &tokens[at].token {
        Token::Period | Token::LParen | Token::LBracket | Token::DoubleColon => {
            at.checked_sub(1).filter(|at| name(*at).is_some())?
        }
        Token::Number(..) | Token::SingleQuotedString(_) => at,
        // `a case when ..`
        Token::Word(word) if word.keyword == Keyword::WHEN => at
            .checked_sub(1)
            .filter(|at| name(*at).is_some_and(|word| word.keyword == Keyword::CASE))?,
        Token::Word(_) => name(at).map(|_| at)?,
        _ => return None,
    };
    let last = first.checked_sub(1)?;
    let ends_value = match &tokens[last].token {
        Token::RParen | Token::RBracket | Token::Number(..) | Token::SingleQuotedString(_) => true,
        Token::Mul => false,
        _ => name(last).is_some_and(|word| word.keyword != Keyword::SELECT),
    };
    // `with a as (...) b as (...)`
    let is_named_query = tokens[last].token == Token::RParen
        && matches!(tokens.get(first + 1).map(|t| &t.token), Some(Token::Word(word)) if word.keyword == Keyword::AS)
        && tokens
            .get(first + 2)
            .is_some_and(|t| t.token == Token::LParen);
    if !is_named_query && (!ends_value || !is_in_list(&tokens[..first])) {
        return None;
    }
    // `select a form t`
    let misspelt = name(last)
        .filter(|word| word.quote_style.is_none())
        .and_then(|word| suggest::nearest(&word.value.to_lowercase(), ["from"]));
    misspelt.or_else(|| Some(format!("is a comma missing before {}?", tokens[first])))
}

/// Whether these tokens end within a list of values: what is selected, what is grouped or ordered by, what is in
/// parentheses.
fn is_in_list(tokens: &[TokenWithSpan]) -> bool {
    let mut depth = 0;
    for token in tokens.iter().rev() {
        match &token.token {
            Token::RParen | Token::RBracket => depth += 1,
            Token::LParen | Token::LBracket if depth == 0 => return true,
            Token::LParen | Token::LBracket => depth -= 1,
            Token::SemiColon => return false,
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::END => depth += 1,
                Keyword::CASE => depth -= 1,
                Keyword::SELECT | Keyword::BY if depth == 0 => return true,
                other if depth == 0 && CLAUSES.contains(&other) => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(message: &str, sql: &str) -> (String, Vec<String>) {
        let found = hinted(Diagnostic::error(message).within(sql));
        (found.message, found.hints)
    }

    #[test]
    fn a_missing_comma_is_told_where_a_list_has_it() {
        for (sql, line, column, expected) in [
            ("select o.id\n o.amount from o", 2, 3, Some("o")),
            ("select a x count(*) from o", 1, 17, Some("count")),
            (
                "select case when a then b end c\nd::int from o",
                2,
                2,
                Some("d"),
            ),
            ("select coalesce(a b)", 1, 19, Some("b")),
            ("select a from t order by a b", 1, 28, Some("b")),
            ("select a from t where a b", 1, 25, None),
            ("select case when a b then 1 end", 1, 20, None),
            (
                "select a\ncase when b then 1 end from t",
                2,
                6,
                Some("case"),
            ),
        ] {
            let message = format!("SQL syntax: found: x (line {line}, column {column})");
            let (_, hints) = hints(&message, sql);
            let expected = expected.map(|name| format!("is a comma missing before {name}?"));
            assert_eq!(hints.into_iter().next(), expected, "{sql}");
        }
    }

    #[test]
    fn a_parenthesis_that_is_open_is_told_where_it_is() {
        for (sql, line, column, expected) in [
            (
                "select coalesce(a, b from t",
                1,
                22,
                "before from (line 1, column 16)",
            ),
            (
                "with x as (\nselect 1 from t\n), y as (\nselect (1 + 2 from x\n) select * from y",
                4,
                15,
                "before from (line 4, column 8)",
            ),
            (
                "with x as (select 1 from t, y as (select 2) select 3",
                1,
                35,
                "before select (line 1, column 11)",
            ),
            ("select f(a b)", 1, 12, "x (line 1, column 12)"),
        ] {
            let message =
                format!("SQL syntax: expected: ), found: x (line {line}, column {column})");
            let (message, _) = hints(&message, sql);
            assert!(message.ends_with(expected), "{sql}: {message}");
        }
    }

    #[test]
    fn a_word_that_is_nearly_one_of_sql_is_told() {
        for (sql, line, column, expected) in [
            ("selct a from t", 1, 1, Some("did you mean 'select'?")),
            ("select * form t", 1, 10, Some("did you mean 'from'?")),
            (
                "select a from t were a = 1",
                1,
                22,
                Some("did you mean 'where'?"),
            ),
            (
                "select a from t x lef join u on true",
                1,
                19,
                Some("did you mean 'left'?"),
            ),
            (
                "select a from t where a = 1 adn b",
                1,
                29,
                Some("did you mean 'and'?"),
            ),
            ("select a from t x y", 1, 19, None),
        ] {
            let message = format!("SQL syntax: found: x (line {line}, column {column})");
            let (_, hints) = hints(&message, sql);
            assert_eq!(hints.first().map(String::as_str), expected, "{sql}");
        }
    }

    #[test]
    fn a_text_in_double_quotes_is_told_as_it_is_written() {
        let sql = "select 1 from t where country = \"ES\"";
        let (message, hints) = hints("there is no column 'es' (line 1, column 33)", sql);
        assert_eq!(message, "there is no column 'ES' (line 1, column 33)");
        assert!(hints[0].ends_with("single quotes, 'ES'"), "{hints:?}");
    }
}
