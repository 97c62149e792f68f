//! DuckDB's statements that the parser does not know: macros, sequences, types, extensions, databases.

use datafusion::sql::sqlparser::ast::{
    DropFunction, FunctionDesc, Ident, MacroArg, MacroDefinition, Statement,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{copies, created};

/// None: it is another statement.
pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
    match parser
        .peek_token_ref()
        .token
        .to_string()
        .to_lowercase()
        .as_str()
    {
        "create" => created::parse(parser).or_else(|| parser.maybe_parse(create_macro).transpose()),
        "copy" => Some(copies::parse(parser)),
        "drop" => parser.maybe_parse(drop_macro).transpose(),
        "load" => parser.maybe_parse(load).transpose(),
        "install" | "force" => parser.maybe_parse(install).transpose(),
        "checkpoint" => {
            parser.next_token();
            Some(Ok(Statement::Commit {
                chain: false,
                end: false,
                modifier: None,
            }))
        }
        _ => None,
    }
}

pub(super) fn word(parser: &mut Parser<'_>, wanted: &str) -> bool {
    let is_wanted = match &parser.peek_token_ref().token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    if is_wanted {
        parser.next_token();
    }
    is_wanted
}

pub(super) fn expect(parser: &mut Parser<'_>, wanted: &str) -> Result<(), ParserError> {
    match word(parser, wanted) {
        true => Ok(()),
        false => parser.expected_ref(wanted, parser.peek_token_ref()),
    }
}

/// `CREATE [OR REPLACE] [TEMP] MACRO f(a, b := 1) AS expression`, or `AS TABLE query`. DuckDB calls them
/// functions too; PostgreSQL's have a text for a body.
fn create_macro(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    expect(parser, "create")?;
    let or_replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    let temporary = word(parser, "temp") || word(parser, "temporary");
    if !word(parser, "macro") {
        expect(parser, "function")?;
    }
    let name = parser.parse_object_name(false)?;
    parser.expect_token(&Token::LParen)?;
    let args = match parser.peek_token_ref().token {
        Token::RParen => Vec::new(),
        _ => parser.parse_comma_separated(argument)?,
    };
    parser.expect_token(&Token::RParen)?;
    expect(parser, "as")?;
    let definition = match word(parser, "table") {
        true => MacroDefinition::Table(parser.parse_query()?),
        false => MacroDefinition::Expr(parser.parse_expr()?),
    };
    match parser.peek_token_ref().token {
        Token::EOF | Token::SemiColon => Ok(Statement::CreateMacro {
            or_replace,
            temporary,
            name,
            args: Some(args),
            definition,
        }),
        _ => parser.expected_ref("the end of the macro", parser.peek_token_ref()),
    }
}

fn argument(parser: &mut Parser<'_>) -> Result<MacroArg, ParserError> {
    let name = parser.parse_identifier()?;
    let has_default =
        parser.consume_token(&Token::Assignment) || parser.consume_token(&Token::RArrow);
    Ok(MacroArg {
        name,
        default_expr: has_default.then(|| parser.parse_expr()).transpose()?,
    })
}

fn drop_macro(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    expect(parser, "drop")?;
    expect(parser, "macro")?;
    word(parser, "table");
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    Ok(Statement::DropFunction(DropFunction {
        if_exists,
        func_desc: vec![FunctionDesc { name, args: None }],
        drop_behavior: None,
    }))
}

fn load(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    expect(parser, "load")?;
    let extension_name = extension(parser)?;
    Ok(Statement::Load { extension_name })
}

/// `[FORCE] INSTALL spatial [FROM community]`.
fn install(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    word(parser, "force");
    expect(parser, "install")?;
    let extension_name = extension(parser)?;
    if word(parser, "from") {
        extension(parser)?;
    }
    Ok(Statement::Install { extension_name })
}

fn extension(parser: &mut Parser<'_>) -> Result<Ident, ParserError> {
    match parser.next_token().token {
        Token::Word(word) => Ok(Ident::new(word.value)),
        Token::SingleQuotedString(name) => Ok(Ident::new(name)),
        other => Err(ParserError::ParserError(format!(
            "'{other}' is no extension"
        ))),
    }
}
