//! A field of a structure that is an item without a name hides no column of its name in `ORDER BY`: in DuckDB
//! `SELECT s.id FROM t ORDER BY id` is by the column `id`. The engine would take the item, by the name that it has.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Select, Subscript, TableFactor, Value,
};

use super::folded;
use super::own::{self, Ordered};

/// Writes such fields in brackets, `s['id']`, which have no name of their own.
pub(super) fn rewrite(query: &mut Query) {
    own::each_ordered(query, bracket_fields);
}

fn bracket_fields(mut all: Ordered<'_>) {
    let tables = tables(all.select);
    let mut names = HashSet::new();
    for key in &mut all.keys {
        own::change(*key, |part| names.extend(column(part, &tables)));
    }
    if names.is_empty() {
        return;
    }
    all.change(|part| {
        if let Some(field) = field(part, &tables, &names) {
            *part = field;
        }
    });
}

pub(super) fn tables(select: &Select) -> HashSet<String> {
    let factors = select.from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation))
    });
    factors.filter_map(name).collect()
}

/// What a part of `FROM` is called.
pub(super) fn name(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        }
        | TableFactor::Function {
            alias: Some(alias), ..
        }
        | TableFactor::UNNEST {
            alias: Some(alias), ..
        } => Some(folded(&alias.name)),
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().map(folded),
        _ => None,
    }
}

/// The name of a column that is no field.
fn column(expr: &Expr, tables: &HashSet<String>) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] if tables.contains(&folded(table)) => Some(folded(name)),
            _ => None,
        },
        _ => None,
    }
}

/// A field of one of the names, in brackets.
fn field(expr: &Expr, tables: &HashSet<String>, names: &HashSet<String>) -> Option<Expr> {
    let Expr::CompoundIdentifier(parts) = expr else {
        return None;
    };
    let of_table = usize::from(tables.contains(&folded(parts.first()?)));
    let (column, fields) = parts.split_at_checked(1 + of_table)?;
    if !names.contains(&folded(fields.last()?)) {
        return None;
    }
    let bracket = |name: &Ident| {
        let index = Expr::Value(Value::SingleQuotedString(name.value.clone()).into());
        AccessExpr::Subscript(Subscript::Index { index })
    };
    Some(Expr::CompoundFieldAccess {
        root: Box::new(match column {
            [one] => Expr::Identifier(one.clone()),
            all => Expr::CompoundIdentifier(all.to_vec()),
        }),
        access_chain: fields.iter().map(bracket).collect(),
    })
}
