//! `EXCEPT ALL` and `INTERSECT ALL` count how often a row occurs: its first, second, third occurrence on one
//! side is that on the other. The engine looks only whether it occurs there.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, NullEquality, Result};
use datafusion::config::ConfigOptions;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Distinct, Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder,
};
use datafusion::optimizer::AnalyzerRule;

const LEFT: &str = "forebay_occurrence_left";
const RIGHT: &str = "forebay_occurrence_right";

#[derive(Debug)]
pub(super) struct Sets;

impl AnalyzerRule for Sets {
    fn name(&self) -> &str {
        "sets"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Join(join) if counts(join) => counted(join).map(Transformed::yes),
            _ => Ok(Transformed::no(plan)),
        })?;
        Ok(rewritten.data)
    }
}

/// Set operations alone join by all columns with nulls that are equal. Of rows that occur once the engine's
/// answer is right.
fn counts(join: &Join) -> bool {
    let is_set = matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.on.len() == join.left.schema().fields().len();
    is_set && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn counted(join: &Join) -> Result<LogicalPlan> {
    let column = |name: &str| Expr::Column(Column::new_unqualified(name));
    let mut on = join.on.clone();
    on.push((column(LEFT), column(RIGHT)));
    let counted = Join::try_new(
        numbered(&join.left, LEFT)?.into(),
        numbered(&join.right, RIGHT)?.into(),
        on,
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    let own = join.left.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(LogicalPlan::Join(counted))
        .project(own.collect::<Vec<_>>())?
        .build()
}

/// The rows with the number of each one's occurrence behind them.
fn numbered(plan: &LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let all: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let number = row_number().partition_by(all.clone()).build()?;
    let place = Column::new_unqualified(number.schema_name().to_string());
    let place = Expr::Column(place).alias(name);
    LogicalPlanBuilder::from(plan.clone())
        .window([number])?
        .project(all.into_iter().chain([place]))?
        .build()
}
