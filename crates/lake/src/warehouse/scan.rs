//! A table as the engine scans it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, Statistics};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::marks;
use crate::engine::Veil;

/// The files' scan, used to skip files and row groups and never trusted to filter rows.
///
/// The Delta scan says of a condition without columns that it applies it exactly, and does not: the rows of
/// `WHERE k > 1 AND NULL` or `WHERE k > 1 AND random() < 0.5` would be those of `k > 1`.
#[derive(Debug)]
pub(super) struct Scan {
    stored: Arc<dyn TableProvider>,
    seen: SchemaRef,
}

impl Scan {
    pub fn new(stored: Arc<dyn TableProvider>) -> Self {
        let seen = marks::seen(&stored.schema());
        Self { stored, seen }
    }
}

#[async_trait::async_trait]
impl TableProvider for Scan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.seen)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// The number of rows: the values of columns may be read otherwise than they are stored.
    fn statistics(&self) -> Option<Statistics> {
        Some(Statistics {
            num_rows: self.stored.statistics()?.num_rows,
            ..Statistics::new_unknown(&self.seen)
        })
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self
            .stored
            .scan(session, projection, filters, limit)
            .await?;
        if projection.is_some_and(Vec::is_empty) {
            return Ok(Veil::over(rows));
        }
        let stored = self.stored.schema();
        match projection {
            Some(columns) => marks::read(rows, &stored.project(columns)?),
            None => marks::read(rows, &stored),
        }
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = self.stored.supports_filters_pushdown(filters)?;
        let stored = self.stored.schema();
        let times = |filter: &Expr| {
            let mut columns = filter.column_refs().into_iter();
            columns.any(|column| {
                let field = stored.field_with_name(&column.name);
                field.is_ok_and(|field| marks::marked(field).is_some())
            })
        };
        let trusted = |(filter, support): (&&Expr, TableProviderFilterPushDown)| {
            if support == TableProviderFilterPushDown::Unsupported
                || filter.column_refs().is_empty()
                || times(filter)
            {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().zip(support).map(trusted).collect())
    }
}
