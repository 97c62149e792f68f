//! DuckDB's names: the expression, written in one form.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, TimezoneInfo,
    UnaryOperator, Value, ValueWithSpan,
};

use super::duckdb_calls::{call, interval, items, lambda, of_syntax};
use super::duckdb_queries::query;
use super::quoted;

/// What stands alone is called as it is.
pub(super) fn name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => {
            let parts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
            parts.join(".")
        }
        Expr::Nested(inner) => name(inner),
        other => written(other),
    }
}

/// As a part of more.
pub(super) fn written(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => quoted::ident(ident),
        Expr::CompoundIdentifier(parts) => {
            let parts: Vec<String> = parts.iter().map(quoted::ident).collect();
            parts.join(".")
        }
        Expr::Subquery(of) => format!("({})", query(of)),
        Expr::Nested(inner) => written(inner),
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        Expr::UnaryOp { op, expr } => unary(*op, expr),
        Expr::Cast {
            kind,
            expr,
            data_type,
            ..
        } => {
            let word = match kind {
                CastKind::TryCast | CastKind::SafeCast => "TRY_CAST",
                _ => "CAST",
            };
            format!("{word}({} AS {})", written(expr), type_name(data_type))
        }
        Expr::TypedString(typed) => {
            format!("CAST({} AS {})", typed.value, type_name(&typed.data_type))
        }
        Expr::Interval(given) => interval(given),
        Expr::Function(function) => call(function),
        Expr::Lambda(function) => lambda(function),
        Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            let mut text = "CASE ".to_owned();
            for when in conditions {
                let mut condition = written(&when.condition);
                if let Some(operand) = operand {
                    condition = format!("({} = {condition})", written(operand));
                }
                text += &format!(" WHEN ({condition}) THEN ({})", written(&when.result));
            }
            let otherwise = else_result.as_deref().map_or("NULL".to_owned(), name);
            format!("{text} ELSE {otherwise} END")
        }
        Expr::Array(array) => match array.named {
            true => format!("(ARRAY[{}])", items(&array.elem)),
            false => format!("list_value({})", items(&array.elem)),
        },
        Expr::Tuple(values) => format!("\"row\"({})", items(values)),
        Expr::Dictionary(fields) => {
            let field = fields
                .iter()
                .map(|field| format!("{} := {}", field.key.value, written(&field.value)));
            format!("struct_pack({})", field.collect::<Vec<_>>().join(", "))
        }
        Expr::Map(map) => {
            let keys: Vec<String> = map
                .entries
                .iter()
                .map(|entry| written(&entry.key))
                .collect();
            let values: Vec<String> = map
                .entries
                .iter()
                .map(|entry| written(&entry.value))
                .collect();
            format!(
                "\"map\"(list_value({}), list_value({}))",
                keys.join(", "),
                values.join(", ")
            )
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let chain: Vec<String> = access_chain.iter().map(AccessExpr::to_string).collect();
            let is_named = matches!(
                root.as_ref(),
                Expr::Identifier(_) | Expr::CompoundIdentifier(_)
            );
            match access_chain.as_slice() {
                [AccessExpr::Dot(_), ..] if !is_named => {
                    format!("({}){}", written(root), chain.join(""))
                }
                _ => format!("{}{}", written(root), chain.join("")),
            }
        }
        other => comparison(other)
            .or_else(|| of_syntax(other))
            .unwrap_or_else(|| other.to_string()),
    }
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr) -> String {
    use BinaryOperator::{And, NotEq, Or};
    match op {
        And | Or => {
            let mut sides = Vec::new();
            chain(left, op, &mut sides);
            chain(right, op, &mut sides);
            format!("({})", sides.join(&format!(" {op} ")))
        }
        NotEq => format!("({} != {})", written(left), written(right)),
        op => format!("({} {op} {})", written(left), written(right)),
    }
}

/// `a AND b AND c` is one conjunction of three.
fn chain(side: &Expr, of: &BinaryOperator, sides: &mut Vec<String>) {
    match side {
        Expr::BinaryOp { left, op, right } if op == of => {
            chain(left, of, sides);
            chain(right, of, sides);
        }
        Expr::Nested(inner) => chain(inner, of, sides),
        side => sides.push(written(side)),
    }
}

fn unary(op: UnaryOperator, expr: &Expr) -> String {
    let is_number = matches!(
        expr,
        Expr::Value(ValueWithSpan {
            value: Value::Number(..),
            ..
        })
    );
    match op {
        UnaryOperator::Not => format!("(NOT {})", written(expr)),
        UnaryOperator::Minus if is_number => format!("-{expr}"),
        op => format!("({op}({}))", written(expr)),
    }
}

fn comparison(expr: &Expr) -> Option<String> {
    let negated = |text: String, negated: &bool| match negated {
        true => format!("(NOT {text})"),
        false => text,
    };
    Some(match expr {
        Expr::IsNull(of) => format!("({} IS NULL)", written(of)),
        Expr::IsNotNull(of) => format!("({} IS NOT NULL)", written(of)),
        Expr::IsDistinctFrom(left, right) => {
            format!("({} IS DISTINCT FROM {})", written(left), written(right))
        }
        Expr::IsNotDistinctFrom(left, right) => {
            format!(
                "({} IS NOT DISTINCT FROM {})",
                written(left),
                written(right)
            )
        }
        Expr::IsTrue(of) => truth(of, "IS NOT DISTINCT FROM true"),
        Expr::IsFalse(of) => truth(of, "IS NOT DISTINCT FROM false"),
        Expr::IsNotTrue(of) => truth(of, "IS DISTINCT FROM true"),
        Expr::IsNotFalse(of) => truth(of, "IS DISTINCT FROM false"),
        Expr::InList {
            expr,
            list,
            negated: not,
        } => negated(format!("({} IN ({}))", written(expr), items(list)), not),
        Expr::InSubquery {
            expr,
            subquery,
            negated: not,
        } => negated(
            format!("({} = ANY({}))", written(expr), query(subquery)),
            not,
        ),
        Expr::Between {
            expr,
            negated: not,
            low,
            high,
        } => negated(
            format!(
                "({} BETWEEN {} AND {})",
                written(expr),
                written(low),
                written(high)
            ),
            not,
        ),
        Expr::Like {
            negated,
            expr,
            pattern,
            escape_char,
            any: false,
        } => like(expr, pattern, *negated, escape_char.as_ref(), ("", "like")),
        Expr::ILike {
            negated,
            expr,
            pattern,
            escape_char,
            any: false,
        } => like(
            expr,
            pattern,
            *negated,
            escape_char.as_ref(),
            ("*", "ilike"),
        ),
        Expr::SimilarTo {
            negated: not,
            expr,
            pattern,
            ..
        } => negated(
            format!("regexp_full_match({}, {})", written(expr), written(pattern)),
            not,
        ),
        _ => return None,
    })
}

fn truth(of: &Expr, is: &str) -> String {
    format!("(CAST({} AS BOOLEAN) {is})", written(of))
}

fn like(
    text: &Expr,
    pattern: &Expr,
    negated: bool,
    escape: Option<&ValueWithSpan>,
    (star, word): (&str, &str),
) -> String {
    let (text, pattern) = (written(text), written(pattern));
    match escape {
        Some(escape) => {
            let not = if negated { "not_" } else { "" };
            format!("{not}{word}_escape({text}, {pattern}, {escape})")
        }
        None => {
            let not = if negated { "!" } else { "" };
            format!("({text} {not}~~{star} {pattern})")
        }
    }
}

/// What the grammar knows as a word of its own is called by it, and any other type as it is written.
pub(super) fn type_name(of: &DataType) -> String {
    let digits = |info: &ExactNumberInfo| match info {
        ExactNumberInfo::None => String::new(),
        ExactNumberInfo::Precision(all) => format!("({all})"),
        ExactNumberInfo::PrecisionAndScale(all, after) => format!("({all}, {after})"),
    };
    match of {
        DataType::Int(_) | DataType::Integer(_) => "INTEGER".to_owned(),
        DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info) => {
            format!("DECIMAL{}", digits(info))
        }
        DataType::Float(_) | DataType::Real => "FLOAT".to_owned(),
        DataType::DoublePrecision => "DOUBLE".to_owned(),
        DataType::Char(length) | DataType::CharacterVarying(length) | DataType::Varchar(length) => {
            let length = length.as_ref().map(|length| format!("({length})"));
            format!("VARCHAR{}", length.unwrap_or_default())
        }
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Timestamp(_, TimezoneInfo::Tz) => "TIMESTAMPTZ".to_owned(),
        DataType::Array(datafusion::sql::sqlparser::ast::ArrayElemTypeDef::SquareBracket(
            item,
            length,
        )) => {
            let length = length.map(|length| length.to_string()).unwrap_or_default();
            format!("{}[{length}]", type_name(item))
        }
        DataType::JSON => "\"json\"".to_owned(),
        other => other.to_string(),
    }
}
