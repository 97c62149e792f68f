//! What the engine holds to be determined by what. Of the rows of a grouped query it knows that the keys determine the
//! rest; behind a join with other rows it still takes that for true of all columns, and so leaves out keys of a
//! grouping above, or adds some. What comes out of a join, or stands in `FROM`, determines nothing here.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, FunctionalDependencies};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Distinct, LogicalPlan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::{Ident, TableFactor};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules that believe it.
const BELIEVERS: [&str; 3] = [
    "eliminate_join",
    "optimize_projections",
    "replace_distinct_aggregate",
];

pub(super) fn install(rules: &mut Vec<Rule>) {
    let all = std::mem::take(rules).into_iter();
    *rules = all
        .flat_map(|rule| match BELIEVERS.contains(&rule.name()) {
            true => vec![Arc::new(Forget) as Rule, rule],
            false => vec![rule],
        })
        .collect();
}

#[derive(Debug)]
struct Forget;

impl OptimizerRule for Forget {
    fn name(&self) -> &str {
        "forget_dependencies"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        plan.apply_with_subqueries(|plan| {
            found |= is_joined(plan) && determines(plan);
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })?;
        match found {
            true => above_joins(plan),
            false => Ok(Transformed::no(plan)),
        }
    }
}

fn is_joined(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(_))
}

fn determines(plan: &LogicalPlan) -> bool {
    !plan.schema().functional_dependencies().is_empty()
}

/// Joins, and what stands above them, without what they determine.
fn above_joins(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.map_subqueries(above_joins)?.transform_data(|plan| {
        let mapped = plan.map_children(above_joins)?;
        match mapped.transformed || is_joined(&mapped.data) {
            true => forgotten(mapped.data).map(Transformed::yes),
            false => Ok(mapped),
        }
    })
}

fn forgotten(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !determines(&plan) {
        return Ok(plan);
    }
    let below = |input: Arc<LogicalPlan>| forgotten(Arc::unwrap_or_clone(input)).map(Arc::new);
    Ok(match plan {
        LogicalPlan::Projection(mut node) => {
            node.schema = without(&node.schema)?;
            LogicalPlan::Projection(node)
        }
        LogicalPlan::SubqueryAlias(mut node) => {
            node.schema = without(&node.schema)?;
            LogicalPlan::SubqueryAlias(node)
        }
        LogicalPlan::Aggregate(mut node) => {
            node.schema = without(&node.schema)?;
            LogicalPlan::Aggregate(node)
        }
        LogicalPlan::Join(mut node) => {
            node.schema = without(&node.schema)?;
            LogicalPlan::Join(node)
        }
        LogicalPlan::Window(mut node) => {
            node.schema = without(&node.schema)?;
            LogicalPlan::Window(node)
        }
        LogicalPlan::Filter(mut node) => {
            node.input = below(node.input)?;
            LogicalPlan::Filter(node)
        }
        LogicalPlan::Sort(mut node) => {
            node.input = below(node.input)?;
            LogicalPlan::Sort(node)
        }
        LogicalPlan::Limit(mut node) => {
            node.input = below(node.input)?;
            LogicalPlan::Limit(node)
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            LogicalPlan::Distinct(Distinct::All(below(input)?))
        }
        other => other,
    })
}

fn without(schema: &DFSchemaRef) -> Result<DFSchemaRef> {
    let schema = schema.as_ref().clone();
    let schema = schema.with_functional_dependencies(FunctionalDependencies::empty())?;
    Ok(Arc::new(schema))
}

/// Says of what stands in `FROM` that it determines nothing: the planner would add columns to the keys of a grouping.
#[derive(Debug)]
pub(super) struct Relations;

/// Marks a table that is planned already.
const PLANNED: &str = "forebay_planned";

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (relation, alias) = match relation {
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias: alias @ Some(_),
                sample,
            } => {
                let bare = TableFactor::Derived {
                    lateral: false,
                    subquery,
                    alias: None,
                    sample,
                };
                (bare, alias)
            }
            TableFactor::Table {
                ref args,
                ref partitions,
                ..
            } if args.is_none() && partitions.is_empty() => (marked(relation), None),
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let plan = forgotten(context.plan(relation)?)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

fn marked(mut table: TableFactor) -> TableFactor {
    if let TableFactor::Table { partitions, .. } = &mut table {
        partitions.push(Ident::new(PLANNED));
    }
    table
}
