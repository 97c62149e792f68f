//! Joins to which nulls are equal (`a.k IS NOT DISTINCT FROM b.k`) stay apart from the joins around them. The engine
//! takes inner joins that follow each other for one, with the uppermost's meaning of null, and loses or invents rows;
//! and it makes a key of an equality that comes to such a join later, to which nulls would be equal too.

use std::sync::Arc;

use datafusion::common::NullEquality;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Holds the engine's rules back.
pub(super) fn install(rules: &mut [Rule]) {
    let (flat, keys) = (EliminateCrossJoin::new(), ExtractEquijoinPredicate::new());
    for rule in rules {
        if rule.name() == flat.name() {
            *rule = Arc::new(Flat(Arc::clone(rule)));
        } else if rule.name() == keys.name() {
            *rule = Arc::new(Keys(Arc::clone(rule)));
        }
    }
}

#[derive(Debug)]
struct Keys(Rule);

impl OptimizerRule for Keys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if equals_nulls(join) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

#[derive(Debug)]
struct Flat(Rule);

impl OptimizerRule for Flat {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match is_mixed(&plan)? {
            true => Ok(Transformed::no(plan)),
            false => self.0.rewrite(plan, config),
        }
    }
}

/// Whether a join to which nulls are equal stands beside another, or below a condition that would become one of its
/// keys.
fn is_mixed(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        found = match plan {
            LogicalPlan::Filter(filter) => inner(&filter.input).is_some_and(equals_nulls),
            plan => inner(plan).is_some_and(|join| {
                let mut below = [&join.left, &join.right].into_iter();
                below.any(|side| {
                    inner(side).is_some_and(|side| equals_nulls(side) != equals_nulls(join))
                })
            }),
        };
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn inner(plan: &LogicalPlan) -> Option<&Join> {
    match plan {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => Some(join),
        _ => None,
    }
}

fn equals_nulls(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull && !join.on.is_empty()
}
