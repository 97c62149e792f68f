//! `*` and `t.*`, with EXCEPT, EXCLUDE, REPLACE, RENAME and ILIKE.

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, IdentWithAlias, RenameSelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};
use forebay_core::{Diagnostic, suggest};

use super::expr::bare;
use super::names;
use super::operands::refused;
use super::origin::Column;
use super::resolver::Resolver;
use super::scope::{Item, Scope};

impl Resolver<'_> {
    /// The columns that a wildcard stands for, after its options.
    pub fn wildcard(
        &self,
        columns: &[Column],
        options: &WildcardAdditionalOptions,
        scope: &Scope<'_>,
    ) -> Result<Vec<Column>, Diagnostic> {
        let mut columns = columns.to_vec();
        if let Some(ilike) = &options.opt_ilike {
            columns.retain(|column| like(&column.name, &ilike.pattern));
        }
        for ident in excluded(options) {
            at(&columns, &ident)?;
            columns.retain(|column| !is(column, &ident));
        }
        for item in options
            .opt_replace
            .iter()
            .flat_map(|replace| &replace.items)
        {
            let place = at(&columns, &item.column_name)?;
            let origin = self.expr(&item.expr, scope)?;
            columns[place] = Column::new(columns[place].name.clone(), origin);
        }
        for renaming in renamed(options) {
            let place = at(&columns, &renaming.ident)?;
            columns[place] = columns[place].renamed(names::fold(&renaming.alias));
        }
        Ok(columns)
    }
}

/// The table that `t.*` or `(t).*` names.
pub(super) fn item<'s>(
    kind: &SelectItemQualifiedWildcardKind,
    scope: &'s Scope<'_>,
) -> Result<&'s Item, Diagnostic> {
    let path = match kind {
        SelectItemQualifiedWildcardKind::ObjectName(name) => names::path(name),
        SelectItemQualifiedWildcardKind::Expr(expr) => match bare(expr) {
            Expr::Identifier(ident) => vec![names::fold(ident)],
            Expr::CompoundIdentifier(parts) => parts.iter().map(names::fold).collect(),
            other => return Err(refused(&format!("the fields of {other}"))),
        },
    };
    scope.item(&path).ok_or_else(|| {
        Diagnostic::error(format!("no table '{}' in the FROM clause", path.join(".")))
    })
}

/// Only the schemas know what `*` stands for.
pub(super) fn check_open(items: &[Item]) -> Result<(), Diagnostic> {
    match items.iter().find_map(|item| item.open.as_ref()) {
        None => Ok(()),
        Some(table) => Err(Diagnostic::error(format!(
            "'*' reads table '{table}', whose columns are not declared"
        ))
        .hint("declare its columns in a source's or model's properties")),
    }
}

fn excluded(options: &WildcardAdditionalOptions) -> Vec<Ident> {
    let except = options.opt_except.iter();
    let except =
        except.flat_map(|e| std::iter::once(&e.first_element).chain(&e.additional_elements));
    let exclude = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_slice(),
        None => &[],
    };
    except
        .cloned()
        .chain(exclude.iter().map(names::last))
        .collect()
}

fn renamed(options: &WildcardAdditionalOptions) -> &[IdentWithAlias] {
    match &options.opt_rename {
        Some(RenameSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(RenameSelectItem::Multiple(many)) => many,
        None => &[],
    }
}

fn is(column: &Column, ident: &Ident) -> bool {
    !names::matching(std::slice::from_ref(column), ident).is_empty()
}

fn at(columns: &[Column], ident: &Ident) -> Result<usize, Diagnostic> {
    columns
        .iter()
        .position(|column| is(column, ident))
        .ok_or_else(|| {
            let known = columns.iter().map(|column| column.name.as_str());
            Diagnostic::error(format!(
                "'*' has no column '{}'{}",
                ident.value,
                names::place(ident)
            ))
            .maybe_hint(suggest::nearest(&ident.value, known))
        })
}

/// SQL's ILIKE: `%` is any text, `_` any character.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    // matched[i]: the pattern so far matches the first i characters
    let mut matched: Vec<bool> = std::iter::once(true)
        .chain(text.iter().map(|_| false))
        .collect();
    for symbol in pattern.to_lowercase().chars() {
        let before = matched.clone();
        for i in 0..matched.len() {
            matched[i] = match symbol {
                '%' => before[..=i].contains(&true),
                '_' => i > 0 && before[i - 1],
                c => i > 0 && before[i - 1] && text[i - 1] == c,
            };
        }
    }
    matched.last().copied().unwrap_or(false)
}
