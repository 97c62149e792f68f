//! `SELECT DISTINCT a ... ORDER BY b`: DuckDB takes it, and the order of such rows is any. Where no LIMIT asks for the first
//! of them the key says nothing.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Value,
};

pub(super) fn rewrite(query: &mut Query) {
    let is_cut = query.limit_clause.is_some() || query.fetch.is_some();
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let Some(OrderBy {
        kind: OrderByKind::Expressions(keys),
        ..
    }) = &mut query.order_by
    else {
        return;
    };
    if is_cut || !matches!(select.distinct, Some(Distinct::Distinct)) || has_star(select) {
        return;
    }
    keys.retain(|key| is_selected(&key.expr, select));
    if keys.is_empty() {
        query.order_by = None;
    }
}

fn has_star(select: &Select) -> bool {
    let is_one = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
        )
    };
    !select.projection.iter().all(is_one)
}

fn is_selected(key: &Expr, select: &Select) -> bool {
    if matches!(key, Expr::Value(value) if matches!(value.value, Value::Number(..))) {
        return true;
    }
    let name = name(key);
    select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) => expr == key || name.is_some() && name == self::name(expr),
        SelectItem::ExprWithAlias { expr, alias } => {
            expr == key || name.is_some_and(|name| name.eq_ignore_ascii_case(&alias.value))
        }
        _ => false,
    })
}

/// A column's, without its table.
fn name(column: &Expr) -> Option<&str> {
    match column {
        Expr::Identifier(ident) => Some(&ident.value),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.as_str()),
        _ => None,
    }
}
