//! `CREATE SEQUENCE` and `CREATE TYPE` in all of DuckDB's forms, of which the parser knows few.

use datafusion::sql::sqlparser::ast::{
    DataType, Ident, ObjectName, SequenceOptions, Statement, UserDefinedTypeCompositeAttributeDef,
    UserDefinedTypeRepresentation,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::commands::{expect, word};

/// The statement's tree has no place for it: the name that a sequence belongs to, which DuckDB does not take there, or a
/// type's only attribute.
const OR_REPLACE: &str = "or replace";
const IF_NOT_EXISTS: &str = "if not exists";
const NEITHER: &str = "";

/// None: it makes something else.
pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
    let head = parser.maybe_parse(head).ok().flatten()?;
    Some(match head.is_type {
        true => of_type(parser, head.or_replace),
        false => sequence(parser, &head),
    })
}

struct Head {
    or_replace: bool,
    temporary: bool,
    is_type: bool,
}

fn head(parser: &mut Parser<'_>) -> Result<Head, ParserError> {
    expect(parser, "create")?;
    let or_replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    let temporary = word(parser, "temp") || word(parser, "temporary");
    let is_type = word(parser, "type");
    if !is_type {
        expect(parser, "sequence")?;
    }
    Ok(Head {
        or_replace,
        temporary,
        is_type,
    })
}

fn if_not_exists(parser: &mut Parser<'_>) -> bool {
    parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS])
}

fn sequence(parser: &mut Parser<'_>, head: &Head) -> Result<Statement, ParserError> {
    let if_not_exists = if_not_exists(parser);
    let name = parser.parse_object_name(false)?;
    let mut sequence_options = Vec::new();
    while let Some(option) = option(parser)? {
        sequence_options.push(option);
    }
    let replaced = || ObjectName::from(vec![Ident::with_quote('"', OR_REPLACE)]);
    Ok(Statement::CreateSequence {
        temporary: head.temporary,
        if_not_exists,
        name,
        data_type: None,
        sequence_options,
        owned_by: head.or_replace.then(replaced),
    })
}

/// In any order.
fn option(parser: &mut Parser<'_>) -> Result<Option<SequenceOptions>, ParserError> {
    Ok(Some(if word(parser, "increment") {
        let by = word(parser, "by");
        SequenceOptions::IncrementBy(parser.parse_number()?, by)
    } else if word(parser, "start") {
        let with = word(parser, "with");
        SequenceOptions::StartWith(parser.parse_number()?, with)
    } else if word(parser, "minvalue") {
        SequenceOptions::MinValue(Some(parser.parse_number()?))
    } else if word(parser, "maxvalue") {
        SequenceOptions::MaxValue(Some(parser.parse_number()?))
    } else if word(parser, "cycle") {
        SequenceOptions::Cycle(false)
    } else if word(parser, "no") {
        if word(parser, "minvalue") {
            SequenceOptions::MinValue(None)
        } else if word(parser, "maxvalue") {
            SequenceOptions::MaxValue(None)
        } else {
            expect(parser, "cycle")?;
            SequenceOptions::Cycle(true)
        }
    } else {
        return Ok(None);
    }))
}

/// Whether the statement, of [`parse`], replaces a sequence.
pub(crate) fn replaces(owned_by: Option<&ObjectName>) -> bool {
    let last = owned_by.and_then(|name| name.0.last()?.as_ident());
    last.is_some_and(|name| name.value == OR_REPLACE)
}

fn of_type(parser: &mut Parser<'_>, or_replace: bool) -> Result<Statement, ParserError> {
    let how = match (or_replace, if_not_exists(parser)) {
        (true, _) => OR_REPLACE,
        (_, true) => IF_NOT_EXISTS,
        _ => NEITHER,
    };
    let name = parser.parse_object_name(false)?;
    expect(parser, "as")?;
    let attribute = UserDefinedTypeCompositeAttributeDef {
        name: Ident::with_quote('"', how),
        data_type: parser.parse_data_type()?,
        collation: None,
    };
    Ok(Statement::CreateType {
        name,
        representation: Some(UserDefinedTypeRepresentation::Composite {
            attributes: vec![attribute],
        }),
    })
}

/// What a type of [`parse`] stands for, whether it replaces one, and whether one may be there already.
pub(crate) fn meaning(
    representation: Option<&UserDefinedTypeRepresentation>,
) -> Option<(&DataType, bool, bool)> {
    match representation? {
        UserDefinedTypeRepresentation::Composite { attributes } => match attributes.as_slice() {
            [only] => Some((
                &only.data_type,
                only.name.value == OR_REPLACE,
                only.name.value == IF_NOT_EXISTS,
            )),
            _ => None,
        },
        _ => None,
    }
}
