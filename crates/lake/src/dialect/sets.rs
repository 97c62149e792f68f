//! `EXCEPT ALL` and `INTERSECT ALL` count how often a row occurs: its first, second, third occurrence on one
//! side is that on the other. The engine looks only whether it occurs there. What is left has the columns' types in the
//! union of both, which the engine brings together for the comparison alone.

use std::sync::Arc;

use arrow::datatypes::DataType;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, NullEquality, Result};
use datafusion::config::ConfigOptions;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Distinct, Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Union, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;

use super::mixed::of_union;
use crate::types::Dialect;

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
    is_set(join) && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn is_set(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.on.len() == join.left.schema().fields().len()
}

/// The set operation over both sides in the types of their union. None: they have them.
pub(super) fn united(join: &Join, dialect: Dialect) -> Result<Option<Join>> {
    if !is_set(join) {
        return Ok(None);
    }
    let (left, is_distinct) = match join.left.as_ref() {
        LogicalPlan::Distinct(Distinct::All(input)) => (input, true),
        _ => (&join.left, false),
    };
    let sides = vec![Arc::clone(left), Arc::clone(&join.right)];
    let union = of_union(Union::try_new_with_loose_types(sides)?, dialect)?.data;
    let LogicalPlan::Union(Union { inputs, .. }) = union else {
        return Ok(None);
    };
    // What has no type in common is told where the keys are compared.
    let Ok(schema) = coerce_union_schema(&inputs) else {
        return Ok(None);
    };
    let types = schema.fields().iter().map(|field| field.data_type());
    let types: Vec<&DataType> = types.collect();
    let (of_left, right) = (as_types(left, &types)?, as_types(&join.right, &types)?);
    if of_left.is_none() && right.is_none() {
        return Ok(None);
    }
    let mut left = of_left.unwrap_or_else(|| left.as_ref().clone());
    if is_distinct {
        left = LogicalPlanBuilder::from(left).distinct()?.build()?;
    }
    let right = right.unwrap_or_else(|| join.right.as_ref().clone());
    Join::try_new(
        left.into(),
        right.into(),
        join.on.clone(),
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )
    .map(Some)
}

/// The columns cast to these types. None: they are of them.
fn as_types(plan: &LogicalPlan, types: &[&DataType]) -> Result<Option<LogicalPlan>> {
    let is_of =
        |of: &DataType, wanted: &DataType| of == wanted || of.is_string() && wanted.is_string();
    let fields = plan.schema().fields().iter().zip(types);
    if fields
        .clone()
        .all(|(field, of)| is_of(field.data_type(), of))
    {
        return Ok(None);
    }
    let items = plan.schema().iter().zip(types);
    let items = items.map(|((table, field), of)| {
        let column = Expr::Column((table, field).into());
        match is_of(field.data_type(), of) {
            true => column,
            false => cast(column, (*of).clone()).alias_qualified(table.cloned(), field.name()),
        }
    });
    let plan = LogicalPlanBuilder::from(plan.clone()).project(items.collect::<Vec<_>>())?;
    plan.build().map(Some)
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
