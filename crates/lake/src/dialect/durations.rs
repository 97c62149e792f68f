//! Lengths of time. A difference of timestamps is a duration, `INTERVAL '3 days'` an interval, and
//! the engine compares the two by months, then days, then the rest: 80 hours are less than three
//! days to it, since they have no days. Here both sides of a comparison become durations.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator, cast,
};
use datafusion::optimizer::AnalyzerRule;
use forebay_core::Diagnostic;

use super::exprs;
use super::length::{length_of, problem};
use crate::functions;

#[derive(Debug)]
pub(super) struct Durations;

impl AnalyzerRule for Durations {
    fn name(&self) -> &str {
        "durations"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(rewrite_plan)?;
        Ok(rewritten.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !exprs::computes(&plan) {
        return Ok(Transformed::no(plan));
    }
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        let source = scan.source.schema();
        schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &source,
        )?);
    }
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| rewrite_expr(expr, &schema))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?;
    match rewritten.transformed {
        true => rewritten.map_data(LogicalPlan::recompute_schema),
        false => Ok(rewritten),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Duration(TimeUnit),
    Interval,
    Text,
    Other,
}

fn kind(expr: &Expr, schema: &dyn ExprSchema) -> Kind {
    // What has no type is refused by the engine itself, in its own words.
    match expr.get_type(schema) {
        Ok(DataType::Duration(unit)) => Kind::Duration(unit),
        Ok(DataType::Interval(_)) => Kind::Interval,
        Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => Kind::Text,
        _ => Kind::Other,
    }
}

fn rewrite_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rewritten = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if adds(op) => {
            return Ok(in_days(left, op, right, schema));
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let Some([left, right]) = lengths([&left, &right], schema)? else {
                return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr {
                    left,
                    op,
                    right,
                })));
            };
            Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
        }
        Expr::Between(between) => {
            let Some(sides) = lengths([&between.expr, &between.low, &between.high], schema)? else {
                return Ok(Transformed::no(Expr::Between(between)));
            };
            let [expr, low, high] = sides.map(Box::new);
            Expr::Between(Between::new(expr, between.negated, low, high))
        }
        Expr::InList(mut list) => {
            let all = std::iter::once(list.expr.as_ref()).chain(&list.list);
            let Some(mut all) = lengths_of_all(all.collect(), schema)? else {
                return Ok(Transformed::no(Expr::InList(list)));
            };
            *list.expr = all.remove(0);
            list.list = all;
            Expr::InList(list)
        }
        Expr::Case(case) => return rewrite_case(case, schema),
        Expr::ScalarFunction(call) => return rewrite_function(call, schema),
        Expr::AggregateFunction(call) => return rewrite_aggregate(call, schema),
        Expr::InSubquery(test) => {
            check_in_subquery(&test, schema)?;
            return Ok(Transformed::no(Expr::InSubquery(test)));
        }
        other => return Ok(Transformed::no(other)),
    };
    Ok(Transformed::yes(rewritten))
}

fn adds(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus)
}

/// A difference of timestamps as an interval.
pub(super) fn days(difference: Expr) -> Expr {
    let micros = cast(difference, DataType::Duration(TimeUnit::Microsecond));
    functions::named("justify_hours").call(vec![micros])
}

/// A difference of timestamps that is added to an interval is one too, in days and time.
fn in_days(
    left: Box<Expr>,
    op: Operator,
    right: Box<Expr>,
    schema: &DFSchema,
) -> Transformed<Expr> {
    let days = |side: Box<Expr>| Box::new(days(*side));
    let (changed, left, right) = match (kind(&left, schema), kind(&right, schema)) {
        (Kind::Duration(_), Kind::Interval) => (true, days(left), right),
        (Kind::Interval, Kind::Duration(_)) => (true, left, days(right)),
        _ => (false, left, right),
    };
    let sum = Expr::BinaryExpr(BinaryExpr { left, op, right });
    if changed {
        Transformed::yes(sum)
    } else {
        Transformed::no(sum)
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        op,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

fn rewrite_case(mut case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(subject) = &case.expr else {
        return Ok(Transformed::no(Expr::Case(case)));
    };
    let whens = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
    let all = std::iter::once(subject.as_ref()).chain(whens).collect();
    let Some(all) = lengths_of_all(all, schema)? else {
        return Ok(Transformed::no(Expr::Case(case)));
    };
    let mut all = all.into_iter().map(Box::new);
    case.expr = all.next();
    for ((when, _), length) in case.when_then_expr.iter_mut().zip(all) {
        *when = length;
    }
    Ok(Transformed::yes(Expr::Case(case)))
}

fn rewrite_function(mut call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match call.func.name() {
        "greatest" | "least" | "nullif" => {
            let Some(args) = lengths_of_all(call.args.iter().collect(), schema)? else {
                return Ok(Transformed::no(Expr::ScalarFunction(call)));
            };
            call.args = args;
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
    }
}

/// The least and the greatest interval are found by comparing, too, and the mean by adding.
fn rewrite_aggregate(mut call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_known = matches!(call.func.name(), "min" | "max" | "avg");
    match call.params.args.as_mut_slice() {
        [of] if is_known && kind(of, schema) == Kind::Interval => {
            *of = length_of(std::mem::take(of));
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        _ => Ok(Transformed::no(Expr::AggregateFunction(call))),
    }
}

fn check_in_subquery(test: &InSubquery, schema: &DFSchema) -> Result<()> {
    let inner = test.subquery.subquery.schema();
    let inner = inner
        .fields()
        .first()
        .map(|field| field.data_type().clone());
    let is_length =
        |found: &DataType| matches!(found, DataType::Duration(_) | DataType::Interval(_));
    let outer = test.expr.get_type(schema)?;
    match inner {
        Some(inner) if is_length(&inner) && is_length(&outer) && inner != outer => Err(problem(
            Diagnostic::error(
                "lengths of time of two kinds cannot be looked up with IN (SELECT ...)",
            )
            .hint("compare their seconds: extract(epoch from ...)"),
        )),
        _ => Ok(()),
    }
}

/// The sides of a comparison as durations of one unit. None: they are not lengths of time, or
/// already are such durations.
fn lengths<const N: usize>(sides: [&Expr; N], schema: &DFSchema) -> Result<Option<[Expr; N]>> {
    let lengths = lengths_of_all(sides.to_vec(), schema)?;
    Ok(lengths.and_then(|lengths| lengths.try_into().ok()))
}

fn lengths_of_all(sides: Vec<&Expr>, schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let kinds: Vec<Kind> = sides.iter().map(|side| kind(side, schema)).collect();
    let is_length = |kind: &Kind| matches!(kind, Kind::Duration(_) | Kind::Interval);
    let is_settled = kinds
        .iter()
        .all(|kind| *kind == kinds[0] && *kind != Kind::Interval);
    if is_settled || !kinds.iter().any(is_length) {
        return Ok(None);
    }
    let length = |(side, kind): (&Expr, Kind)| match kind {
        Kind::Interval => length_of(side.clone()),
        Kind::Text => length_of(cast(side.clone(), interval())),
        Kind::Duration(TimeUnit::Microsecond) | Kind::Other => side.clone(),
        Kind::Duration(_) => in_micros(side.clone()),
    };
    Ok(Some(sides.into_iter().zip(kinds).map(length).collect()))
}

fn interval() -> DataType {
    DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano)
}

fn in_micros(duration: Expr) -> Expr {
    cast(duration, DataType::Duration(TimeUnit::Microsecond))
}
