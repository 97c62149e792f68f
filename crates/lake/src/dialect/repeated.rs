//! A name that a `SELECT` of DuckDB's gives a second time has a number: `SELECT *, upper(a) AS a` has columns `a` and
//! `a_1`. The engine refuses such a query, or numbers in a way of its own.

use std::collections::HashSet;

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
};
use forebay_core::Diagnostic;

use super::selects::{given_name, numbered};
use super::using::{Columns, left_out};
use super::{Probe, columns, folded, scopes};

/// Whether the query was planned with a name that is there twice, or not at all for that reason. Few are: the columns
/// of the others need not be looked up.
pub(crate) fn is_in(planned: &Result<LogicalPlan, DataFusionError>) -> bool {
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return is_why(error.find_root()),
    };
    let mut names = HashSet::new();
    let mut fields = plan.schema().fields().iter();
    fields.any(|field| !names.insert(field.name()) || is_numbered(field.name(), ':'))
}

fn is_why(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, .. } => is_numbered(&field.name, '_'),
            _ => true,
        },
        other => other.message().contains("require unique expression names"),
    }
}

fn is_numbered(name: &str, sign: char) -> bool {
    let number = name.rsplit_once(sign).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

pub(crate) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    let may_repeat = |select: &Select| {
        let mut names = HashSet::new();
        let mut items = select.projection.iter();
        items.any(|item| given_name(item).map_or_else(|| is_star(item), |name| !names.insert(name)))
    };
    scopes::each_select(query, probe, &may_repeat, &|select, _, columns| {
        number(select, columns)
    })
}

fn is_star(item: &SelectItem) -> bool {
    matches!(
        item,
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
    )
}

/// Spells stars out, as far as they are nothing more, and numbers the names.
fn number(select: &mut Select, columns: &Columns<'_>) -> Result<(), Diagnostic> {
    let mut all = Vec::new();
    if select.projection.iter().any(is_star) {
        for item in &select.from {
            all.extend(columns.of(item)?);
        }
    }
    let mut items = Vec::new();
    for item in std::mem::take(&mut select.projection) {
        let Some((table, left_out)) = plain_star(&item) else {
            items.push(item);
            continue;
        };
        let of_table = all.iter().filter(|column| {
            let is_of = |table: &String| table_of(&column.expr).as_ref() == Some(table);
            table.as_ref().is_none_or(is_of) && !left_out.contains(&column.name)
        });
        let before = items.len();
        items.extend(of_table.map(|column| SelectItem::UnnamedExpr(column.expr.clone())));
        if items.len() == before {
            items.push(item);
        }
    }
    let mut taken = HashSet::new();
    for item in &mut items {
        let Some(name) = given_name(item) else {
            continue;
        };
        let unique = numbered(&name, &mut taken);
        if unique == name {
            continue;
        }
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: super::using::quoted(&unique),
            };
        }
    }
    select.projection = items;
    Ok(())
}

/// Of a star that at most leaves columns out: its table, and those.
fn plain_star(item: &SelectItem) -> Option<(Option<String>, HashSet<String>)> {
    let (table, options) = match item {
        SelectItem::Wildcard(options) => (None, options),
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            let table = name.0.last()?.as_ident().map(folded)?;
            (Some(table), options)
        }
        _ => return None,
    };
    columns::only_excludes(options).then(|| (table, left_out(options)))
}

/// The table that a column is written with.
fn table_of(column: &Expr) -> Option<String> {
    match column {
        Expr::CompoundIdentifier(parts) => parts.iter().rev().nth(1).map(folded),
        _ => None,
    }
}
