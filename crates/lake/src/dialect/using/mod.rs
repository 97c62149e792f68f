//! `RIGHT` and `FULL JOIN ... USING` and their natural forms, and `*` and conditions over any `USING`.
//!
//! The engine takes the left table's column for the merged one, which is null where only the right table has a row,
//! and knows it only as an item, not in `WHERE` nor in what is computed. Here such a query is rewritten before it is
//! planned: the joins get an `ON` condition, the merged column becomes the right table's column or
//! `coalesce(left, right)` wherever it is named, and `*` is spelled out: with the merged column at the left one's place
//! in DuckDB, and in front, in the order of `USING`, in PostgreSQL.

mod keys;
mod names;
mod scope;
mod select;

use datafusion::sql::sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, Query, Select, SelectItem, TableFactor, TableWithJoins,
};
use forebay_core::Diagnostic;

use super::{Probe, folded, scopes};
use crate::types::Dialect;

pub(super) use scope::{Columns, constraint, constraint_of, quoted};
pub(super) use select::left_out;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    rewrite_others(query, dialect, probe, &|_| false)
}

/// Rewrites all but some.
pub(super) fn rewrite_others(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
    is_left: &dyn Fn(&Select) -> bool,
) -> Result<(), Diagnostic> {
    let is_other = |item: &TableWithJoins| match dialect {
        Dialect::DuckDb => keeps_another_key(item),
        Dialect::Postgres => item.joins.iter().any(merges),
    };
    let has = |select: &Select| {
        let spreads = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_));
        if is_left(select) {
            return false;
        }
        select.from.iter().any(is_affected)
            || select.from.iter().any(merges_many)
            || select.projection.iter().any(renames)
            || select.projection.iter().any(excludes) && has_tables(select)
            || select.projection.iter().any(spreads) && select.from.iter().any(is_other)
            || select.projection.iter().any(is_of_table) && select.from.iter().any(has_merged)
            || keys::are_computed_with(select)
    };
    scopes::each_select(query, probe, &has, &|select, order_by, columns| {
        select::rewrite(select, order_by, columns, dialect)
    })
}

/// `* RENAME (a AS b)`, which the engine does not know.
fn renames(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(options) if options.opt_rename.is_some())
}

/// `* EXCLUDE (a)`: the engine looks for one column of that name, where several tables may have one.
fn excludes(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(options) if options.opt_exclude.is_some())
}

fn has_tables(select: &Select) -> bool {
    select.from.len() > 1 || select.from.iter().any(|item| !item.joins.is_empty())
}

/// Whether `*` has the key of another table than the first: the engine keeps that of the table whose name
/// is the least.
fn keeps_another_key(item: &TableWithJoins) -> bool {
    let factors = std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation));
    let names: Option<Vec<String>> = factors.map(plain_name).collect();
    let ascending = names.is_some_and(|names| names.is_sorted_by(|one, next| one < next));
    !ascending && item.joins.iter().any(merges)
}

/// Over three tables and more the engine does not know the key of all of them for one.
fn merges_many(item: &TableWithJoins) -> bool {
    item.joins.iter().filter(|join| merges(join)).count() > 1
}

fn has_merged(item: &TableWithJoins) -> bool {
    item.joins.iter().any(merges)
}

/// `a.*`: to the engine one table's key is not among its columns.
fn is_of_table(item: &SelectItem) -> bool {
    matches!(item, SelectItem::QualifiedWildcard(..))
}

/// An inner or left join that merges columns.
fn merges(join: &Join) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{Inner, Left, LeftOuter};
    match &join.join_operator {
        JoinOperator::Join(on) | Inner(on) | Left(on) | LeftOuter(on) => {
            matches!(on, Using(_) | Natural)
        }
        _ => false,
    }
}

fn plain_name(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(a), .. } | TableFactor::Derived { alias: Some(a), .. } => {
            Some(folded(&a.name))
        }
        TableFactor::Table { name, .. } => match name.0.as_slice() {
            [only] => only.as_ident().map(folded),
            _ => None,
        },
        _ => None,
    }
}

fn is_affected(item: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_affected(table_with_joins),
        _ => false,
    };
    nested(&item.relation)
        || item
            .joins
            .iter()
            .any(|join| is_wrong(join) || nested(&join.relation))
}

/// A natural left join is here too: without common columns the engine makes a cross join of it, and
/// so drops the left rows where the right table is empty.
fn is_wrong(join: &Join) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
    match &join.join_operator {
        FullOuter(on) | Right(on) | RightOuter(on) => matches!(on, Using(_) | Natural),
        Left(on) | LeftOuter(on) => matches!(on, Natural),
        _ => false,
    }
}
