//! Items that are named like a column which their `SELECT` also reads, where the engine takes one for the other: beside
//! an `unnest`, whose plan finds items by their names, and where the answer is ordered by that column. They get names of
//! their own in a query below, and the given ones above it.

use std::collections::HashSet;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    OrderByKind, Query, Select, SelectItem, SetExpr, Statement, TableFactor, Visit, Visitor,
};
use forebay_core::Diagnostic;

use super::calls::name_of;
use super::selects::value;
use super::syntax::parse;
use super::using::Columns;
use super::{Probe, folded, naming, own, scopes};
use crate::types::Dialect;

pub(super) fn rewrite(
    query: &mut Query,
    dialect: Dialect,
    probe: &Probe<'_>,
) -> Result<(), Diagnostic> {
    own::each_ordered(query, |all| {
        if all.keys.iter().any(|key| is_hidden(key, all.select)) {
            set_apart(all.select, all.keys);
        }
    });
    scopes::each_select(query, probe, &unnests_beside, &|select, order, columns| {
        let keys = match order.map(|order| &mut order.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.as_mut_slice(),
            _ => &mut [],
        };
        if name_unnested(select, dialect, columns) {
            set_apart(select, keys.iter_mut().map(|key| &mut key.expr).collect());
        }
        Ok(())
    })
}

/// Whether the column, written with its table, has the name of an item that is another.
fn is_hidden(key: &Expr, select: &Select) -> bool {
    let Expr::CompoundIdentifier(parts) = key else {
        return false;
    };
    let column = parts.last().map(lower);
    select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => expr != key && column == Some(lower(alias)),
        _ => false,
    })
}

/// Whether rows are unnested beside an item that is named like a column of another, or of its own.
fn unnests_beside(select: &Select) -> bool {
    let is_grouped = select.group_by != GroupByExpr::Expressions(Vec::new(), Vec::new());
    let unnested = |item| value(item).is_some_and(|expr| unnested(expr).is_some());
    if is_grouped || !select.projection.iter().any(unnested) {
        return false;
    }
    let mut read = Read::default();
    for expr in select.projection.iter().filter_map(value) {
        if !matches!(expr, Expr::Identifier(_)) {
            let _ = expr.visit(&mut read);
        }
    }
    select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => read.0.contains(&lower(alias)),
        _ => false,
    })
}

/// What is unnested somewhere in the expression.
fn unnested(expr: &Expr) -> Option<Expr> {
    struct Finder(Option<Expr>);
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && name_of(function).as_deref() == Some("unnest")
                && let FunctionArguments::List(list) = &function.args
                && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(of)), ..] = list.args.as_slice()
            {
                self.0 = Some(of.clone());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }
    let mut finder = Finder(None);
    let _ = expr.visit(&mut finder);
    finder.0
}

/// The names of the columns that are read.
#[derive(Default)]
struct Read(HashSet<String>);

impl Visitor for Read {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => self.0.extend([lower(name)]),
            Expr::CompoundIdentifier(parts) => self.0.extend(parts.last().map(lower)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn lower(name: &Ident) -> String {
    folded(name).to_lowercase()
}

/// Gives names to what is unnested without one. False: it is a structure, which becomes a column for each field.
fn name_unnested(select: &mut Select, dialect: Dialect, columns: &Columns<'_>) -> bool {
    let from = select.from.clone();
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        let Some(of) = unnested(expr) else {
            continue;
        };
        let is_list = |of| matches!(of, DataType::List(_) | DataType::LargeList(_));
        if !columns.type_of(&of, &from).is_some_and(is_list) {
            return false;
        }
        *item = SelectItem::ExprWithAlias {
            alias: Ident::with_quote('"', naming::name(expr, dialect)),
            expr: expr.clone(),
        };
    }
    true
}

/// Computes the items under names of their own, and with them what the answer is ordered by. Not where an item has no name:
/// it may be several.
fn set_apart(select: &mut Select, keys: Vec<&mut Expr>) {
    let names = select.projection.iter().map(name);
    let Some(names) = names.collect::<Option<Vec<_>>>() else {
        return;
    };
    let is_name = |key: &Expr| match key {
        Expr::Identifier(key) => names.iter().any(|name| lower(name) == lower(key)),
        other => matches!(other, Expr::Value(_)),
    };
    let keys: Vec<&mut Expr> = keys.into_iter().filter(|key| !is_name(key)).collect();
    let picks_rows = match &select.distinct {
        Some(Distinct::On(_)) => true,
        Some(Distinct::Distinct) => !keys.is_empty(),
        _ => false,
    };
    let Some(mut above) = select_of_items().filter(|_| !picks_rows) else {
        return;
    };
    above.projection = names
        .into_iter()
        .zip(&mut select.projection)
        .enumerate()
        .filter_map(|(at, (alias, item))| {
            let own = own_name("item", at);
            *item = SelectItem::ExprWithAlias {
                expr: value(item)?.clone(),
                alias: own.clone(),
            };
            let expr = Expr::Identifier(own);
            Some(SelectItem::ExprWithAlias { expr, alias })
        })
        .collect();
    for (at, key) in keys.into_iter().enumerate() {
        let alias = own_name("key", at);
        let expr = std::mem::replace(key, Expr::Identifier(alias.clone()));
        select
            .projection
            .push(SelectItem::ExprWithAlias { expr, alias });
    }
    if let [from] = above.from.as_mut_slice()
        && let TableFactor::Derived { subquery, .. } = &mut from.relation
        && let SetExpr::Select(below) = subquery.body.as_mut()
    {
        std::mem::swap(below.as_mut(), select);
        *select = above;
    }
}

fn name(item: &SelectItem) -> Option<Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().cloned(),
        _ => None,
    }
}

fn own_name(of: &str, at: usize) -> Ident {
    Ident::with_quote('"', format!("forebay_{of}_{at}"))
}

/// A `SELECT` from another, which is to be put into it.
fn select_of_items() -> Option<Select> {
    let parsed = parse("SELECT 1 FROM (SELECT 1) AS forebay_items", 10);
    let Some(Statement::Query(query)) = parsed.ok()?.pop() else {
        return None;
    };
    match *query.body {
        SetExpr::Select(select) => Some(*select),
        _ => None,
    }
}
