//! `[f(x) for x in list if condition]` as calls with lambdas, in the tokens.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Inner ones first, so that what they become is inside of the outer ones.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    for open in (0..tokens.len()).rev() {
        if tokens[open].token != Token::LBracket {
            continue;
        }
        let Some(parts) = Parts::of(tokens, open) else {
            continue;
        };
        let span = tokens[open].span;
        let own = |token| TokenWithSpan::new(token, span);
        let lambda = |of: &[TokenWithSpan]| {
            let lambda = own(Token::make_keyword("LAMBDA"));
            let name = parts.name.iter().cloned();
            let body = of.iter().cloned();
            let head = std::iter::once(lambda).chain(name);
            head.chain([own(Token::Colon)])
                .chain(body)
                .collect::<Vec<_>>()
        };
        let call = |name: &str, list: Vec<TokenWithSpan>, by: Vec<TokenWithSpan>| {
            let mut call = vec![own(Token::make_keyword(name)), own(Token::LParen)];
            call.extend(list);
            call.push(own(Token::Comma));
            call.extend(by);
            call.push(own(Token::RParen));
            call
        };
        let list = match parts.condition {
            Some(condition) => call("list_filter", parts.list.to_vec(), lambda(condition)),
            None => parts.list.to_vec(),
        };
        let made = call("list_apply", list, lambda(parts.item));
        let close = parts.close;
        tokens.splice(open..=close, made);
    }
}

struct Parts<'a> {
    item: &'a [TokenWithSpan],
    name: &'a [TokenWithSpan],
    list: &'a [TokenWithSpan],
    condition: Option<&'a [TokenWithSpan]>,
    close: usize,
}

impl<'a> Parts<'a> {
    /// None: the bracket opens a list, or a place in one.
    fn of(tokens: &'a [TokenWithSpan], open: usize) -> Option<Self> {
        let (mut depth, mut cases) = (0, 0);
        let (mut each, mut within, mut condition) = (None, None, None);
        let close = (open..tokens.len()).find(|&at| {
            let keyword = match &tokens[at].token {
                Token::LBracket | Token::LParen | Token::LBrace => {
                    depth += 1;
                    return false;
                }
                Token::RBracket | Token::RParen | Token::RBrace => {
                    depth -= 1;
                    return depth == 0;
                }
                Token::Word(word) if depth == 1 && word.quote_style.is_none() => word.keyword,
                _ => return false,
            };
            match keyword {
                Keyword::CASE => cases += 1,
                Keyword::END => cases -= 1,
                Keyword::FOR if each.is_none() => each = Some(at),
                Keyword::IN if each.is_some() && within.is_none() => within = Some(at),
                Keyword::IF if within.is_some() && condition.is_none() && cases == 0 => {
                    condition = Some(at);
                }
                _ => {}
            }
            false
        })?;
        let (each, within) = (each?, within?);
        Some(Self {
            item: &tokens[open + 1..each],
            name: &tokens[each + 1..within],
            list: &tokens[within + 1..condition.unwrap_or(close)],
            condition: condition.map(|at| &tokens[at + 1..close]),
            close,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::parse;

    #[test]
    fn a_comprehension_is_a_call_for_each_of_its_parts() {
        for (sql, same) in [
            (
                "select [x + 1 for x in [1, 2] if x > 1]",
                "select list_apply(list_filter([1, 2], lambda x : x > 1), lambda x : x + 1)",
            ),
            (
                "select [[y for y in x] for x in l]",
                "select list_apply(l, lambda x : list_apply(x, lambda y : y))",
            ),
            ("select [1, 2][1]", "select [1, 2][1]"),
        ] {
            let text = |sql| parse(sql, 50).unwrap()[0].to_string().to_lowercase();
            assert_eq!(text(sql), text(same), "{sql}");
        }
    }
}
