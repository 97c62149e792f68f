//! The members and items of JSON as rows: `json_each` and `json_tree` in `FROM`.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Select, SelectItem, Statement, TableAlias, TableFactor,
};

use super::json_rows::VALUE;
use super::parse;
use super::tables::{has_column, named};

/// DuckDB's columns.
const COLUMNS: &[&str] = &[
    "key", VALUE, "type", "atom", "id", "parent", "fullkey", "path",
];

/// The text of what may name the columns of the query's tables; nothing where it takes all of them.
pub(super) fn around(select: &Select, order: Option<&String>) -> String {
    let is_all = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    let from = select.from.iter().map(ToString::to_string);
    let from = from.collect::<Vec<_>>().join(" ").to_lowercase();
    if !from.contains("json_each") && !from.contains("json_tree")
        || select.projection.is_empty()
        || select.projection.iter().any(is_all)
    {
        return String::new();
    }
    let order = order.map_or("", String::as_str);
    let text = format!("{select} {order}").to_lowercase();
    match text.contains("columns(") {
        true => String::new(),
        false => text,
    }
}

fn names(text: &str, column: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).any(|word| word == column)
}

/// A row for each member or item, or also for all within them. Each column is a list of its own, so those that nothing
/// names are left out.
pub(super) fn of_duckdb(
    name: &str,
    args: &[FunctionArg],
    alias: &Option<TableAlias>,
    around: &str,
) -> Option<TableFactor> {
    let args = plain(args)?;
    let (json, path) = match args.as_slice() {
        [json] => (json, "'$'".to_owned()),
        [json, path] => (json, path.to_string()),
        _ => return None,
    };
    let kind = name.trim_start_matches("json_");
    let is_needed = |column: &&&str| {
        [&"key", &VALUE].contains(column) || around.is_empty() || names(around, column)
    };
    let columns: Vec<String> = COLUMNS
        .iter()
        .filter(is_needed)
        .map(|column| format!("unnest(json_row_{column}({json}, {path}, '{kind}')) AS {column}"))
        .collect();
    derived(
        name,
        &columns,
        alias,
        args.iter().any(|arg| has_column(arg)),
    )
}

/// PostgreSQL's have a key and a value.
pub(super) fn of_postgres(
    name: &str,
    values: &str,
    args: &[FunctionArg],
    alias: &Option<TableAlias>,
) -> Option<TableFactor> {
    let args = plain(args)?;
    let [json] = args.as_slice() else {
        return None;
    };
    let columns = [
        format!("unnest(json_each_keys({json})) AS key"),
        format!("unnest({values}({json})) AS {VALUE}"),
    ];
    derived(name, &columns, alias, has_column(json))
}

fn plain(args: &[FunctionArg]) -> Option<Vec<&Expr>> {
    let plain = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    args.iter().map(plain).collect()
}

fn derived(
    name: &str,
    columns: &[String],
    alias: &Option<TableAlias>,
    lateral: bool,
) -> Option<TableFactor> {
    let text = format!("SELECT {}", columns.join(", "));
    let Some(Statement::Query(subquery)) = parse(&text, 50).ok()?.pop() else {
        return None;
    };
    Some(TableFactor::Derived {
        lateral,
        subquery,
        alias: Some(alias.clone().unwrap_or_else(|| named(name))),
        sample: None,
    })
}
