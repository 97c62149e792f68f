//! One SELECT block: its outputs, and the clauses that decide on its rows.

use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Function, FunctionArgExpr, FunctionArguments, GroupByExpr, GroupByWithModifier,
    OrderBy, OrderByExpr, OrderByKind, Select, SelectItem, Value,
};
use forebay_core::Diagnostic;

use super::Subtype::{self, Filter, GroupBy, Join, Sort};
use super::calls::value;
use super::expr::bare;
use super::functions::{self, Class};
use super::operands::{operands, refused};
use super::origin::{Column, Origin, Steering, Table};
use super::query::keys;
use super::resolver::Resolver;
use super::scope::{FromClause, Layer, Scope};
use super::{names, wildcard};

impl Resolver<'_> {
    /// The rows of a SELECT, in the order that the query's ORDER BY gives.
    pub fn select(
        &self,
        select: &Select,
        order_by: Option<&OrderBy>,
        outer: &Scope<'_>,
    ) -> Result<Table, Diagnostic> {
        refuse(select)?;
        let from = self.from(&select.from, outer)?;
        let windows = Scope::within(outer, Layer::Windows(&select.named_window));
        let tables = Scope::within(&windows, Layer::Tables(&from));
        let columns = match select.projection.is_empty() && !select.from.is_empty() {
            // FROM t, without SELECT
            true => from.visible.clone(),
            false => self.projection(&select.projection, &from, &tables)?,
        };
        let scope = Scope::within(&tables, Layer::Names(&columns));
        let mut steering = from.steering.clone();
        let filters = [
            &select.prewhere,
            &select.selection,
            &select.having,
            &select.qualify,
        ];
        steering.extend(self.steering_of(filters.into_iter().flatten(), Filter, &scope)?);
        steering.extend(self.group_by(select, &columns, &scope)?);
        if let Some(Distinct::On(on)) = &select.distinct {
            steering.extend(self.keys(on, GroupBy, &columns, &scope)?);
        }
        if let Some(order_by) = order_by {
            steering.extend(self.order_by(order_by, &columns, &scope)?);
        }
        let sorted = select.sort_by.iter().map(|key| &key.expr);
        steering.extend(self.steering_of(sorted, Sort, &scope)?);
        let mut shaping = from.shaping.clone();
        shaping.extend(self.row_makers(&select.projection, &scope)?);
        if matches!(select.distinct, Some(Distinct::Distinct)) {
            shaping.extend(keys(&columns, GroupBy));
        }
        let mut table = Table {
            columns,
            steering,
            shaping,
            open: None,
        };
        table.settle();
        Ok(table)
    }

    /// The columns of a select list. An item may use the names of those before it, where no column
    /// has them.
    pub fn projection(
        &self,
        items: &[SelectItem],
        from: &FromClause,
        scope: &Scope<'_>,
    ) -> Result<Vec<Column>, Diagnostic> {
        let mut columns: Vec<Column> = Vec::new();
        for item in items {
            let scope = Scope::within(scope, Layer::Names(&columns));
            let mut new = match item {
                SelectItem::UnnamedExpr(expr) => {
                    vec![Column::new(names::of_expr(expr), self.expr(expr, &scope)?)]
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    vec![Column::new(names::fold(alias), self.expr(expr, &scope)?)]
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    let column = Column::new("", self.expr(expr, &scope)?);
                    let aliases = aliases.iter();
                    aliases
                        .map(|alias| column.renamed(names::fold(alias)))
                        .collect()
                }
                SelectItem::Wildcard(options) => {
                    wildcard::check_open(&from.items)?;
                    self.wildcard(&from.visible, options, &scope)?
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let item = wildcard::item(kind, &scope)?;
                    wildcard::check_open(std::slice::from_ref(item))?;
                    self.wildcard(&item.columns, options, &scope)?
                }
            };
            columns.append(&mut new);
            self.bounded(&columns)?;
        }
        Ok(columns)
    }

    fn group_by(
        &self,
        select: &Select,
        columns: &[Column],
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let (mut steering, modifiers) = match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) => {
                (self.keys(exprs, GroupBy, columns, scope)?, modifiers)
            }
            GroupByExpr::All(modifiers) => {
                let items = select.projection.iter().filter_map(item_expr);
                let exprs = items.filter(|expr| !aggregates(expr));
                (self.steering_of(exprs, GroupBy, scope)?, modifiers)
            }
        };
        for modifier in modifiers {
            if let GroupByWithModifier::GroupingSets(sets) = modifier {
                steering.extend(self.key(sets, GroupBy, columns, scope)?);
            }
        }
        Ok(steering)
    }

    /// What an ORDER BY reads. A bare name is an output first, an input second.
    pub fn order_by(
        &self,
        order_by: &OrderBy,
        columns: &[Column],
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let OrderByKind::Expressions(sort_keys) = &order_by.kind else {
            return Ok(keys(columns, Sort));
        };
        let outputs = Scope::within(scope, Layer::Names(columns));
        let mut steering = Steering::new();
        for OrderByExpr { expr, .. } in sort_keys {
            let output = match bare(expr) {
                Expr::Identifier(ident) => names::matching(columns, ident).first().copied(),
                _ => None,
            };
            steering.extend(match output {
                Some(column) => column.origin.steering(Sort),
                None => self.key(expr, Sort, columns, &outputs)?,
            });
        }
        Ok(steering)
    }

    fn keys<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        subtype: Subtype,
        columns: &[Column],
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let mut steering = Steering::new();
        for expr in exprs {
            steering.extend(self.key(expr, subtype, columns, scope)?);
        }
        Ok(steering)
    }

    /// A key of GROUP BY, DISTINCT ON or ORDER BY: a number is the place of an output.
    fn key(
        &self,
        expr: &Expr,
        subtype: Subtype,
        columns: &[Column],
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let _level = self.deeper()?;
        match bare(expr) {
            Expr::Value(value) => match &value.value {
                Value::Number(number, _) => {
                    Ok(output_at(&number.to_string(), columns)?.steering(subtype))
                }
                _ => Ok(Steering::new()),
            },
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                self.keys(sets.iter().flatten(), subtype, columns, scope)
            }
            Expr::Tuple(exprs) => self.keys(exprs, subtype, columns, scope),
            expr => self.steering(expr, subtype, scope),
        }
    }

    /// The arguments of calls in the select list that make several rows of one.
    fn row_makers(&self, items: &[SelectItem], scope: &Scope<'_>) -> Result<Steering, Diagnostic> {
        let makers = items.iter().filter_map(item_expr).filter(|e| makes_rows(e));
        self.steering_of(makers, Join, scope)
    }
}

fn refuse(select: &Select) -> Result<(), Diagnostic> {
    if !select.lateral_views.is_empty() {
        return Err(refused("LATERAL VIEW"));
    }
    if !select.connect_by.is_empty() {
        return Err(refused("CONNECT BY"));
    }
    Ok(())
}

fn output_at(number: &str, columns: &[Column]) -> Result<Rc<Origin>, Diagnostic> {
    let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    index
        .and_then(|index| columns.get(index))
        .map(|column| Rc::clone(&column.origin))
        .ok_or_else(|| {
            let count = columns.len();
            Diagnostic::error(format!(
                "position {number} is not one of the {count} outputs"
            ))
        })
}

fn item_expr(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr)
        | SelectItem::ExprWithAlias { expr, .. }
        | SelectItem::ExprWithAliases { expr, .. } => Some(expr),
        _ => None,
    }
}

fn makes_rows(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Function(f) => functions::returns_rows(&names::fold(&names::last(&f.name))),
        Expr::Cast { expr, .. } | Expr::CompoundFieldAccess { root: expr, .. } => makes_rows(expr),
        _ => false,
    }
}

/// Whether an aggregate is called in the expression itself: GROUP BY ALL groups by the others.
fn aggregates(expr: &Expr) -> bool {
    match expr {
        Expr::Function(f) => {
            let name = names::fold(&names::last(&f.name));
            matches!(functions::class(&name), Class::Aggregate | Class::ArgMax) && f.over.is_none()
                || function_operands(f).any(aggregates)
        }
        Expr::Nested(inner) => aggregates(inner),
        Expr::BinaryOp { left, right, .. } => aggregates(left) || aggregates(right),
        Expr::Case {
            conditions,
            else_result,
            ..
        } => conditions
            .iter()
            .flat_map(|when| [&when.condition, &when.result])
            .chain(else_result.as_deref())
            .any(aggregates),
        other => operands(other).is_ok_and(|operands| operands.into_iter().any(aggregates)),
    }
}

fn function_operands(f: &Function) -> impl Iterator<Item = &Expr> {
    let list = match &f.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(|argument| match value(argument) {
        FunctionArgExpr::Expr(expr) => Some(expr),
        _ => None,
    })
}
