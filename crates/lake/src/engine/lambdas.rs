//! Lambdas keep to what they are of. Their variables are described anew once the plan is optimised, since what they are
//! items of may no longer be null; and no projection moves below another plan where it holds one, since the engine moves
//! the columns that a lambda reads, and leaves its variables where they were.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::HigherOrderFunctionExpr;
use datafusion::physical_plan::ExecutionPlan;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

pub(super) fn install(rules: &mut Vec<Rule>) {
    rules.push(Arc::new(Described));
}

#[derive(Debug)]
struct Described;

impl OptimizerRule for Described {
    fn name(&self) -> &str {
        "lambdas"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match has_lambda(&plan)? {
            true => plan.resolve_lambda_variables(),
            false => Ok(Transformed::no(plan)),
        }
    }
}

fn has_lambda(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(matches!(expr, Expr::HigherOrderFunction(_))))?;
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    Ok(found)
}

/// Whether a lambda is run anywhere in the plan.
pub(super) fn are_run(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    plan.apply(|plan| {
        plan.apply_expressions(&mut |expr| {
            found |= expr.exists(|expr| Ok(expr.is::<HigherOrderFunctionExpr>()))?;
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    Ok(found)
}
