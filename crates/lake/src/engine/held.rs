//! The engine's rules that are held back from some plans.

use std::fmt::{self, Debug};
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Whether a plan stays as it is.
pub(super) type Spares = fn(&LogicalPlan) -> Result<bool>;

/// Holds the rule of that name back from what `spares` says.
pub(super) fn hold(rules: &mut [Rule], name: &str, spares: Spares) {
    let of_engine = rules.iter_mut().filter(|rule| rule.name() == name);
    of_engine.for_each(|rule| {
        *rule = Arc::new(Held {
            rule: Arc::clone(rule),
            spares,
        });
    });
}

struct Held {
    rule: Rule,
    spares: Spares,
}

impl Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.rule).finish()
    }
}

impl OptimizerRule for Held {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match (self.spares)(&plan)? {
            true => Ok(Transformed::no(plan)),
            false => self.rule.rewrite(plan, config),
        }
    }
}
