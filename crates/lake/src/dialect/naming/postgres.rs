//! PostgreSQL's names: the function's, the column's that is cast, else the type's that it is cast to.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, DataType, ExactNumberInfo, Expr, SelectItem, SetExpr,
    TimezoneInfo,
};

use crate::dialect::folded;

pub(super) fn name(expr: &Expr) -> String {
    found(expr).map_or_else(|| "?column?".to_owned(), Name::text)
}

/// A weak name gives way to that of a type around it.
enum Name {
    Strong(String),
    Weak(String),
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Strong(text) | Self::Weak(text) => text,
        }
    }

    fn strong(text: &str) -> Self {
        Self::Strong(text.to_owned())
    }
}

fn found(expr: &Expr) -> Option<Name> {
    Some(match expr {
        Expr::Identifier(ident) => Name::Strong(folded(ident)),
        Expr::CompoundIdentifier(parts) => Name::Strong(folded(parts.last()?)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => return found(inner),
        Expr::Cast {
            expr, data_type, ..
        } => match found(expr) {
            Some(strong @ Name::Strong(_)) => strong,
            _ => Name::Weak(type_name(data_type)),
        },
        Expr::TypedString(typed) => Name::Weak(type_name(&typed.data_type)),
        Expr::Interval(_) => Name::strong("interval"),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(found) {
            Some(strong @ Name::Strong(_)) => strong,
            _ => Name::Weak("case".to_owned()),
        },
        Expr::Function(function) => {
            Name::Strong(function.name.0.last()?.to_string().to_lowercase())
        }
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => return of_item(select.projection.first()?),
            SetExpr::Values(_) => Name::strong("column1"),
            _ => return None,
        },
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some(folded(ident)),
                _ => None,
            });
            match field {
                Some(field) => Name::Strong(field),
                None => return found(root),
            }
        }
        other => Name::strong(of_syntax(other)?),
    })
}

fn of_item(item: &SelectItem) -> Option<Name> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(Name::Strong(folded(alias))),
        SelectItem::UnnamedExpr(expr) => found(expr),
        _ => None,
    }
}

/// Functions that have a syntax of their own.
fn of_syntax(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::Exists { .. } => "exists",
        Expr::Extract { .. } => "extract",
        Expr::Substring {
            shorthand: true, ..
        } => "substr",
        Expr::Substring { .. } => "substring",
        Expr::Trim { .. } => "btrim",
        Expr::Position { .. } => "position",
        Expr::Overlay { .. } => "overlay",
        Expr::Ceil { .. } => "ceil",
        Expr::Floor { .. } => "floor",
        Expr::AtTimeZone { .. } => "timezone",
        Expr::Array(_) => "array",
        Expr::Tuple(_) => "row",
        _ => return None,
    })
}

/// The type as the catalog calls it, without its digits.
fn type_name(of: &DataType) -> String {
    let known = match of {
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float(ExactNumberInfo::Precision(..=24)) => "float4",
        DataType::Float(_) | DataType::DoublePrecision | DataType::Double(_) | DataType::Float8 => {
            "float8"
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => {
            "varchar"
        }
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timestamptz",
        DataType::Timestamp(..) => "timestamp",
        DataType::Time(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timetz",
        DataType::Time(..) => "time",
        DataType::Interval { .. } => "interval",
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => return type_name(item),
        other => return other.to_string().to_lowercase(),
    };
    known.to_owned()
}
