//! The operands of plain operators: expressions whose value is computed from all of them.

use datafusion::sql::sqlparser::ast::{Expr, JsonPathElem};
use forebay_core::Diagnostic;

/// The operands of an expression that is neither a name, a call, a CASE nor a subquery.
pub(super) fn operands(expr: &Expr) -> Result<Vec<&Expr>, Diagnostic> {
    Ok(match expr {
        Expr::Value(_) | Expr::TypedString(_) => Vec::new(),
        Expr::IsFalse(e)
        | Expr::IsNotFalse(e)
        | Expr::IsTrue(e)
        | Expr::IsNotTrue(e)
        | Expr::IsNull(e)
        | Expr::IsNotNull(e)
        | Expr::IsUnknown(e)
        | Expr::IsNotUnknown(e)
        | Expr::IsNormalized { expr: e, .. }
        | Expr::UnaryOp { expr: e, .. }
        | Expr::Convert { expr: e, .. }
        | Expr::Cast { expr: e, .. }
        | Expr::Extract { expr: e, .. }
        | Expr::Ceil { expr: e, .. }
        | Expr::Floor { expr: e, .. }
        | Expr::Collate { expr: e, .. }
        | Expr::Prefixed { value: e, .. }
        | Expr::Named { expr: e, .. }
        | Expr::OuterJoin(e) => vec![e],
        Expr::IsDistinctFrom(a, b)
        | Expr::IsNotDistinctFrom(a, b)
        | Expr::InUnnest {
            expr: a,
            array_expr: b,
            ..
        }
        | Expr::Like {
            expr: a,
            pattern: b,
            ..
        }
        | Expr::ILike {
            expr: a,
            pattern: b,
            ..
        }
        | Expr::SimilarTo {
            expr: a,
            pattern: b,
            ..
        }
        | Expr::RLike {
            expr: a,
            pattern: b,
            ..
        }
        | Expr::AnyOp {
            left: a, right: b, ..
        }
        | Expr::AllOp {
            left: a, right: b, ..
        }
        | Expr::AtTimeZone {
            timestamp: a,
            time_zone: b,
        }
        | Expr::Position { expr: a, r#in: b } => vec![a, b],
        Expr::Between {
            expr, low, high, ..
        } => vec![expr, low, high],
        Expr::MemberOf(member) => vec![&member.value, &member.array],
        Expr::InList { expr, list, .. } => std::iter::once(expr.as_ref()).chain(list).collect(),
        Expr::Tuple(list) | Expr::Struct { values: list, .. } => list.iter().collect(),
        Expr::Array(array) => array.elem.iter().collect(),
        Expr::Interval(interval) => vec![&interval.value],
        Expr::Dictionary(fields) => fields.iter().map(|field| field.value.as_ref()).collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| [entry.key.as_ref(), entry.value.as_ref()])
            .collect(),
        Expr::JsonAccess { value, path } => std::iter::once(value.as_ref())
            .chain(path.path.iter().filter_map(key))
            .collect(),
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => [Some(expr), substring_from.as_ref(), substring_for.as_ref()]
            .into_iter()
            .flatten()
            .map(AsRef::as_ref)
            .collect(),
        Expr::Trim {
            expr,
            trim_what,
            trim_characters,
            ..
        } => std::iter::once(expr.as_ref())
            .chain(trim_what.as_deref())
            .chain(trim_characters.iter().flatten())
            .collect(),
        Expr::Overlay {
            expr,
            overlay_what,
            overlay_from,
            overlay_for,
        } => [expr, overlay_what, overlay_from]
            .into_iter()
            .chain(overlay_for)
            .map(AsRef::as_ref)
            .collect(),
        // the parts of GROUP BY GROUPING SETS (...), ROLLUP (...) and CUBE (...)
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            sets.iter().flatten().collect()
        }
        Expr::MatchAgainst { .. } => return Err(refused("MATCH ... AGAINST")),
        Expr::Prior(_) => return Err(refused("PRIOR")),
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
            return Err(refused("'*' in an expression"));
        }
        other => return Err(refused(&format!("the expression {other}"))),
    })
}

fn key(element: &JsonPathElem) -> Option<&Expr> {
    match element {
        JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => Some(key),
        JsonPathElem::Dot { .. } => None,
    }
}

/// The statement holds something that the resolver does not follow: a gap of ours, and where a plan
/// may answer ([`super::statement::lineage`]).
pub(super) fn refused(construct: &str) -> Diagnostic {
    Diagnostic::internal(format!("column lineage does not follow {construct}"))
}
