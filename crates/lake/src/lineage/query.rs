//! Queries: common table expressions, set operations, VALUES.

use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Ident, LimitClause, ObjectName, OrderBy, Query, SetExpr, SetOperator, SetQuantifier,
    Statement, TableAlias, Values, With,
};
use forebay_core::Diagnostic;

use super::Subtype::{Filter, GroupBy};
use super::names;
use super::operands::refused;
use super::origin::{Column, Origin, Steering, Table};
use super::resolver::Resolver;
use super::scope::{Layer, Scope};

/// A WITH clause's tables, in order.
pub(super) type Ctes = Vec<(String, Rc<Table>)>;

impl Resolver<'_> {
    /// The rows of a query, within the names of the query around it.
    pub fn query(&self, query: &Query, outer: &Scope<'_>) -> Result<Table, Diagnostic> {
        let _level = self.deeper()?;
        if !query.pipe_operators.is_empty() {
            return Err(refused("pipe operators (|>)"));
        }
        let ctes = self.with(query.with.as_ref(), outer)?;
        let scope = Scope::within(outer, Layer::Ctes(&ctes));
        let mut table = self.body(&query.body, query.order_by.as_ref(), &scope)?;
        if let Some(limit) = &query.limit_clause {
            let limits = self.steering_of(limits(limit), Filter, &scope)?;
            table.steering.extend(limits);
        }
        Ok(table)
    }

    /// The tables of a WITH clause. Each sees those before it; only a recursive one sees itself.
    pub fn with(&self, with: Option<&With>, outer: &Scope<'_>) -> Result<Ctes, Diagnostic> {
        let mut ctes = Ctes::new();
        for cte in with.iter().flat_map(|with| &with.cte_tables) {
            let name = names::fold(&cte.alias.name);
            let scope = Scope::within(outer, Layer::Ctes(&ctes));
            let table = match (with.is_some_and(|w| w.recursive), cte.query.body.as_ref()) {
                (true, SetExpr::SetOperation { left, .. }) => {
                    self.recursive_cte(&name, cte, left, &scope)?
                }
                _ => aliased(self.query(&cte.query, &scope)?, &cte.alias)?,
            };
            ctes.push((name, Rc::new(table)));
        }
        Ok(ctes)
    }

    /// A recursive table starts as its first branch and is followed again and again until nothing
    /// is added: sources and strengths only grow, and there are finitely many.
    fn recursive_cte(
        &self,
        name: &str,
        cte: &Cte,
        start: &SetExpr,
        scope: &Scope<'_>,
    ) -> Result<Table, Diagnostic> {
        let inner = self.with(cte.query.with.as_ref(), scope)?;
        let within = Scope::within(scope, Layer::Ctes(&inner));
        let mut table = aliased(self.body(start, None, &within)?, &cte.alias)?;
        loop {
            let known = [(name.to_owned(), Rc::new(table.clone()))];
            let scope = Scope::within(scope, Layer::Ctes(&known));
            let next = aliased(self.query(&cte.query, &scope)?, &cte.alias)?;
            if same(&next, &table) {
                return Ok(next);
            }
            table = next;
        }
    }

    /// A query's body. Its ORDER BY may use the columns that a SELECT reads, but only the outputs of
    /// a set operation.
    fn body(
        &self,
        body: &SetExpr,
        order_by: Option<&OrderBy>,
        scope: &Scope<'_>,
    ) -> Result<Table, Diagnostic> {
        let _level = self.deeper()?;
        let mut table = match body {
            SetExpr::Select(select) => return self.select(select, order_by, scope),
            SetExpr::Query(query) => self.query(query, scope)?,
            SetExpr::SetOperation { .. } => self.set_operation(body, scope)?,
            SetExpr::Values(values) => self.values(values, scope)?,
            SetExpr::Table(table) => {
                let parts = [&table.schema_name, &table.table_name];
                let idents = parts.into_iter().flatten().map(Ident::new);
                self.table_named(&ObjectName::from(idents.collect::<Vec<_>>()), scope)?
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => self.returning(statement, scope)?,
        };
        if let Some(order_by) = order_by {
            let columns = table.columns.clone();
            let steering = self.order_by(order_by, &columns, scope)?;
            table.steering.extend(steering);
        }
        Ok(table)
    }

    /// A common table expression, else a table of the schemas.
    pub fn table_named(&self, name: &ObjectName, scope: &Scope<'_>) -> Result<Table, Diagnostic> {
        let path = names::path(name);
        if let [name] = path.as_slice()
            && let Some(cte) = scope.cte(name)
        {
            return Ok(Table::clone(&cte));
        }
        self.stored(name)
    }

    /// `a UNION b EXCEPT c` leans to the left, to any depth: a loop, not a recursion.
    fn set_operation(&self, body: &SetExpr, scope: &Scope<'_>) -> Result<Table, Diagnostic> {
        let mut steps = Vec::new();
        let mut node = body;
        while let SetExpr::SetOperation {
            op,
            set_quantifier,
            left,
            right,
        } = node
        {
            steps.push((op, set_quantifier, right));
            node = left;
        }
        let mut table = self.body(node, None, scope)?;
        for (op, quantifier, right) in steps.into_iter().rev() {
            let right = self.body(right, None, scope)?;
            table = combine(table, right, *op, *quantifier)?;
        }
        Ok(table)
    }

    fn values(&self, values: &Values, scope: &Scope<'_>) -> Result<Table, Diagnostic> {
        let mut columns: Vec<Origin> = Vec::new();
        for row in &values.rows {
            for (i, expr) in row.content.iter().enumerate() {
                let origin = self.expr(expr, scope)?;
                match columns.get_mut(i) {
                    Some(column) => *column = std::mem::take(column).and(&origin),
                    None => columns.push(origin),
                }
            }
        }
        let named = columns.into_iter().enumerate();
        Ok(Table {
            columns: named
                .map(|(i, origin)| Column::new(format!("column{}", i + 1), origin))
                .collect(),
            ..Table::default()
        })
    }

    /// The rows that a statement that writes gives back.
    fn returning(&self, statement: &Statement, scope: &Scope<'_>) -> Result<Table, Diagnostic> {
        let change = self.change(statement, scope)?;
        let Some(items) = change.returning else {
            return Ok(Table {
                columns: change.written,
                steering: change.steering,
                ..Table::default()
            });
        };
        let from = change.rows;
        let scope = Scope::within(scope, Layer::Tables(&from));
        let mut steering = change.steering;
        steering.extend(from.steering.iter().cloned());
        Ok(Table {
            columns: self.projection(items, &from, &scope)?,
            steering,
            ..Table::default()
        })
    }
}

/// The columns of a table under the names of an alias: `AS t (a, b)` renames the first ones.
pub(super) fn aliased(mut table: Table, alias: &TableAlias) -> Result<Table, Diagnostic> {
    if alias.columns.len() > table.columns.len() && table.open.is_none() {
        return Err(Diagnostic::error(format!(
            "'{}' names {} columns, but there are {}",
            alias.name.value,
            alias.columns.len(),
            table.columns.len()
        )));
    }
    for (column, name) in table.columns.iter_mut().zip(&alias.columns) {
        column.name = names::fold(&name.name);
    }
    Ok(table)
}

fn limits(clause: &LimitClause) -> Vec<&Expr> {
    match clause {
        LimitClause::LimitOffset {
            limit,
            offset,
            limit_by,
        } => limit
            .iter()
            .chain(offset.iter().map(|offset| &offset.value))
            .chain(limit_by)
            .collect(),
        LimitClause::OffsetCommaLimit { offset, limit } => vec![offset, limit],
    }
}

pub(super) fn same(a: &Table, b: &Table) -> bool {
    let origins = |table: &Table| -> Vec<Origin> {
        let columns = table.columns.iter();
        columns
            .map(|column| Origin::clone(&column.origin))
            .collect()
    };
    a.steering == b.steering && a.shaping == b.shaping && origins(a) == origins(b)
}

/// The rows of a set operation. UNION shows the rows of both sides; INTERSECT and EXCEPT show rows
/// of the left that those of the right decide on.
fn combine(
    mut left: Table,
    right: Table,
    op: SetOperator,
    quantifier: SetQuantifier,
) -> Result<Table, Diagnostic> {
    let by_name = matches!(
        quantifier,
        SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
    );
    let all = matches!(quantifier, SetQuantifier::All | SetQuantifier::AllByName);
    if !by_name && left.columns.len() != right.columns.len() {
        return Err(Diagnostic::error(format!(
            "the branches of {op} have {} and {} columns",
            left.columns.len(),
            right.columns.len()
        )));
    }
    left.steering.extend(right.steering);
    left.shaping.extend(right.shaping);
    match op {
        SetOperator::Union if by_name => union_by_name(&mut left.columns, right.columns),
        SetOperator::Union => {
            for (column, other) in left.columns.iter_mut().zip(&right.columns) {
                *column = Column::new(&column.name, origin(column).and(&other.origin));
            }
        }
        SetOperator::Intersect | SetOperator::Except | SetOperator::Minus => {
            left.steering.extend(keys(&right.columns, Filter));
        }
    }
    if !all || op != SetOperator::Union {
        left.shaping.extend(keys(&left.columns, GroupBy));
    }
    Ok(left)
}

fn union_by_name(columns: &mut Vec<Column>, others: Vec<Column>) {
    for other in others {
        match columns.iter_mut().find(|column| column.name == other.name) {
            Some(column) => {
                *column = Column::new(&other.name, origin(column).and(&other.origin));
            }
            None => columns.push(other),
        }
    }
}

fn origin(column: &Column) -> Origin {
    Origin::clone(&column.origin)
}

/// The sources of all columns, as keys by which rows are told apart.
pub(super) fn keys(columns: &[Column], subtype: super::Subtype) -> Steering {
    columns
        .iter()
        .flat_map(|column| column.origin.steering(subtype))
        .collect()
}
