//! Comparisons with patterns and of rows: `LIKE` by each dialect's escapes, `SIMILAR TO`, `(a, b) = (c, d)`.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, ObjectName, Value};
use forebay_core::Diagnostic;

use super::{fill, literal, name_of, records, subqueries};
use crate::functions::{of_postgres, similar};
use crate::types::Dialect;

pub(super) fn rewrite(expr: &mut Expr, dialect: Dialect) -> Result<Option<Expr>, Diagnostic> {
    if let Some(value) = of_outer(expr) {
        return Ok(Some(value));
    }
    match expr {
        Expr::Like {
            pattern,
            escape_char,
            any: false,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char,
            any: false,
            ..
        } => {
            let escape = escape_char
                .take()
                .and_then(|escape| escape.value.into_string());
            like(pattern, escape, dialect)?;
            Ok(None)
        }
        Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => like_any(expr),
        Expr::SimilarTo {
            negated,
            expr,
            pattern,
            escape_char,
        } => {
            let Some(text) = literal(pattern) else {
                return Err(Diagnostic::error(
                    "SIMILAR TO takes a pattern that is a constant",
                ));
            };
            let escape = escape_char
                .take()
                .and_then(|escape| escape.value.into_string());
            let regex = match dialect {
                Dialect::Postgres => {
                    similar(&text, escape.map_or(Some('\\'), |e| e.chars().next()))
                }
                Dialect::DuckDb => format!("^(?:{text})$"),
            };
            let template = if *negated { "(_1 !~ _2)" } else { "(_1 ~ _2)" };
            Ok(fill(template, &[expr.as_ref().clone(), quoted(&regex)]))
        }
        Expr::Value(value) => Ok(with_exponent(&value.value)),
        Expr::BinaryOp { left, op, right } => binary(left.as_ref(), op, right.as_ref(), dialect),
        Expr::InList {
            expr: left,
            list,
            negated,
        } => match left.as_ref() {
            _ if list.is_empty() => in_none(left, *negated, dialect),
            Expr::Tuple(_) if dialect == Dialect::Postgres => {
                in_list(left, list, *negated, dialect)
            }
            _ => Ok(None),
        },
        Expr::Collate { expr, collation } => collated(expr, collation).map(Some),
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } if matches!(right.as_ref(), Expr::Subquery(_)) => {
            let is_in = *compare_op == BinaryOperator::Eq;
            Ok(of_subquery(left, right, is_in, false))
        }
        Expr::AllOp {
            left,
            compare_op,
            right,
        } if matches!(right.as_ref(), Expr::Subquery(_)) => {
            let is_in = *compare_op == BinaryOperator::NotEq;
            Ok(of_subquery(left, right, is_in, true))
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } if !matches!(right.as_ref(), Expr::Subquery(_)) && !is_of_values(right) => {
            Ok(fill(ANY, &[left.as_ref().clone(), right.as_ref().clone()]))
        }
        Expr::InSubquery {
            expr: left,
            subquery,
            negated,
        } => match left.as_ref() {
            Expr::Tuple(values) => {
                let text = subquery.to_string();
                let is_there = in_rows(values, &text, false)?;
                let may_be = in_rows(values, &text, true)?;
                let of = match negated {
                    true => "(case when _1 then false when _2 then true end)",
                    false => "(case when _1 then true when _2 then false end)",
                };
                Ok(fill(of, &[is_there, may_be]))
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// What of a condition has to be true: to it null is as good as false, and so a row of values is one that exists.
pub(super) fn needed(condition: &mut Expr) -> Result<(), Diagnostic> {
    match condition {
        Expr::Nested(inner) => needed(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => needed(left).and_then(|()| needed(right)),
        Expr::InSubquery {
            expr,
            subquery,
            negated,
        } => {
            if let Expr::Tuple(values) = expr.as_ref() {
                *condition = in_rows(values, &subquery.to_string(), *negated)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A comparison with any or all rows of a query of outer columns: the engine has those of `=` alone.
fn of_outer(expr: &Expr) -> Option<Expr> {
    let (right, is_in) = match expr {
        Expr::AnyOp {
            right, compare_op, ..
        } => (right, *compare_op == BinaryOperator::Eq),
        Expr::AllOp {
            right, compare_op, ..
        } => (right, *compare_op == BinaryOperator::NotEq),
        _ => return None,
    };
    match right.as_ref() {
        Expr::Subquery(query) if !is_in && subqueries::names_outer(query) => {
            subqueries::value(expr)
        }
        _ => None,
    }
}

/// `x = any(select ...)` is `x in (select ...)`. To another comparison the subquery's column has a name that no column
/// outside has: the engine would look for it there.
fn of_subquery(left: &Expr, right: &mut Expr, is_in: bool, negated: bool) -> Option<Expr> {
    let Expr::Subquery(query) = right else {
        return None;
    };
    if is_in {
        return Some(Expr::InSubquery {
            expr: Box::new(left.clone()),
            subquery: query.clone(),
            negated,
        });
    }
    let named = format!("(select forebay_any from ({query}) as forebay_rows(forebay_any))");
    if let Some(Expr::Subquery(renamed)) = fill(&named, &[]) {
        *query = renamed;
    }
    None
}

/// Null where none is equal, but one is null.
const ANY: &str = "(case when _2 is null then null when coalesce(array_has(_2, _1), false) then true \
    when len(_2) > 0 and (_1 is null or len(list_filter(_2, lambda x : x is null)) > 0) then null else false end)";

/// A list that is written out, of values that are not null.
fn is_of_values(list: &Expr) -> bool {
    match list {
        Expr::Array(array) => array.elem.iter().all(is_value),
        Expr::Nested(inner) => is_of_values(inner),
        _ => false,
    }
}

pub(super) fn is_value(item: &Expr) -> bool {
    match item {
        Expr::Value(value) => value.value != Value::Null,
        Expr::UnaryOp { .. } => true,
        _ => false,
    }
}

/// `1e3` is a double.
fn with_exponent(value: &Value) -> Option<Expr> {
    match value {
        Value::Number(number, _) if number.contains(['e', 'E']) => {
            fill("_1::double precision", &[quoted(number)])
        }
        _ => None,
    }
}

fn quoted(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

/// The engine escapes by a backslash, as PostgreSQL does; in DuckDB nothing escapes unless said.
fn like(pattern: &mut Expr, escape: Option<String>, dialect: Dialect) -> Result<(), Diagnostic> {
    let escape = match (escape, dialect) {
        (None, Dialect::Postgres) => return Ok(()),
        (Some(escape), _) if escape == "\\" => return Ok(()),
        (escape, _) => escape.and_then(|escape| escape.chars().next()),
    };
    match literal(pattern) {
        Some(text) => *pattern = quoted(&escaped(&text, escape)),
        None if escape.is_some() => {
            return Err(Diagnostic::error(
                "ESCAPE takes a pattern that is a constant",
            ));
        }
        None => {
            let doubled = fill(r"replace(_1, '\', '\\')", std::slice::from_ref(pattern));
            if let Some(doubled) = doubled {
                *pattern = doubled;
            }
        }
    }
    Ok(())
}

fn escaped(pattern: &str, escape: Option<char>) -> String {
    let mut made = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            e if Some(e) == escape => {
                made.push('\\');
                made.extend(letters.next());
            }
            '\\' => made.push_str("\\\\"),
            other => made.push(other),
        }
    }
    made
}

/// `x like any (array['a%', 'b%'])`: one of them.
fn like_any(expr: &Expr) -> Result<Option<Expr>, Diagnostic> {
    let (negated, left, pattern, word) = match expr {
        Expr::Like {
            negated,
            expr,
            pattern,
            ..
        } => (*negated, expr, pattern, "like"),
        Expr::ILike {
            negated,
            expr,
            pattern,
            ..
        } => (*negated, expr, pattern, "ilike"),
        _ => return Ok(None),
    };
    let patterns = match pattern.as_ref() {
        Expr::Array(array) => array.elem.clone(),
        Expr::Tuple(patterns) => patterns.clone(),
        Expr::Nested(one) => match one.as_ref() {
            Expr::Array(array) => array.elem.clone(),
            one => vec![one.clone()],
        },
        _ => {
            return Err(Diagnostic::error(
                "LIKE ANY takes patterns that are written out: any (array['a%', 'b%'])",
            ));
        }
    };
    let each = patterns.iter().map(|pattern| {
        fill(
            &format!("(_1 {word} _2)"),
            &[left.as_ref().clone(), pattern.clone()],
        )
    });
    let all: Option<Vec<Expr>> = each.collect();
    let or = |one, other| fill("(_1 or _2)", &[one, other]).unwrap_or_else(|| quoted("false"));
    let any = all.and_then(|all| all.into_iter().reduce(or));
    match (any, negated) {
        (Some(any), true) => Ok(fill("(not _1)", &[any])),
        (any, _) => Ok(any),
    }
}

fn binary(
    left: &Expr,
    op: &BinaryOperator,
    right: &Expr,
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    use BinaryOperator::{
        ArrowAt, AtArrow, Divide, Eq, HashArrow, HashLongArrow, NotEq, Overlaps, PGOverlap,
        PGStartsWith,
    };
    let both = [left.clone(), right.clone()];
    match (op, left, right) {
        // Parts of time are numeric to PostgreSQL: a quarter of `extract(month ...) / 4` is no whole number.
        (Divide, part, _) if dialect == Dialect::Postgres && is_part(part) => {
            Ok(fill("(_1::numeric(20,0) / _2)", &both))
        }
        (Divide, _, part) if dialect == Dialect::Postgres && is_part(part) => {
            Ok(fill("(_1 / _2::numeric(20,0))", &both))
        }
        (op, _, pattern) if is_match(op) && dialect == Dialect::Postgres => {
            Ok(with_pattern(left, op, pattern))
        }
        (PGStartsWith, ..) => Ok(fill("starts_with(_1, _2)", &both)),
        (PGOverlap, ..) => Ok(fill(
            "array_has_any(list_filter(_1, lambda x : x is not null), _2)",
            &both,
        )),
        (AtArrow, ..) if !is_json(left) && dialect == Dialect::Postgres => Ok(fill(
            "(array_has_all(_1, _2) and len(list_filter(_2, lambda x : x is null)) = 0)",
            &both,
        )),
        (ArrowAt, ..) if !is_json(left) && dialect == Dialect::Postgres => Ok(fill(
            "(array_has_all(_2, _1) and len(list_filter(_1, lambda x : x is null)) = 0)",
            &both,
        )),
        (AtArrow, ..) if !is_json(left) => Ok(fill(
            "array_has_all(_1, list_filter(_2, lambda x : x is not null))",
            &both,
        )),
        (ArrowAt, ..) if !is_json(left) => Ok(fill(
            "array_has_all(_2, list_filter(_1, lambda x : x is not null))",
            &both,
        )),
        (Overlaps, Expr::Tuple(one), Expr::Tuple(other)) if one.len() == 2 && other.len() == 2 => {
            Ok(fill(OVERLAPS, &[one.as_slice(), other].concat()))
        }
        (HashArrow, ..) => json_path("json_extract_path", left, right),
        (HashLongArrow, ..) => json_path("json_extract_path_text", left, right),
        (op, Expr::Tuple(lefts), Expr::Tuple(rights))
            if dialect == Dialect::DuckDb && op.to_string().starts_with(['=', '<', '>']) =>
        {
            let sides = [records::unnamed(lefts), records::unnamed(rights)];
            Ok(fill(&format!("(_1 {op} _2)"), &sides))
        }
        (Eq | NotEq, Expr::Tuple(lefts), Expr::Tuple(rights))
            if dialect == Dialect::Postgres && lefts.len() == rights.len() =>
        {
            let equal =
                |(left, right): (&Expr, &Expr)| fill("(_1 = _2)", &[left.clone(), right.clone()]);
            let all: Option<Vec<Expr>> = lefts.iter().zip(rights).map(equal).collect();
            let and = |one, other| fill("(_1 and _2)", &[one, other]).unwrap_or_else(|| quoted(""));
            let all = all.and_then(|all| all.into_iter().reduce(and));
            Ok(match op {
                Eq => all,
                _ => all.and_then(|all| fill("(not _1)", &[all])),
            })
        }
        _ => Ok(None),
    }
}

/// Of two spans of time, whose ends may be in any order. One whose end is null may still begin within the other.
const OVERLAPS: &str = "(case when coalesce(_1, _2) is null or coalesce(_3, _4) is null then null \
    when least(_1, _2) > least(_3, _4) then case when _3 is null or _4 is null then null \
    when least(_1, _2) < greatest(_3, _4) then true when _1 is null or _2 is null then null else false end \
    when least(_1, _2) < least(_3, _4) then case when _1 is null or _2 is null then null \
    when least(_3, _4) < greatest(_1, _2) then true when _3 is null or _4 is null then null else false end \
    when _1 is null or _2 is null or _3 is null or _4 is null then null else true end)";

fn is_match(op: &BinaryOperator) -> bool {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    matches!(
        op,
        PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch
    )
}

/// With the escapes of this engine. None: the pattern has no others.
fn with_pattern(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let text = literal(right)?;
    let known = of_postgres(&text);
    (known != text).then(|| Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: op.clone(),
        right: Box::new(quoted(&known)),
    })
}

/// `x in ()`, of a list that a template leaves empty: what is null is in none, and not out of it either.
fn in_none(left: &Expr, negated: bool, dialect: Dialect) -> Result<Option<Expr>, Diagnostic> {
    let of = match (dialect, negated) {
        (Dialect::Postgres, _) => return Err(Diagnostic::error("the list of an IN is empty")),
        (Dialect::DuckDb, false) => "(case when _1 is not null then false end)",
        (Dialect::DuckDb, true) => "(case when _1 is not null then true end)",
    };
    Ok(fill(of, std::slice::from_ref(left)))
}

/// `(a, b) in ((1, 2), (3, 4))` compares value by value, so that a null makes it unknown.
fn in_list(
    row: &Expr,
    rows: &[Expr],
    negated: bool,
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    let mut equal = Vec::new();
    for other in rows {
        match binary(row, &BinaryOperator::Eq, other, dialect)? {
            Some(is_equal) => equal.push(is_equal),
            None => return Ok(None),
        }
    }
    let or = |one, other| fill("(_1 or _2)", &[one, other]).unwrap_or_else(|| quoted(""));
    let any = equal.into_iter().reduce(or);
    Ok(match negated {
        true => any.and_then(|any| fill("(not _1)", &[any])),
        false => any,
    })
}

/// Texts are compared by their characters' numbers, which these collations do.
fn collated(expr: &Expr, collation: &ObjectName) -> Result<Expr, Diagnostic> {
    let name = collation.to_string();
    match name.trim_matches('"').to_lowercase().as_str() {
        "c" | "posix" | "binary" | "ucs_basic" | "default" | "pg_catalog.default" => {
            Ok(Expr::Nested(Box::new(expr.clone())))
        }
        _ => Err(Diagnostic::error(format!("the collation {name} is not supported"))
            .hint("texts are compared as by COLLATE \"C\"; lower(x) leaves upper and lower case aside")),
    }
}

/// A part of time, or what is calculated of one.
fn is_part(expr: &Expr) -> bool {
    use BinaryOperator::{Minus, Multiply, Plus};
    match expr {
        Expr::Nested(inner) => is_part(inner),
        Expr::BinaryOp {
            left,
            op: Plus | Minus | Multiply,
            right,
        } => is_part(left) || is_part(right),
        Expr::Function(function) => name_of(function).as_deref() == Some("part_number"),
        _ => false,
    }
}

fn is_json(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { data_type, .. } if data_type.to_string().starts_with("JSON"))
}

/// `json #> '{a,b}'`.
fn json_path(function: &str, json: &Expr, path: &Expr) -> Result<Option<Expr>, Diagnostic> {
    let Some(path) = literal(path) else {
        return Err(Diagnostic::error(
            "#> and #>> take a path that is a constant: '{a,b}'",
        ));
    };
    let steps = path.trim_matches(['{', '}']).split(',').map(str::trim);
    let steps: Vec<String> = steps
        .map(|step| match step.parse::<i64>() {
            Ok(at) => at.to_string(),
            Err(_) => format!("'{}'", step.replace('\'', "''")),
        })
        .collect();
    let call = format!("{function}(_1, {})", steps.join(", "));
    Ok(fill(&call, std::slice::from_ref(json)))
}

/// `(a, b) in (select ...)`: whether there is such a row. A row that may be equal, since a value is
/// null, makes NOT IN unknown, so that only rows that surely differ count for it.
fn in_rows(values: &[Expr], subquery: &str, negated: bool) -> Result<Expr, Diagnostic> {
    let names: Vec<String> = (1..=values.len()).map(|at| format!("in_{at}")).collect();
    let equal: Vec<String> = (1..=values.len())
        .map(|at| format!("rows_in.in_{at} = _{at}"))
        .collect();
    let (word, equal) = match negated {
        true => (
            "not exists",
            format!("({}) is not false", equal.join(" and ")),
        ),
        false => ("exists", equal.join(" and ")),
    };
    let text = format!(
        "{word} (select 1 from ({subquery}) as rows_in ({}) where {equal})",
        names.join(", ")
    );
    fill(&text, values)
        .ok_or_else(|| Diagnostic::error("this IN (SELECT ...) of rows is not supported"))
}
