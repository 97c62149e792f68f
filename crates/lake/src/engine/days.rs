//! A date that is compared with a midnight is compared as a date. `day < date '2024-01-01' + interval '1 month'`
//! compares timestamps: that would make one of every row's date, and tell a file's statistics nothing.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, binary_expr, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

const MICROSECONDS: i64 = 24 * 60 * 60 * 1_000_000;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Adds the rule before conditions reach the tables.
pub(super) fn install(rules: &mut Vec<Rule>) {
    let down = PushDownFilter::new();
    let at = rules.iter().position(|rule| rule.name() == down.name());
    rules.insert(at.unwrap_or(rules.len()), Arc::new(Days));
}

#[derive(Debug)]
struct Days;

impl OptimizerRule for Days {
    fn name(&self) -> &str {
        "days"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(Filter {
            predicate, input, ..
        }) = plan
        else {
            return Ok(Transformed::no(plan));
        };
        let schema = Arc::clone(input.schema());
        let predicate = predicate.transform_up(|expr| Ok(as_date(expr, &schema)))?;
        predicate.map_data(|predicate| Ok(LogicalPlan::Filter(Filter::try_new(predicate, input)?)))
    }
}

fn as_date(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return Transformed::no(expr);
    };
    let compares = matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq);
    let compared = compares.then(|| {
        let left_first = date(&left, schema).zip(midnight(&right));
        let right_first = midnight(&left).zip(date(&right, schema));
        left_first.or(right_first)
    });
    match compared.flatten() {
        Some((left, right)) => Transformed::yes(binary_expr(left, op, right)),
        None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
    }
}

/// The date that is made a timestamp.
fn date(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::Cast(Cast { expr, field }) = expr else {
        return None;
    };
    let is_timestamp = field.data_type() == &DataType::Timestamp(TimeUnit::Microsecond, None);
    let is_date = || expr.get_type(schema).is_ok_and(|of| of == DataType::Date32);
    (is_timestamp && is_date()).then(|| expr.as_ref().clone())
}

/// The date of a timestamp that is one's beginning.
fn midnight(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(at), None), _) = expr else {
        return None;
    };
    let day = i32::try_from(at.div_euclid(MICROSECONDS)).ok()?;
    (at.rem_euclid(MICROSECONDS) == 0).then(|| lit(ScalarValue::Date32(Some(day))))
}
