//! Rows that a condition drops are not computed: `SELECT a::int ... WHERE a ~ '^\d+$'` and `WHERE b <> 0 AND
//! a / b > 1` do not fail over rows that the condition excludes. The engine's own rules compute items below
//! the condition, where that leaves fewer columns, and both sides of an `AND` for every row.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal, case, lit};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::{ProjectionExec, try_embed_projection};

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

/// What can fail, or is dear, is computed for those rows that meet the rest of the condition.
#[derive(Debug)]
struct InOrder;

impl PhysicalOptimizerRule for InOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(in_order)?.data)
    }

    fn name(&self) -> &str {
        "in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else {
        return Ok(Transformed::no(plan));
    };
    let parts = split_conjunction(filter.predicate());
    let schema = filter.input().schema();
    let (later, first): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .cloned()
        .partition(|part| can_fail(part, &schema));
    if later.is_empty() || first.len() + later.len() < 2 {
        return Ok(Transformed::no(plan));
    }
    let mut all: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    if !first.is_empty() {
        all.push(conjunction(first));
    }
    all.extend(later);
    let Some(last) = all.pop() else {
        return Ok(Transformed::no(plan));
    };
    let predicate = all.into_iter().rev().try_fold(last, |then, when| {
        case(None, vec![(when, then)], Some(lit(false)))
    })?;
    let filter = FilterExecBuilder::from(filter).with_predicate(predicate);
    Ok(Transformed::yes(Arc::new(filter.build()?)))
}

/// Whether some value makes the expression fail: a text that is cast, a divisor that is zero, what a
/// function does not take.
pub(super) fn can_fail(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let mut found = false;
    let fails = |expr: &Arc<dyn PhysicalExpr>| {
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return cast.expr().data_type(schema).is_ok_and(|of| of.is_string());
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let divides = matches!(binary.op(), Operator::Divide | Operator::Modulo);
            return divides && !binary.right().is::<Literal>();
        }
        expr.is::<ScalarFunctionExpr>()
    };
    let _ = expr.apply(|expr| {
        found |= fails(expr);
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    found
}
