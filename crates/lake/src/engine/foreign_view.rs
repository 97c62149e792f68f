//! A view in another dialect than the query that reads it: planned and optimised in its own, and not
//! laid into the query's plan, whose rules would read it as theirs.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;

use super::session::in_dialect;
use crate::types::Dialect;

#[derive(Debug)]
pub(super) struct ForeignView {
    schema: SchemaRef,
    plan: LogicalPlan,
    dialect: Dialect,
}

impl ForeignView {
    pub(super) fn new(plan: LogicalPlan, dialect: Dialect) -> Self {
        Self {
            schema: Arc::clone(plan.schema().inner()),
            plan,
            dialect,
        }
    }
}

#[async_trait::async_trait]
impl TableProvider for ForeignView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = LogicalPlanBuilder::from(self.plan.clone());
        if let Some(columns) = projection {
            plan = plan.select(columns.iter().copied())?;
        }
        if limit.is_some() {
            plan = plan.limit(0, limit)?;
        }
        let state = in_dialect(session, self.dialect);
        state.create_physical_plan(&plan.build()?).await
    }
}
