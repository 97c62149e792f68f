//! Rows that are written out one `SELECT` each become a list of rows: `SELECT 1 AS a UNION ALL SELECT 2` is
//! `VALUES (1), (2)`. To plan a union costs as much as its parts do together, and the lists that macros write of a
//! table's columns have many.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, GroupByExpr, Ident, Parens, Query, Select, SelectFlavor, SelectItem,
    SetExpr, SetOperator, SetQuantifier, TableAliasColumnDef, TableFactor, TableWithJoins,
    UnaryOperator, Value, Values, VisitMut, VisitorMut,
};

use super::selects::value;
use super::tables::named;

const ROWS: &str = "forebay_written";

/// Digits of a number that is an `integer` for certain.
const FEW_DIGITS: usize = 9;

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(select) = listed(&query.body) {
            *query.body = SetExpr::Select(Box::new(select));
        }
        ControlFlow::Continue(())
    }
}

/// The list of rows that the union is, if all its parts are rows of the same types.
fn listed(body: &SetExpr) -> Option<Select> {
    let parts = parts(body)?;
    let (first, others) = parts.split_first()?;
    let names: Vec<&Ident> = first.projection.iter().map(alias).collect::<Option<_>>()?;
    let folded: HashSet<String> = names.iter().map(|name| name.value.to_lowercase()).collect();
    if folded.len() < names.len() {
        return None;
    }
    let mut kinds = of_items(first)?;
    for part in others {
        let found = of_items(part).filter(|found| found.len() == kinds.len())?;
        for (kind, found) in kinds.iter_mut().zip(found) {
            match (&kind, found) {
                (_, Kind::Null) => {}
                (Kind::Null, found) => *kind = found,
                (kind, found) if **kind == found => {}
                _ => return None,
            }
        }
    }
    let rows = parts.iter().map(|part| row(part)).collect();
    Some(selected(first, &names, rows))
}

/// The parts of a union of all rows, in their order. It is a chain that leans to the left.
fn parts(mut body: &SetExpr) -> Option<Vec<&Select>> {
    let mut parts = Vec::new();
    while let SetExpr::SetOperation {
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        left,
        right,
    } = body
    {
        parts.push(written(right)?);
        body = left;
    }
    if parts.is_empty() {
        return None;
    }
    parts.push(written(body)?);
    parts.reverse();
    Some(parts)
}

/// A `SELECT` that says nothing but what its items are.
fn written(body: &SetExpr) -> Option<&Select> {
    let SetExpr::Select(select) = body else {
        return None;
    };
    let is_bare = select.from.is_empty()
        && select.lateral_views.is_empty()
        && select.selection.is_none()
        && select.prewhere.is_none()
        && select.distinct.is_none()
        && select.group_by == GroupByExpr::Expressions(Vec::new(), Vec::new())
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.flavor == SelectFlavor::Standard;
    is_bare.then_some(select)
}

fn alias(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        _ => None,
    }
}

/// The type of a value, as far as it can be told from how it is written. Others, such as the digits of
/// decimals, are settled between the parts of a union.
#[derive(PartialEq)]
enum Kind<'a> {
    Null,
    Text,
    Boolean,
    Integer,
    Cast(&'a DataType),
}

fn of_items(select: &Select) -> Option<Vec<Kind<'_>>> {
    let kind = |item| kind(value(item)?);
    select.projection.iter().map(kind).collect()
}

fn kind(expr: &Expr) -> Option<Kind<'_>> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Kind::Null),
            Value::SingleQuotedString(_) => Some(Kind::Text),
            Value::Boolean(_) => Some(Kind::Boolean),
            Value::Number(digits, _) => {
                let is_integer = digits.len() <= FEW_DIGITS
                    && digits.bytes().all(|digit| digit.is_ascii_digit());
                is_integer.then_some(Kind::Integer)
            }
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => kind(expr).filter(|kind| *kind == Kind::Integer),
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr,
            data_type,
            array: false,
            format: None,
        } if is_literal(expr) => Some(Kind::Cast(data_type)),
        _ => None,
    }
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => matches!(expr.as_ref(), Expr::Value(_)),
        _ => false,
    }
}

fn row(select: &Select) -> Parens<Vec<Expr>> {
    Parens {
        opening_token: AttachedToken::empty(),
        content: select
            .projection
            .iter()
            .filter_map(value)
            .cloned()
            .collect(),
        closing_token: AttachedToken::empty(),
    }
}

/// `SELECT rows_0 AS .. FROM (VALUES ..) AS rows(rows_0, ..)`, with the names that the first part gives.
fn selected(first: &Select, names: &[&Ident], rows: Vec<Parens<Vec<Expr>>>) -> Select {
    let column = |at: usize| Ident::new(format!("{ROWS}_{at}"));
    let mut table = named(ROWS);
    table.columns = (0..names.len())
        .map(|at| TableAliasColumnDef {
            name: column(at),
            data_type: None,
        })
        .collect();
    let values = SetExpr::Values(Values {
        explicit_row: false,
        value_keyword: false,
        rows,
    });
    let item = |(at, name): (usize, &&Ident)| SelectItem::ExprWithAlias {
        expr: Expr::Identifier(column(at)),
        alias: Ident::clone(name),
    };
    Select {
        projection: names.iter().enumerate().map(item).collect(),
        from: vec![TableWithJoins {
            relation: TableFactor::Derived {
                lateral: false,
                subquery: Box::new(alone(values)),
                alias: Some(table),
                sample: None,
            },
            joins: Vec::new(),
        }],
        ..first.clone()
    }
}

fn alone(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}
