//! Texts by their length: `x::varchar(3)` is cut in PostgreSQL, and `substr('abc', -2)` counts from the
//! end in DuckDB.

use datafusion::sql::sqlparser::ast::{CastKind, CharacterLength, DataType, Expr};

use super::{fill, literal};
use crate::types::Dialect;

pub(super) fn rewrite(expr: &Expr, dialect: Dialect) -> Option<Expr> {
    match (expr, dialect) {
        (
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                ..
            },
            Dialect::Postgres,
        ) => cut(expr, data_type),
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
                return fill("regexp_substr(_1, _2)", &args);
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

fn cut(of: &Expr, to: &DataType) -> Option<Expr> {
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
