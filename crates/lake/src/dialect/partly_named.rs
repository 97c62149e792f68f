//! `(select ...) as t(a)` with fewer names than columns: to DuckDB the others keep theirs.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Ident, Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, VisitMut, VisitorMut,
};
use forebay_core::Diagnostic;

use super::tables::named;
use super::using::Columns;
use super::{Probe, parse, scopes};

pub(super) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    let _ = query.visit(&mut Ctes);
    let is_affected = |select: &Select| factors(select).any(may_keep);
    scopes::each_select(query, probe, &is_affected, &|select, _, columns| {
        let mut from = std::mem::take(&mut select.from);
        for item in &mut from {
            let joined = item.joins.iter_mut().map(|join| &mut join.relation);
            for factor in std::iter::once(&mut item.relation).chain(joined) {
                if may_keep(factor) {
                    name_the_rest(factor, columns);
                }
            }
        }
        select.from = from;
        Ok(())
    })
}

fn factors(select: &Select) -> impl Iterator<Item = &TableFactor> {
    select.from.iter().flat_map(|item| {
        let joined = item.joins.iter().map(|join| &join.relation);
        std::iter::once(&item.relation).chain(joined)
    })
}

/// Whether there may be more columns than names.
fn may_keep(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived {
            subquery,
            alias: Some(alias),
            lateral: false,
            ..
        } => names_part(subquery, alias),
        TableFactor::Table {
            alias: Some(alias),
            args: None,
            ..
        } => !alias.columns.is_empty(),
        _ => false,
    }
}

fn names_part(query: &Query, alias: &TableAlias) -> bool {
    let count = width(&query.body);
    !alias.columns.is_empty() && count.is_none_or(|count| count > alias.columns.len())
}

/// How many columns there are. None: that is not written in it.
fn width(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let is_one = |item: &SelectItem| {
                matches!(
                    item,
                    SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
                )
            };
            select
                .projection
                .iter()
                .all(is_one)
                .then_some(select.projection.len())
        }
        SetExpr::Values(values) => Some(values.rows.first()?.content.len()),
        SetExpr::SetOperation { left, .. } => width(left),
        SetExpr::Query(query) => width(&query.body),
        _ => None,
    }
}

/// What cannot be planned by itself stays as it is, and the engine says why.
fn name_the_rest(factor: &mut TableFactor, columns: &Columns<'_>) {
    let mut bare = factor.clone();
    let (TableFactor::Derived { alias: Some(a), .. } | TableFactor::Table { alias: Some(a), .. }) =
        &mut bare
    else {
        return;
    };
    a.columns.clear();
    let item = TableWithJoins {
        relation: bare,
        joins: Vec::new(),
    };
    let Ok(all) = columns.of(&item) else {
        return;
    };
    if let TableFactor::Derived { alias: Some(a), .. } | TableFactor::Table { alias: Some(a), .. } =
        factor
    {
        let rest = all.into_iter().skip(a.columns.len());
        let rest = rest.map(|column| TableAliasColumnDef {
            name: Ident::with_quote('"', column.name),
            data_type: None,
        });
        a.columns.extend(rest.collect::<Vec<_>>());
    }
}

/// `with t(a) as (...)` becomes `with t as (select * from (...) as t(a))`.
struct Ctes;

impl VisitorMut for Ctes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = query.with.as_mut().filter(|with| !with.recursive) {
            for cte in &mut with.cte_tables {
                if names_part(&cte.query, &cte.alias) {
                    wrap(cte);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn wrap(cte: &mut Cte) {
    let outer = parse("SELECT * FROM x", 10).ok();
    let Some(Statement::Query(mut outer)) = outer.and_then(|mut all| all.pop()) else {
        return;
    };
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let [item] = select.from.as_mut_slice()
    {
        let mut alias = named("forebay_named");
        alias.columns = std::mem::take(&mut cte.alias.columns);
        item.relation = TableFactor::Derived {
            lateral: false,
            subquery: cte.query.clone(),
            alias: Some(alias),
            sample: None,
        };
        cte.query = outer;
    }
}
