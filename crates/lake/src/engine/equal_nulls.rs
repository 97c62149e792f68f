//! Joins to which nulls are equal (`a.k IS NOT DISTINCT FROM b.k`) stay apart from the joins around them. The engine
//! takes inner joins that follow each other for one, with the uppermost's meaning of null, and loses or invents rows;
//! and it makes a key of an equality that comes to such a join later, to which nulls would be equal too.

use std::sync::Arc;

use datafusion::common::NullEquality;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;

use super::held::hold;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Holds the engine's rules back.
pub(super) fn install(rules: &mut [Rule]) {
    hold(rules, EliminateCrossJoin::new().name(), is_mixed);
    hold(rules, ExtractEquijoinPredicate::new().name(), is_apart);
}

fn is_apart(plan: &LogicalPlan) -> Result<bool> {
    Ok(matches!(plan, LogicalPlan::Join(join) if equals_nulls(join)))
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
