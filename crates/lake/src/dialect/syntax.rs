//! How SQL text is read: PostgreSQL's grammar and precedence of operators, with DuckDB's everyday
//! additions.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax,
    OneOrManyWithParens, Statement, UnaryOperator,
};
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::calls::fill;
use super::catalog;
use super::columns;
use super::commands;
use super::described;
use super::friendly;
use super::methods;
use super::offsets;
use super::patterns;
use super::spelling::{self, Written};
use super::tokens;

/// The statements of a text, of at most so many levels of nesting.
pub(crate) fn parse(sql: &str, depth: usize) -> Result<Vec<Statement>, ParserError> {
    parse_as(&Syntax, sql, depth)
}

/// As [`parse`], by another dialect's grammar.
pub(crate) fn parse_as(
    dialect: &dyn Dialect,
    sql: &str,
    depth: usize,
) -> Result<Vec<Statement>, ParserError> {
    let tokens = Tokenizer::new(dialect, sql).tokenize_with_location()?;
    statements(dialect, tokens, depth)
}

/// As [`parse`], with what the dialect alone has among the tokens.
pub(crate) fn parse_in(
    dialect: crate::types::Dialect,
    sql: &str,
    depth: usize,
) -> Result<Vec<Statement>, ParserError> {
    let mut tokens = Tokenizer::new(&Syntax, sql).tokenize_with_location()?;
    if dialect == crate::types::Dialect::DuckDb {
        described::mark(&mut tokens);
        friendly::aliases(&mut tokens);
        patterns::rewrite(&mut tokens);
        columns::star_arguments(&mut tokens);
    }
    statements(&Syntax, tokens, depth)
}

/// As [`parse`], with all names in small letters, and how those in quotes were written.
pub(crate) fn parse_small(
    sql: &str,
    depth: usize,
) -> Result<(Vec<Statement>, Written), ParserError> {
    let mut tokens = Tokenizer::new(&Syntax, sql).tokenize_with_location()?;
    described::mark(&mut tokens);
    let written = spelling::fold(&mut tokens);
    friendly::aliases(&mut tokens);
    patterns::rewrite(&mut tokens);
    columns::star_arguments(&mut tokens);
    let mut statements = statements(&Syntax, tokens, depth)?;
    statements.iter_mut().for_each(methods::rewrite);
    statements.iter_mut().for_each(catalog::rewrite);
    Ok((statements, written))
}

fn statements(
    dialect: &dyn Dialect,
    mut tokens: Vec<TokenWithSpan>,
    depth: usize,
) -> Result<Vec<Statement>, ParserError> {
    if dialect.is::<PostgreSqlDialect>() {
        for token in &mut tokens {
            // The parser knows SELECT TOP 5 in every dialect, but `top` is an ordinary name.
            if let Token::Word(word) = &mut token.token
                && word.keyword == Keyword::TOP
            {
                word.keyword = Keyword::NoKeyword;
            }
        }
        tokens::check(&tokens)?;
        tokens::join_texts(&mut tokens)?;
        tokens::rewrite(&mut tokens, dialect);
    }
    let mut statements = Parser::new(dialect)
        .with_recursion_limit(depth)
        .with_tokens_with_locations(tokens)
        .parse_statements()?;
    statements.iter_mut().for_each(offsets::treat_nulls);
    Ok(statements)
}

/// An identifier as it is looked up: in lower case unless quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// An identifier as a new column is called: DuckDB keeps capitals.
pub(crate) fn spelled(ident: &Ident, dialect: crate::types::Dialect) -> String {
    match dialect {
        crate::types::Dialect::DuckDb => ident.value.clone(),
        crate::types::Dialect::Postgres => folded(ident),
    }
}

/// One expression that is all of the text.
pub(crate) fn parse_expr(sql: &str, depth: usize) -> Result<Expr, ParserError> {
    let mut tokens = Tokenizer::new(&Syntax, sql).tokenize_with_location()?;
    tokens::rewrite(&mut tokens, &Syntax);
    let mut parser = Parser::new(&Syntax)
        .with_recursion_limit(depth)
        .with_tokens_with_locations(tokens);
    let expr = parser.parse_expr()?;
    match &parser.peek_token_ref().token {
        Token::EOF => Ok(expr),
        token => Err(ParserError::ParserError(format!(
            "the expression goes on with '{token}'"
        ))),
    }
}

/// A type that is all of the text.
pub(crate) fn parse_type(sql: &str) -> Result<DataType, forebay_core::Diagnostic> {
    let parsed = Parser::new(&Syntax).try_with_sql(sql);
    let parsed = parsed.and_then(|mut parser| parser.parse_data_type());
    parsed.map_err(|error| forebay_core::Diagnostic::error(format!("the type {sql}: {error}")))
}

/// `x, y : x + y`.
fn lambda(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let syntax = match &parser.get_current_token().token {
        Token::Word(word) if word.value == tokens::ARROW => LambdaSyntax::Arrow,
        _ => LambdaSyntax::LambdaKeyword,
    };
    let name = |parser: &mut Parser<'_>| parser.parse_identifier();
    let names = parser.parse_comma_separated(name)?;
    parser.expect_token(&Token::Colon)?;
    let param = |name| LambdaFunctionParameter {
        name,
        data_type: None,
    };
    Ok(Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::Many(names.into_iter().map(param).collect()),
        body: Box::new(parser.parse_expr()?),
        syntax,
    }))
}

/// Takes `IN` or `NOT IN` before what has no parentheses around it, and tells which. None: something else is there.
fn is_in_value(parser: &mut Parser<'_>) -> Option<bool> {
    let is = |token: &TokenWithSpan, keyword| matches!(&token.token, Token::Word(word) if word.keyword == keyword);
    let [first, second, third] = parser.peek_tokens_ref();
    let (negated, behind) = match is(first, Keyword::NOT) {
        true => (true, is(second, Keyword::IN).then_some(third)?),
        false => (false, is(first, Keyword::IN).then_some(second)?),
    };
    if behind.token == Token::LParen || is(behind, Keyword::UNNEST) {
        return None;
    }
    (0..=usize::from(negated)).for_each(|_| drop(parser.next_token()));
    Some(negated)
}

/// Words that open a clause of Hive's together with `BY`.
fn is_of_by(keyword: &Keyword) -> bool {
    matches!(
        keyword,
        Keyword::CLUSTER | Keyword::DISTRIBUTE | Keyword::SORT
    )
}

/// What stands before the word that the parser has just taken.
fn before<'a>(parser: &'a Parser<'_>) -> Option<&'a Token> {
    let before = (0..parser.get_current_index()).rev();
    let mut tokens = before.map(|at| &parser.token_at(at).token);
    tokens.find(|token| !matches!(token, Token::Whitespace(_)))
}

/// Words that are the name of a column only behind `AS`, to both.
fn is_unit(keyword: &Keyword) -> bool {
    use Keyword::{DAY, HOUR, MINUTE, MONTH, SECOND, YEAR};
    matches!(keyword, YEAR | MONTH | DAY | HOUR | MINUTE | SECOND)
}

#[derive(Debug)]
pub(crate) struct Syntax;

const POSTGRES: PostgreSqlDialect = PostgreSqlDialect {};

/// Between `[]` and `COLLATE`: `-2 ^ 2` is 4.
const SIGN: u8 = 125;

impl Dialect for Syntax {
    /// For what the parser decides by the dialect's name.
    fn dialect(&self) -> TypeId {
        POSTGRES.dialect()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        POSTGRES.identifier_quote_style(identifier)
    }

    /// DuckDB takes names in back quotes, too; PostgreSQL has no use for them.
    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '`' || POSTGRES.is_delimited_identifier_start(c)
    }

    /// A space of any width is none of a name.
    fn is_identifier_start(&self, c: char) -> bool {
        POSTGRES.is_identifier_start(c) && !tokens::is_blank(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        POSTGRES.is_identifier_part(c) && !tokens::is_blank(c)
    }

    fn is_custom_operator_part(&self, c: char) -> bool {
        POSTGRES.is_custom_operator_part(c)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::CustomBinaryOperator(op) if op == tokens::POWER => {
                Some(Ok(self.prec_value(Precedence::Caret)))
            }
            _ => POSTGRES.get_next_precedence(parser),
        }
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        POSTGRES.prec_value(precedence)
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        commands::parse(parser)
    }

    /// The parser binds a sign less than `^`, and reads lambdas only together with arrows, which here
    /// are operators of JSON.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        if parser.parse_keyword(Keyword::LAMBDA) {
            return Some(lambda(parser));
        }
        let op = match parser.peek_token_ref().token {
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            _ => return None,
        };
        parser.next_token();
        Some(parser.parse_subexpr(SIGN).map(|expr| Expr::UnaryOp {
            op,
            expr: Box::new(expr),
        }))
    }

    /// The parser takes all of `b OR c` as the right side of `a IS DISTINCT FROM b OR c`, and knows lists in parentheses
    /// alone: `x IN list` asks a list whether it holds `x`.
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        use Keyword::{DISTINCT, FROM, IS, NOT};
        if parser.consume_token(&Token::DuckIntDiv) {
            let right = parser.parse_subexpr(precedence);
            return Some(right.map(|right| Expr::BinaryOp {
                left: Box::new(left.clone()),
                op: BinaryOperator::DuckIntegerDivide,
                right: Box::new(right),
            }));
        }
        if let Some(negated) = is_in_value(parser) {
            let template = match negated {
                true => "not contains(_1, _2)",
                false => "contains(_1, _2)",
            };
            let list = parser.parse_subexpr(precedence);
            return list
                .map(|list| fill(template, &[list, left.clone()]))
                .transpose();
        }
        let build = if parser.parse_keywords(&[IS, DISTINCT, FROM]) {
            Expr::IsDistinctFrom
        } else if parser.parse_keywords(&[IS, NOT, DISTINCT, FROM]) {
            Expr::IsNotDistinctFrom
        } else {
            return None;
        };
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| build(Box::new(left.clone()), Box::new(right))))
    }

    // Of both.

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_in_empty_list(&self) -> bool {
        true
    }

    fn supports_comment_on(&self) -> bool {
        true
    }

    fn supports_alter_column_type_using(&self) -> bool {
        true
    }

    fn supports_insert_table_alias(&self) -> bool {
        true
    }

    /// `SELECT 5 ON CONFLICT ...` has no column called `on`. Also asked behind a comma, whether a column may follow.
    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        use Keyword::{EXCLUDE, EXPLAIN, ON, VALUES, VIEW};
        match keyword {
            ON => false,
            // `d + 1 day` is no column called `day`.
            word if is_unit(word) => before(parser) == Some(&Token::Comma),
            EXCLUDE | EXPLAIN | VALUES | VIEW => true,
            word if is_of_by(word) => !parser.peek_keyword(Keyword::BY),
            other => POSTGRES.is_column_alias(other, parser),
        }
    }

    /// Names that are words of other databases' clauses alone.
    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        use Keyword::{EXPLAIN, FORMAT, OPEN, OUTPUT, PARTITION, SAMPLE, START, VIEW};
        match keyword {
            EXPLAIN | FORMAT | OPEN | OUTPUT | START | VIEW => true,
            PARTITION | SAMPLE => parser.peek_token_ref().token != Token::LParen,
            word if is_of_by(word) => !parser.peek_keyword(Keyword::BY),
            other => POSTGRES.is_table_alias(other, parser),
        }
    }

    /// A column may be called `interval`.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        POSTGRES.is_reserved_for_identifier(keyword)
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    // Of PostgreSQL.

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    // Of DuckDB.

    fn support_map_literal_syntax(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_rename(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_trailing_commas(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }
}
