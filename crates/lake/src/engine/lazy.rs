//! Rows that a condition drops are not computed: `SELECT a::int ... WHERE a ~ '^\d+$'` does not fail over rows that the
//! condition excludes. The engine's own rules compute items below the condition, where that leaves fewer columns.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::{ProjectionExec, try_embed_projection};

use super::in_order::InOrder;
use super::lambdas;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The engine's rules, with those that would compute too early held back.
pub(super) fn rules(rules: &[Rule]) -> Vec<Rule> {
    let held = |rule: &Rule| -> Rule {
        match rule.name() == ProjectionPushdown::new().name() {
            true => Arc::new(AboveConditions(Arc::clone(rule))),
            false => Arc::clone(rule),
        }
    };
    let mut rules: Vec<Rule> = rules.iter().map(held).collect();
    rules.push(Arc::new(InOrder));
    rules
}

/// The engine's rule that moves projections down, of which those that compute stay above conditions.
#[derive(Debug)]
struct AboveConditions(Rule);

impl PhysicalOptimizerRule for AboveConditions {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if lambdas::are_run(&plan)? {
            return Ok(plan);
        }
        let plan = plan.transform_down(hold)?.data;
        let plan = self.0.optimize(plan, config)?;
        Ok(plan.transform_up(release)?.data)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Nothing moves below a limit, not even below one that limits nothing.
fn hold(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
        return Ok(Transformed::no(plan));
    };
    if !computes(projection) || !projection.input().is::<FilterExec>() {
        return Ok(Transformed::no(plan));
    }
    let none = GlobalLimitExec::new(Arc::clone(projection.input()), 0, None);
    let held = above(projection, Arc::new(none))?;
    // One whose columns are described otherwise than they were made does not move at all.
    Ok(match held.schema() == projection.schema() {
        true => Transformed::yes(Arc::new(held)),
        false => Transformed::no(plan),
    })
}

fn release(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
        return Ok(Transformed::no(plan));
    };
    let Some(filter) = held(projection.input()) else {
        return Ok(Transformed::no(plan));
    };
    let released = above(projection, Arc::clone(filter))?;
    // The condition leaves out the columns that only it needs.
    let embedded = match filter.downcast_ref::<FilterExec>() {
        Some(filter) => try_embed_projection(&released, filter)?,
        None => None,
    };
    Ok(Transformed::yes(
        embedded.unwrap_or_else(|| Arc::new(released)),
    ))
}

fn above(projection: &ProjectionExec, input: Arc<dyn ExecutionPlan>) -> Result<ProjectionExec> {
    ProjectionExec::try_new(projection.expr().to_vec(), input)
}

fn held(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let limit = plan.downcast_ref::<GlobalLimitExec>()?;
    let is_none = limit.skip() == 0 && limit.fetch().is_none();
    (is_none && limit.input().is::<FilterExec>()).then(|| limit.input())
}

fn computes(projection: &ProjectionExec) -> bool {
    let is_plain = |expr: &Arc<dyn PhysicalExpr>| expr.is::<Column>() || expr.is::<Literal>();
    projection.expr().iter().any(|item| !is_plain(&item.expr))
}
