//! Lists and structures in their order: by their items one after the other, where a null is greater than any value and
//! equal to another. To the engine it is less, or makes the whole comparison null. They are compared by a key of
//! bytes.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, when};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;
use crate::functions;

#[derive(Debug)]
pub(super) struct Nested;

impl AnalyzerRule for Nested {
    fn name(&self) -> &str {
        "nested"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = exprs::rewrite(plan, by_key)?;
        let sorted = plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Sort(mut sort) = plan else {
                return Ok(Transformed::no(plan));
            };
            let schema = std::sync::Arc::clone(sort.input.schema());
            let changed = sort.expr.iter_mut().map(|by| ordered(by, &schema));
            let changed = changed.fold(false, |any, one| any | one);
            let sort = LogicalPlan::Sort(sort);
            Ok(match changed {
                true => Transformed::yes(sort),
                false => Transformed::no(sort),
            })
        })?;
        Ok(sorted.data)
    }
}

fn is_nested(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(
        expr.get_type(schema),
        Ok(DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_))
    )
}

fn key(expr: Expr) -> Expr {
    functions::named("nested_key").call(vec![expr])
}

fn ordered(by: &mut Sort, schema: &DFSchema) -> bool {
    let is_nested = is_nested(&by.expr, schema);
    if is_nested {
        by.expr = key(std::mem::take(&mut by.expr));
    }
    is_nested
}

fn by_key(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if op.supports_propagation() && is_nested(left, schema) && is_nested(right, schema) =>
        {
            for side in [left, right] {
                **side = key(std::mem::take(side.as_mut()));
            }
            true
        }
        Expr::WindowFunction(function) => {
            let orders = function.params.order_by.iter_mut();
            orders.fold(false, |any, by| ordered(by, schema) | any)
        }
        Expr::AggregateFunction(function) => {
            let is_count = function.func.name() == "count" && function.params.distinct;
            let params = &mut function.params;
            let orders = params.order_by.iter_mut();
            let changed = orders.fold(false, |any, by| ordered(by, schema) | any);
            // The engine counts all of a batch's memory for each value that it keeps.
            match params.args.as_mut_slice() {
                [value] if is_count && is_nested(value, schema) => {
                    *value = key(std::mem::take(value));
                    true
                }
                _ => changed,
            }
        }
        Expr::ScalarFunction(call) => {
            let is_least = match call.func.name() {
                "least" => true,
                "greatest" => false,
                _ => return Ok(Transformed::no(expr)),
            };
            let args = std::mem::take(&mut call.args).into_iter();
            match args.as_slice().iter().any(|arg| is_nested(arg, schema)) {
                true => return chosen(args, is_least).map(Transformed::yes),
                false => {
                    call.args = args.collect();
                    false
                }
            }
        }
        _ => false,
    };
    Ok(match changed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    })
}

/// The least or greatest of the values, of which nulls do not count.
fn chosen(values: impl Iterator<Item = Expr>, is_least: bool) -> Result<Expr> {
    let mut best: Option<Expr> = None;
    for value in values {
        best = Some(match best {
            None => value,
            Some(best) => {
                let (one, other) = (key(best.clone()), key(value.clone()));
                let stays = match is_least {
                    true => one.lt_eq(other),
                    false => one.gt_eq(other),
                };
                when(value.clone().is_null().or(stays), best).otherwise(value)?
            }
        });
    }
    best.ok_or_else(|| datafusion::common::plan_datafusion_err!("there is nothing to choose from"))
}
