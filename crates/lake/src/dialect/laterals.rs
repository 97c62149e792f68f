//! A lateral item that has no table of its own, such as `FROM t, unnest(t.items) AS u(item)`: what it
//! computes of a row is computed on the rows of the left side themselves. The engine plans such an
//! item and cannot run it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, UnnestOptions};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, SubqueryAlias,
    Unnest,
};
use datafusion::optimizer::AnalyzerRule;

#[derive(Debug)]
pub(super) struct Laterals;

impl AnalyzerRule for Laterals {
    fn name(&self) -> &str {
        "laterals"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Join(join) => match applied(join)? {
                Some(applied) => Ok(Transformed::yes(applied)),
                None => Ok(Transformed::no(plan)),
            },
            _ => Ok(Transformed::no(plan)),
        })?;
        Ok(rewritten.data)
    }
}

/// The join as what its right side makes of each left row. None: it is another kind of join.
fn applied(join: &Join) -> Result<Option<LogicalPlan>> {
    let keeps_all = join.join_type == JoinType::Left;
    let is_plain = join.on.is_empty() && join.filter.as_ref().is_none_or(is_true);
    if !is_plain || !(keeps_all || join.join_type == JoinType::Inner) {
        return Ok(None);
    }
    let Some(right) = lateral(&join.right) else {
        return Ok(None);
    };
    if !has_no_table(&right) {
        return Ok(None);
    }
    let apply = Apply {
        left: join.left.as_ref(),
        columns: join.left.schema().columns(),
        keeps_all,
    };
    let Some(plan) = apply.node(&right)? else {
        return Ok(None);
    };
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(plan)
        .project(columns.collect::<Vec<_>>())?
        .build()
        .map(Some)
}

fn is_true(filter: &Expr) -> bool {
    filter.to_string() == "Boolean(true)"
}

/// The right side without the mark that it is a subquery. None: it has none.
pub(super) fn lateral(right: &Arc<LogicalPlan>) -> Option<LogicalPlan> {
    match right.as_ref() {
        LogicalPlan::Subquery(Subquery { subquery, .. }) => Some(subquery.as_ref().clone()),
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = lateral(&alias.input)?;
            let alias = SubqueryAlias::try_new(Arc::new(inner), alias.alias.clone()).ok()?;
            Some(LogicalPlan::SubqueryAlias(alias))
        }
        // Columns that are renamed: `AS u(item)`.
        LogicalPlan::Projection(projection) => {
            let inner = lateral(&projection.input)?;
            let projection = Projection::try_new(projection.expr.clone(), Arc::new(inner)).ok()?;
            Some(LogicalPlan::Projection(projection))
        }
        _ => None,
    }
}

fn has_no_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::SubqueryAlias(_) => has_no_table(plan.inputs()[0]),
        _ => false,
    }
}

struct Apply<'a> {
    left: &'a LogicalPlan,
    columns: Vec<Column>,
    /// A left row for which the right side has none stays.
    keeps_all: bool,
}

impl Apply<'_> {
    /// The node's columns behind those of the left side.
    fn node(&self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::EmptyRelation(_) => Ok(Some(self.left.clone())),
            LogicalPlan::Projection(projection) => {
                let exprs: Result<Vec<Expr>> = projection.expr.iter().cloned().map(inner).collect();
                self.project(&projection.input, exprs?)
            }
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias),
            LogicalPlan::Filter(filter) if !self.keeps_all => {
                let Some(input) = self.node(&filter.input)? else {
                    return Ok(None);
                };
                let predicate = inner(filter.predicate.clone())?;
                LogicalPlanBuilder::from(input)
                    .filter(predicate)?
                    .build()
                    .map(Some)
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            _ => Ok(None),
        }
    }

    /// Each column under the alias. Those of a projection get it at once: by its bare name one could
    /// be mistaken for a column of the left side.
    fn alias(&self, alias: &SubqueryAlias) -> Result<Option<LogicalPlan>> {
        let named = |expr: Expr, name: &str| expr.alias_qualified(Some(alias.alias.clone()), name);
        let names = alias
            .input
            .schema()
            .fields()
            .iter()
            .map(|field| field.name());
        match alias.input.as_ref() {
            LogicalPlan::Projection(projection) => {
                let exprs = projection.expr.iter().cloned().map(inner);
                let exprs = exprs
                    .zip(names)
                    .map(|(expr, name)| Ok(named(expr?.unalias(), name)));
                self.project(&projection.input, exprs.collect::<Result<_>>()?)
            }
            input => {
                let columns = input.schema().columns().into_iter().map(Expr::Column);
                let exprs = columns.zip(names).map(|(column, name)| named(column, name));
                self.project(input, exprs.collect())
            }
        }
    }

    fn project(&self, input: &LogicalPlan, exprs: Vec<Expr>) -> Result<Option<LogicalPlan>> {
        let Some(input) = self.node(input)? else {
            return Ok(None);
        };
        let left = self.columns.iter().cloned().map(Expr::Column);
        let all: Vec<Expr> = left.chain(exprs).collect();
        LogicalPlanBuilder::from(input)
            .project(all)?
            .build()
            .map(Some)
    }

    fn unnest(&self, unnest: &Unnest) -> Result<Option<LogicalPlan>> {
        let Some(input) = self.node(&unnest.input)? else {
            return Ok(None);
        };
        let mut options: UnnestOptions = unnest.options.clone();
        if self.keeps_all {
            options.null_handling = datafusion::common::NullHandling::PreserveAndExpandEmpty;
        }
        let columns = unnest.exec_columns.clone();
        LogicalPlanBuilder::from(input)
            .unnest_columns_with_options(columns, options)?
            .build()
            .map(Some)
    }
}

/// The columns of the left side are at hand now.
fn inner(expr: Expr) -> Result<Expr> {
    let rewritten = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
            other => Transformed::no(other),
        })
    })?;
    Ok(rewritten.data)
}
