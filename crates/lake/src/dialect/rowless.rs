//! A subquery that is one value is null where it has no row. The engine asks its column alone whether it may be null:
//! `(SELECT 1 WHERE false) IS NULL` was false.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;
use crate::functions;

#[derive(Debug)]
pub(super) struct Rowless;

impl AnalyzerRule for Rowless {
    fn name(&self) -> &str {
        "rowless"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, _| match expr {
            Expr::ScalarSubquery(value) if is_never_null(&value.subquery) => {
                Ok(Transformed::yes(Expr::ScalarSubquery(nullable(value)?)))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn is_never_null(rows: &LogicalPlan) -> bool {
    !rows.schema().field(0).is_nullable() && !has_one_row(rows)
}

/// What aggregates without groups has a row, whatever it reads.
fn has_one_row(rows: &LogicalPlan) -> bool {
    match rows {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(above) => has_one_row(&above.input),
        LogicalPlan::SubqueryAlias(above) => has_one_row(&above.input),
        LogicalPlan::EmptyRelation(none) => none.produce_one_row,
        _ => false,
    }
}

/// A function's answer may be null, of which this gives the value as it is.
fn nullable(value: Subquery) -> Result<Subquery> {
    let rows = Arc::unwrap_or_clone(value.subquery);
    let (table, column) = rows.schema().qualified_field(0);
    let (table, name) = (table.cloned(), column.name().clone());
    let column = Expr::Column((table.as_ref(), column).into());
    let kept = functions::named("kept").call(vec![column]);
    let rows = LogicalPlanBuilder::from(rows)
        .project([kept.alias_qualified(table, name)])?
        .build()?;
    Ok(Subquery {
        subquery: Arc::new(rows),
        ..value
    })
}
