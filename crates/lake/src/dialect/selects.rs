//! Parts of a `SELECT` in the engine's words: `FROM t` alone, semi joins, `FETCH FIRST`, `EXISTS` as a
//! value, and names for what has none.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, LimitClause, ObjectNamePart,
    OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr,
    TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use forebay_core::Diagnostic;

use super::asof;
use super::calls::{fill, named};
use super::columns;
use super::distinct_orders;
use super::folded;
use super::groupings;
use super::hidden;
use super::naming;
use super::own;
use super::pivots;
use super::qualified;
use super::samples;
use crate::types::Dialect;

/// Before anything looks at what the query selects.
pub(super) fn rewrite(query: &mut Query, dialect: Dialect) -> Result<(), Diagnostic> {
    match query.visit(&mut Rewriter(dialect)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

struct Rewriter(Dialect);

impl VisitorMut for Rewriter {
    type Break = Box<Diagnostic>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        order_by_all(query);
        order_once(query);
        if self.0 == Dialect::DuckDb {
            distinct_orders::rewrite(query);
        }
        order_by_items(query);
        match fetch(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(Box::new(problem)),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if matches!(select.flavor, SelectFlavor::FromFirstNoSelect) {
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
            select.flavor = SelectFlavor::Standard;
        }
        if self.0 == Dialect::Postgres {
            select.projection.iter_mut().for_each(series_rows);
        }
        if self.0 == Dialect::DuckDb && joins_all(select) {
            let problem = Diagnostic::error("SQL syntax: a JOIN says nothing of how it joins")
                .hint("ON a.id = b.id, USING (id), or CROSS JOIN for all pairs of rows");
            return ControlFlow::Break(Box::new(problem));
        }
        samples::rewrite(select, self.0);
        if select.from.iter().any(is_sampled) {
            let problem = Diagnostic::error("TABLESAMPLE is not supported")
                .hint("order by random() limit 100, or where random() < 0.1");
            return ControlFlow::Break(Box::new(problem));
        }
        if let Err(problem) = asof::rewrite(select) {
            return ControlFlow::Break(Box::new(problem));
        }
        qualified::rewrite(select);
        if self.0 == Dialect::DuckDb {
            let joined = |item: &mut TableWithJoins| {
                let joined = item.joins.iter_mut().map(|join| &mut join.relation);
                joined.for_each(pivots::name_aggregates);
                pivots::name_aggregates(&mut item.relation);
            };
            select.from.iter_mut().for_each(joined);
        }
        groupings::rewrite(select);
        name_items(select, self.0);
        select.projection.iter_mut().for_each(fold_star);
        select.from.iter_mut().for_each(semi_joins);
        for item in &mut select.projection {
            own::change(item, count_rows);
        }
        ControlFlow::Continue(())
    }
}

/// By each item of the answer, in their order. The engine takes only columns for items, and the order of a query
/// alone.
fn order_by_all(query: &mut Query) {
    let Some(OrderBy { kind, .. }) = &mut query.order_by else {
        return;
    };
    let is_made_of_both = match query.body.as_ref() {
        SetExpr::Select(select) => joins_stars(select),
        _ => true,
    };
    if matches!(kind, OrderByKind::All(_)) && is_made_of_both {
        within(&mut query.body);
    }
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let is_star = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        ) || columns::has_columns(item)
    };
    if let OrderByKind::All(options) = kind
        && !select.projection.iter().any(is_star)
    {
        let place = |at: usize| {
            let expr = fill(&at.to_string(), &[])?;
            Some(OrderByExpr {
                expr,
                options: *options,
                with_fill: None,
            })
        };
        let places: Option<Vec<OrderByExpr>> = (1..=select.projection.len()).map(place).collect();
        if let Some(places) = places {
            *kind = OrderByKind::Expressions(places);
        }
    }
}

/// Whether a star has columns of several tables: some can be of one name, others computed of both.
fn joins_stars(select: &Select) -> bool {
    let is_star = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    let has_many = select.from.len() > 1 || select.from.iter().any(|item| !item.joins.is_empty());
    has_many && select.projection.iter().any(is_star)
}

/// A key that an order has a second time says nothing, and the engine fails on it beside `DISTINCT ON`.
fn order_once(query: &mut Query) {
    if let Some(OrderBy {
        kind: OrderByKind::Expressions(orders),
        ..
    }) = &mut query.order_by
    {
        let mut known = HashSet::new();
        orders.retain(|order| known.insert(order.expr.to_string()));
    }
}

/// `SELECT * FROM (...)`.
fn within(body: &mut SetExpr) {
    let text = "(select * from (select 1) as forebay_all)";
    let Some(Expr::Subquery(mut outer)) = fill(text, &[]) else {
        return;
    };
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(table) = select.from.first_mut()
        && let TableFactor::Derived { subquery, .. } = &mut table.relation
    {
        std::mem::swap(subquery.body.as_mut(), body);
        *body = *outer.body;
    }
}

/// `JOIN t` of which nothing says how. The engine would take all pairs of rows.
fn joins_all(select: &Select) -> bool {
    let mut joins = select.from.iter().flat_map(|table| &table.joins);
    joins.any(|join| {
        matches!(
            join.join_operator,
            JoinOperator::Join(JoinConstraint::None)
                | JoinOperator::Inner(JoinConstraint::None)
                | JoinOperator::Left(JoinConstraint::None)
                | JoinOperator::LeftOuter(JoinConstraint::None)
                | JoinOperator::Right(JoinConstraint::None)
                | JoinOperator::RightOuter(JoinConstraint::None)
                | JoinOperator::FullOuter(JoinConstraint::None)
        )
    })
}

/// An order by what `SELECT DISTINCT` gives is by its place: the engine knows the item by its name alone.
fn order_by_items(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let Some(OrderBy {
        kind: OrderByKind::Expressions(orders),
        ..
    }) = &mut query.order_by
    else {
        return;
    };
    if select.distinct.is_none() {
        return;
    }
    let item = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            Some(expr.to_string())
        }
        _ => None,
    };
    let items: Option<Vec<String>> = select.projection.iter().map(item).collect();
    let tables = hidden::tables(select);
    for order in orders {
        let is_plain = match &order.expr {
            Expr::Identifier(_) => true,
            Expr::CompoundIdentifier(parts) => tables.contains(&folded(&parts[0])),
            _ => false,
        };
        let text = order.expr.to_string();
        let place = items.iter().flatten().position(|item| *item == text);
        if let (false, Some(place)) = (is_plain, place)
            && let Some(place) = fill(&(place + 1).to_string(), &[])
        {
            order.expr = place;
        }
    }
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
fn fetch(query: &mut Query) -> Result<(), Diagnostic> {
    let Some(fetch) = query.fetch.take() else {
        return Ok(());
    };
    if fetch.percent || fetch.with_ties {
        return Err(Diagnostic::error(
            "FETCH with PERCENT or WITH TIES is not supported",
        ));
    }
    let limit = fetch.quantity.or_else(|| fill("1", &[]));
    query.limit_clause = Some(match query.limit_clause.take() {
        Some(LimitClause::LimitOffset {
            offset, limit_by, ..
        }) => LimitClause::LimitOffset {
            limit,
            offset,
            limit_by,
        },
        _ => LimitClause::LimitOffset {
            limit,
            offset: None,
            limit_by: Vec::new(),
        },
    });
    Ok(())
}

/// Functions that give rows in PostgreSQL, and what is unnested for them.
const ROWS: &[(&str, &str)] = &[
    ("generate_series", "generate_series"),
    ("json_array_elements", "json_items"),
    ("json_array_elements_text", "json_item_texts"),
    ("json_object_keys", "json_keys"),
    ("jsonb_array_elements", "json_items"),
    ("jsonb_array_elements_text", "json_item_texts"),
    ("jsonb_object_keys", "json_keys"),
    ("regexp_split_to_table", "regexp_split_to_array"),
    ("string_to_table", "string_to_array"),
];

/// `SELECT generate_series(1, 3)` gives three rows in PostgreSQL.
fn series_rows(item: &mut SelectItem) {
    let name = match &*item {
        SelectItem::UnnamedExpr(expr) => Some(naming::name(expr, Dialect::Postgres)),
        _ => None,
    };
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
        return;
    };
    let inner = match &mut *expr {
        Expr::Cast { expr, .. } => expr.as_mut(),
        expr => expr,
    };
    let Expr::Function(function) = &mut *inner else {
        return;
    };
    let called = function.name.to_string().to_lowercase();
    let Some((_, list)) = ROWS.iter().find(|(name, _)| *name == called) else {
        return;
    };
    function.name = named(list);
    if let Some(rows) = fill("unnest(_1)", std::slice::from_ref(&*inner)) {
        *inner = rows;
    }
    if let Some(name) = name {
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', name),
        };
    }
}

/// `* EXCLUDE (Id)` names a column as any other expression does: the engine takes the name as it is.
fn fold_star(item: &mut SelectItem) {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = item else {
        return;
    };
    let fold = |ident: &mut Ident| *ident = Ident::with_quote('"', folded(ident));
    let excluded = match &mut options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_mut_slice(),
        None => &mut [],
    };
    for part in excluded.iter_mut().flat_map(|name| &mut name.0) {
        if let ObjectNamePart::Identifier(ident) = part {
            fold(ident);
        }
    }
    if let Some(except) = &mut options.opt_except {
        fold(&mut except.first_element);
        except.additional_elements.iter_mut().for_each(fold);
    }
    let replaced = options
        .opt_replace
        .iter_mut()
        .flat_map(|all| &mut all.items);
    replaced.for_each(|item| fold(&mut item.column_name));
}

/// The engine would answer with all rows.
fn is_sampled(item: &TableWithJoins) -> bool {
    let is_sampled = |factor: &TableFactor| match factor {
        TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => sample.is_some(),
        _ => false,
    };
    is_sampled(&item.relation) || item.joins.iter().any(|join| is_sampled(&join.relation))
}

fn semi_joins(item: &mut TableWithJoins) {
    for join in &mut item.joins {
        join.join_operator = match join.join_operator.clone() {
            JoinOperator::Semi(on) => JoinOperator::LeftSemi(on),
            JoinOperator::Anti(on) => JoinOperator::LeftAnti(on),
            other => other,
        };
    }
}

/// Items without a name get the one that the dialect gives, each once: the engine refuses two of one
/// name, and takes two for one where they differ by a cast alone.
fn name_items(select: &mut Select, dialect: Dialect) {
    if dialect == Dialect::DuckDb {
        number_repeated(select);
    }
    let mut taken: HashSet<String> = select.projection.iter().filter_map(given_name).collect();
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
            || naming::spreads(expr, dialect)
        {
            continue;
        }
        let mut name = naming::item_name(expr, &select.named_window, dialect);
        if dialect == Dialect::DuckDb {
            name.make_ascii_lowercase();
        }
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', numbered(&name, &mut taken)),
        };
    }
}

/// The name, with a number where it is taken.
pub(super) fn numbered(name: &str, taken: &mut HashSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut count = 1;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}_{count}");
        count += 1;
    }
    unique
}

/// A plain column's name, with what stands before it.
fn parts(column: &Expr) -> Vec<String> {
    match column {
        Expr::Identifier(ident) => vec![folded(ident)],
        Expr::CompoundIdentifier(parts) => parts.iter().map(folded).collect(),
        _ => Vec::new(),
    }
}

/// A name that is given once more has a number, as DuckDB does it.
fn number_repeated(select: &mut Select) {
    let mut taken = HashSet::new();
    let mut columns = HashSet::new();
    for item in &mut select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = folded(alias);
                let unique = numbered(&name, &mut taken);
                if unique != name {
                    *alias = Ident::with_quote('"', unique);
                }
            }
            SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
                if !columns.insert(parts(expr)) =>
            {
                let name = given_name(&SelectItem::UnnamedExpr(expr.clone())).unwrap_or_default();
                taken.insert(name.clone());
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', numbered(&name, &mut taken)),
                };
            }
            other => taken.extend(given_name(other)),
        }
    }
}

/// What an item is, where it is one value.
pub(super) fn value(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

pub(super) fn given_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        _ => None,
    }
}

/// `EXISTS (...)` as a value: the engine plans it only as a condition, so its rows are counted.
fn count_rows(expr: &mut Expr) {
    if let Expr::Exists { subquery, negated } = expr
        && let Some(count) = counted(subquery)
    {
        let template = if *negated { "(_1 = 0)" } else { "(_1 > 0)" };
        if let Some(compared) = fill(template, &[Expr::Subquery(Box::new(count))]) {
            *expr = compared;
        }
    }
}

/// The query that counts the other's rows. None: it groups, or takes a part of them.
fn counted(query: &Query) -> Option<Query> {
    let mut query = query.clone();
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    let plain = select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && query.limit_clause.is_none()
        && select
            .group_by
            .to_string()
            .trim()
            .trim_start_matches("GROUP BY")
            .trim()
            .is_empty();
    if !plain {
        return None;
    }
    query.order_by = None;
    select.projection = vec![SelectItem::UnnamedExpr(fill("count(*)", &[])?)];
    Some(query)
}
