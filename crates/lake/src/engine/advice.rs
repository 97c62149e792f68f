//! What to try where a message alone says enough, and nothing nearer was found.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use forebay_core::{Diagnostic, suggest};

use super::{slips, stumbled};

/// A part of the message, and the hint.
const HINTS: &[(&str, &str)] = &[
    (
        "' is no date of the form '",
        "try_strptime() makes null of what has another form",
    ),
    ("Cannot cast string '", TRY),
    ("Error parsing timestamp from '", TRY),
    ("Can't cast value ", "bigint holds larger whole numbers"),
    (
        " cannot be cast to date",
        "a date is written as text: date '2024-01-31'",
    ),
    (
        " of USING is in no table",
        "ON a.x = b.y joins columns of different names",
    ),
    (
        ": the answer has",
        "columns of the answer are numbered from 1; a name says more",
    ),
    (
        " have different numbers of columns",
        "null as name stands for a column that one of them has not",
    ),
    (
        "a subquery gives one column here",
        "select one column there; (a, b) in (select x, y ...) compares two",
    ),
    (
        "has no part '",
        "year, quarter, month, week, day, dow, doy, hour, minute, second and epoch are",
    ),
    (
        "unterminated string literal",
        "a quote within a text is doubled: 'it''s'",
    ),
    (
        "this is no JSON",
        "json_valid(x) tells which are, try_cast(x as json) makes null of others",
    ),
    ("LIMIT must be", "a LIMIT counts rows: 0 or more"),
    ("expected: AND, found", "x between 1 and 2"),
    ("expected: JOIN, found", "the word JOIN is missing"),
    (
        "in the query body, found: ",
        "a model is one query: WITH stands once, and other statements are hooks",
    ),
    (" needs OVER (...)", "row_number() over (order by x)"),
    (
        "expected close delimiter",
        "the quote is opened there, and not closed",
    ),
    ("multi-line comment", "a comment ends with */"),
    ("expected: ], found", "is a ] missing?"),
    (
        "expected: a list of columns in parentheses",
        "join ... using (id)",
    ),
    (
        "' is no regular expression",
        "a character that means something by itself has \\ before it: '\\('",
    ),
    ("a CASE has no END", "case when a then b else c end"),
    (
        "expected: [NOT] NULL",
        "x is null, x is not null, x is true",
    ),
    (
        "Can not find compatible types to compare",
        "cast one side to the type of the other: x::varchar",
    ),
    ("Unary operator '-' only supports", "cast it: -x::double"),
    (
        "unnest() can only be applied to",
        "a text becomes a list first: unnest(string_split(x, ','))",
    ),
    (
        " of VALUES has ",
        "rows of VALUES have equally many values; null stands for one that is not known",
    ),
    (
        "is in another database",
        "files of DuckDB are not attached: a source with external_location reads files of Parquet, CSV or JSON",
    ),
    (
        "there is no table or view '",
        "a model is read by {{ ref('name') }}, a source's table by {{ source('name', 'table') }}",
    ),
];
const TRY: &str = "try_cast(x as type) makes null of what does not fit";

/// Functions that a misspelt one in `FROM` may be.
const OF_TABLES: &[&str] = &[
    "generate_series",
    "glob",
    "range",
    "read_csv",
    "read_csv_auto",
    "read_json",
    "read_json_auto",
    "read_parquet",
    "unnest",
];

/// The problem with a hint, if it has none. The SQL is what was run.
pub(super) fn given(problem: Diagnostic, sql: &str) -> Diagnostic {
    if !problem.hints.is_empty() {
        return problem;
    }
    let message = problem.message.as_str();
    let named = |before: &str| message.strip_prefix(before)?.split('\'').next();
    if let Some(name) = named("there is no table function '") {
        let near = suggest::nearest(name, OF_TABLES.iter().copied());
        return problem.maybe_hint(near);
    }
    if let Some((function, _)) = message.split_once("() takes numbers, not ") {
        let hint = format!("cast it: {function}(x::double)");
        return problem.hint(hint);
    }
    if let Some(name) = named("there is no table or view '")
        && let Some(hint) = later(name, sql).or_else(|| misspelt(name, sql))
    {
        return problem.hint(hint);
    }
    if message.starts_with("SQL syntax")
        && let Some(hint) = nearby(message, sql)
    {
        return problem.hint(hint);
    }
    let known = HINTS.iter().find(|(part, _)| message.contains(part));
    match known {
        Some((_, hint)) => problem.hint(*hint),
        None => problem,
    }
}

/// What the words say by which the parser stumbled: one of them twice, one without what follows it.
fn nearby(message: &str, sql: &str) -> Option<String> {
    let tokens = stumbled::tokens(sql)?;
    let (line, column) = slips::place(message)?;
    let at = tokens.iter().position(|token| {
        let start = token.span.start;
        (start.line, start.column) == (line, column)
    })?;
    let word = |at: usize| match &tokens.get(at)?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word),
        _ => None,
    };
    let keyword = |at: usize| word(at).map_or(Keyword::NoKeyword, |word| word.keyword);
    let twice = |at: &usize| {
        *at > 0 && keyword(*at) != Keyword::NoKeyword && keyword(*at) == keyword(*at - 1)
    };
    if let Some(at) = (at.saturating_sub(2)..=at).find(twice) {
        return Some(format!("is {} there twice?", tokens[at]));
    }
    let is_of_by = matches!(
        keyword(at),
        Keyword::ORDER | Keyword::GROUP | Keyword::PARTITION
    );
    if is_of_by && keyword(at + 1) != Keyword::BY {
        return Some(format!("BY is missing behind {}", tokens[at]));
    }
    if !message.contains("expected: an expression") {
        return None;
    }
    // The end is told at the last word.
    if message.contains("found: EOF") {
        return Some(format!("a value is missing behind {}", tokens[at]));
    }
    let before = at.checked_sub(1)?;
    Some(match (&tokens[before].token, &tokens[at].token) {
        (Token::Comma, Token::Comma | Token::RParen) => "is a comma too many there?".to_owned(),
        (before, _) => format!("a value is missing behind {before}"),
    })
}

/// A query of `WITH` that is read where it is not known yet.
fn later(name: &str, sql: &str) -> Option<String> {
    let name = name.rsplit('.').next()?;
    let tokens = stumbled::tokens(sql)?;
    let keyword = |at: usize| match &tokens.get(at)?.token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    };
    let is_defined = |at: usize| {
        let is_name =
            matches!(&tokens[at].token, Token::Word(word) if word.value.eq_ignore_ascii_case(name));
        is_name
            && keyword(at + 1) == Some(Keyword::AS)
            && tokens.get(at + 2).is_some_and(|t| t.token == Token::LParen)
    };
    let defined = (0..tokens.len()).find(|at| is_defined(*at))?;
    let mut depth = 0;
    let end = (defined + 2..tokens.len()).find(|at| {
        match tokens[*at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let is_read = |at: usize| {
        let is_name =
            matches!(&tokens[at].token, Token::Word(word) if word.value.eq_ignore_ascii_case(name));
        let before = at.checked_sub(1).and_then(keyword);
        is_name && matches!(before, Some(Keyword::FROM | Keyword::JOIN))
    };
    if (defined..end).any(is_read) {
        return Some(format!(
            "a query that reads itself begins with RECURSIVE: with recursive {name} as (...)"
        ));
    }
    (0..defined)
        .any(is_read)
        .then(|| format!("'{name}' is known behind where WITH names it: put it first"))
}

/// A query of `WITH` whose name is nearly that.
fn misspelt(name: &str, sql: &str) -> Option<String> {
    let name = name.rsplit('.').next()?;
    let tokens = stumbled::tokens(sql)?;
    let queries = tokens.windows(3).filter_map(|three| match three {
        [name, word, open] if open.token == Token::LParen => match (&name.token, &word.token) {
            (Token::Word(name), Token::Word(word)) if word.keyword == Keyword::AS => {
                Some(name.value.to_lowercase())
            }
            _ => None,
        },
        _ => None,
    });
    let queries: Vec<String> = queries.collect();
    suggest::nearest(name, queries.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(message: &str, sql: &str) -> Option<String> {
        given(Diagnostic::error(message), sql).hints.pop()
    }

    #[test]
    fn a_hint_follows_from_the_message_where_there_is_none() {
        let cast = hint("Cannot cast string 'a' to a whole number", "");
        assert!(cast.is_some_and(|hint| hint.starts_with("try_cast")));
        assert_eq!(
            hint("sum() takes numbers, not text", "").as_deref(),
            Some("cast it: sum(x::double)")
        );
        assert_eq!(
            hint("there is no table function 'read_csvv'", "").as_deref(),
            Some("did you mean 'read_csv'?")
        );
        let own = given(Diagnostic::error("Cannot cast string 'a'").hint("own"), "");
        assert_eq!(own.hints, ["own"]);
    }

    #[test]
    fn words_nearby_tell_what_is_missing_or_there_twice() {
        for (sql, expected, column, told) in [
            (
                "select 1 where a or or b",
                "end of statement",
                24,
                "is or there twice?",
            ),
            (
                "select a from t order a",
                "end of statement",
                17,
                "BY is missing behind order",
            ),
            (
                "select f(a, )",
                "an expression",
                13,
                "is a comma too many there?",
            ),
            (
                "select a +",
                "an expression, found: EOF",
                10,
                "a value is missing behind +",
            ),
            (
                "select a + from t",
                "an expression",
                12,
                "a value is missing behind +",
            ),
            (
                "select a,, b",
                "an expression",
                10,
                "is a comma too many there?",
            ),
        ] {
            let message = format!("SQL syntax: expected: {expected} (line 1, column {column})");
            assert_eq!(hint(&message, sql).as_deref(), Some(told), "{sql}");
        }
    }

    #[test]
    fn a_query_that_is_not_known_yet_is_told() {
        let message = "there is no table or view 'main.r'";
        let own = hint(
            message,
            "with r as (select 1 union all select n from r) select 1",
        );
        assert!(own.is_some_and(|hint| hint.contains("with recursive r")));
        let later = hint(
            message,
            "with a as (select 1 from r), r as (select 2) select 1",
        );
        assert!(later.is_some_and(|hint| hint.contains("put it first")));
        let none = hint(message, "select 1 from r");
        assert!(none.is_some_and(|hint| hint.contains("ref(")));
    }
}
