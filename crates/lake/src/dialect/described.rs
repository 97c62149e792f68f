//! `FROM (DESCRIBE query)` and `FROM (SHOW TABLES)`: the parser knows both as statements alone. A query stands for them until the
//! columns are known.

use std::ops::ControlFlow;

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, Statement, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::calls::literal;
use super::parse;
use super::tokens::closing_parenthesis;
use crate::engine::type_name;
use crate::types::Dialect;

/// The function that stands for it.
const MARK: &str = "forebay_described";

pub(super) fn mark(tokens: &mut Vec<TokenWithSpan>) {
    let is_blank = |token: &Token| matches!(token, Token::Whitespace(_));
    let mut at = 0;
    while at < tokens.len() {
        let open = at;
        at += 1;
        if tokens[open].token != Token::LParen {
            continue;
        }
        let next = |from: usize| (from..tokens.len()).find(|at| !is_blank(&tokens[*at].token));
        let Some(first) = next(open + 1) else {
            return;
        };
        let Some(second) = next(first + 1) else {
            return;
        };
        let keyword = |at: usize| match &tokens[at].token {
            Token::Word(word) if word.quote_style.is_none() => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let begins = match keyword(first) {
            Keyword::DESCRIBE | Keyword::DESC => {
                matches!(tokens[second].token, Token::Word(_) | Token::LParen)
                    && keyword(second) != Keyword::AS
            }
            Keyword::SHOW => keyword(second) == Keyword::TABLES,
            _ => false,
        };
        let Some(close) = closing_parenthesis(tokens, open).filter(|_| begins) else {
            continue;
        };
        let from = if keyword(first) == Keyword::SHOW {
            first
        } else {
            second
        };
        let text: String = tokens[from..close]
            .iter()
            .map(|token| token.token.to_string())
            .collect();
        let span = tokens[first].span;
        let marked = [
            word("SELECT", Keyword::SELECT),
            word(MARK, Keyword::NoKeyword),
            Token::LParen,
            Token::SingleQuotedString(text),
            Token::RParen,
        ];
        tokens.splice(
            first..close,
            marked.map(|token| TokenWithSpan { token, span }),
        );
    }
}

fn word(value: &str, keyword: Keyword) -> Token {
    Token::Word(Word {
        value: value.to_owned(),
        quote_style: None,
        keyword,
    })
}

/// What is described, in the order of the query.
pub(crate) fn wanted(query: &mut Query) -> Vec<String> {
    let mut wanted = Vec::new();
    each(query, &mut |text, _| wanted.push(text));
    wanted
}

/// A query that gives the columns with their types, as DuckDB lists them.
pub(crate) fn listing(schema: &SchemaRef, dialect: Dialect) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let rows = schema.fields().iter().enumerate().map(|(at, field)| {
        let held = type_name(field.data_type(), dialect);
        format!("({at}, {}, {}, 'YES')", text(field.name()), text(&held))
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "select name as column_name, held as column_type, nulls as \"null\", null::varchar as \"key\", \
         null::varchar as \"default\", null::varchar as extra \
         from (values {}) as columns_(place, name, held, nulls) order by place",
        rows.join(", ")
    )
}

/// `SHOW TABLES`.
pub(crate) const TABLES: &str = "select table_name as name from information_schema.tables \
     where table_schema = 'main' order by 1";

/// Puts queries in their places that give the descriptions.
pub(crate) fn give(query: &mut Query, described: Vec<String>) {
    let mut described = described.into_iter();
    each(query, &mut |_, place| {
        let text = described.next().unwrap_or_default();
        if let Some(Statement::Query(query)) = parse(&text, 50).ok().and_then(|mut all| all.pop()) {
            *place = *query;
        }
    });
}

fn each(query: &mut Query, with: &mut dyn FnMut(String, &mut Query)) {
    let _ = query.visit(&mut Walk(with));
}

struct Walk<'a>(&'a mut dyn FnMut(String, &mut Query));

impl VisitorMut for Walk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_ref()
            && let Some(text) = described(select)
        {
            (self.0)(text, query);
        }
        ControlFlow::Continue(())
    }
}

fn described(select: &Select) -> Option<String> {
    let [SelectItem::UnnamedExpr(Expr::Function(function))] = select.projection.as_slice() else {
        return None;
    };
    if !select.from.is_empty() || function.name.to_string() != MARK {
        return None;
    }
    let args = super::calls::args(function)?;
    literal(args.first()?)
}
