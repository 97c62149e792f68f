//! `COPY query TO 'file' (FORMAT csv, HEADER)` with DuckDB's options: the parser knows PostgreSQL's alone.

use datafusion::sql::sqlparser::ast::{CopyOption, CopySource, CopyTarget, Ident, Statement};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// They change how a file is written, and not what is in it.
const WITHOUT_MEANING: &[&str] = &[
    "codec",
    "compression",
    "compression_level",
    "overwrite",
    "overwrite_or_ignore",
    "row_group_size",
    "use_tmp_file",
];

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_keyword(Keyword::COPY)?;
    let source = match parser.consume_token(&Token::LParen) {
        true => {
            let query = parser.parse_query()?;
            parser.expect_token(&Token::RParen)?;
            CopySource::Query(query)
        }
        false => CopySource::Table {
            table_name: parser.parse_object_name(false)?,
            columns: parser.parse_parenthesized_column_list(IsOptional::Optional, false)?,
        },
    };
    parser.expect_keyword(Keyword::TO)?;
    let filename = parser.parse_literal_string()?;
    let _ = parser.parse_keyword(Keyword::WITH);
    let mut options = Vec::new();
    if parser.consume_token(&Token::LParen) {
        loop {
            options.extend(option(parser)?);
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        parser.expect_token(&Token::RParen)?;
    }
    Ok(Statement::Copy {
        source,
        to: true,
        target: CopyTarget::File { filename },
        options,
        legacy_options: Vec::new(),
        values: Vec::new(),
    })
}

/// None: it means nothing here.
fn option(parser: &mut Parser<'_>) -> Result<Option<CopyOption>, ParserError> {
    let name = parser.parse_identifier()?.value.to_lowercase();
    let value = match parser.peek_token_ref().token.clone() {
        Token::Comma | Token::RParen => None,
        Token::Word(word) => Some(word.value),
        Token::SingleQuotedString(text) | Token::Number(text, _) => Some(text),
        other => {
            return Err(ParserError::ParserError(format!(
                "the option {name} of COPY has the value {other}"
            )));
        }
    };
    if value.is_some() {
        parser.next_token();
    }
    let text = value.clone().unwrap_or_default();
    let is_true = value.is_none_or(|value| ["true", "1"].contains(&value.to_lowercase().as_str()));
    match name.as_str() {
        "format" => Ok(Some(CopyOption::Format(Ident::new(text.to_lowercase())))),
        "header" => Ok(Some(CopyOption::Header(is_true))),
        "delimiter" | "delim" | "sep" => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(one), None) if one.is_ascii() => Ok(Some(CopyOption::Delimiter(one))),
                _ => Err(ParserError::ParserError(format!(
                    "'{text}' is no delimiter: it is one ASCII character"
                ))),
            }
        }
        "null" | "nullstr" => Ok(Some(CopyOption::Null(text))),
        known if WITHOUT_MEANING.contains(&known) => Ok(None),
        other => Err(ParserError::ParserError(format!(
            "the option {other} of COPY is not known: format, header, delimiter, null"
        ))),
    }
}
