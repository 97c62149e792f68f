//! DuckDB's tokens in the parser's words, before it sees them: `a // b`, `a ** b`, `lambda x: ...`, `asof join`.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use super::{comprehensions, friendly, merging, methods, samples, turned, units};

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

/// What is refused by its name.
fn refused(tokens: &[TokenWithSpan], at: usize) -> Option<&'static str> {
    let word = |at: usize, wanted: &str| {
        matches!(&tokens.get(at)?.token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
        .then(|| next(tokens, at + 1))?
    };
    let sampled = word(at, "using").and_then(|second| word(second, "sample"));
    if let Some(count) = sampled
        && matches!(tokens[count].token, Token::Number(..) | Token::Word(_))
        && samples::is_of_qualified(tokens)
    {
        return Some(
            "a sample (USING SAMPLE) beside QUALIFY is not supported: take it of a subquery",
        );
    }
    let excluded = word(at, "exclude").filter(|second| {
        let follows = |first, then| word(*second, first).and_then(|third| word(third, then));
        let is_bare = |of| word(*second, of).is_some_and(|end| tokens[end].token == Token::RParen);
        follows("current", "row")
            .or(follows("no", "others"))
            .is_some()
            || is_bare("group")
            || is_bare("ties")
    });
    if excluded.is_some() {
        return Some(
            "the frame of a window with EXCLUDE is not supported: take the difference of two windows",
        );
    }
    if word(at, "positional").is_some_and(|second| word(second, "join").is_some()) {
        return Some(
            "a join by places (POSITIONAL JOIN) is not supported: join by row_number() over ()",
        );
    }
    let limited = word(at, "limit")?;
    let percent = next(tokens, limited + 1)?;
    let is_share = matches!(tokens[limited].token, Token::Number(..))
        && tokens[percent].token == Token::Mod
        && next(tokens, percent + 1).is_none_or(|behind| {
            !matches!(tokens[behind].token, Token::Number(..) | Token::LParen)
        });
    is_share.then_some("a LIMIT of a percentage is not supported")
}

/// `0x1F` is a 0 that is called `x1F` to DuckDB, and an error to PostgreSQL.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), ParserError> {
    for (at, token) in tokens.iter().enumerate() {
        if let Some(problem) = refused(tokens, at) {
            let place = token.span.start;
            return Err(ParserError::ParserError(format!(
                "{problem}, found: {token}{place}"
            )));
        }
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
    for token in tokens.iter_mut() {
        // A no-break space and its like.
        if matches!(token.token, Token::Char(letter) if is_blank(letter)) {
            token.token = Token::Whitespace(Whitespace::Space);
        }
    }
    methods::tokens(tokens);
    samples::tokens(tokens);
    turned::rewrite(tokens);
    friendly::select_all(tokens);
    drop_empty_calls(tokens);
    units::rewrite(tokens);
    join_pairs(tokens);
    comprehensions::rewrite(tokens);
    lambdas(tokens);
    short_forms(tokens);
    star_patterns(tokens);
    structures(tokens);
    last_commas(tokens);
    merging::rewrite(tokens);
}

/// Spaces of any width, also of none: text that is pasted has them.
pub(super) fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{200b}' | '\u{feff}')
}

/// `current_user()` of DuckDB, which is a word without parentheses to the parser.
fn drop_empty_calls(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let is_word = matches!(&tokens[at].token, Token::Word(word)
            if matches!(word.keyword, Keyword::CURRENT_USER | Keyword::SESSION_USER));
        if is_word
            && let Some(open) = next(tokens, at + 1)
            && let Some(close) = next(tokens, open + 1)
            && tokens[open].token == Token::LParen
            && tokens[close].token == Token::RParen
        {
            tokens.drain(at + 1..=close);
        }
        at += 1;
    }
}

/// As `^`, which it is not called in names and errors.
pub(super) const POWER: &str = "**";

/// Two tokens that touch are one.
fn join_pairs(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 1;
    while at < tokens.len() {
        let joined = match (&tokens[at - 1].token, &tokens[at].token) {
            (Token::Div, Token::Div) => Some(Token::DuckIntDiv),
            (Token::Mul, Token::Mul) => Some(Token::CustomBinaryOperator(POWER.to_owned())),
            _ => None,
        };
        if let Some(token) = joined {
            tokens[at - 1].token = token;
            tokens.remove(at);
        }
        at += 1;
    }
}

/// The end of `(3)` before a unit: the parser takes it for a type's precision.
fn counted(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let number = next(tokens, open + 1)?;
    let end = next(tokens, number + 1)?;
    let unit = next(tokens, end + 1)?;
    let is_counted = matches!(tokens[number].token, Token::Number(..))
        && tokens[end].token == Token::RParen
        && matches!(tokens[unit].token, Token::Word(_));
    is_counted.then_some(end)
}

/// `interval (1) month` needs no parentheses, `trim(both from x)` has spaces to trim, and `sum(x) FILTER (condition)` a
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
            Keyword::INTERVAL if tokens[second].token == Token::LParen => {
                if let Some(end) = counted(tokens, second) {
                    tokens[second].token = Token::Whitespace(Whitespace::Space);
                    tokens[end].token = Token::Whitespace(Whitespace::Space);
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

/// `* LIKE 'a%'` is `COLUMNS(lambda c: c LIKE 'a%')`.
fn star_patterns(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let pattern = match tokens[at].token {
            Token::Mul => pattern_behind(tokens, at),
            _ => None,
        };
        if let Some(pattern) = pattern {
            let word = |name: &str| Token::Word(word(name));
            let closing = TokenWithSpan::new(Token::RParen, tokens[pattern].span);
            tokens.insert(pattern + 1, closing);
            let opening = [
                word("columns"),
                Token::LParen,
                Token::make_keyword("LAMBDA"),
                word("forebay_name"),
                Token::Colon,
                word("forebay_name"),
                Token::Whitespace(Whitespace::Space),
            ];
            let span = tokens[at].span;
            let opening = opening.map(|token| TokenWithSpan::new(token, span));
            tokens.splice(at..=at, opening);
        }
        at += 1;
    }
}

fn word(name: &str) -> Word {
    Word {
        value: name.to_owned(),
        quote_style: None,
        keyword: Keyword::NoKeyword,
    }
}

/// The text behind `LIKE` or its like, which stands behind this place.
fn pattern_behind(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let is = |at: usize, words: &[Keyword]| matches!(&tokens[at].token, Token::Word(word) if words.contains(&word.keyword));
    let mut operator = next(tokens, at + 1)?;
    if is(operator, &[Keyword::NOT]) {
        operator = next(tokens, operator + 1)?;
    }
    let pattern = match () {
        () if is(operator, &[Keyword::LIKE, Keyword::ILIKE]) => next(tokens, operator + 1)?,
        () if is(operator, &[Keyword::SIMILAR]) => {
            let to = next(tokens, operator + 1)?;
            next(tokens, to + 1)?
        }
        () => return None,
    };
    matches!(tokens[pattern].token, Token::SingleQuotedString(_)).then_some(pattern)
}

/// `x::struct(a integer)`, `row(...)` and `map(text, integer)`: what is inside becomes one text, since the parser knows no types in the parentheses of a type.
fn structures(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 1;
    while at < tokens.len() {
        let is_structure = matches!(&tokens[at].token, Token::Word(word)
            if word.quote_style.is_none()
                && ["struct", "row", "map"].iter().any(|name| word.value.eq_ignore_ascii_case(name)));
        let open = next(tokens, at + 1).filter(|open| tokens[*open].token == Token::LParen);
        if is_structure
            && is_type(tokens, at)
            && let Some(open) = open
            && let Some(close) = closing_parenthesis(tokens, open)
        {
            let inside = tokens[open + 1..close].iter();
            let text: String = inside.map(|token| token.token.to_string()).collect();
            let text = TokenWithSpan::new(Token::SingleQuotedString(text), tokens[open].span);
            tokens.splice(open + 1..close, std::iter::once(text));
        }
        at += 1;
    }
}

/// Whether a type is written there.
fn is_type(tokens: &[TokenWithSpan], at: usize) -> bool {
    let mut before = tokens[..at].iter().rev();
    let before = before.find(|token| !matches!(token.token, Token::Whitespace(_)));
    before.is_some_and(|before| match &before.token {
        Token::DoubleColon => true,
        Token::Word(word) => word.keyword == Keyword::AS,
        _ => false,
    })
}

pub(super) fn closing_parenthesis(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..tokens.len()).find(|at| {
        match tokens[*at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// A comma behind the last table of `FROM`, or the last key, is none.
fn last_commas(tokens: &mut Vec<TokenWithSpan>) {
    const ENDS: [Keyword; 9] = [
        Keyword::WHERE,
        Keyword::GROUP,
        Keyword::HAVING,
        Keyword::QUALIFY,
        Keyword::ORDER,
        Keyword::LIMIT,
        Keyword::UNION,
        Keyword::EXCEPT,
        Keyword::INTERSECT,
    ];
    let is_last = |tokens: &[TokenWithSpan], at: usize| match next(tokens, at + 1) {
        Some(behind) => match &tokens[behind].token {
            Token::Word(word) => word.quote_style.is_none() && ENDS.contains(&word.keyword),
            Token::EOF | Token::SemiColon => true,
            _ => false,
        },
        None => true,
    };
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].token == Token::Comma && is_last(tokens, at) {
            true => drop(tokens.remove(at)),
            false => at += 1,
        }
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

/// How the word of a lambda is written that has an arrow in its place.
pub(super) const ARROW: &str = "->";

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
pub(super) fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
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
        value: ARROW.to_owned(),
        quote_style: None,
        keyword: Keyword::LAMBDA,
    };
    let lambda = TokenWithSpan::new(Token::Word(lambda), span);
    tokens.splice(first..arrow, std::iter::once(lambda).chain(names));
}
