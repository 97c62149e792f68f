//! The digits of `round(x, 2)` in the engine's own type from the start. It would cast them, take a cast for
//! digits that differ by row, and give what is compared with the answer another scale than the answer has.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;

#[derive(Debug)]
pub(super) struct Rounds;

impl AnalyzerRule for Rounds {
    fn name(&self) -> &str {
        "rounds"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, _| settled(expr))
    }
}

fn settled(mut expr: Expr) -> Result<Transformed<Expr>> {
    if let Expr::ScalarFunction(call) = &mut expr
        && let ("round", [_, Expr::Literal(digits, _)]) =
            (call.func.name(), call.args.as_mut_slice())
        && digits.data_type() == DataType::Int64
    {
        *digits = digits.cast_to(&DataType::Int32)?;
        return Ok(Transformed::yes(expr));
    }
    Ok(Transformed::no(expr))
}
