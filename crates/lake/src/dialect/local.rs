//! Names with the database before them: `"shop"."main"."orders"`, as dbt writes relations.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::Syntax;

/// DuckDB's own database, which has the catalog of all.
const CATALOG: &str = "system";

/// What SQL calls the one database that there is.
pub(crate) fn database_of(state: &SessionState) -> &str {
    &state.config_options().catalog.default_catalog
}

/// `current_database()` and its other name.
pub(super) fn functions(state: &SessionState) -> [ScalarUDF; 2] {
    ["current_database", "current_catalog"].map(|name| {
        let database = ScalarValue::from(database_of(state));
        let answer = Arc::new(move |_: &[ColumnarValue]| Ok(database.clone().into()));
        create_udf(name, vec![], DataType::Utf8, Volatility::Stable, answer)
    })
}

/// The text with blanks in the place of the database's name, so that places in it stay as they are. What is
/// stored does not depend on how a profile calls the database, and nothing below reads names of three parts.
pub fn local<'a>(sql: &'a str, database: &str) -> Cow<'a, str> {
    let small = sql.to_lowercase();
    if !small.contains(&database.to_lowercase()) && !small.contains(CATALOG) {
        return Cow::Borrowed(sql);
    }
    let Ok(tokens) = Tokenizer::new(&Syntax, sql).tokenize_with_location() else {
        return Cow::Borrowed(sql);
    };
    let names = (0..tokens.len()).filter(|at| names_database(&tokens, *at, database));
    let names: Vec<&TokenWithSpan> = names.flat_map(|at| &tokens[at..=at + 1]).collect();
    match names.is_empty() {
        true => Cow::Borrowed(sql),
        false => Cow::Owned(blanked(sql, &names)),
    }
}

/// Whether the database's name stands there, and a schema and a name behind it.
fn names_database(tokens: &[TokenWithSpan], at: usize, database: &str) -> bool {
    let token = |at: usize| tokens.get(at).map(|token| &token.token);
    let is_period = |at: usize| token(at) == Some(&Token::Period);
    let word = |at: usize| match token(at) {
        Some(Token::Word(word)) => Some(&word.value),
        _ => None,
    };
    let is = |at: usize, name: &str| word(at).is_some_and(|word| word.eq_ignore_ascii_case(name));
    (is(at, database) || is(at, CATALOG) && is(at + 2, "information_schema"))
        && is_period(at + 1)
        && word(at + 2).is_some()
        && is_period(at + 3)
        && (word(at + 4).is_some() || token(at + 4) == Some(&Token::Mul))
        && !at.checked_sub(1).is_some_and(is_period)
}

/// A blank for each character of the tokens.
fn blanked(sql: &str, tokens: &[&TokenWithSpan]) -> String {
    let mut tokens = tokens.iter().peekable();
    let mut at = Location::new(1, 1);
    let blank = |c: char| {
        while tokens.next_if(|token| token.span.end <= at).is_some() {}
        let hidden = tokens.peek().is_some_and(|token| token.span.start <= at);
        at = match c {
            '\n' => Location::new(at.line + 1, 1),
            _ => Location::new(at.line, at.column + 1),
        };
        if hidden { ' ' } else { c }
    };
    sql.chars().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_database_before_a_schema_is_blanked_and_nothing_else() {
        for (sql, expected) in [
            (
                "select 'dbt.main.x', dbt.a, é\n  from \"dbt\".\"main\".\"x\" as dbt join DBT.main.y",
                "select 'dbt.main.x', dbt.a, é\n  from       \"main\".\"x\" as dbt join     main.y",
            ),
            ("select dbt.main.x.*", "select     main.x.*"),
            ("select other.dbt.main.x", "select other.dbt.main.x"),
            (
                "from system.information_schema.tables, system.a.b",
                "from        information_schema.tables, system.a.b",
            ),
            (
                "drop table dbt.x -- dbt.main.x",
                "drop table dbt.x -- dbt.main.x",
            ),
        ] {
            assert_eq!(local(sql, "dbt"), expected);
        }
    }
}
