//! `x IN (SELECT b.n ...)` where the column is cast to be compared: the engine calls the cast as the column, and finds two of
//! that name where the subquery's condition also reads it. The cast gets a name of its own. Runs after the engine has
//! added the casts that it needs.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Subquery};
use datafusion::optimizer::AnalyzerRule;

use super::exprs;

#[derive(Debug)]
pub(super) struct CastTests;

impl AnalyzerRule for CastTests {
    fn name(&self) -> &str {
        "cast_tests"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, _| named(expr))
    }
}

const NAME: &str = "forebay_in";

fn named(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::InSubquery(test) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let LogicalPlan::Projection(projection) = test.subquery.subquery.as_ref() else {
        return Ok(Transformed::no(expr));
    };
    let [cast @ Expr::Cast(_)] = projection.expr.as_slice() else {
        return Ok(Transformed::no(expr));
    };
    let input = Arc::clone(&projection.input);
    let projection = Projection::try_new(vec![cast.clone().alias(NAME)], input)?;
    Ok(Transformed::yes(Expr::InSubquery(InSubquery {
        expr: test.expr.clone(),
        subquery: Subquery {
            subquery: Arc::new(LogicalPlan::Projection(projection)),
            ..test.subquery.clone()
        },
        negated: test.negated,
    })))
}
