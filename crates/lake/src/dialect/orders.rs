//! Windows and aggregates that are ordered or partitioned by something computed: it becomes a column below
//! them. The engine compares the sort below a window with what the window needs, loses itself in what it
//! knows of the functions in it, and refuses its own plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Window};
use datafusion::optimizer::AnalyzerRule;

#[derive(Debug)]
pub(super) struct Orders;

impl AnalyzerRule for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let rewritten = match &plan {
                LogicalPlan::Window(window) => of_window(window)?,
                LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate)?,
                _ => None,
            };
            Ok(match rewritten {
                Some(rewritten) => Transformed::yes(rewritten),
                None => Transformed::no(plan),
            })
        })?;
        Ok(rewritten.data)
    }
}

/// The window over columns alone. None: it is so already.
fn of_window(window: &Window) -> Result<Option<LogicalPlan>> {
    let mut computed = Vec::new();
    let exprs = by_columns(&window.window_expr, &mut computed)?;
    if computed.is_empty() {
        return Ok(None);
    }
    let all = window.schema.columns().into_iter().map(Expr::Column);
    let plan = below(&window.input, computed)?.window(exprs)?;
    plan.project(all.collect::<Vec<_>>())?.build().map(Some)
}

fn of_aggregate(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let mut computed = Vec::new();
    let exprs = by_columns(&aggregate.aggr_expr, &mut computed)?;
    if computed.is_empty() {
        return Ok(None);
    }
    let input = below(&aggregate.input, computed)?.build()?;
    let groups = aggregate.group_expr.clone();
    let plan = Aggregate::try_new(Arc::new(input), groups, exprs)?;
    Ok(Some(LogicalPlan::Aggregate(plan)))
}

/// The expressions with what they are ordered by as columns, under their names.
fn by_columns(all: &[Expr], computed: &mut Vec<Expr>) -> Result<Vec<Expr>> {
    let each = all.iter().map(|expr| {
        let name = expr.schema_name().to_string();
        let rewritten = expr.clone().transform_up(|expr| named(expr, computed))?;
        Ok(match rewritten.transformed {
            true => rewritten.data.unalias().alias(name),
            false => rewritten.data,
        })
    });
    each.collect()
}

/// The input with the computed columns behind its own.
fn below(input: &Arc<LogicalPlan>, computed: Vec<Expr>) -> Result<LogicalPlanBuilder> {
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let computed = computed.into_iter().enumerate();
    let computed = computed.map(|(at, expr)| expr.alias(column(at)));
    LogicalPlanBuilder::from(Arc::clone(input)).project(columns.chain(computed).collect::<Vec<_>>())
}

fn column(at: usize) -> String {
    format!("forebay_order_{at}")
}

/// What a window function or an aggregate is ordered and partitioned by, as columns.
fn named(mut expr: Expr, computed: &mut Vec<Expr>) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut name = |expr: &mut Expr| {
        if matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
            return;
        }
        let at = computed.iter().position(|known| known == expr);
        let at = at.unwrap_or_else(|| {
            computed.push(expr.clone());
            computed.len() - 1
        });
        *expr = Expr::Column(column(at).into());
        changed = true;
    };
    match &mut expr {
        Expr::WindowFunction(function) => {
            let params = &mut function.params;
            params.partition_by.iter_mut().for_each(&mut name);
            let orders = params.order_by.iter_mut();
            orders.for_each(|sort| name(&mut sort.expr));
        }
        Expr::AggregateFunction(function) => {
            let params = &mut function.params;
            // The engine wants what is distinct to be what it is ordered by.
            if params.distinct
                && let (Some(of), [by]) = (params.args.first_mut(), params.order_by.as_slice())
                && *of == by.expr
            {
                name(of);
            }
            let orders = params.order_by.iter_mut();
            orders.for_each(|sort| name(&mut sort.expr));
        }
        _ => {}
    }
    Ok(match changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    })
}
