//! DuckDB's short forms in `MERGE` and `INSERT` in the parser's words: `UPDATE SET *`, `INSERT *`,
//! `DO NOTHING`, `INSERT INTO t BY NAME`. Each becomes a name that no column has.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Every column of the source, by its name.
pub(crate) const ALL_COLUMNS: &str = "*";
/// The row stays as it is.
pub(crate) const NOTHING: &str = "do nothing";
/// As the columns of an `INSERT`: those that the query gives.
pub(crate) const BY_NAME: &str = "by name";

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let starts = |wanted| {
        let first = tokens.iter().find(|token| is_word(&token.token));
        first.is_some_and(|first| is(&first.token, wanted))
    };
    if starts(Keyword::INSERT) {
        by_name(tokens);
    } else if starts(Keyword::MERGE) {
        merge(tokens);
    }
}

fn is_word(token: &Token) -> bool {
    matches!(token, Token::Word(_))
}

fn is(token: &Token, wanted: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == wanted && word.quote_style.is_none())
}

fn name(value: &str) -> Token {
    Token::Word(Word {
        value: value.to_owned(),
        quote_style: Some('"'),
        keyword: Keyword::NoKeyword,
    })
}

/// The places of the tokens from here on that are no space.
fn words(tokens: &[TokenWithSpan], from: usize) -> Vec<usize> {
    let all = from..tokens.len();
    all.filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
        .take(4)
        .collect()
}

/// The first `BY NAME` that follows the table's name becomes `("by name")`.
fn by_name(tokens: &mut Vec<TokenWithSpan>) {
    let ends = |token: &Token| {
        let queries = [
            Keyword::SELECT,
            Keyword::VALUES,
            Keyword::WITH,
            Keyword::FROM,
        ];
        *token == Token::LParen || queries.iter().any(|query| is(token, *query))
    };
    for at in 0..tokens.len() {
        if ends(&tokens[at].token) {
            return;
        }
        if let [by, named, ..] = words(tokens, at)[..]
            && is(&tokens[by].token, Keyword::BY)
            && is(&tokens[named].token, Keyword::NAME)
        {
            put(
                tokens,
                by,
                named,
                [Token::LParen, name(BY_NAME), Token::RParen],
            );
            return;
        }
    }
}

fn merge(tokens: &mut Vec<TokenWithSpan>) {
    use Keyword::{DO, INSERT, MATCHED, NOT, NOTHING as NO, SET, SOURCE, THEN, UPDATE, WHEN};
    let (mut inserts, mut at) = (false, 0);
    while at < tokens.len() {
        let found = words(tokens, at);
        let word = |place: usize, wanted| {
            found
                .get(place)
                .is_some_and(|at| is(&tokens[*at].token, wanted))
        };
        let star = |place: usize| {
            let token = found.get(place).map(|at| &tokens[*at].token);
            matches!(token, Some(Token::Mul))
        };
        if word(0, WHEN) && (word(1, MATCHED) || word(1, NOT)) {
            inserts = word(1, NOT);
        } else if inserts && word(0, SOURCE) && is_behind_by(tokens, at) {
            inserts = false;
        }
        let (after, by) = if word(0, THEN) && word(1, UPDATE) && word(2, SET) && star(3) {
            (found[2], equal(ALL_COLUMNS))
        } else if word(0, THEN) && word(1, INSERT) && star(2) {
            (found[1], values(ALL_COLUMNS))
        } else if word(0, THEN) && word(1, DO) && word(2, NO) && inserts {
            tokens[found[1]].token = Token::make_keyword("INSERT");
            (found[1], values(NOTHING))
        } else if word(0, THEN) && word(1, DO) && word(2, NO) {
            tokens[found[1]].token = Token::make_keyword("UPDATE");
            let set = std::iter::once(Token::make_keyword("SET"));
            (found[1], set.chain(equal(NOTHING)).collect())
        } else {
            at += 1;
            continue;
        };
        let last = words(tokens, after + 1)[0];
        put(tokens, last, last, by);
        at = last;
    }
}

fn is_behind_by(tokens: &[TokenWithSpan], at: usize) -> bool {
    let mut before = tokens[..at].iter().rev();
    let last = before.find(|token| !matches!(token.token, Token::Whitespace(_)));
    last.is_some_and(|last| is(&last.token, Keyword::BY))
}

fn equal(column: &str) -> Vec<Token> {
    vec![name(column), Token::Eq, name(column)]
}

fn values(column: &str) -> Vec<Token> {
    let values = Token::make_keyword("VALUES");
    vec![values, Token::LParen, name(column), Token::RParen]
}

/// Puts others in place of the tokens from one to another.
fn put(
    tokens: &mut Vec<TokenWithSpan>,
    first: usize,
    last: usize,
    by: impl IntoIterator<Item = Token>,
) {
    let span = tokens[first].span;
    let by: Vec<_> = by
        .into_iter()
        .map(|token| TokenWithSpan::new(token, span))
        .collect();
    tokens.splice(first..=last, by);
}
