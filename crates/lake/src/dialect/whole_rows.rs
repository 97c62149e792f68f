//! A table's name in the place of a value is the whole row, as a structure of its columns: `to_jsonb(t)`, `count(t)`,
//! `md5(t::text)`. In DuckDB it may stand anywhere. Where an outer join may leave the row out it is none, and the name is
//! left as it is, which the engine refuses.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, JoinOperator, Query, Select,
    SelectItem, TableFactor, TableWithJoins, Visit, Visitor,
};
use forebay_core::Diagnostic;

use super::calls::fill;
use super::selects::given_name;
use super::using::Columns;
use super::{Probe, folded, hidden, own, scopes};
use crate::types::Dialect;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    scopes::each_select(query, probe, &names_table, &|select, _, columns| {
        for (table, fields) in rows(select, dialect, columns) {
            if dialect == Dialect::DuckDb {
                select
                    .projection
                    .iter_mut()
                    .for_each(|item| keep_name(item, &table));
            }
            own::change(select, |part| match dialect {
                Dialect::DuckDb => replace(part, &table, &fields),
                Dialect::Postgres => in_place(part, &table, &fields),
            });
        }
        Ok(())
    })
}

/// Whether a table's name stands alone as an expression.
fn names_table(select: &Select) -> bool {
    struct Finder(HashSet<String>);
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(name) if self.0.contains(&folded(name)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let tables = hidden::tables(select);
    !tables.is_empty() && Visit::visit(select, &mut Finder(tables)).is_break()
}

/// The tables whose names mean their rows, with their columns: those that no column or item is called as.
fn rows(select: &Select, dialect: Dialect, columns: &Columns<'_>) -> Vec<(String, Vec<String>)> {
    let is_outer = |item: &TableWithJoins| {
        use JoinOperator::{CrossJoin, Inner, Join};
        let mut joins = item.joins.iter();
        !joins.all(|join| matches!(join.join_operator, Join(_) | Inner(_) | CrossJoin(_)))
    };
    if select.from.iter().any(is_outer) {
        return Vec::new();
    }
    let mut found = Vec::new();
    // Items may be named in others only in DuckDB.
    let mut taken: HashSet<String> = match dialect {
        Dialect::DuckDb => select.projection.iter().filter_map(alias).collect(),
        Dialect::Postgres => HashSet::new(),
    };
    let factors = select.from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
    });
    for factor in factors {
        let Some(names) = names_of(factor, columns) else {
            return Vec::new();
        };
        taken.extend(names.iter().cloned());
        found.extend(hidden::name(factor).map(|table| (table, names)));
    }
    found.retain(|(table, _)| !taken.contains(table));
    found
}

/// An item that is called otherwise than what it is.
fn alias(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias {
            expr: Expr::Identifier(_),
            ..
        } => None,
        SelectItem::ExprWithAlias { .. } => given_name(item),
        _ => None,
    }
}

/// The row is called as its table.
fn keep_name(item: &mut SelectItem, table: &str) {
    if let SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) = item
        && matches!(&expr, Expr::Identifier(name) if folded(name) == table)
    {
        *item = SelectItem::ExprWithAlias {
            alias: Ident::with_quote('"', table),
            expr: expr.clone(),
        };
    }
}

fn names_of(factor: &TableFactor, columns: &Columns<'_>) -> Option<Vec<String>> {
    let item = TableWithJoins {
        relation: factor.clone(),
        joins: Vec::new(),
    };
    let found = columns.of(&item).ok()?;
    Some(found.into_iter().map(|column| column.name).collect())
}

fn replace(part: &mut Expr, table: &str, fields: &[String]) {
    if let Expr::Identifier(name) = part
        && folded(name) == table
        && let Some(row) = row(table, fields)
    {
        *part = row;
    }
}

/// Where PostgreSQL's rows may stand: as an argument, cast, and asked whether they are null, which they are where all of
/// their columns are.
fn in_place(part: &mut Expr, table: &str, fields: &[String]) {
    let is_row = |of: &Expr| matches!(of, Expr::Identifier(name) if folded(name) == table);
    match part {
        Expr::Cast { expr, .. } => replace(expr, table, fields),
        Expr::Function(function) => {
            if let FunctionArguments::List(list) = &mut function.args {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg {
                        replace(arg, table, fields);
                    }
                }
            }
        }
        Expr::IsNull(of) if is_row(of) => *part = each(table, fields, "is null"),
        Expr::IsNotNull(of) if is_row(of) => *part = each(table, fields, "is not null"),
        _ => {}
    }
}

fn column(table: &str, field: &str) -> Expr {
    let quoted = |name: &str| Ident::with_quote('"', name);
    Expr::CompoundIdentifier(vec![quoted(table), quoted(field)])
}

fn row(table: &str, fields: &[String]) -> Option<Expr> {
    let columns: Vec<Expr> = fields.iter().map(|field| column(table, field)).collect();
    let parts = fields.iter().enumerate().map(|(at, field)| {
        let field = field.replace('\'', "''");
        format!("'{field}', _{}", at + 1)
    });
    let parts: Vec<String> = parts.collect();
    fill(&format!("named_struct({})", parts.join(", ")), &columns)
}

fn each(table: &str, fields: &[String], is: &str) -> Expr {
    let columns: Vec<Expr> = fields.iter().map(|field| column(table, field)).collect();
    let all: Vec<String> = (1..=fields.len()).map(|at| format!("_{at} {is}")).collect();
    let filled = fill(&format!("({})", all.join(" and ")), &columns);
    filled.unwrap_or_else(|| Expr::Identifier(Ident::new(table)))
}
