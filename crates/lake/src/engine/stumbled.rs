//! Where in the SQL an error is that says no place: where the SQL has, once, what the message names.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use forebay_core::Diagnostic;

use super::{advice, slips};
use crate::dialect::Syntax;

/// What a message names.
#[derive(Clone, Copy)]
enum Named {
    /// A column, perhaps with its table, or a type.
    Name,
    Function,
    /// A column that USING names.
    Key,
    /// A text as SQL writes it, or a name.
    Text,
    /// A text that is cast where it stands.
    Cast,
    Number,
    /// The type that something is cast to.
    CastTo(&'static [&'static str]),
    Plus,
    /// A number beside a comparison.
    Compared,
    /// A JOIN without ON and USING.
    Join,
    Keyword(Keyword),
    Division,
    /// The last place of a name that two tables have.
    Again,
    /// The same of an expression of WITH.
    With,
    /// Where the query ends.
    End,
    /// Where the statement behind the first one begins.
    Second,
}

/// What stands between two marks of a message, and what that is.
type Rule = (&'static str, &'static str, Named);

const RULES: &[Rule] = &[
    ("column '", "' of USING", Named::Key),
    // The engine has places of all other columns.
    ("there is no column '", "'", Named::Key),
    ("there is no column '", "'", Named::Name),
    ("there is no function '", "'", Named::Function),
    ("there is no function ", "(", Named::Function),
    (
        "an aggregate function within another one: ",
        "(",
        Named::Function,
    ),
    ("", "() takes ", Named::Function),
    ("", "() gives values ", Named::Function),
    ("CASE gives values ", "", Named::Keyword(Keyword::CASE)),
    ("", "() needs OVER ", Named::Function),
    ("there is no type '", "'", Named::Name),
    ("has no part '", "'", Named::Text),
    ("has no field '", "'", Named::Name),
    ("'", "' is no length of time", Named::Text),
    ("a JOIN says nothing", "", Named::Join),
    ("QUALIFY is asked of", "", Named::Keyword(Keyword::QUALIFY)),
    ("'", "' is no regular expression", Named::Text),
    ("Cannot cast string '", "' to ", Named::Cast),
    ("Can't cast value ", " ", Named::Number),
    ("' to a whole number", "", Named::CastTo(WHOLE)),
    ("' to a whole number", "", Named::Compared),
    (" to type integer", "", Named::CastTo(WHOLE)),
    ("' to value of integer type", "", Named::CastTo(WHOLE)),
    ("' to value of bigint type", "", Named::CastTo(WHOLE)),
    ("' to value of smallint type", "", Named::CastTo(WHOLE)),
    ("' to value of date type", "", Named::CastTo(&["date"])),
    ("Error parsing timestamp from '", "'", Named::Cast),
    (
        "Error parsing timestamp from '",
        "",
        Named::CastTo(TIMESTAMP),
    ),
    ("' to value of timestamp type", "", Named::CastTo(TIMESTAMP)),
    ("' to value of double type", "", Named::CastTo(FLOAT)),
    ("there is no file './", "'", Named::Text),
    ("' is no date of the form '", "'", Named::Text),
    ("WITH query name \"", "\"", Named::With),
    ("two tables of the query have the name '", "'", Named::Again),
    ("WHERE has an aggregate", "", Named::Keyword(Keyword::WHERE)),
    (
        "WHERE needs a condition",
        "",
        Named::Keyword(Keyword::WHERE),
    ),
    ("WHERE cannot ask for", "", Named::Keyword(Keyword::WHERE)),
    (
        "GROUP BY ",
        ": the answer has",
        Named::Keyword(Keyword::GROUP),
    ),
    (
        "ORDER BY ",
        ": the answer has",
        Named::Keyword(Keyword::ORDER),
    ),
    ("Expected LIMIT", "", Named::Keyword(Keyword::LIMIT)),
    ("LIMIT must be", "", Named::Keyword(Keyword::LIMIT)),
    (
        "the queries of a UNION have different",
        "",
        Named::Keyword(Keyword::UNION),
    ),
    ("division by zero", "", Named::Division),
    ("found: EOF", "", Named::End),
    ("more than one statement", "", Named::Second),
    ("there is no operation ", " + ", Named::Plus),
    ("", " + ", Named::Number),
];

const COMPARISONS: &[Token] = &[
    Token::Eq,
    Token::Neq,
    Token::Lt,
    Token::LtEq,
    Token::Gt,
    Token::GtEq,
];
const WHOLE: &[&str] = &[
    "int", "integer", "bigint", "smallint", "tinyint", "hugeint", "int2", "int4", "int8",
];
const TIMESTAMP: &[&str] = &["timestamp", "timestamptz", "datetime"];
const FLOAT: &[&str] = &["double", "float", "float8", "real"];

/// The problem of the SQL, with its place in words where it can be told.
pub(crate) fn placed(mut problem: Diagnostic, sql: &str) -> Diagnostic {
    // The engine's place of a union is where its first query begins.
    let (said, _) = problem
        .message
        .split_once(" (line ")
        .unwrap_or((&problem.message, ""));
    if (said.len() == problem.message.len() || said.starts_with("UNION queries"))
        && let Some(at) = place(said, sql)
    {
        problem.message = format!("{said} (line {}, column {})", at.line, at.column);
    }
    advice::given(slips::hinted(problem.within(sql)), sql)
}

/// Whether the SQL has what a message names.
pub(super) enum Found {
    Nowhere,
    Once(Location),
    Often,
}

/// Whether the message names a part of SQL that can be looked for.
pub(super) fn names_a_part(message: &str) -> bool {
    named(message).next().is_some()
}

fn place(message: &str, sql: &str) -> Option<Location> {
    match find(message, sql) {
        Found::Once(place) => Some(place),
        _ => None,
    }
}

pub(super) fn find(message: &str, sql: &str) -> Found {
    let Some(tokens) = tokens(sql) else {
        return Found::Nowhere;
    };
    // A value that is not in the query comes from a row: what is done to it is looked for then.
    for (named, text) in named(message) {
        let mut found = (0..tokens.len()).filter(|at| named.is_at(text, &tokens, *at));
        let (first, last) = (found.next(), found.next_back());
        let place = match (named, first, last) {
            (_, None, _) => continue,
            (_, first, None) => first,
            (Named::Again | Named::With, _, last) => last,
            _ => None,
        };
        return match place {
            Some(place) => Found::Once(tokens[place].span.start),
            None => Found::Often,
        };
    }
    Found::Nowhere
}

/// The tokens of the SQL without what is between them.
pub(super) fn tokens(sql: &str) -> Option<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&Syntax, sql).tokenize_with_location().ok()?;
    let is_blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    Some(
        tokens
            .into_iter()
            .filter(|token| !is_blank(token))
            .collect(),
    )
}

fn named(message: &str) -> impl Iterator<Item = (Named, &str)> {
    RULES.iter().filter_map(move |(before, after, named)| {
        let (_, rest) = message.split_once(before)?;
        let text = match *after {
            "" => rest.split_whitespace().next().unwrap_or_default(),
            after => rest.split_once(after)?.0,
        };
        Some((*named, text))
    })
}

impl Named {
    /// Whether it stands there, under that name.
    fn is_at(self, name: &str, tokens: &[TokenWithSpan], at: usize) -> bool {
        let token = |at: usize| tokens.get(at).map(|token| &token.token);
        let word = |at: usize, name: &str| match token(at) {
            Some(Token::Word(word)) => word.value.eq_ignore_ascii_case(name),
            _ => false,
        };
        let is_text = matches!(token(at), Some(Token::SingleQuotedString(own)) if own == name);
        let keyword = |at: usize| match token(at) {
            Some(Token::Word(word)) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let before = |n: usize| at.checked_sub(n);
        match self {
            Self::Name => {
                let mut parts = name.split('.').enumerate();
                parts.all(|(nth, part)| {
                    let dotted = nth == 0 || token(at + 2 * nth - 1) == Some(&Token::Period);
                    dotted && word(at + 2 * nth, part)
                })
            }
            Self::Function => word(at, name) && token(at + 1) == Some(&Token::LParen),
            Self::Key => {
                let mut before = tokens[..at].iter().rev();
                let names =
                    |token: &&TokenWithSpan| matches!(token.token, Token::Word(_) | Token::Comma);
                let open = before.find(|token| !names(token));
                let using = before.next().map(|token| &token.token);
                word(at, name)
                    && open.is_some_and(|token| token.token == Token::LParen)
                    && matches!(using, Some(Token::Word(word)) if word.keyword == Keyword::USING)
            }
            Self::Text => is_text || word(at, name),
            Self::Cast => {
                let in_call = before(1).is_some_and(|at| token(at) == Some(&Token::LParen))
                    && before(2).is_some_and(|at| keyword(at) == Keyword::CAST);
                let typed = before(1).is_some_and(|at| {
                    [Keyword::DATE, Keyword::TIMESTAMP, Keyword::TIME].contains(&keyword(at))
                });
                is_text && (in_call || typed || token(at + 1) == Some(&Token::DoubleColon))
            }
            Self::Number => {
                matches!(token(at), Some(Token::Number(own, _)) if own == name)
            }
            Self::CastTo(types) => {
                let is_type = types.iter().any(|name| word(at, name));
                let in_call = before(1).is_some_and(|at| keyword(at) == Keyword::AS)
                    && matches!(token(at + 1), Some(Token::RParen | Token::LParen));
                let behind = before(1).is_some_and(|at| token(at) == Some(&Token::DoubleColon));
                is_type && (in_call || behind)
            }
            Self::Compared => {
                let compares = |at: Option<usize>| {
                    let token = at.and_then(&token);
                    token.is_some_and(|token| COMPARISONS.contains(token))
                };
                matches!(token(at), Some(Token::Number(..)))
                    && (compares(before(1)) || compares(Some(at + 1)))
            }
            Self::Join => keyword(at) == Keyword::JOIN && !slips::is_joined(tokens, at),
            Self::Plus => token(at) == Some(&Token::Plus),
            Self::Keyword(wanted) => keyword(at) == wanted,
            Self::Division => matches!(token(at), Some(Token::Div | Token::Mod)),
            Self::With => word(at, name) && keyword(at + 1) == Keyword::AS,
            Self::Second => {
                let ends = |token: &&TokenWithSpan| token.token == Token::SemiColon;
                let first = tokens.iter().take_while(|token| !ends(token)).count();
                let behind = tokens[first..].iter().take_while(ends).count();
                at == first + behind
            }
            Self::End => at + 1 == tokens.len(),
            Self::Again => word(at, name) && token(at + 1) != Some(&Token::Period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_message_names_is_found_where_it_is_once() {
        for (message, sql, expected) in [
            (
                "there is no column 'y.nope'",
                "select 1\nfrom x join y on x.nope = \"y\" . nope",
                Some((2, 27)),
            ),
            ("there is no column 'nope'", "select nope, nope", None),
            (
                "there is no column 'id'",
                "select a.id\nfrom a left join b using (k, id) where id > 1",
                Some((2, 30)),
            ),
            ("there is no column 'nope'", "select 'nope' -- nope", None),
            (
                "there is no function 'nofunc'",
                "select nofunc,\n nofunc (1)",
                Some((2, 2)),
            ),
            (
                "Cannot cast string 'x' to a whole number",
                "select 'x' = a, 'x'::int",
                Some((1, 17)),
            ),
            (
                "Cannot cast string 'x' to a whole number",
                "select 'x' = a, a as int, cast(a as int), b::date",
                Some((1, 37)),
            ),
            (
                "Cannot cast string 'x' to a whole number",
                "select a::int, cast(a as int)",
                None,
            ),
            (
                "Cannot cast string 'x' to value of date type",
                "select a::int,\n b::date",
                Some((2, 5)),
            ),
            (
                "there is no operation integer + text",
                "select 1 + 'abc'",
                Some((1, 10)),
            ),
            (
                "WITH query name \"q\" specified more than once",
                "with q as (select 1),\nq as (select 2) select q.a from q",
                Some((2, 1)),
            ),
            (
                "Cannot cast string 'x' to a whole number",
                "select 1 as n from t where a = 5",
                Some((1, 32)),
            ),
            (
                "SQL syntax: a JOIN says nothing of how it joins",
                "select * from a join b on (a.x = b.x)\njoin (select 1 on) c where a join d using (x)",
                Some((2, 1)),
            ),
            (
                "division by zero",
                "select 1 / 2, 3 as \"/\"",
                Some((1, 10)),
            ),
        ] {
            let found = place(message, sql).map(|at| (at.line, at.column));
            assert_eq!(found, expected, "{message}");
        }
    }
}
