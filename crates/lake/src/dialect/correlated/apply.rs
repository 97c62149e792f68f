//! A subquery's plan over all combinations of outer values at once: each of its rows carries those that it
//! is for.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprFunctionExt, FetchType, Join, JoinType, Limit, LogicalPlan,
    LogicalPlanBuilder, Operator, Projection, SkipType, Sort, SortExpr, SubqueryAlias, Union,
    binary_expr, lit,
};

use super::{Names, same};

/// A plan, and its columns that hold the outer values.
type Applied = (LogicalPlan, Vec<Column>);

pub(super) struct Apply<'a> {
    /// The outer values, each combination once.
    values: LogicalPlan,
    refs: Vec<Expr>,
    names: &'a Names,
}

impl<'a> Apply<'a> {
    pub(super) fn new(outer: &LogicalPlan, refs: Vec<Expr>, names: &'a Names) -> Result<Self> {
        let items = refs.iter().map(|outer| outer.clone().alias(names.next()));
        let values = LogicalPlanBuilder::from(outer.clone())
            .project(items.collect::<Vec<_>>())?
            .distinct()?
            .build()?;
        Ok(Self {
            values,
            refs,
            names,
        })
    }

    /// None: the plan has a node that is not understood here.
    pub(super) fn plan(&self, plan: &LogicalPlan) -> Result<Option<Applied>> {
        if plan.all_out_ref_exprs().is_empty() {
            let (values, columns) = self.fresh()?;
            let crossed = LogicalPlanBuilder::from(plan.clone()).cross_join(values)?;
            return Ok(Some((crossed.build()?, columns)));
        }
        match plan {
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.over(&filter.input, |input, columns| {
                let predicate = self.inner(filter.predicate.clone(), columns)?;
                input.filter(predicate)
            }),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                self.over(input, |input, _| input.distinct())
            }
            LogicalPlan::Window(window) => self.over(&window.input, |input, columns| {
                let exprs = window.window_expr.iter().cloned();
                let exprs = exprs.map(|expr| {
                    let name = expr.schema_name().to_string();
                    let expr = self.inner(partitioned(expr, columns)?, columns)?;
                    Ok(expr.alias(name))
                });
                input.window(exprs.collect::<Result<Vec<_>>>()?)
            }),
            LogicalPlan::Unnest(unnest) => self.over(&unnest.input, |input, _| {
                let columns = unnest.exec_columns.clone();
                input.unnest_columns_with_options(columns, unnest.options.clone())
            }),
            LogicalPlan::Subquery(lateral) => self.plan(&lateral.subquery),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            _ => Ok(None),
        }
    }

    /// The outer values under names of their own.
    fn fresh(&self) -> Result<Applied> {
        let columns: Vec<Column> = self
            .refs
            .iter()
            .map(|_| Column::new_unqualified(self.names.next()))
            .collect();
        let own = self.values.schema().columns();
        let items = own.into_iter().zip(&columns);
        let items = items.map(|(own, column)| Expr::Column(own).alias(&column.name));
        let plan = LogicalPlanBuilder::from(self.values.clone()).project(items)?;
        Ok((plan.build()?, columns))
    }

    /// The expression of the columns that hold the outer values.
    fn inner(&self, expr: Expr, columns: &[Column]) -> Result<Expr> {
        let replaced = expr.transform_up(|expr| {
            let Expr::OuterReferenceColumn(_, column) = &expr else {
                return Ok(Transformed::no(expr));
            };
            let outer = Expr::Column(column.clone());
            let at = self
                .refs
                .iter()
                .position(|known| *known == outer || *known == expr);
            Ok(match at {
                Some(at) => Transformed::yes(Expr::Column(columns[at].clone())),
                None => Transformed::no(expr),
            })
        })?;
        Ok(replaced.data)
    }

    /// A node that keeps the columns of its input.
    fn over(
        &self,
        input: &LogicalPlan,
        node: impl FnOnce(LogicalPlanBuilder, &[Column]) -> Result<LogicalPlanBuilder>,
    ) -> Result<Option<Applied>> {
        let Some((input, columns)) = self.plan(input)? else {
            return Ok(None);
        };
        let plan = node(LogicalPlanBuilder::from(input), &columns)?;
        Ok(Some((plan.build()?, columns)))
    }

    fn projection(&self, projection: &Projection) -> Result<Option<Applied>> {
        self.over(&projection.input, |input, columns| {
            let items = self.items(projection, columns)?;
            input.project(items)
        })
    }

    /// The projection's own items and the outer values.
    fn items(&self, projection: &Projection, columns: &[Column]) -> Result<Vec<Expr>> {
        let named = |expr: &Expr| {
            let name = expr.qualified_name();
            let inner = self.inner(expr.clone(), columns)?;
            Ok(match inner.qualified_name() == name {
                true => inner,
                false => inner.unalias().alias_qualified(name.0, name.1),
            })
        };
        let items: Result<Vec<Expr>> = projection.expr.iter().map(named).collect();
        let outer = columns.iter().cloned().map(Expr::Column);
        Ok(items?.into_iter().chain(outer).collect())
    }

    fn alias(&self, alias: &SubqueryAlias) -> Result<Option<Applied>> {
        let Some((input, columns)) = self.plan(&alias.input)? else {
            return Ok(None);
        };
        let plan = LogicalPlanBuilder::from(input).alias(alias.alias.clone())?;
        let qualified = |column: Column| Column::new(Some(alias.alias.clone()), column.name);
        let columns = columns.into_iter().map(qualified).collect();
        Ok(Some((plan.build()?, columns)))
    }

    /// Without groups, one row for each combination, those without a row of the input too: a mark tells
    /// the aggregates which rows there are.
    fn aggregate(&self, aggregate: &Aggregate) -> Result<Option<Applied>> {
        if matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
            return Ok(None);
        }
        let Some((input, columns)) = self.plan(&aggregate.input)? else {
            return Ok(None);
        };
        let mut input = LogicalPlanBuilder::from(input);
        let (mut groups, mut keys, mut mark) =
            (aggregate.group_expr.clone(), columns.clone(), None);
        if groups.is_empty() {
            let name = self.names.next();
            let all = input.schema().columns().into_iter().map(Expr::Column);
            let marked = input
                .project(all.chain([lit(true).alias(&name)]).collect::<Vec<_>>())?
                .build()?;
            let (values, fresh) = self.fresh()?;
            let outer: Vec<Expr> = fresh.iter().cloned().map(Expr::Column).collect();
            input = LogicalPlanBuilder::from(values).join_on(
                marked,
                JoinType::Left,
                same(&outer, &columns),
            )?;
            (keys, mark) = (fresh, Some(Expr::Column(Column::new_unqualified(name))));
        }
        groups.extend(keys.iter().cloned().map(Expr::Column));
        let groups = groups.into_iter().map(|group| self.inner(group, &columns));
        let exprs = aggregate.aggr_expr.iter().cloned().map(|expr| {
            let name = expr.schema_name().to_string();
            let expr = self.inner(marked(expr, mark.as_ref())?, &columns)?;
            let is_same = expr.schema_name().to_string() == name;
            Ok(match is_same {
                true => expr,
                false => expr.unalias().alias(name),
            })
        });
        let plan = Aggregate::try_new(
            Arc::new(input.build()?),
            groups.collect::<Result<_>>()?,
            exprs.collect::<Result<_>>()?,
        )?;
        Ok(Some((LogicalPlan::Aggregate(plan), keys)))
    }

    /// An order means nothing without a limit.
    fn sort(&self, sort: &Sort) -> Result<Option<Applied>> {
        match sort.fetch {
            Some(_) => Ok(None),
            None => self.plan(&sort.input),
        }
    }

    /// The first rows of each combination.
    fn limit(&self, limit: &Limit) -> Result<Option<Applied>> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Ok(None);
        };
        let (sorted, projection) = match limit.input.as_ref() {
            LogicalPlan::Projection(projection) => (projection.input.as_ref(), Some(projection)),
            input => (input, None),
        };
        let (rows, orders) = match sorted {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                (sort.input.as_ref(), sort.expr.clone())
            }
            other => (other, Vec::new()),
        };
        let Some((input, columns)) = self.plan(rows)? else {
            return Ok(None);
        };
        let number = self.names.next();
        let input = self.numbered(LogicalPlanBuilder::from(input), orders, &columns, &number)?;
        let place = Expr::Column(Column::new_unqualified(number));
        let mut kept = place.clone().gt(lit(skip as u64));
        if let Some(fetch) = fetch {
            kept = kept.and(place.lt_eq(lit((skip + fetch) as u64)));
        }
        let input = input.filter(kept)?;
        let items = match projection {
            Some(projection) => self.items(projection, &columns)?,
            None => {
                let own = rows.schema().columns().into_iter();
                own.chain(columns.clone()).map(Expr::Column).collect()
            }
        };
        Ok(Some((input.project(items)?.build()?, columns)))
    }

    fn numbered(
        &self,
        input: LogicalPlanBuilder,
        orders: Vec<SortExpr>,
        columns: &[Column],
        name: &str,
    ) -> Result<LogicalPlanBuilder> {
        let all: Vec<Expr> = input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        let orders = orders
            .into_iter()
            .map(|by| Ok(by.with_expr(self.inner(by.expr.clone(), columns)?)))
            .collect::<Result<Vec<_>>>()?;
        let partition = columns.iter().cloned().map(Expr::Column).collect();
        let number = row_number()
            .partition_by(partition)
            .order_by(orders)
            .build()?;
        let column = number.schema_name().to_string();
        let place = Expr::Column(Column::new_unqualified(column));
        let place = datafusion::logical_expr::cast(place, arrow::datatypes::DataType::UInt64);
        input
            .window([number])?
            .project(all.into_iter().chain([place.alias(name)]))
    }

    /// Both sides carry the outer values where both name some, or where the right one need not have a row.
    fn join(&self, join: &Join) -> Result<Option<Applied>> {
        let has_outer = |plan: &LogicalPlan| !plan.all_out_ref_exprs().is_empty();
        let on_both = match join.join_type {
            JoinType::Inner => has_outer(&join.left) && has_outer(&join.right),
            // Set operations are joins too.
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => has_outer(&join.right),
            _ => return Ok(None),
        };
        let only_right =
            join.join_type == JoinType::Inner && !has_outer(&join.left) && has_outer(&join.right);
        let own = |plan: &Arc<LogicalPlan>| Ok(Some((plan.as_ref().clone(), Vec::new())));
        let left = if only_right {
            own(&join.left)
        } else {
            self.plan(&join.left)
        };
        let right = if on_both || only_right {
            self.plan(&join.right)
        } else {
            own(&join.right)
        };
        let (Some((left, lefts)), Some((right, rights))) = (left?, right?) else {
            return Ok(None);
        };
        let columns = if only_right {
            rights.clone()
        } else {
            lefts.clone()
        };
        let lefts: Vec<Expr> = lefts.into_iter().map(Expr::Column).collect();
        let mut on: Vec<Expr> = same(&lefts, &rights).collect();
        let equal = match join.null_equality {
            NullEquality::NullEqualsNothing => Operator::Eq,
            NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
        };
        on.extend(
            join.on
                .iter()
                .map(|(l, r)| binary_expr(l.clone(), equal, r.clone())),
        );
        on.extend(join.filter.clone());
        let on = on.into_iter().map(|expr| self.inner(expr, &columns));
        let plan = LogicalPlanBuilder::from(left).join_on(
            right,
            join.join_type,
            on.collect::<Result<Vec<_>>>()?,
        )?;
        Ok(Some((plan.build()?, columns)))
    }

    fn union(&self, union: &Union) -> Result<Option<Applied>> {
        let columns: Vec<Column> = self
            .refs
            .iter()
            .map(|_| Column::new_unqualified(self.names.next()))
            .collect();
        let mut whole: Option<LogicalPlanBuilder> = None;
        for input in &union.inputs {
            let Some((plan, own)) = self.plan(input)? else {
                return Ok(None);
            };
            let values = input
                .schema()
                .columns()
                .into_iter()
                .zip(union.schema.fields());
            let values = values.map(|(column, field)| Expr::Column(column).alias(field.name()));
            let outer = own.into_iter().zip(&columns);
            let outer = outer.map(|(own, column)| Expr::Column(own).alias(&column.name));
            let part = LogicalPlanBuilder::from(plan).project(values.chain(outer))?;
            whole = Some(match whole {
                Some(whole) => whole.union(part.build()?)?,
                None => part,
            });
        }
        match whole {
            Some(whole) => Ok(Some((whole.build()?, columns))),
            None => Ok(None),
        }
    }
}

/// The aggregate of the rows that there are.
fn marked(expr: Expr, mark: Option<&Expr>) -> Result<Expr> {
    let Some(mark) = mark else {
        return Ok(expr);
    };
    let marked = expr.transform_up(|expr| match expr {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let filter = params.filter.take();
            let filter = match filter {
                Some(filter) => filter.and(mark.clone()),
                None => mark.clone(),
            };
            params.filter = Some(Box::new(filter));
            Ok(Transformed::yes(Expr::AggregateFunction(
                AggregateFunction { func, params },
            )))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(marked.data)
}

/// The window within each combination.
fn partitioned(expr: Expr, columns: &[Column]) -> Result<Expr> {
    let partitioned = expr.transform_up(|expr| match expr {
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, mut params } = *window;
            params
                .partition_by
                .extend(columns.iter().cloned().map(Expr::Column));
            let window = WindowFunction { fun, params };
            Ok(Transformed::yes(Expr::WindowFunction(Box::new(window))))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(partitioned.data)
}
