//! Identifiers as PostgreSQL reads them, and the names that it gives to unnamed expressions.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    Query, SelectItem, SetExpr, TrimWhereField,
};

pub(super) use crate::dialect::folded as fold;

use super::origin::Column;

/// The parts of a dotted name. Parts that are computed (`identifier('x')`) are left as written.
pub(super) fn path(name: &ObjectName) -> Vec<String> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => fold(ident),
        ObjectNamePart::Function(function) => function.to_string(),
    };
    name.0.iter().map(part).collect()
}

/// The last part of a dotted name.
pub(super) fn last(name: &ObjectName) -> Ident {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => ident.clone(),
        Some(ObjectNamePart::Function(function)) => function.name.clone(),
        None => Ident::new(""),
    }
}

/// The columns that an identifier can mean: those of that very name, else, for an unquoted one,
/// those that differ in case only (a declared `OrderId` may be written `orderid`).
pub(super) fn matching<'a>(columns: &'a [Column], ident: &Ident) -> Vec<&'a Column> {
    let name = fold(ident);
    let exact: Vec<&Column> = columns.iter().filter(|c| c.name == name).collect();
    if !exact.is_empty() || ident.quote_style.is_some() {
        return exact;
    }
    let alike = |column: &&Column| column.name.to_lowercase() == name;
    columns.iter().filter(alike).collect()
}

/// ` (line 2, column 7)`, or nothing where the parser kept no place.
pub(super) fn place(ident: &Ident) -> String {
    let start = ident.span.start;
    match start.line {
        0 => String::new(),
        line => format!(" (line {line}, column {})", start.column),
    }
}

const UNNAMED: &str = "?column?";

/// The name of a select item without an alias.
pub(super) fn of_expr(expr: &Expr) -> String {
    strong(expr)
        .or_else(|| weak(expr))
        .unwrap_or_else(|| UNNAMED.to_owned())
}

/// A name that passes through casts and CASE.
fn strong(expr: &Expr) -> Option<String> {
    let name = match expr {
        Expr::Identifier(ident) => return Some(fold(ident)),
        Expr::CompoundIdentifier(parts) => return parts.last().map(fold),
        Expr::CompoundFieldAccess { root, access_chain } => return of_access(root, access_chain),
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::Collate { expr: inner, .. } => return strong(inner),
        Expr::Case { else_result, .. } => return else_result.as_deref().and_then(strong),
        Expr::Subquery(query) => return of_query(query),
        Expr::Function(function) => return Some(of_function(function)),
        Expr::Exists { .. } => "exists",
        Expr::Array(_) => "array",
        Expr::Extract { .. } => "extract",
        Expr::AtTimeZone { .. } => "timezone",
        Expr::Ceil { .. } => "ceil",
        Expr::Floor { .. } => "floor",
        Expr::Position { .. } => "position",
        Expr::Overlay { .. } => "overlay",
        Expr::Substring { shorthand, .. } => match shorthand {
            true => "substr",
            false => "substring",
        },
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        },
        Expr::Tuple(_) => "row",
        _ => return None,
    };
    Some(name.to_owned())
}

/// A name for want of a better one.
fn weak(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => weak(inner),
        Expr::Cast { data_type, .. } => Some(of_type(data_type)),
        Expr::TypedString(typed) => Some(of_type(&typed.data_type)),
        Expr::Interval(_) => Some("interval".to_owned()),
        Expr::Case { .. } => Some("case".to_owned()),
        _ => None,
    }
}

fn of_access(root: &Expr, chain: &[AccessExpr]) -> Option<String> {
    let field = chain.iter().rev().find_map(|access| match access {
        AccessExpr::Dot(Expr::Identifier(ident)) => Some(fold(ident)),
        _ => None,
    });
    field.or_else(|| strong(root))
}

fn of_function(function: &Function) -> String {
    match (&function.args, fold(&last(&function.name)).as_str()) {
        (FunctionArguments::Subquery(_), "array") => "array".to_owned(),
        (_, name) => name.to_owned(),
    }
}

/// A scalar subquery is named as its column.
fn of_query(query: &Query) -> Option<String> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    match select.projection.first()? {
        SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
        SelectItem::UnnamedExpr(expr) => Some(of_expr(expr)),
        _ => None,
    }
}

/// The name inside the server of a type.
fn of_type(data_type: &DataType) -> String {
    let text = data_type.to_string().to_lowercase();
    let bare = text.split('(').next().unwrap_or(&text).trim();
    match bare {
        "int" | "integer" | "int4" => "int4",
        "bigint" | "int8" => "int8",
        "smallint" | "int2" => "int2",
        "double precision" | "double" | "float" | "float8" => "float8",
        "real" | "float4" => "float4",
        "decimal" | "numeric" => "numeric",
        "boolean" | "bool" => "bool",
        "character varying" | "varchar" => "varchar",
        "character" | "char" => "bpchar",
        "timestamp with time zone" | "timestamptz" => "timestamptz",
        "timestamp" | "timestamp without time zone" => "timestamp",
        other => other.rsplit('.').next().unwrap_or(other),
    }
    .to_owned()
}
