//! Patterns that only DuckDB reads so, in the tokens. To `x GLOB 'a*'` a `*` is any letters, `?` any letter and `[a-c]` one
//! of these: the parser knows no such operator. `* SIMILAR TO 'a'` finds its pattern anywhere in the name of a column.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

pub(super) fn rewrite(tokens: &mut [TokenWithSpan]) {
    of_names(tokens);
    let filled: Vec<usize> = (0..tokens.len())
        .filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
        .collect();
    for three in filled.windows(3) {
        let [before, at, behind] = [three[0], three[1], three[2]];
        let is_glob = matches!(&tokens[at].token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("glob"));
        let Token::SingleQuotedString(pattern) = &tokens[behind].token else {
            continue;
        };
        if !is_glob || !ends_value(&tokens[before].token) {
            continue;
        }
        tokens[behind].token = Token::SingleQuotedString(regex(pattern));
        tokens[at].token = Token::Tilde;
    }
}

fn of_names(tokens: &mut [TokenWithSpan]) {
    let filled: Vec<usize> = (0..tokens.len())
        .filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
        .collect();
    let is = |token: &Token, keyword| matches!(token, Token::Word(word) if word.keyword == keyword);
    for at in 3..filled.len() {
        let before = |n: usize| &tokens[filled[at - n]].token;
        let is_similar = is(before(1), Keyword::TO) && is(before(2), Keyword::SIMILAR);
        let is_negated = is(before(3), Keyword::NOT) && at > 3;
        let star = if is_negated { before(4) } else { before(3) };
        let is_names = is_similar && *star == Token::Mul;
        if let (true, Token::SingleQuotedString(pattern)) = (is_names, &tokens[filled[at]].token) {
            let anywhere = format!("(?s:.*)(?:{pattern})(?s:.*)");
            tokens[filled[at]].token = Token::SingleQuotedString(anywhere);
        }
    }
}

fn ends_value(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(_) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket
    )
}

fn regex(pattern: &str) -> String {
    let mut made = String::from("^(?s:");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => made.push_str(".*"),
            '?' => made.push('.'),
            '\\' => made.extend(
                letters
                    .next()
                    .map(|letter| regex::escape(&letter.to_string())),
            ),
            '[' => {
                let (inside, rest) = letters.as_str().split_once(']').unwrap_or_default();
                let inside = match inside.strip_prefix('!') {
                    Some(others) => format!("^{others}"),
                    None => inside.to_owned(),
                };
                made.push_str(&format!("[{}]", inside.replace('[', "\\[")));
                letters = rest.chars();
            }
            other => made.push_str(&regex::escape(&other.to_string())),
        }
    }
    made + ")$"
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns_of_files_are_regular_expressions() {
        for (glob, expected) in [
            ("a*.c?v", r"^(?s:a.*\.c.v)$"),
            ("[!a-c]b", "^(?s:[^a-c]b)$"),
            (r"\*", r"^(?s:\*)$"),
        ] {
            assert_eq!(super::regex(glob), expected);
        }
    }
}
