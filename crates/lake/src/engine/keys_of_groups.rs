//! After rows are grouped, their keys together tell them apart, and no part of the keys does. The engine hands on what it
//! knew of the rows before: where `m` determined the columns of a joined table, `GROUP BY m, x` had `m` determine all,
//! and the next grouping by `m, x` went by `m` alone. Its planner, and the rules that ask, see plans in which groups are
//! determined by all of their keys.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{FunctionalDependence, FunctionalDependencies};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules that ask what determines what.
const ASKING: &[&str] = &[
    "replace_distinct_aggregate",
    "eliminate_join",
    "optimize_projections",
];

/// Has plans settled before each of them, and what they make of a node.
pub(super) fn install(rules: &mut Vec<Rule>) {
    let given = std::mem::take(rules);
    for rule in given {
        if !ASKING.contains(&rule.name()) {
            rules.push(rule);
            continue;
        }
        rules.push(Arc::new(Settled));
        rules.push(match rule.apply_order() {
            Some(_) => Arc::new(Step(rule)),
            None => rule,
        });
    }
}

#[derive(Debug)]
struct Settled;

impl OptimizerRule for Settled {
    fn name(&self) -> &str {
        "keys_of_groups"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        // Nothing is done otherwise for it: no reason to go over the plan once more.
        settled(plan).map(Transformed::no)
    }
}

/// A rule that goes from node to node, below first. Of groups that it makes, and of those whose rows it has changed,
/// the nodes above ask next.
#[derive(Debug)]
struct Step(Rule);

impl OptimizerRule for Step {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let done = self.0.rewrite(righted(plan)?.data, config)?;
        done.map_data(|plan| Ok(righted(plan)?.data))
    }
}

/// What stands in `FROM`, planned as ever: grouping by it adds the columns that its keys determine.
#[derive(Debug)]
pub(super) struct Relations;

thread_local! {
    /// Whether the engine asks of a relation that is being planned here, and so has to plan it itself.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let has_groups = matches!(
            relation,
            TableFactor::Derived { .. } | TableFactor::Table { args: None, .. }
        );
        if HERE.replace(false) || !has_groups {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        HERE.set(true);
        let plan = context.plan(relation)?;
        let plan = if knows(&plan) { settled(plan)? } else { plan };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, None,
        ))))
    }
}

fn knows(plan: &LogicalPlan) -> bool {
    !plan.schema().functional_dependencies().is_empty()
}

fn settled(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut is_wrong = false;
    plan.apply_with_subqueries(|node| {
        is_wrong |= matches!(node, LogicalPlan::Aggregate(groups) if wrong(groups).is_some());
        Ok(match is_wrong {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    if !is_wrong {
        return Ok(plan);
    }
    let mut changed = false;
    let settled = plan.transform_up_with_subqueries(|node| {
        // What stands above has heard otherwise.
        let node = if changed {
            node.recompute_schema()?
        } else {
            node
        };
        let righted = righted(node)?;
        changed |= righted.transformed;
        Ok(match changed {
            true => Transformed::yes(righted.data),
            false => righted,
        })
    })?;
    Ok(settled.data)
}

fn righted(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(mut groups) = node else {
        return Ok(Transformed::no(node));
    };
    let Some(right) = wrong(&groups) else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(groups)));
    };
    let schema = groups.schema.as_ref().clone();
    groups.schema = Arc::new(schema.with_functional_dependencies(right)?);
    Ok(Transformed::yes(LogicalPlan::Aggregate(groups)))
}

/// What determines the groups, if the engine has it otherwise.
fn wrong(groups: &Aggregate) -> Option<FunctionalDependencies> {
    let has_sets = matches!(groups.group_expr.as_slice(), [Expr::GroupingSet(_)]);
    if has_sets {
        return None;
    }
    let keys: Vec<usize> = (0..groups.group_expr.len()).collect();
    let all = (0..groups.schema.fields().len()).collect();
    let nullable = keys
        .iter()
        .any(|key| groups.schema.field(*key).is_nullable());
    let right = match keys.is_empty() {
        true => FunctionalDependencies::empty(),
        false => FunctionalDependencies::new(vec![FunctionalDependence::new(keys, all, nullable)]),
    };
    (*groups.schema.functional_dependencies() != right).then_some(right)
}
