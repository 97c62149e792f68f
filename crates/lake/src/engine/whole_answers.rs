//! A condition without columns stays above an aggregate of all rows: the aggregate answers with one row, whatever
//! rows it is of. The engine moves such a condition below it, so that `... where (select false)` and a join
//! `on false` would find the counts of nothing.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Holds the engine's rule back.
pub(super) fn install(rules: &mut [Rule]) {
    let down = PushDownFilter::new();
    let of_engine = rules.iter_mut().filter(|rule| rule.name() == down.name());
    of_engine.for_each(|rule| *rule = Arc::new(Down(Arc::clone(rule))));
}

#[derive(Debug)]
struct Down(Rule);

impl OptimizerRule for Down {
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
            LogicalPlan::Filter(filter) if is_whole(&filter.input) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
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
