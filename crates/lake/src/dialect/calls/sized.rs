//! Texts by their length: `x::varchar(3)` is cut in PostgreSQL, and `substr('abc', -2)` counts from the
//! end in DuckDB, whose numbers without a sign have bounds of their own.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, CharacterLength, DataType, Expr, Value,
};

use super::{fill, literal};
use crate::types::Dialect;

pub(super) fn rewrite(expr: &Expr, dialect: Dialect) -> Option<Expr> {
    match (expr, dialect) {
        (
            Expr::Cast {
                expr,
                data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(item, None)),
                ..
            },
            _,
        ) if matches!(**item, DataType::JSON) => fill(
            "list_transform(json_items(_1), lambda item : nullif(item, 'null'))",
            std::slice::from_ref(expr.as_ref()),
        ),
        (
            Expr::Cast {
                expr: of,
                data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(item, Some(_))),
                ..
            },
            Dialect::DuckDb,
        ) if literal(of).is_some() => Some(through_list(expr, item)),
        (
            Expr::Cast {
                expr,
                data_type: DataType::Bytea | DataType::Blob(None) | DataType::Varbinary(None),
                ..
            },
            _,
        ) => bytes(&literal(expr)?, dialect),
        (
            Expr::Cast {
                kind,
                expr,
                data_type: data_type @ (DataType::JSON | DataType::JSONB),
                ..
            },
            dialect,
        ) => {
            let template = match (kind, data_type, dialect) {
                (CastKind::TryCast | CastKind::SafeCast, ..) => "try_json_of(_1)",
                (_, DataType::JSONB, Dialect::Postgres) => "jsonb_text(json_of(_1))",
                _ => "json_of(_1)",
            };
            fill(template, std::slice::from_ref(expr.as_ref()))
        }
        (
            Expr::Cast {
                kind,
                expr,
                data_type: DataType::Uuid,
                ..
            },
            _,
        ) => {
            let tries = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
            let function = if tries { "try_uuid_text" } else { "uuid_text" };
            fill(
                &format!("{function}(_1::text)"),
                std::slice::from_ref(expr.as_ref()),
            )
        }
        (
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                ..
            },
            Dialect::Postgres,
        ) => to_digits(expr, data_type).or_else(|| cut(expr, data_type)),
        (
            Expr::Cast {
                kind,
                expr,
                data_type,
                ..
            },
            Dialect::DuckDb,
        ) => bounded(kind, expr, data_type).or_else(|| to_digits(expr, data_type)),
        (
            Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for,
                ..
            },
            dialect,
        ) => {
            let mut args = vec![expr.as_ref().clone(), from.as_ref().clone()];
            if literal(from).is_some() && substring_for.is_none() {
                // A pattern to PostgreSQL.
                return match dialect {
                    Dialect::Postgres => fill("regexp_substr(_1, _2)", &args),
                    Dialect::DuckDb => fill("substr_from(_1, _2::bigint)", &args),
                };
            }
            args.extend(substring_for.as_deref().cloned());
            match (dialect, args.len()) {
                (Dialect::Postgres, _) => None,
                (Dialect::DuckDb, 2) => fill("substr_from(_1, _2)", &args),
                (Dialect::DuckDb, _) => fill("substr_from(_1, _2, _3)", &args),
            }
        }
        _ => None,
    }
}

/// A text that is cast to lists of one length is one of any length first.
fn through_list(cast: &Expr, item: &DataType) -> Expr {
    let (mut list, mut sized) = (cast.clone(), cast.clone());
    if let Expr::Cast { data_type, .. } = &mut list {
        let item = Box::new(item.clone());
        *data_type = DataType::Array(ArrayElemTypeDef::SquareBracket(item, None));
    }
    if let Expr::Cast { expr, .. } = &mut sized {
        **expr = list;
    }
    sized
}

/// The bytes of a constant: `\x41` is one of them, in PostgreSQL `\x4142` two.
fn bytes(text: &str, dialect: Dialect) -> Option<Expr> {
    let hex = match (dialect, text.strip_prefix(r"\x")) {
        (Dialect::Postgres, Some(hex)) => hex.to_owned(),
        (Dialect::Postgres, None) if text.contains('\\') => return None,
        (Dialect::Postgres, None) => hex_of(text),
        (Dialect::DuckDb, _) => {
            let mut parts = text.split(r"\x");
            let first = hex_of(parts.next().unwrap_or_default());
            parts.try_fold(first, |hex, part| {
                Some(format!("{hex}{}{}", part.get(..2)?, hex_of(part.get(2..)?)))
            })?
        }
    };
    Some(Expr::Value(Value::HexStringLiteral(hex).into()))
}

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers without a sign are kept as the next wider ones with a sign, and moments of fewer digits in microseconds.
fn bounded(kind: &CastKind, of: &Expr, to: &DataType) -> Option<Expr> {
    let tries = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
    if let DataType::Custom(name, _) = to
        && let Some(digits) = digits(&name.to_string().to_lowercase())
    {
        let cast = if tries { "try_cast" } else { "cast" };
        let text = format!("rounded_moment({cast}(_1 as timestamp), {digits})");
        return fill(&text, std::slice::from_ref(of));
    }
    let (wider, most) = match to {
        DataType::UTinyInt => ("smallint", "255"),
        DataType::USmallInt => ("integer", "65535"),
        DataType::UBigInt => ("numeric(20,0)", "18446744073709551615"),
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("uinteger") => {
            ("bigint", "4294967295")
        }
        _ => return None,
    };
    let template = match tries {
        true => format!(
            "(case when try_cast(_1 as {wider}) between 0 and {most} then try_cast(_1 as {wider}) end)"
        ),
        false => format!("within(_1::{wider}, {most})::{wider}"),
    };
    fill(&template, std::slice::from_ref(of))
}

/// A timestamp of fewer digits of a second is rounded to them.
fn to_digits(of: &Expr, to: &DataType) -> Option<Expr> {
    let DataType::Timestamp(Some(digits @ 0..6), zone) = to else {
        return None;
    };
    let whole = DataType::Timestamp(None, *zone);
    let template = format!("rounded_moment(_1::{whole}, {digits})");
    fill(&template, std::slice::from_ref(of))
}

/// How many digits of a second the type has.
fn digits(name: &str) -> Option<u32> {
    match name {
        "timestamp_s" => Some(0),
        "timestamp_ms" => Some(3),
        _ => None,
    }
}

fn cut(of: &Expr, to: &DataType) -> Option<Expr> {
    if let DataType::Char(None) | DataType::Character(None) = to {
        return fill("left(_1::text, 1)", std::slice::from_ref(of));
    }
    let (length, padded) = match to {
        DataType::Varchar(Some(length)) | DataType::CharacterVarying(Some(length)) => {
            (length, false)
        }
        DataType::Char(Some(length)) | DataType::Character(Some(length)) => (length, true),
        _ => return None,
    };
    let CharacterLength::IntegerLength { length, .. } = length else {
        return None;
    };
    let template = match padded {
        true => format!("rpad(_1::text, {length})"),
        false => format!("left(_1::text, {length})"),
    };
    fill(&template, std::slice::from_ref(of))
}
