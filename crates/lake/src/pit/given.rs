//! Rows that the caller gives, as a query: read once, in the order in which they come.
//!
//! A table in memory would not do: the engine cuts one into partitions and mixes their rows.

use std::fmt;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{DataFusionError, exec_datafusion_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use forebay_core::Diagnostic;
use futures::{StreamExt, TryStreamExt, stream};

use crate::engine::from_engine;
use crate::{BatchStream, Rows};

pub(super) fn frame(state: SessionState, rows: Rows) -> Result<DataFrame, Diagnostic> {
    let given = Given {
        schema: rows.schema.clone(),
        rows: Mutex::new(Some(rows.stream)),
    };
    let plan = StreamingTable::try_new(rows.schema, vec![Arc::new(given)])
        .and_then(|table| {
            let source = provider_as_source(Arc::new(table));
            LogicalPlanBuilder::scan("given", source, None)?.build()
        })
        .map_err(from_engine)?;
    Ok(DataFrame::new(state, plan))
}

struct Given {
    schema: SchemaRef,
    rows: Mutex<Option<BatchStream>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "given rows")
    }
}

impl PartitionStream for Given {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self
            .rows
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .take();
        let rows = match taken {
            Some(rows) => rows
                .map_err(|e| DataFusionError::External(Box::new(e)))
                .boxed(),
            None => stream::iter([Err(exec_datafusion_err!("given rows are read once"))]).boxed(),
        };
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}
