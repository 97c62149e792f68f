//! Plan nodes: the rows that each gives, from those of its inputs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Join, JoinType, LogicalPlan, RecursiveQuery, TableScan,
    Unnest,
};
use forebay_core::Diagnostic;

use super::super::Subtype::{self, Filter, GroupBy, Sort, Transformation};
use super::super::operands::refused;
use super::super::origin::{Column, Origin, Steering, Table};
use super::super::query::keys;
use super::super::{Schemas, Subtype::Join as Joins};
use super::exprs::Scope;

/// Levels of a plan that are followed.
const MAX_DEPTH: usize = 2_000;

/// The rows of recursive tables so far, by name.
pub(super) type Working = BTreeMap<String, Table>;

/// Follows a plan from its root to its scans.
pub(super) struct Walk<'a> {
    schemas: &'a Schemas,
    depth: Cell<usize>,
}

impl<'a> Walk<'a> {
    pub fn new(schemas: &'a Schemas) -> Self {
        Self {
            schemas,
            depth: Cell::new(0),
        }
    }

    /// Runs one level deeper.
    pub fn deeper<T>(&self, run: impl FnOnce() -> Result<T, Diagnostic>) -> Result<T, Diagnostic> {
        if self.depth.get() >= MAX_DEPTH {
            return Err(refused("a plan this deep"));
        }
        self.depth.set(self.depth.get() + 1);
        let result = run();
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// The rows of a node, named as the node's schema names them. `outer` is the query around it.
    pub fn node(
        &self,
        plan: &LogicalPlan,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let mut table = self.deeper(|| self.rows(plan, outer, working))?;
        let names = plan.schema().fields().iter().map(|field| field.name());
        for (column, name) in table.columns.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        Ok(table)
    }

    fn rows(
        &self,
        plan: &LogicalPlan,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let input = |plan: &LogicalPlan| self.node(plan, outer, working);
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, working),
            LogicalPlan::SubqueryAlias(alias) => input(&alias.input),
            LogicalPlan::Subquery(subquery) => input(&subquery.subquery),
            LogicalPlan::Limit(limit) => input(&limit.input),
            LogicalPlan::Repartition(repartition) => input(&repartition.input),
            LogicalPlan::Distinct(Distinct::All(distinct)) => {
                let mut table = input(distinct)?;
                table.shaping.extend(keys(&table.columns, GroupBy));
                Ok(table)
            }
            LogicalPlan::EmptyRelation(_) => Ok(empty(plan.schema().fields().len())),
            LogicalPlan::Values(values) => {
                let mut table = empty(plan.schema().fields().len());
                let below = empty(0);
                let scope = Scope::new(&values.schema, &below.columns, outer);
                for row in &values.values {
                    for (column, expr) in table.columns.iter_mut().zip(row) {
                        let origin = self.expr(expr, &scope, working)?;
                        *column = Column::new("", Origin::clone(&column.origin).and(&origin));
                    }
                }
                Ok(table)
            }
            LogicalPlan::Projection(projection) => {
                let below = input(&projection.input)?;
                let scope = Scope::new(projection.input.schema(), &below.columns, outer);
                let columns = self.columns(&projection.expr, &scope, working)?;
                Ok(over(columns, &below))
            }
            LogicalPlan::Filter(filter) => {
                let below = input(&filter.input)?;
                let scope = Scope::new(filter.input.schema(), &below.columns, outer);
                let steering = self.steering([&filter.predicate], Filter, &scope, working)?;
                Ok(steered(below.clone(), steering))
            }
            LogicalPlan::Sort(sort) => {
                let below = input(&sort.input)?;
                let scope = Scope::new(sort.input.schema(), &below.columns, outer);
                let exprs = sort.expr.iter().map(|key| &key.expr);
                let steering = self.steering(exprs, Sort, &scope, working)?;
                Ok(steered(below.clone(), steering))
            }
            LogicalPlan::Window(window) => {
                let below = input(&window.input)?;
                let scope = Scope::new(window.input.schema(), &below.columns, outer);
                let mut columns = below.columns.clone();
                columns.extend(self.columns(&window.window_expr, &scope, working)?);
                Ok(over(columns, &below))
            }
            LogicalPlan::Union(union) => {
                let mut inputs = union.inputs.iter().map(|plan| input(plan));
                let first = inputs.next().unwrap_or_else(|| Ok(empty(0)))?;
                inputs.try_fold(first, |table, next| Ok(united(table, next?)))
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer, working),
            LogicalPlan::Distinct(Distinct::On(on)) => self.distinct_on(on, outer, working),
            LogicalPlan::Join(join) => self.join(join, outer, working),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest, outer, working),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query, outer, working),
            other => Err(refused(&format!("the plan node {}", other.display()))),
        }
    }

    fn scan(&self, scan: &TableScan, working: &Working) -> Result<Table, Diagnostic> {
        if let Some(table) = working.get(scan.table_name.table()) {
            return Ok(table.clone());
        }
        let name = scan.table_name.table();
        let qualified = super::name(&scan.table_name);
        let key = self
            .schemas
            .0
            .get_key_value(&qualified)
            .or_else(|| self.schemas.0.get_key_value(name))
            .map(|(key, _)| key)
            .ok_or_else(|| refused(&format!("the table {qualified}")))?;
        let table: Rc<str> = Rc::from(key.as_str());
        let fields = scan.projected_schema.fields().iter();
        let columns =
            fields.map(|field| Column::new(field.name(), Origin::column(&table, field.name())));
        Ok(Table {
            columns: columns.collect(),
            ..Table::default()
        })
    }

    fn aggregate(
        &self,
        aggregate: &Aggregate,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let below = self.node(&aggregate.input, outer, working)?;
        let scope = Scope::new(aggregate.input.schema(), &below.columns, outer);
        let grouped = grouping_set_to_exprlist(&aggregate.group_expr)
            .map_err(|e| Diagnostic::error(e.strip_backtrace()))?;
        let mut columns = Vec::new();
        for expr in &grouped {
            columns.push(Column::new("", self.expr(expr, &scope, working)?));
        }
        let sets = matches!(aggregate.group_expr.first(), Some(Expr::GroupingSet(_)));
        if sets {
            columns.push(Column::new("", Origin::default()));
        }
        columns.extend(self.columns(&aggregate.aggr_expr, &scope, working)?);
        let steering = self.steering(grouped, GroupBy, &scope, working)?;
        Ok(steered(over(columns, &below), steering))
    }

    fn distinct_on(
        &self,
        distinct: &DistinctOn,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let below = self.node(&distinct.input, outer, working)?;
        let scope = Scope::new(distinct.input.schema(), &below.columns, outer);
        let columns = self.columns(&distinct.select_expr, &scope, working)?;
        let mut steering = self.steering(&distinct.on_expr, GroupBy, &scope, working)?;
        let sorted = distinct.sort_expr.iter().flatten().map(|key| &key.expr);
        steering.extend(self.steering(sorted, Sort, &scope, working)?);
        Ok(steered(over(columns, &below), steering))
    }

    fn join(
        &self,
        join: &Join,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let left = self.node(&join.left, outer, working)?;
        // a LATERAL subquery on the right reads the left
        let lateral = Scope::new(join.left.schema(), &left.columns, outer);
        let right = self.node(&join.right, Some(&lateral), working)?;
        let schema = join
            .left
            .schema()
            .join(join.right.schema())
            .map_err(|e| Diagnostic::error(e.strip_backtrace()))?;
        let both: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
        let scope = Scope::new(&schema, &both, outer);
        let exprs = join.on.iter().flat_map(|(l, r)| [l, r]).chain(&join.filter);
        let mut steering = self.steering(exprs, Joins, &scope, working)?;
        steering.extend(left.steering.iter().chain(&right.steering).cloned());
        let shaping = left.shaping.iter().chain(&right.shaping).cloned().collect();
        let mut columns = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left.columns,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.columns,
            _ => both,
        };
        if matches!(join.join_type, JoinType::LeftMark | JoinType::RightMark) {
            columns.push(Column::new("mark", Origin::default()));
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

    fn unnest(
        &self,
        unnest: &Unnest,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let below = self.node(&unnest.input, outer, working)?;
        let lists: Vec<usize> = unnest.list_type_columns.iter().map(|(i, _)| *i).collect();
        let mut columns = Vec::new();
        let mut shaping = below.shaping.clone();
        for &index in &unnest.dependency_indices {
            let column = below
                .columns
                .get(index)
                .ok_or_else(|| Diagnostic::internal("an unnested column that is not there"))?;
            if lists.contains(&index) {
                shaping.extend(column.origin.steering(Joins));
            }
            let changed = lists.contains(&index) || unnest.struct_type_columns.contains(&index);
            columns.push(match changed {
                true => Column::new("", Origin::clone(&column.origin).step(Transformation)),
                false => column.clone(),
            });
        }
        let mut table = over(columns, &below);
        table.shaping = shaping;
        Ok(table)
    }

    /// As for recursive tables in the syntax: again and again until nothing is added.
    fn recursive(
        &self,
        query: &RecursiveQuery,
        outer: Option<&Scope<'_>>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        let start = self.node(&query.static_term, outer, working)?;
        let mut table = start.clone();
        loop {
            let mut known = working.clone();
            known.insert(query.name.clone(), table.clone());
            let next = self.node(&query.recursive_term, outer, &known)?;
            let next = united(start.clone(), next);
            if super::super::query::same(&next, &table) {
                return Ok(next);
            }
            table = next;
        }
    }

    fn columns(
        &self,
        exprs: &[Expr],
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Vec<Column>, Diagnostic> {
        let column = |expr| Ok(Column::new("", self.expr(expr, scope, working)?));
        exprs.iter().map(column).collect()
    }

    /// What expressions contribute where they decide something.
    pub fn steering<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        subtype: Subtype,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Steering, Diagnostic> {
        let mut steering = Steering::new();
        for expr in exprs {
            steering.extend(self.expr(expr, scope, working)?.steering(subtype));
        }
        Ok(steering)
    }
}

fn empty(columns: usize) -> Table {
    Table {
        columns: vec![Column::new("", Origin::default()); columns],
        ..Table::default()
    }
}

/// New columns over the rows of an input.
fn over(columns: Vec<Column>, below: &Table) -> Table {
    let mut table = Table {
        columns,
        steering: below.steering.clone(),
        shaping: below.shaping.clone(),
        open: None,
    };
    table.settle();
    table
}

fn steered(mut table: Table, steering: Steering) -> Table {
    table.steering.extend(steering);
    table
}

fn united(mut table: Table, other: Table) -> Table {
    for (column, more) in table.columns.iter_mut().zip(&other.columns) {
        *column = Column::new(
            column.name.as_str(),
            Origin::clone(&column.origin).and(&more.origin),
        );
    }
    table.steering.extend(other.steering);
    table.shaping.extend(other.shaping);
    table
}
