//! Types by names that only DuckDB has, and structures: `int64`, `struct(a integer)`, `from_json(j, '{"a":"INTEGER"}')`.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, ExactNumberInfo, Expr, Ident, StructBracketKind,
    StructField, TimezoneInfo,
};
use forebay_core::Diagnostic;
use serde_json::Value;

use super::{fill, literal};
use crate::dialect::syntax::parse_expr;

/// Gives the type the name that the engine knows it by.
pub(super) fn rename(of: &mut DataType) -> Result<(), Diagnostic> {
    let known = match of {
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => return rename(item),
        DataType::Int64 => DataType::BigInt(None),
        DataType::Int32 | DataType::Signed | DataType::SignedInteger => DataType::Integer(None),
        DataType::Int16 => DataType::SmallInt(None),
        DataType::Int128 => DataType::Numeric(ExactNumberInfo::PrecisionAndScale(38, 0)),
        DataType::Nvarchar(_) => DataType::Varchar(None),
        DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            DataType::Varchar(*length)
        }
        DataType::Character(length) => DataType::Char(*length),
        DataType::Dec(digits) => DataType::Decimal(*digits),
        DataType::Custom(name, args) => match (name.to_string().to_lowercase().as_str(), args) {
            ("long" | "oid", _) => DataType::BigInt(None),
            ("short", _) => DataType::SmallInt(None),
            ("int1", _) => DataType::TinyInt(None),
            ("bpchar" | "string" | "text", _) => DataType::Varchar(None),
            ("logical", _) => DataType::Boolean,
            ("timestamp_us" | "timestamp_ns", _) => DataType::Timestamp(None, TimezoneInfo::None),
            ("struct" | "row", args) => structure(args)?,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    *of = known;
    Ok(())
}

/// The fields are one text: the parser knows no types in the parentheses of another type.
fn structure(args: &[String]) -> Result<DataType, Diagnostic> {
    let [text] = args else {
        return Err(unknown("struct"));
    };
    let fields = parts(text).into_iter().map(|part| {
        let (name, of) = named(part.trim()).ok_or_else(|| unknown(part))?;
        Ok(field(&name, parsed(of)?))
    });
    let fields = fields.collect::<Result<Vec<_>, Diagnostic>>()?;
    Ok(DataType::Struct(fields, StructBracketKind::Parentheses))
}

fn field(name: &str, of: DataType) -> StructField {
    StructField {
        field_name: Some(Ident::with_quote('"', name)),
        field_type: of,
        options: None,
    }
}

/// The types of a map's keys and values.
pub(super) fn pair(text: &str) -> Option<[DataType; 2]> {
    match parts(text).as_slice() {
        [key, value] => Some([parsed(key).ok()?, parsed(value).ok()?]),
        _ => None,
    }
}

/// Between the commas that are in no parentheses.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A name, and the type behind it.
fn named(part: &str) -> Option<(String, &str)> {
    match part.strip_prefix('"') {
        Some(quoted) => {
            let (name, of) = quoted.split_once('"')?;
            Some((name.to_owned(), of))
        }
        None => {
            let (name, of) = part.split_once(char::is_whitespace)?;
            Some((name.to_owned(), of))
        }
    }
}

fn parsed(text: &str) -> Result<DataType, Diagnostic> {
    match parse_expr(&format!("null::{}", text.trim().to_lowercase()), 50) {
        Ok(Expr::Cast { mut data_type, .. }) => {
            rename(&mut data_type)?;
            Ok(data_type)
        }
        _ => Err(unknown(text)),
    }
}

fn unknown(text: &str) -> Diagnostic {
    Diagnostic::error(format!("'{}' is no type", text.trim()))
}

/// JSON as the structure that a text of JSON describes; what does not fit is null, or an error.
pub(super) fn from_json(json: &Expr, structure: &Expr, tries: bool) -> Result<Expr, Diagnostic> {
    let refused = || {
        Diagnostic::error("from_json() takes a structure that is written out")
            .hint(r#"from_json(j, '{"id": "BIGINT", "tags": ["VARCHAR"]}')"#)
    };
    let text = literal(structure).ok_or_else(refused)?;
    let structure: Value = serde_json::from_str(&text).map_err(|_| refused())?;
    let json = fill("json_of(_1)", std::slice::from_ref(json)).ok_or_else(refused)?;
    Ok(Expr::Cast {
        kind: match tries {
            true => CastKind::TryCast,
            false => CastKind::Cast,
        },
        expr: Box::new(json),
        data_type: described(&structure)?,
        array: false,
        format: None,
    })
}

fn described(structure: &Value) -> Result<DataType, Diagnostic> {
    match structure {
        Value::String(name) => parsed(name),
        Value::Array(items) => match items.as_slice() {
            [item] => {
                let item = Box::new(described(item)?);
                Ok(DataType::Array(ArrayElemTypeDef::SquareBracket(item, None)))
            }
            _ => Err(unknown(&structure.to_string())),
        },
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, of)| Ok(field(name, described(of)?)));
            let fields = fields.collect::<Result<Vec<_>, Diagnostic>>()?;
            Ok(DataType::Struct(fields, StructBracketKind::Parentheses))
        }
        _ => Err(unknown(&structure.to_string())),
    }
}
