//! Column lineage from the engine's logical plans: the second opinion.
//!
//! Only queries, `CREATE TABLE ... AS` and views: a planned INSERT no longer says which columns the
//! statement names.

mod exprs;
mod nodes;
mod session;

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use forebay_core::Diagnostic;
use futures::executor::block_on;

use super::operands::refused;
use super::origin::steering_edges;
use super::{ColumnLineage, Schemas};
use nodes::Walk;

/// The lineage of a statement from the plan that the engine makes of it, unoptimised.
///
/// # Errors
/// The engine cannot plan the statement, or it is of another kind.
pub(super) fn lineage(sql: &str, schemas: &Schemas) -> Result<ColumnLineage, Diagnostic> {
    let session = session::of(schemas)?;
    let plan = block_on(session.state().create_logical_plan(sql)).map_err(|e| {
        Diagnostic::error(format!(
            "the engine cannot plan it: {}",
            e.strip_backtrace()
        ))
    })?;
    let (target, query) = match &plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            (Some(name(&create.name)), create.input.as_ref())
        }
        LogicalPlan::Ddl(DdlStatement::CreateView(create)) => {
            (Some(name(&create.name)), create.input.as_ref())
        }
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Statement(_) => {
            return Err(refused("this statement by its plan"));
        }
        query => (None, query),
    };
    let mut table = Walk::new(schemas).node(query, None, &BTreeMap::new())?;
    table.settle();
    Ok(ColumnLineage {
        target,
        outputs: table.outputs(),
        dataset: steering_edges(&table.steering),
    })
}

/// A table's name as the schemas have it.
fn name(table: &TableReference) -> String {
    match table.schema() {
        Some(schema) => format!("{schema}.{}", table.table()),
        None => table.table().to_owned(),
    }
}
