//! Rewrites one `SELECT` whose `FROM` has such a join.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, OrderBy, OrderByKind, RenameSelectItem, Select,
    SelectItem, WildcardAdditionalOptions,
};
use forebay_core::Diagnostic;

use super::super::folded;
use super::names::Merged;
use super::scope::{Column, Columns, quoted, refused};
use super::{is_affected, merges};
use crate::types::Dialect;

pub(super) fn rewrite(
    select: &mut Select,
    order_by: Option<&mut OrderBy>,
    columns: &Columns<'_>,
    dialect: Dialect,
) -> Result<(), Diagnostic> {
    let mut visible = Vec::new();
    for item in &mut select.from {
        visible.extend(match is_affected(item) || item.joins.iter().any(merges) {
            true => columns.convert(item, dialect)?,
            false => columns.of(item)?,
        });
    }
    let mut merged = Merged::new(&visible).with_columns(columns);
    rewrite_projection(select, &visible, &mut merged)?;
    rewrite_clauses(select, &mut merged)?;
    if let Some(order_by) = order_by {
        rewrite_order(order_by, &output_names(select), &mut merged)?;
    }
    Ok(())
}

fn rewrite_projection(
    select: &mut Select,
    visible: &[Column],
    merged: &mut Merged<'_>,
) -> Result<(), Diagnostic> {
    let mut items = Vec::new();
    for mut item in std::mem::take(&mut select.projection) {
        match &mut item {
            SelectItem::Wildcard(options) => items.extend(expand(options, visible, merged)?),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => {
                let ident = ident.clone();
                items.push(match merged.meaning(&ident)? {
                    // The column keeps its name.
                    Some(expr) => SelectItem::ExprWithAlias {
                        expr,
                        alias: quoted(&folded(&ident)),
                    },
                    None => item,
                });
            }
            _ => {
                merged.replace_in(&mut item)?;
                items.push(item);
            }
        }
    }
    select.projection = items;
    Ok(())
}

/// `*` as a list of columns.
fn expand(
    options: &WildcardAdditionalOptions,
    visible: &[Column],
    merged: &mut Merged<'_>,
) -> Result<Vec<SelectItem>, Diagnostic> {
    if options.opt_ilike.is_some() || options.opt_alias.is_some() {
        return Err(refused(
            "SELECT * has more than EXCLUDE, REPLACE and RENAME",
        ));
    }
    let left_out = left_out(options);
    let names: HashSet<&str> = visible.iter().map(|column| column.name.as_str()).collect();
    if let Some(unknown) = left_out.iter().find(|name| !names.contains(name.as_str())) {
        return Err(Diagnostic::error(format!(
            "there is no column '{unknown}' to leave out"
        )));
    }
    let replaced = options.opt_replace.iter().flat_map(|all| &all.items);
    let mut replaced = replaced.map(|item| folded(&item.column_name));
    if let Some(unknown) = replaced.find(|name| !names.contains(name.as_str())) {
        return Err(Diagnostic::error(format!(
            "there is no column '{unknown}' to replace"
        )));
    }
    let kept = visible
        .iter()
        .filter(|column| !left_out.contains(&column.name));
    let mut items = Vec::new();
    for column in kept {
        let (mut expr, mut name) = (column.expr.clone(), None);
        if let Some(given) = replacement(options, column) {
            expr = given.clone();
            merged.replace_in(&mut expr)?;
            name = Some(quoted(&column.name));
        } else if column.merged {
            name = Some(quoted(&column.name));
        }
        items.push(match new_name(options, column).or(name) {
            Some(alias) => SelectItem::ExprWithAlias { expr, alias },
            None => SelectItem::UnnamedExpr(expr),
        });
    }
    Ok(items)
}

fn replacement<'a>(options: &'a WildcardAdditionalOptions, column: &Column) -> Option<&'a Expr> {
    let items = &options.opt_replace.as_ref()?.items;
    let of = items
        .iter()
        .find(|item| folded(&item.column_name) == column.name);
    of.map(|item| &item.expr)
}

fn new_name(options: &WildcardAdditionalOptions, column: &Column) -> Option<Ident> {
    let renamed = match options.opt_rename.as_ref()? {
        RenameSelectItem::Single(renamed) => std::slice::from_ref(renamed),
        RenameSelectItem::Multiple(renamed) => renamed.as_slice(),
    };
    let of = renamed
        .iter()
        .find(|renamed| folded(&renamed.ident) == column.name);
    of.map(|renamed| quoted(&folded(&renamed.alias)))
}

/// The columns that `* EXCLUDE (...)` leaves out.
pub(in crate::dialect) fn left_out(options: &WildcardAdditionalOptions) -> HashSet<String> {
    let last = |name: &ObjectName| {
        let part = name.0.last().and_then(|part| part.as_ident());
        part.map(folded)
    };
    let excluded: Vec<String> = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => last(name).into_iter().collect(),
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(last).collect(),
        None => Vec::new(),
    };
    let except = options.opt_except.iter().flat_map(|except| {
        let first: &Ident = &except.first_element;
        std::iter::once(first)
            .chain(&except.additional_elements)
            .map(folded)
    });
    excluded.into_iter().chain(except).collect()
}

fn rewrite_clauses(select: &mut Select, merged: &mut Merged<'_>) -> Result<(), Diagnostic> {
    merged.replace_in(&mut select.distinct)?;
    merged.replace_in(&mut select.selection)?;
    merged.replace_in(&mut select.group_by)?;
    merged.replace_in(&mut select.having)?;
    merged.replace_in(&mut select.named_window)?;
    merged.replace_in(&mut select.qualify)
}

fn output_names(select: &Select) -> HashSet<String> {
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        _ => None,
    };
    select.projection.iter().filter_map(name).collect()
}

/// A bare name in `ORDER BY` means the answer's column of that name, if there is one.
fn rewrite_order(
    order_by: &mut OrderBy,
    outputs: &HashSet<String>,
    merged: &mut Merged<'_>,
) -> Result<(), Diagnostic> {
    let OrderByKind::Expressions(exprs) = &mut order_by.kind else {
        return Ok(());
    };
    for order in exprs {
        match &order.expr {
            Expr::Identifier(ident) if outputs.contains(&folded(ident)) => {}
            _ => merged.replace_in(&mut order.expr)?,
        }
    }
    Ok(())
}
