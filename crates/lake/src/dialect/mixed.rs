//! Where a double meets a decimal, in a comparison or as one of several values, the decimal becomes a
//! double, as in PostgreSQL and DuckDB. The engine makes a decimal of both: a large double does not fit
//! into it, and a small one is lost. Runs before the engine brings types together.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Union, cast};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;

#[derive(Debug)]
pub(super) struct Mixed;

impl AnalyzerRule for Mixed {
    fn name(&self) -> &str {
        "mixed"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut changed = false;
        let rewritten = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Union(union) => {
                let rewritten = of_union(union)?;
                changed |= rewritten.transformed;
                Ok(rewritten)
            }
            // What stands above has other types now.
            plan if changed => Ok(Transformed::yes(plan.recompute_schema()?)),
            plan => Ok(Transformed::no(plan)),
        })?;
        exprs::rewrite(rewritten.data, |expr, schema| Ok(unmixed(expr, schema)))
    }
}

/// Functions that give one of their arguments, or hold them side by side.
const CHOICES: &[&str] = &[
    "coalesce",
    "greatest",
    "ifnull",
    "least",
    "make_array",
    "nullif",
    "nvl",
];

fn unmixed(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let values: Vec<&mut Expr> = match &mut expr {
        Expr::BinaryExpr(binary) if binary.op.supports_propagation() => {
            vec![&mut binary.left, &mut binary.right]
        }
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => {
            let first = std::iter::once(list.expr.as_mut());
            first.chain(&mut list.list).collect()
        }
        Expr::Case(case) => {
            let results = case
                .when_then_expr
                .iter_mut()
                .map(|(_, then)| then.as_mut());
            results.chain(case.else_expr.as_deref_mut()).collect()
        }
        Expr::ScalarFunction(call) if CHOICES.contains(&call.func.name()) => {
            call.args.iter_mut().collect()
        }
        _ => return Transformed::no(expr),
    };
    match as_doubles(values, schema) {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    }
}

/// Casts the decimals if there is a double among the values.
fn as_doubles(values: Vec<&mut Expr>, schema: &dyn ExprSchema) -> bool {
    let types: Vec<_> = values
        .iter()
        .map(|value| value.get_type(schema).ok())
        .collect();
    let has = |wanted: fn(&DataType) -> bool| types.iter().flatten().any(wanted);
    if !has(DataType::is_floating) || !has(is_decimal) {
        return false;
    }
    for (value, found) in values.into_iter().zip(&types) {
        if found.as_ref().is_some_and(is_decimal) {
            let decimal = std::mem::take(value);
            *value = cast(decimal, DataType::Float64);
        }
    }
    true
}

fn is_decimal(found: &DataType) -> bool {
    matches!(found, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// Columns that are doubles in one part and decimals in another.
fn of_union(union: Union) -> Result<Transformed<LogicalPlan>> {
    let of = |column: usize, wanted: fn(&DataType) -> bool| {
        let types = union
            .inputs
            .iter()
            .map(|input| input.schema().fields().get(column));
        types.flatten().any(|field| wanted(field.data_type()))
    };
    let columns = 0..union.schema.fields().len();
    let mixed: Vec<usize> = columns
        .filter(|column| of(*column, DataType::is_floating) && of(*column, is_decimal))
        .collect();
    if mixed.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(|input| {
        let exprs = input
            .schema()
            .iter()
            .enumerate()
            .map(|(at, (table, field))| {
                let column = Expr::Column((table, field).into());
                match mixed.contains(&at) && is_decimal(field.data_type()) {
                    true => cast(column, DataType::Float64)
                        .alias_qualified(table.cloned(), field.name()),
                    false => column,
                }
            });
        let exprs: Vec<Expr> = exprs.collect();
        let input = LogicalPlanBuilder::from(input).project(exprs)?.build()?;
        Ok(Arc::new(input))
    });
    let union = Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}
