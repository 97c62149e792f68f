//! In DuckDB the column of `generate_series(1, 3) as i` is `i`, and may be called as its function too:
//! `i.generate_series`, `generate_series`.

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, TableFactor};

use super::{folded, own};

/// Before the functions become queries.
pub(super) fn rewrite(select: &mut Select) {
    let factors = select.from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
    });
    for (alias, function) in factors.filter_map(series).collect::<Vec<_>>() {
        for item in &mut select.projection {
            keep_name(item, &alias, &function);
        }
        own::change(select, |part| {
            if is_called(part, &alias, &function) {
                *part = Expr::CompoundIdentifier(vec![alias.clone(), alias.clone()]);
            }
        });
    }
}

/// The alias and the function, where the alias names the table alone.
fn series(factor: &TableFactor) -> Option<(Ident, String)> {
    let (function, alias) = match factor {
        TableFactor::Table {
            name,
            alias,
            args: Some(_),
            ..
        }
        | TableFactor::Function { name, alias, .. } => (name.to_string().to_lowercase(), alias),
        TableFactor::UNNEST { alias, .. } => ("unnest".to_owned(), alias),
        _ => return None,
    };
    let alias = alias.as_ref().filter(|alias| alias.columns.is_empty())?;
    let is_series = matches!(function.as_str(), "generate_series" | "range" | "unnest");
    (is_series && folded(&alias.name) != function).then(|| (alias.name.clone(), function))
}

fn is_called(expr: &Expr, alias: &Ident, function: &str) -> bool {
    match expr {
        Expr::Identifier(name) => folded(name) == function,
        Expr::CompoundIdentifier(names) => {
            matches!(names.as_slice(), [table, name]
                if folded(table) == folded(alias) && folded(name) == function)
        }
        _ => false,
    }
}

fn keep_name(item: &mut SelectItem, alias: &Ident, function: &str) {
    if let SelectItem::UnnamedExpr(expr) = item
        && is_called(expr, alias, function)
    {
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', function),
        };
    }
}
