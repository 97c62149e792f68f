//! DuckDB's tokens in the parser's words, before it sees them: `a // b`, `a ** b`, `lambda x: ...`, `asof join`.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use super::{comprehensions, merging, turned};

/// Functions whose later arguments may be lambdas, so that an arrow there is no operator of JSON.
const TAKE_LAMBDAS: &[&str] = &[
    "apply",
    "array_apply",
    "array_filter",
    "array_reduce",
    "array_transform",
    "filter",
    "list_apply",
    "list_filter",
    "list_reduce",
    "list_transform",
    "reduce",
];

/// `0x1F` is a 0 that is called `x1F` to DuckDB, and an error to PostgreSQL.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), ParserError> {
    for token in tokens {
        if let Token::HexStringLiteral(digits) = &token.token
            && token.span.end.column - token.span.start.column == digits.len() as u64 + 2
        {
            return Err(ParserError::ParserError(format!(
                "numbers in hexadecimal digits are not read, found: 0x{digits}{}",
                token.span.start
            )));
        }
    }
    Ok(())
}

/// Texts on lines below each other are one. Beside each other they are an error, and no name of a column.
pub(super) fn join_texts(tokens: &mut Vec<TokenWithSpan>) -> Result<(), ParserError> {
    let mut at = 0;
    while at < tokens.len() {
        let (Token::SingleQuotedString(first), Some(second)) =
            (&tokens[at].token, next(tokens, at + 1))
        else {
            at += 1;
            continue;
        };
        let Token::SingleQuotedString(more) = &tokens[second].token else {
            at = second;
            continue;
        };
        let between = &tokens[at + 1..second];
        if !between.iter().any(|token| ends_line(&token.token)) {
            return Err(ParserError::ParserError(format!(
                "a text stands beside a text, found: '{more}'{}",
                tokens[second].span.start
            )));
        }
        tokens[at].token = Token::SingleQuotedString(format!("{first}{more}"));
        tokens.drain(at + 1..=second);
    }
    Ok(())
}

fn ends_line(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. })
    )
}

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>, dialect: &dyn Dialect) {
    if !dialect.supports_from_first_select() {
        return;
    }
    turned::rewrite(tokens);
    join_pairs(tokens);
    comprehensions::rewrite(tokens);
    lambdas(tokens);
    short_forms(tokens);
    merging::rewrite(tokens);
}

/// Two tokens that touch are one.
fn join_pairs(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 1;
    while at < tokens.len() {
        let joined = match (&tokens[at - 1].token, &tokens[at].token) {
            (Token::Div, Token::Div) => Some(Token::DuckIntDiv),
            (Token::Mul, Token::Mul) => Some(Token::Caret),
            _ => None,
        };
        if let Some(token) = joined {
            tokens[at - 1].token = token;
            tokens.remove(at);
        }
        at += 1;
    }
}

/// `x IN [1, 2]` is `x IN (1, 2)`, `trim(both from x)` has spaces to trim, and `sum(x) FILTER (condition)` a
/// `WHERE`.
fn short_forms(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let (Token::Word(word), Some(second)) = (&tokens[at].token, next(tokens, at + 1)) else {
            at += 1;
            continue;
        };
        let keyword = word.keyword;
        let follows =
            |wanted| matches!(&tokens[second].token, Token::Word(w) if w.keyword == wanted);
        match keyword {
            Keyword::IN if tokens[second].token == Token::LBracket => {
                if let Some(end) = closing(tokens, second) {
                    tokens[second].token = Token::LParen;
                    tokens[end].token = Token::RParen;
                }
            }
            Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING if follows(Keyword::FROM) => {
                let space = Token::SingleQuotedString(" ".to_owned());
                insert(tokens, second, space);
            }
            Keyword::FILTER
                if is_behind_call(tokens, at) && tokens[second].token == Token::LParen =>
            {
                let first = next(tokens, second + 1);
                let has_where = first.is_some_and(|first| {
                    matches!(&tokens[first].token, Token::Word(w) if w.keyword == Keyword::WHERE)
                });
                if !has_where {
                    insert(tokens, second + 1, Token::make_keyword("WHERE"));
                }
            }
            _ if word.value.eq_ignore_ascii_case("asof") && word.quote_style.is_none() => {
                let is_join = [Keyword::JOIN, Keyword::LEFT, Keyword::INNER].map(follows);
                if is_join.contains(&true) {
                    tokens[at].token = Token::make_keyword("GLOBAL");
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn insert(tokens: &mut Vec<TokenWithSpan>, at: usize, token: Token) {
    let span = tokens[at.min(tokens.len() - 1)].span;
    tokens.insert(at, TokenWithSpan::new(token, span));
}

fn is_behind_call(tokens: &[TokenWithSpan], at: usize) -> bool {
    let mut before = tokens[..at].iter().rev();
    let last = before.find(|token| !matches!(token.token, Token::Whitespace(_)));
    last.is_some_and(|last| last.token == Token::RParen)
}

/// The bracket that closes the one at this place.
fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..tokens.len()).find(|at| {
        match tokens[*at].token {
            Token::LBracket => depth += 1,
            Token::RBracket => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// `f(list, x -> ...)` and `f(list, (x, y) -> ...)` become `f(list, lambda x, y : ...)`.
fn lambdas(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let takes = match &tokens[at].token {
            Token::Word(word) => TAKE_LAMBDAS.contains(&word.value.to_lowercase().as_str()),
            _ => false,
        };
        if takes && next(tokens, at + 1).is_some_and(|open| tokens[open].token == Token::LParen) {
            in_call(tokens, at + 1);
        }
        at += 1;
    }
}

/// The next token that is no space.
fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}

fn in_call(tokens: &mut Vec<TokenWithSpan>, open: usize) {
    let (mut depth, mut at) = (0, open);
    while at < tokens.len() {
        match &tokens[at].token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
            Token::Comma if depth == 1 => {
                if let Some((first, arrow)) = parameters(tokens, at + 1) {
                    make_lambda(tokens, first, arrow);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Where the parameters of a lambda begin, and its arrow. None: there is no lambda.
fn parameters(tokens: &[TokenWithSpan], from: usize) -> Option<(usize, usize)> {
    let first = next(tokens, from)?;
    let mut at = first;
    let in_parens = tokens[at].token == Token::LParen;
    if in_parens {
        at = next(tokens, at + 1)?;
    }
    loop {
        if !matches!(tokens[at].token, Token::Word(_)) {
            return None;
        }
        at = next(tokens, at + 1)?;
        match tokens[at].token {
            Token::Comma if in_parens => at = next(tokens, at + 1)?,
            Token::RParen if in_parens => {
                at = next(tokens, at + 1)?;
                break;
            }
            _ => break,
        }
    }
    (tokens[at].token == Token::Arrow).then_some((first, at))
}

fn make_lambda(tokens: &mut Vec<TokenWithSpan>, first: usize, arrow: usize) {
    tokens[arrow].token = Token::Colon;
    let names: Vec<TokenWithSpan> = tokens[first..arrow]
        .iter()
        .filter(|token| !matches!(token.token, Token::LParen | Token::RParen))
        .cloned()
        .collect();
    let span = tokens[first].span;
    let lambda = Word {
        value: "lambda".to_owned(),
        quote_style: None,
        keyword: Keyword::LAMBDA,
    };
    let lambda = TokenWithSpan::new(Token::Word(lambda), span);
    tokens.splice(first..arrow, std::iter::once(lambda).chain(names));
}
