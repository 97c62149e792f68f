//! Samples of rows: `USING SAMPLE 10%` and `TABLESAMPLE reservoir(20 ROWS)`, as windows in an order of chance.

use datafusion::sql::sqlparser::ast::{
    Expr, Select, Statement, TableAlias, TableFactor, TableSample, TableSampleKind, TableSampleUnit,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::parse;
use super::syntax::Syntax;
use super::tables::named;
use crate::types::Dialect;

/// So many rows, or percents of them.
struct Size {
    count: String,
    is_share: bool,
}

impl Size {
    fn condition(&self) -> String {
        let Self { count, is_share } = self;
        match is_share {
            true => format!(
                "row_number() over (order by random()) <= ceil(count(*) over () * {count} / 100.0)"
            ),
            false => format!("row_number() over (order by random()) <= {count}"),
        }
    }
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

fn next(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|at| !matches!(tokens[*at].token, Token::Whitespace(_)))
}

/// `USING SAMPLE` stands where a `QUALIFY` may, and becomes one; a table's sample is put into the parser's words.
pub(super) fn tokens(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len()).rev() {
        if is_word(&tokens[at], "tablesample")
            && let Some(method) = next(tokens, at + 1)
        {
            of_table(tokens, method);
        }
        if is_word(&tokens[at], "using")
            && let Some(sample) = next(tokens, at + 1)
            && is_word(&tokens[sample], "sample")
            && let Some((size, end)) = size(tokens, sample + 1)
        {
            let text = format!("QUALIFY {} ", size.condition());
            let condition = Tokenizer::new(&Syntax, &text).tokenize();
            let span = tokens[at].span;
            let condition = condition.unwrap_or_default().into_iter();
            let condition = condition.map(|token| TokenWithSpan::new(token, span));
            tokens.splice(at..end, condition.collect::<Vec<_>>());
        }
    }
}

/// The parser knows no reservoir, and `10 PERCENT` for `10%`.
fn of_table(tokens: &mut [TokenWithSpan], method: usize) {
    if is_word(&tokens[method], "reservoir") {
        tokens[method].token = Token::make_keyword("BERNOULLI");
    }
    let end = tokens.len().min(method + 6);
    let number = (method..end).find(|at| matches!(tokens[*at].token, Token::Number(..)));
    if let Some(percent) = number.and_then(|number| next(tokens, number + 1))
        && tokens[percent].token == Token::Mod
    {
        tokens[percent].token = Token::make_keyword("PERCENT");
    }
}

/// The size that is written there, and where it ends.
fn size(tokens: &[TokenWithSpan], from: usize) -> Option<(Size, usize)> {
    let mut at = next(tokens, from)?;
    for method in ["reservoir", "bernoulli", "system"] {
        if is_word(&tokens[at], method) {
            at = next(tokens, at + 1)?;
        }
    }
    let in_parentheses = tokens[at].token == Token::LParen;
    if in_parentheses {
        at = next(tokens, at + 1)?;
    }
    let Token::Number(count, _) = &tokens[at].token else {
        return None;
    };
    let mut end = at + 1;
    let unit = next(tokens, end);
    let is_share = unit
        .is_some_and(|unit| tokens[unit].token == Token::Mod || is_word(&tokens[unit], "percent"));
    if let Some(unit) = unit
        && (is_share || is_word(&tokens[unit], "rows"))
    {
        end = unit + 1;
    }
    if in_parentheses {
        end = next(tokens, end).filter(|at| tokens[*at].token == Token::RParen)? + 1;
    }
    // The method and the seed of `10% (system, 377)`, `REPEATABLE (377)`: it is by chance here.
    while let Some(more) = next(tokens, end)
        && (tokens[more].token == Token::LParen || is_word(&tokens[more], "repeatable"))
    {
        end = match tokens[more].token {
            Token::LParen => {
                let close = (more..tokens.len()).find(|at| tokens[*at].token == Token::RParen);
                close? + 1
            }
            _ => more + 1,
        };
    }
    let count = count.clone();
    Some((Size { count, is_share }, end))
}

/// Whether what is refused stands there: a sample of what a `QUALIFY` leaves.
pub(super) fn is_of_qualified(tokens: &[TokenWithSpan]) -> bool {
    let has_qualify = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::QUALIFY);
    tokens.iter().any(has_qualify)
}

/// Tables with a sample become queries of it.
pub(super) fn rewrite(select: &mut Select, dialect: Dialect) {
    for item in &mut select.from {
        of_factor(&mut item.relation, dialect);
        for join in &mut item.joins {
            of_factor(&mut join.relation, dialect);
        }
    }
}

fn of_factor(factor: &mut TableFactor, dialect: Dialect) {
    let (sample, alias, own) = match factor {
        TableFactor::Table {
            sample,
            alias,
            name,
            ..
        } => {
            let own = name.0.last().and_then(|part| part.as_ident());
            (sample, alias, own.map(|own| own.value.clone()))
        }
        TableFactor::Derived { sample, alias, .. } => (sample, alias, None),
        _ => return,
    };
    let Some(TableSampleKind::BeforeTableAlias(kind) | TableSampleKind::AfterTableAlias(kind)) =
        sample.as_ref()
    else {
        return;
    };
    let Some(size) = size_of(kind, dialect) else {
        return;
    };
    let outer: Option<TableAlias> = alias.clone().or_else(|| own.map(|own| named(&own)));
    *sample = None;
    let text = format!("SELECT * FROM {factor} QUALIFY {}", size.condition());
    if let Some(Statement::Query(subquery)) = parse(&text, 100).ok().and_then(|mut all| all.pop()) {
        *factor = TableFactor::Derived {
            lateral: false,
            subquery,
            alias: outer.map(|alias| TableAlias {
                columns: Vec::new(),
                ..alias
            }),
            sample: None,
        };
    }
}

/// None: it is no number. One without a unit counts rows in DuckDB, and percents in PostgreSQL.
fn size_of(sample: &TableSample, dialect: Dialect) -> Option<Size> {
    let quantity = sample.quantity.as_ref()?;
    let Expr::Value(value) = &quantity.value else {
        return None;
    };
    let count = value.value.to_string();
    count.parse::<f64>().ok()?;
    Some(Size {
        count,
        is_share: match quantity.unit {
            Some(TableSampleUnit::Percent) => true,
            Some(TableSampleUnit::Rows) => false,
            None => dialect == Dialect::Postgres,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::syntax::parse;

    #[test]
    fn a_sample_is_a_condition_of_chance() {
        for (sql, condition) in [
            ("10", "<= 10"),
            ("3 rows", "<= 3"),
            ("10%", "* 10 / 100.0)"),
            ("reservoir(50 rows) repeatable (100)", "<= 50"),
            ("10 percent (bernoulli, 377)", "* 10 / 100.0)"),
            ("(2.5%)", "* 2.5 / 100.0)"),
        ] {
            let sql = format!("select * from t where x using sample {sql} order by x");
            let text = parse(&sql, 50).unwrap()[0].to_string();
            let end = format!("{condition} ORDER BY x");
            assert!(
                text.contains("WHERE x QUALIFY") && text.ends_with(&end),
                "{text}"
            );
        }
    }
}
