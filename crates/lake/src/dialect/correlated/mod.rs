//! Subqueries of outer columns that the engine does not turn into joins: those that are cut, ordered, of
//! comparisons other than `=`, or a value of the answer. Each is computed once for every combination of the
//! outer values that it names, and joined to the rows (Neumann and Kemper, "Unnesting Arbitrary Queries",
//! BTW 2015).

mod apply;
mod simple;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::config::ConfigOptions;
use datafusion::functions_aggregate::expr_fn::{bool_or, count, first_value};
use datafusion::logical_expr::expr::{BinaryExpr, Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Projection,
    Sort, Subquery, binary_expr, is_null, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use super::laterals::lateral;
use crate::functions;
use apply::Apply;

#[derive(Debug)]
pub(super) struct Correlated;

impl AnalyzerRule for Correlated {
    fn name(&self) -> &str {
        "correlated"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let names = Names::default();
        let rewritten = plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Projection(projection) => of_projection(projection, &names),
            LogicalPlan::Filter(filter) => of_filter(filter, &names),
            LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate, &names),
            LogicalPlan::Sort(sort) => of_sort(sort, &names),
            LogicalPlan::Join(join) if asks(join) => match join.join_type {
                JoinType::Inner => of_condition(join, &names),
                _ => of_outer(join, &names),
            },
            LogicalPlan::Join(join) => match of_join(join, &names)? {
                Some(joined) => Ok(Transformed::yes(joined)),
                None => Ok(Transformed::no(plan)),
            },
            _ => Ok(Transformed::no(plan)),
        })?;
        Ok(rewritten.data)
    }
}

/// Names that no other column has.
#[derive(Default)]
struct Names(Cell<usize>);

impl Names {
    fn next(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("forebay_outer_{}", self.0.get())
    }
}

fn of_projection(projection: &Projection, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let plan = LogicalPlan::Projection(projection.clone());
    let kept = NamePreserver::new(&plan);
    let mut joined = Joined::new(&projection.input, names);
    let mut exprs = Vec::new();
    for expr in &projection.expr {
        let name = kept.save(expr);
        let replaced = expr
            .clone()
            .transform_up(|expr| joined.value(expr, Place::Item))?;
        exprs.push(name.restore(replaced.data));
    }
    match joined.count {
        0 => Ok(Transformed::no(plan)),
        _ => Projection::try_new(exprs, joined.plan.into())
            .map(|projection| Transformed::yes(LogicalPlan::Projection(projection))),
    }
}

fn of_filter(filter: &Filter, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let mut joined = Joined::new(&filter.input, names);
    let predicate = filter.predicate.clone();
    let predicate = of_test(predicate, false, &mut joined)?;
    if joined.count == 0 {
        let changed = predicate != filter.predicate;
        let filter = Filter::try_new(predicate, Arc::clone(&filter.input))?;
        let plan = LogicalPlan::Filter(filter);
        return Ok(Transformed::new_transformed(plan, changed));
    }
    let columns = filter.input.schema().columns();
    let plan = LogicalPlanBuilder::from(joined.plan)
        .filter(predicate)?
        .project(columns.into_iter().map(Expr::Column))?;
    plan.build().map(Transformed::yes)
}

/// What is null and what is false of an `IN` is one to a condition, and not to what is computed of it. Beside an `OR`
/// the engine computes a `NOT IN` of a mark that is never null.
fn of_test(expr: Expr, is_choice: bool, joined: &mut Joined<'_>) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => {
            let is_choice = is_choice || op == Operator::Or;
            let left = of_test(*left, is_choice, joined)?;
            let right = of_test(*right, is_choice, joined)?;
            Ok(binary_expr(left, op, right))
        }
        Expr::InSubquery(test) if is_choice && test.negated && is_alone(&test, joined.input) => {
            apart_from_nulls(test)
        }
        Expr::InSubquery(test) if is_choice && test.negated => {
            let test = Expr::InSubquery(test);
            let replaced = test.transform_up(|part| joined.value(part, Place::Other))?;
            Ok(replaced.data)
        }
        test @ Expr::InSubquery(_) => {
            let replaced = test.transform_up(|part| joined.value(part, Place::Condition))?;
            Ok(replaced.data)
        }
        expr => {
            let replaced = expr.transform_up(|part| match part {
                Expr::InSubquery(_) => joined.value(part, Place::Other),
                part => joined.value(part, Place::Condition),
            })?;
            Ok(replaced.data)
        }
    }
}

/// Whether the engine can look for the values by itself.
fn is_alone(test: &InSubquery, input: &LogicalPlan) -> bool {
    outer_columns(&test.subquery.subquery, input).is_empty()
        && !test.expr.column_refs().is_empty()
        && !test.expr.contains_outer()
        && !test.expr.is_volatile()
}

/// `x NOT IN s` as a condition: `x` is not among the values, and there are none, or no null is on either side.
fn apart_from_nulls(test: InSubquery) -> Result<Expr> {
    let values = &test.subquery.subquery;
    let column = Expr::Column(values.schema().columns().remove(0));
    let counted = |of: Expr| -> Result<Expr> {
        let one = LogicalPlanBuilder::from(values.as_ref().clone())
            .aggregate(Vec::<Expr>::new(), [count(of)])?
            .build()?;
        Ok(Expr::ScalarSubquery(Subquery {
            subquery: one.into(),
            outer_ref_columns: Vec::new(),
            spans: test.subquery.spans.clone(),
        }))
    };
    let all = counted(lit(1i64))?;
    let is_empty = all.clone().eq(lit(0i64));
    let has_no_null = all.eq(counted(column)?);
    let is_known = test.expr.clone().is_not_null().and(has_no_null);
    let is_there = Expr::InSubquery(InSubquery {
        negated: false,
        ..test
    });
    Ok(Expr::Not(Box::new(is_there)).and(is_empty.or(is_known)))
}

/// An aggregate of tests and values by subqueries, or by them.
fn of_aggregate(aggregate: &Aggregate, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let plan = LogicalPlan::Aggregate(aggregate.clone());
    let kept = NamePreserver::new(&plan);
    let mut joined = Joined::new(&aggregate.input, names);
    let mut replaced = |exprs: &[Expr]| -> Result<Vec<Expr>> {
        let each = exprs.iter().map(|expr| {
            let name = kept.save(expr);
            let replaced = expr
                .clone()
                .transform_up(|expr| joined.value(expr, Place::Other))?;
            Ok(name.restore(replaced.data))
        });
        each.collect()
    };
    let (groups, values) = (
        replaced(&aggregate.group_expr)?,
        replaced(&aggregate.aggr_expr)?,
    );
    match joined.count {
        0 => Ok(Transformed::no(plan)),
        _ => Aggregate::try_new(joined.plan.into(), groups, values)
            .map(|aggregate| Transformed::yes(LogicalPlan::Aggregate(aggregate))),
    }
}

fn of_sort(sort: &Sort, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let mut joined = Joined::new(&sort.input, names);
    let mut by = sort.expr.clone();
    for by in &mut by {
        let expr = std::mem::take(&mut by.expr);
        by.expr = expr
            .transform_up(|expr| joined.value(expr, Place::Other))?
            .data;
    }
    if joined.count == 0 {
        return Ok(Transformed::no(LogicalPlan::Sort(sort.clone())));
    }
    let columns = sort.input.schema().columns();
    let plan = LogicalPlanBuilder::from(joined.plan)
        .sort_with_limit(by, sort.fetch)?
        .project(columns.into_iter().map(Expr::Column))?;
    plan.build().map(Transformed::yes)
}

/// Whether the condition of a join holds subqueries.
fn asks(join: &Join) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_)
        ))
    };
    let asks = |filter: &Expr| filter.exists(is_subquery).unwrap_or(false);
    join.filter.as_ref().is_some_and(asks)
}

/// The condition of an inner join is one of its rows.
fn of_condition(join: &Join, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let mut join = join.clone();
    let Some(condition) = join.filter.take() else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let rows = LogicalPlan::Join(join);
    let filter = Filter::try_new(condition, rows.into())?;
    let rewritten = of_filter(&filter, names)?;
    Ok(Transformed::yes(rewritten.data))
}

/// Subqueries in the condition of another join are values of the rows of one side, where they ask for its columns
/// alone.
fn of_outer(join: &Join, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let plan = LogicalPlan::Join(join.clone());
    let Some(condition) = join.filter.clone() else {
        return Ok(Transformed::no(plan));
    };
    let mut sides = [&join.left, &join.right].map(|side| Joined::new(side, names));
    let condition = condition.transform_up(|part| {
        let Some(asked) = asked_columns(&part, join) else {
            return Ok(Transformed::no(part));
        };
        let has_all = |side: &&mut Joined<'_>| {
            let schema = side.input.schema();
            asked.iter().all(|column| schema.has_column(column))
        };
        match sides.iter_mut().find(has_all) {
            Some(side) => side.value(part, Place::Other),
            None => Ok(Transformed::no(part)),
        }
    })?;
    if sides.iter().all(|side| side.count == 0) {
        return Ok(Transformed::no(plan));
    }
    let [left, right] = sides.map(|side| Arc::new(side.plan));
    let joined = Join::try_new(
        left,
        right,
        join.on.clone(),
        Some(condition.data),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(LogicalPlan::Join(joined))
        .project(columns)?
        .build()
        .map(Transformed::yes)
}

/// The columns of the join's sides that a subquery asks for. None: it is no subquery.
fn asked_columns(expr: &Expr, join: &Join) -> Option<Vec<Column>> {
    let (subquery, compared) = match expr {
        Expr::ScalarSubquery(subquery) => (subquery, None),
        Expr::Exists(test) => (&test.subquery, None),
        Expr::InSubquery(test) => (&test.subquery, Some(test.expr.as_ref())),
        _ => return None,
    };
    let outer = subquery.subquery.all_out_ref_exprs().into_iter();
    let outer = outer.filter_map(|outer| match outer {
        Expr::OuterReferenceColumn(_, column) => Some(column),
        _ => None,
    });
    let compared = compared.into_iter().flat_map(Expr::column_refs).cloned();
    let is_of_side = |column: &Column| join.schema.has_column(column);
    Some(outer.chain(compared).filter(is_of_side).collect())
}

/// A lateral join. None: it is no such join, or one that the engine plans.
fn of_join(join: &Join, names: &Names) -> Result<Option<LogicalPlan>> {
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) || !join.on.is_empty() {
        return Ok(None);
    }
    let Some(right) = lateral(&join.right) else {
        return Ok(None);
    };
    let refs = outer_columns(&right, &join.left);
    if refs.is_empty() || simple::rows(&right, true) && !refs.iter().any(is_farther) {
        return Ok(None);
    }
    let Some((right, columns)) = Apply::new(&join.left, refs.clone(), names)?.plan(&right)? else {
        return Ok(None);
    };
    let on = same(&refs, &columns).chain(join.filter.clone());
    let all = join.schema.columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(join.left.as_ref().clone())
        .join_on(right, join.join_type, on)?
        .project(all)?
        .build()
        .map(Some)
}

/// The outer columns that a subquery names, each once: columns of the rows around it, and of what is around those,
/// which to them are outer columns too.
fn outer_columns(plan: &LogicalPlan, around: &LogicalPlan) -> Vec<Expr> {
    let mut refs = Vec::new();
    for outer in plan.all_out_ref_exprs() {
        let outer = match outer {
            Expr::OuterReferenceColumn(_, column) if around.schema().has_column(&column) => {
                Expr::Column(column)
            }
            outer => outer,
        };
        if !refs.contains(&outer) {
            refs.push(outer);
        }
    }
    refs
}

fn is_farther(outer: &Expr) -> bool {
    matches!(outer, Expr::OuterReferenceColumn(..))
}

/// Outer values and those that a result is for are the same, nulls too.
fn same<'a>(refs: &'a [Expr], columns: &'a [Column]) -> impl Iterator<Item = Expr> + 'a {
    refs.iter().zip(columns).map(|(outer, column)| {
        let column = Expr::Column(column.clone());
        binary_expr(outer.clone(), Operator::IsNotDistinctFrom, column)
    })
}

/// Where a subquery stands. To the engine a part of a condition can be a test by one, an answer's item can be
/// the value of one alone, and what is aggregated or ordered by neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Item,
    Condition,
    Other,
}

/// Rows, with the values of subqueries joined to them.
struct Joined<'a> {
    input: &'a LogicalPlan,
    names: &'a Names,
    plan: LogicalPlan,
    count: usize,
}

impl<'a> Joined<'a> {
    fn new(input: &'a LogicalPlan, names: &'a Names) -> Self {
        Self {
            input,
            names,
            plan: input.clone(),
            count: 0,
        }
    }

    /// The subquery's value as a column; other expressions as they are.
    fn value(&mut self, expr: Expr, place: Place) -> Result<Transformed<Expr>> {
        let value = match &expr {
            Expr::ScalarSubquery(Subquery { subquery, .. }) => {
                let refs = outer_columns(subquery, self.input);
                let is_planned = place != Place::Other
                    && simple::value(subquery)
                    && !refs.iter().any(is_farther);
                match refs.is_empty() || is_planned {
                    true => None,
                    false => self.scalar(subquery, refs)?,
                }
            }
            Expr::Exists(Exists { subquery, negated }) => {
                let refs = outer_columns(&subquery.subquery, self.input);
                let is_planned =
                    simple::rows(&subquery.subquery, false) && !refs.iter().any(is_farther);
                match is_planned && place == Place::Condition {
                    true => None,
                    false => self.exists(&subquery.subquery, refs, *negated)?,
                }
            }
            Expr::InSubquery(test) => {
                let refs = outer_columns(&test.subquery.subquery, self.input);
                // What is looked for is compared below the join, where its nulls are lost.
                let is_constant = test.expr.column_refs().is_empty();
                let is_planned = (refs.is_empty() && !is_constant
                    || (!test.negated && simple::rows(&test.subquery.subquery, false)))
                    && !refs
                        .iter()
                        .chain([test.expr.as_ref()])
                        .any(Expr::contains_outer);
                match is_planned && place == Place::Condition {
                    true => None,
                    false => self.is_in(test, refs)?,
                }
            }
            _ => None,
        };
        Ok(match value {
            Some(value) => Transformed::yes(value),
            None => Transformed::no(expr),
        })
    }

    fn apply(
        &self,
        subquery: &LogicalPlan,
        refs: &[Expr],
    ) -> Result<Option<(LogicalPlan, Vec<Column>)>> {
        Apply::new(self.input, refs.to_vec(), self.names)?.plan(subquery)
    }

    /// Joins what there is at most one row of for each combination, and names its value.
    fn join(
        &mut self,
        plan: LogicalPlanBuilder,
        value: Expr,
        refs: &[Expr],
        columns: &[Column],
    ) -> Result<Expr> {
        let name = self.names.next();
        let keys: Vec<Column> = columns
            .iter()
            .map(|_| Column::new_unqualified(self.names.next()))
            .collect();
        let items = columns.iter().zip(&keys);
        let items = items.map(|(column, key)| Expr::Column(column.clone()).alias(&key.name));
        let plan = plan.project(items.chain([value.alias(&name)]))?.build()?;
        let rows = std::mem::take(&mut self.plan);
        self.plan = LogicalPlanBuilder::from(rows)
            .join_on(plan, JoinType::Left, same(refs, &keys))?
            .build()?;
        self.count += 1;
        Ok(Expr::Column(Column::new_unqualified(name)))
    }

    fn scalar(&mut self, subquery: &LogicalPlan, refs: Vec<Expr>) -> Result<Option<Expr>> {
        let Some((plan, columns)) = self.apply(subquery, &refs)? else {
            return Ok(None);
        };
        let Some(value) = subquery.schema().columns().into_iter().next() else {
            return Ok(None);
        };
        let value = plan_column(&plan, subquery, value);
        let keys = columns.iter().cloned().map(Expr::Column);
        let (first, rows) = (self.names.next(), self.names.next());
        let values = [
            first_value(value, vec![]).alias(&first),
            count(lit(1)).alias(&rows),
        ];
        let plan = LogicalPlanBuilder::from(plan).aggregate(keys, values)?;
        let column = |name| Expr::Column(Column::new_unqualified(name));
        let only = functions::named("only_row").call(vec![column(first), column(rows)]);
        self.join(plan, only, &refs, &columns).map(Some)
    }

    fn exists(
        &mut self,
        subquery: &LogicalPlan,
        mut refs: Vec<Expr>,
        negated: bool,
    ) -> Result<Option<Expr>> {
        if refs.is_empty() {
            refs.push(lit(true));
        }
        let Some((plan, columns)) = self.apply(subquery, &refs)? else {
            return Ok(None);
        };
        let keys = columns.iter().cloned().map(Expr::Column);
        let plan = LogicalPlanBuilder::from(plan).project(keys)?.distinct()?;
        let found = self.join(plan, lit(true), &refs, &columns)?;
        Ok(Some(match negated {
            true => is_null(found),
            false => found.is_not_null(),
        }))
    }

    /// True where a value is equal; where none is, null if one may be.
    fn is_in(&mut self, test: &InSubquery, mut refs: Vec<Expr>) -> Result<Option<Expr>> {
        let subquery = test.subquery.subquery.as_ref();
        refs.push(test.expr.as_ref().clone());
        let Some((plan, columns)) = self.apply(subquery, &refs)? else {
            return Ok(None);
        };
        let (Some(inner), Some(outer)) = (
            subquery.schema().columns().into_iter().next(),
            columns.last().cloned(),
        ) else {
            return Ok(None);
        };
        let is_equal = plan_column(&plan, subquery, inner).eq(Expr::Column(outer));
        let (equal, unknown) = (self.names.next(), self.names.next());
        let values = [
            bool_or(is_equal.clone()).alias(&equal),
            bool_or(is_null(is_equal)).alias(&unknown),
        ];
        let keys = columns.iter().cloned().map(Expr::Column);
        let plan = LogicalPlanBuilder::from(plan).aggregate(keys, values)?;
        let column = |name| Expr::Column(Column::new_unqualified(name));
        let known = when(column(equal).is_true(), lit(1))
            .when(column(unknown).is_true(), lit(2))
            .otherwise(lit(0))?;
        let state = self.join(plan, known, &refs, &columns)?;
        let found = when(state.clone().eq(lit(1)), lit(true))
            .when(
                state.eq(lit(2)),
                lit(datafusion::scalar::ScalarValue::Boolean(None)),
            )
            .otherwise(lit(false))?;
        Ok(Some(match test.negated {
            true => Expr::Not(Box::new(found)),
            false => found,
        }))
    }
}

/// The subquery's column in the plan that it became, in which columns keep their places.
fn plan_column(plan: &LogicalPlan, subquery: &LogicalPlan, column: Column) -> Expr {
    match plan.schema().has_column(&column) {
        true => Expr::Column(column),
        false => {
            let at = subquery
                .schema()
                .maybe_index_of_column(&column)
                .unwrap_or(0);
            Expr::Column(plan.schema().qualified_field(at).into())
        }
    }
}
