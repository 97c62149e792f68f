//! FROM clauses: tables, subqueries, table functions and joins.

use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, Ident, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor,
    TableWithJoins,
};
use forebay_core::Diagnostic;

use super::Subtype;
use super::join;
use super::names;
use super::operands::refused;
use super::origin::{Column, Origin, Table};
use super::query::aliased;
use super::resolver::Resolver;
use super::scope::{FromClause, Layer, Scope};

impl Resolver<'_> {
    /// The tables of a FROM clause. Functions and LATERAL see the tables to their left.
    pub fn from(
        &self,
        tables: &[TableWithJoins],
        outer: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        let mut from = FromClause::default();
        for table in tables {
            let right = {
                let scope = Scope::within(outer, Layer::Tables(&from));
                self.joined(table, &scope, outer)?
            };
            from.add(right);
            self.bounded(&from.visible)?;
        }
        Ok(from)
    }

    /// A table and what is joined to it. `left` are the names to its left, `outer` those around the
    /// whole clause.
    fn joined(
        &self,
        table: &TableWithJoins,
        left: &Scope<'_>,
        outer: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        let _level = self.deeper()?;
        let mut from = self.factor(&table.relation, left, outer)?;
        for join in &table.joins {
            let right = {
                let left = Scope::within(left, Layer::Tables(&from));
                self.factor(&join.relation, &left, outer)?
            };
            from = self.join(from, right, join, left)?;
            self.bounded(&from.visible)?;
        }
        Ok(from)
    }

    fn join(
        &self,
        left: FromClause,
        right: FromClause,
        join: &Join,
        scope: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        let (kind, constraint) = join::kind(&join.join_operator)?;
        let kept = join::kept(kind, &left, &right);
        let mut joined = match constraint {
            Some(JoinConstraint::Using(columns)) => {
                let columns: Vec<_> = columns.iter().map(names::last).collect();
                join::using(left, right, &columns, kind)?
            }
            Some(JoinConstraint::Natural) => {
                let columns = join::common(&left, &right);
                join::using(left, right, &columns, kind)?
            }
            _ => {
                let mut joined = left;
                joined.add(right);
                joined
            }
        };
        let on = match constraint {
            Some(JoinConstraint::On(on)) => Some(on),
            _ => None,
        };
        let matched = match &join.join_operator {
            JoinOperator::AsOf {
                match_condition, ..
            } => Some(match_condition),
            _ => None,
        };
        let steering = {
            let pair = Scope::within(scope, Layer::Tables(&joined));
            self.steering_of(on.into_iter().chain(matched), Subtype::Join, &pair)?
        };
        joined.steering.extend(steering);
        Ok(match kept {
            Some((items, visible)) => FromClause {
                items,
                visible,
                ..joined
            },
            None => joined,
        })
    }

    fn factor(
        &self,
        factor: &TableFactor,
        left: &Scope<'_>,
        outer: &Scope<'_>,
    ) -> Result<FromClause, Diagnostic> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let table = self.table_named(name, outer)?;
                named(table, alias.as_ref(), names::path(name))
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                let scope = if *lateral { left } else { outer };
                let table = self.query(subquery, scope)?;
                named(table, alias.as_ref(), Vec::new())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let from = self.joined(table_with_joins, left, outer)?;
                match alias {
                    Some(alias) => named(table_of(from), Some(alias), Vec::new()),
                    None => Ok(from),
                }
            }
            TableFactor::Unpivot {
                table,
                value,
                name,
                columns,
                alias,
                ..
            } => {
                let from = self.factor(table, left, outer)?;
                let table = self.unpivot(from, value, name, columns, outer)?;
                named(table, alias.as_ref(), Vec::new())
            }
            TableFactor::Table { .. }
            | TableFactor::Function { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. } => self.function_table(factor, left),
            TableFactor::Pivot { .. } => Err(refused("PIVOT")),
            TableFactor::MatchRecognize { .. } => Err(refused("MATCH_RECOGNIZE")),
            other => Err(refused(&format!("the table {other}"))),
        }
    }

    /// The chosen columns become one column of values beside one of their names.
    fn unpivot(
        &self,
        from: FromClause,
        value: &Expr,
        name: &Ident,
        columns: &[ExprWithAlias],
        outer: &Scope<'_>,
    ) -> Result<Table, Diagnostic> {
        let mut values = Origin::default();
        for column in columns {
            let scope = Scope::within(outer, Layer::Tables(&from));
            values = values.and(&self.expr(&column.expr, &scope)?);
        }
        let mut table = table_of(from);
        let taken: Vec<String> = columns.iter().map(|c| names::of_expr(&c.expr)).collect();
        table.columns.retain(|column| !taken.contains(&column.name));
        let of_values = Column::new(names::of_expr(value), values);
        let of_names = Column::new(names::fold(name), Origin::default());
        table.columns.extend([of_names, of_values]);
        Ok(table)
    }
}

/// A table under its alias, or under its own name.
pub(super) fn named(
    table: Table,
    alias: Option<&TableAlias>,
    own: Vec<String>,
) -> Result<FromClause, Diagnostic> {
    Ok(match alias {
        Some(alias) => FromClause::one(vec![names::fold(&alias.name)], aliased(table, alias)?),
        None => FromClause::one(own, table),
    })
}

fn table_of(from: FromClause) -> Table {
    Table {
        columns: from.visible,
        steering: from.steering,
        shaping: from.shaping,
        open: from.items.into_iter().find_map(|item| item.open),
    }
}
