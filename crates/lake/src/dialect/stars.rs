//! `s.*` and `unnest(s)` of a column that is a structure: each of its fields. And `* REPLACE (x AS a)`, which replaces what is there.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    DictionaryField, Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    TableFactor, TableWithJoins, WildcardAdditionalOptions,
};
use forebay_core::{Diagnostic, suggest};

use super::using::{Columns, left_out};
use super::{Probe, calls, columns, folded, naming, scopes, unnests};
use crate::types::Dialect;

pub(super) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    let is_affected = |select: &Select| {
        select.projection.iter().any(|item| {
            column(item, &select.from).is_some()
                || unnested(item).is_some()
                || unnests::call(item).is_some()
                || replaced(item).next().is_some()
        })
    };
    scopes::each_select(query, probe, &is_affected, &|select, _, columns| {
        all_there(select, columns)?;
        let mut items = Vec::new();
        for item in std::mem::take(&mut select.projection) {
            match column(&item, &select.from) {
                Some((of, options)) => {
                    let all = fields(&of, &select.from, columns)?;
                    items.extend(each_field(&[of], left(all, options)?));
                }
                None => match unnests::spread(&item, &select.from, columns) {
                    Some(all) => items.extend(all),
                    None => items.extend(parts(item, &select.from, columns)),
                },
            }
        }
        select.projection = items;
        Ok(())
    })
}

/// The names that a star replaces.
fn replaced(item: &SelectItem) -> impl Iterator<Item = &Ident> {
    let options = match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => Some(options),
        _ => None,
    };
    let replace = options.and_then(|options| options.opt_replace.as_ref());
    let items = replace.into_iter().flat_map(|replace| &replace.items);
    items.map(|item| &item.column_name)
}

/// What cannot be planned by itself, as a lateral item, is not looked into.
fn all_there(select: &Select, columns: &Columns<'_>) -> Result<(), Diagnostic> {
    let mut known = Vec::new();
    for item in &select.from {
        match columns.of(item) {
            Ok(found) => known.extend(found.into_iter().map(|column| column.name.to_lowercase())),
            Err(_) => return Ok(()),
        }
    }
    let mut all = select.projection.iter().flat_map(replaced);
    match all.find(|name| !known.contains(&folded(name).to_lowercase())) {
        Some(name) => Err(Diagnostic::error(format!(
            "* REPLACE names '{}', which is no column of the query",
            name.value
        ))
        .maybe_hint(suggest::nearest(
            &name.value,
            known.iter().map(String::as_str),
        ))),
        None => Ok(()),
    }
}

/// What the star is of, where it is no table.
fn column<'a>(
    item: &'a SelectItem,
    from: &[TableWithJoins],
) -> Option<(Ident, &'a WildcardAdditionalOptions)> {
    let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) =
        item
    else {
        return None;
    };
    let [part] = name.0.as_slice() else {
        return None;
    };
    let ident = part.as_ident()?;
    let wanted = folded(ident);
    let mut factors = from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation))
    });
    (!factors.any(|factor| may_be(factor, &wanted))).then(|| (ident.clone(), options))
}

/// The fields that the star does not leave out.
fn left(
    fields: Vec<String>,
    options: &WildcardAdditionalOptions,
) -> Result<Vec<String>, Diagnostic> {
    if !columns::only_excludes(options) {
        return Err(Diagnostic::error("a .* of a structure takes EXCLUDE alone")
            .hint("write its fields out: s.a, upper(s.b) as b"));
    }
    let out: HashSet<String> = left_out(options)
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    let is_left = |name: &String| !out.contains(&name.to_lowercase());
    Ok(fields.into_iter().filter(is_left).collect())
}

/// Whether the factor has the name, or what names it has is not known.
fn may_be(factor: &TableFactor, wanted: &str) -> bool {
    match factor {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => folded(&alias.name) == wanted,
        TableFactor::Table { name, .. } => {
            let last = name.0.last().and_then(|part| part.as_ident());
            last.is_none_or(|last| folded(last) == wanted)
        }
        TableFactor::Derived { .. } => false,
        _ => true,
    }
}

fn fields(
    of: &Ident,
    from: &[TableWithJoins],
    columns: &Columns<'_>,
) -> Result<Vec<String>, Diagnostic> {
    let name = folded(of);
    columns.fields(from, &name).ok_or_else(|| {
        Diagnostic::error(format!(
            "'{name}.*' is of no table of the query, and of no column that is a structure"
        ))
    })
}

fn each_field(of: &[Ident], fields: Vec<String>) -> Vec<SelectItem> {
    let item = |field: String| {
        let field = Ident::with_quote('"', field);
        let parts = of.iter().cloned().chain([field.clone()]);
        SelectItem::ExprWithAlias {
            expr: Expr::CompoundIdentifier(parts.collect()),
            alias: field,
        }
    };
    fields.into_iter().map(item).collect()
}

/// What an item without a name unnests.
fn unnested(item: &SelectItem) -> Option<Expr> {
    let SelectItem::UnnamedExpr(Expr::Function(function)) = item else {
        return None;
    };
    let args = match calls::name_of(function)?.as_str() {
        "unnest" => calls::args(function)?,
        _ => return None,
    };
    match args.as_slice() {
        [of] => Some(of.clone()),
        _ => None,
    }
}

/// The fields of a structure that is unnested. A list has one column; what a call gives is not known.
fn parts(item: SelectItem, from: &[TableWithJoins], columns: &Columns<'_>) -> Vec<SelectItem> {
    let fields = match unnested(&item) {
        None => return vec![item],
        Some(Expr::Dictionary(fields)) => {
            let field = |field: &DictionaryField| SelectItem::ExprWithAlias {
                expr: field.value.as_ref().clone(),
                alias: field.key.clone(),
            };
            return fields.iter().map(field).collect();
        }
        Some(Expr::Identifier(name)) => {
            let name = vec![name];
            let fields = columns.fields(from, &folded(&name[0]));
            fields.map(|fields| each_field(&name, fields))
        }
        Some(Expr::CompoundIdentifier(names)) => {
            let last = names.last().map(folded).unwrap_or_default();
            let fields = columns.fields(from, &last);
            fields.map(|fields| each_field(&names, fields))
        }
        Some(Expr::Array(_)) => None,
        Some(_) => return vec![item],
    };
    fields.unwrap_or_else(|| vec![named(item)])
}

fn named(item: SelectItem) -> SelectItem {
    match item {
        SelectItem::UnnamedExpr(expr) => SelectItem::ExprWithAlias {
            alias: Ident::with_quote('"', naming::name(&expr, Dialect::DuckDb).to_lowercase()),
            expr,
        },
        other => other,
    }
}
