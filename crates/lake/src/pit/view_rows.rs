//! A view's rows, read once for each block of the spine.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SpillFile, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::{ExecutionPlan, SpillManager};
use futures::StreamExt;

/// The first pass runs the view's query. When more passes will follow, it leaves a copy on disk
/// that they read: the query runs once, and all blocks see the same rows.
pub(super) struct ViewRows {
    plan: Arc<dyn ExecutionPlan>,
    spill: SpillManager,
    copy: Copy,
}

enum Copy {
    NotMade,
    /// `None`: the view has no rows.
    Made(Option<Arc<dyn SpillFile>>),
}

impl ViewRows {
    pub fn new(
        plan: Arc<dyn ExecutionPlan>,
        context: &TaskContext,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Self {
        let metrics = SpillMetrics::new(metrics, 0);
        Self {
            spill: SpillManager::new(context.runtime_env(), metrics, plan.schema()),
            plan,
            copy: Copy::NotMade,
        }
    }

    /// Gives every batch to `each`. `again`: another pass will follow.
    pub async fn read(
        &mut self,
        again: bool,
        context: &Arc<TaskContext>,
        mut each: impl FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let mut stream = match &self.copy {
            Copy::Made(None) => return Ok(()),
            Copy::Made(Some(file)) => self.spill.read_spill_as_stream(file.clone(), None)?,
            Copy::NotMade => self.plan.execute(0, context.clone())?,
        };
        let mut copy = match (&self.copy, again) {
            (Copy::NotMade, true) => Some(
                self.spill
                    .create_in_progress_file("rows of a point-in-time join")?,
            ),
            _ => None,
        };
        while let Some(batch) = stream.next().await.transpose()? {
            if let Some(copy) = &mut copy {
                copy.append_batch(&batch)?;
            }
            each(batch)?;
        }
        if let Some(mut copy) = copy {
            self.copy = Copy::Made(copy.finish()?);
        }
        Ok(())
    }
}
