//! What rows are ordered and told apart by: `-0.0` is `0.0`, and lengths of time are one where they last
//! equally long. The engine goes by the bits. Runs before what is computed becomes a column.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Sort};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;
use super::length::length_of;
use crate::functions;

#[derive(Debug)]
pub(super) struct Keys;

impl AnalyzerRule for Keys {
    fn name(&self) -> &str {
        "keys"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let sorted = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Sort(sort) => Ok(of_sort(sort)),
            plan => Ok(Transformed::no(plan)),
        })?;
        exprs::rewrite(sorted.data, |expr, schema| Ok(of_expr(expr, schema)))
    }
}

fn of_sort(mut sort: Sort) -> Transformed<LogicalPlan> {
    let schema = merge_schema(&[&sort.input]);
    let mut changed = false;
    for by in &mut sort.expr {
        changed |= settle(&mut by.expr, &schema);
    }
    let plan = LogicalPlan::Sort(sort);
    match changed {
        true => Transformed::yes(plan),
        false => Transformed::no(plan),
    }
}

fn of_expr(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let keys: Vec<&mut Expr> = match &mut expr {
        Expr::WindowFunction(function) => {
            let params = &mut function.params;
            let orders = params.order_by.iter_mut().map(|by| &mut by.expr);
            let keys = params.partition_by.iter_mut().chain(orders);
            match params.distinct {
                true => keys.chain(&mut params.args).collect(),
                false => keys.collect(),
            }
        }
        Expr::AggregateFunction(function) => {
            let params = &mut function.params;
            let keys = params.order_by.iter_mut().map(|by| &mut by.expr);
            match params.distinct {
                // The engine wants what is distinct to be what it is ordered by.
                true => keys.chain(params.args.first_mut()).collect(),
                false => keys.collect(),
            }
        }
        Expr::ScalarFunction(call) if call.func.name() == "nullif" => {
            call.args.iter_mut().collect()
        }
        _ => return Transformed::no(expr),
    };
    let mut changed = false;
    for key in keys {
        changed |= settle(key, schema);
    }
    match changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    }
}

/// Whether the key is another now.
fn settle(key: &mut Expr, schema: &DFSchema) -> bool {
    match key.get_type(schema) {
        Ok(DataType::Float32 | DataType::Float64) if !matches!(key, Expr::Literal(..)) => {
            *key = functions::named("one_zero").call(vec![std::mem::take(key)]);
            true
        }
        Ok(DataType::Interval(_)) => {
            *key = length_of(std::mem::take(key));
            true
        }
        _ => false,
    }
}
