//! A condition without columns stays above an aggregate of all rows: the aggregate answers with one row, whatever
//! rows it is of. The engine moves such a condition below it, so that `... where (select false)` and a join
//! `on false` would find the counts of nothing.

use std::sync::Arc;

use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::push_down_filter::PushDownFilter;

use super::held::hold;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Holds the engine's rule back.
pub(super) fn install(rules: &mut [Rule]) {
    hold(rules, PushDownFilter::new().name(), |plan| {
        Ok(matches!(plan, LogicalPlan::Filter(filter) if is_whole(&filter.input)))
    });
}

/// Whether one of its rows is of all rows.
fn is_whole(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(Aggregate { group_expr, .. }) => {
            group_expr.is_empty() || matches!(group_expr.as_slice(), [Expr::GroupingSet(_)])
        }
        // The engine moves conditions below one another before it looks what they are of.
        LogicalPlan::Filter(filter) => is_whole(&filter.input),
        _ => false,
    }
}
