//! `interval 2 quarters`: units whose plural the parser has not.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::{closing_parenthesis, next};

const UNITS: &[(&str, &str)] = &[
    ("centuries", "CENTURY"),
    ("decades", "DECADE"),
    ("millennia", "MILLENNIUM"),
    ("quarters", "QUARTER"),
];

pub(super) fn rewrite(tokens: &mut [TokenWithSpan]) {
    for at in 0..tokens.len() {
        let is_interval =
            matches!(&tokens[at].token, Token::Word(word) if word.keyword == Keyword::INTERVAL);
        if is_interval && let Some((unit, one)) = unit(tokens, at) {
            tokens[unit].token = Token::make_keyword(one);
        }
    }
}

/// Where the unit of the interval is, and its singular.
fn unit(tokens: &[TokenWithSpan], interval: usize) -> Option<(usize, &'static str)> {
    let count = next(tokens, interval + 1)?;
    let last = match &tokens[count].token {
        Token::LParen => closing_parenthesis(tokens, count)?,
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Word(_) => count,
        _ => return None,
    };
    let unit = next(tokens, last + 1)?;
    let Token::Word(word) = &tokens[unit].token else {
        return None;
    };
    let found = UNITS
        .iter()
        .find(|(plural, _)| word.value.eq_ignore_ascii_case(plural));
    found.map(|(_, one)| (unit, *one))
}
