//! A query over few rows runs in one thread: it is done before others would have begun, and its plan has no shuffles. The
//! rules go over its plan once: what a second pass would find saves less than finding it. A project's tests are a thousand
//! of these.

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, LogicalPlan, Operator, TableScan};

use super::once::Shared;

const FEW_ROWS: usize = 200_000;

/// Leaves a plan of few rows one thread. The session is this query's own: a copy of it has a thousand functions' names.
pub(super) fn if_few_rows(state: &mut SessionState, plan: &LogicalPlan) {
    if rows(plan).is_some_and(|rows| rows <= FEW_ROWS) {
        alone(state);
    }
}

pub(super) fn alone(state: &mut SessionState) {
    let mut alone = state.config().clone().with_target_partitions(1);
    alone.options_mut().optimizer.max_passes = 1;
    *state.config_mut() = alone;
}

/// The rows that the plan reads. None: any number, or it makes more of them than it reads.
fn rows(plan: &LogicalPlan) -> Option<usize> {
    let mut all = Some(0_usize);
    let walked = plan.apply_with_subqueries(|node| {
        let own = rows_of(node);
        all = all.zip(own).map(|(all, own)| all.saturating_add(own));
        Ok(match all {
            Some(_) => TreeNodeRecursion::Continue,
            None => TreeNodeRecursion::Stop,
        })
    });
    walked.ok().and(all)
}

fn rows_of(node: &LogicalPlan) -> Option<usize> {
    match node {
        LogicalPlan::TableScan(scan) => scanned(scan),
        LogicalPlan::Values(values) => Some(values.values.len()),
        LogicalPlan::Join(join) => looks_up(join).then_some(0),
        // One of its own rows, and not once for each of the query around it.
        LogicalPlan::Subquery(values) => values.outer_ref_columns.is_empty().then_some(0),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_) => Some(0),
        _ => None,
    }
}

/// Whether a row of one side meets those of the other that are equal to it in something, rather than each.
fn looks_up(join: &Join) -> bool {
    let equals = |expr: &Expr| {
        matches!(
            expr,
            Expr::BinaryExpr(BinaryExpr {
                op: Operator::Eq,
                ..
            })
        )
    };
    let asked = join.filter.as_ref();
    !join.on.is_empty()
        || asked.is_some_and(|asked| asked.exists(|e| Ok(equals(e))).unwrap_or(false))
}

fn scanned(scan: &TableScan) -> Option<usize> {
    let table = source_as_provider(&scan.source).ok()?;
    if let Some(shared) = table.downcast_ref::<Shared>() {
        return rows(&shared.plan);
    }
    let known = table.statistics()?;
    match known.num_rows {
        Precision::Exact(rows) => Some(rows),
        Precision::Inexact(_) | Precision::Absent => None,
    }
}
