//! Rows that are computed by the first who asks, and kept for the others, for as long as the query runs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use super::spilled::Spilled;

/// The share of memory, one in as many, that the parts of such rows may take: joins and sorts need theirs.
const KEPT_OF: usize = 4;

/// Gives all readers of the same rows one place where they are kept.
pub(crate) fn tie(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    tied(plan, &mut HashMap::new())
}

fn tied(
    plan: Arc<dyn ExecutionPlan>,
    known: &mut HashMap<usize, Arc<Kept>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let Some(once) = plan.downcast_ref::<Once>() else {
            return Ok(Transformed::no(plan));
        };
        let kept = match known.get(&once.id) {
            Some(kept) => Arc::clone(kept),
            None => {
                let kept = Arc::new(Kept::new(&tied(Arc::clone(&once.rows), known)?));
                known.insert(once.id, Arc::clone(&kept));
                kept
            }
        };
        Ok(Transformed::yes(Arc::new(Once {
            id: once.id,
            rows: Arc::clone(&once.rows),
            statistics: Arc::clone(&once.statistics),
            kept: Some(kept),
        })))
    })
    .data()
}

/// No child of it is known to the engine: what it would push below one reader, such as a sort, the others would have too.
#[derive(Debug)]
pub(crate) struct Once {
    id: usize,
    rows: Arc<dyn ExecutionPlan>,
    statistics: Arc<Statistics>,
    kept: Option<Arc<Kept>>,
}

impl Once {
    pub(super) fn new(id: usize, rows: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let statistics = StatisticsContext::new().compute(rows.as_ref(), &StatisticsArgs::new())?;
        Ok(Self {
            id,
            rows,
            statistics,
            kept: None,
        })
    }

    /// What is computed once.
    pub(crate) fn rows(&self) -> &Arc<dyn ExecutionPlan> {
        &self.rows
    }
}

impl DisplayAs for Once {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnceExec: id={}", self.id)
    }
}

impl ExecutionPlan for Once {
    fn name(&self) -> &'static str {
        "OnceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        of: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(match of.partition() {
            None => Arc::clone(&self.statistics),
            Some(_) => Arc::new(Statistics::new_unknown(&self.schema())),
        })
    }

    /// Each step of a recursive query reads the same rows.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, part: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.rows.schema();
        let kept = match &self.kept {
            Some(kept) => Arc::clone(kept),
            None => Arc::new(Kept::new(&self.rows)),
        };
        let batches = stream::unfold(0, move |at| {
            let (kept, context) = (Arc::clone(&kept), Arc::clone(&context));
            async move {
                let batch = kept.parts[part]
                    .lock()
                    .await
                    .batch(at, &kept.rows, part, &context)
                    .await;
                batch.map(|batch| (batch, at + 1))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            batches.boxed(),
        )))
    }
}

#[derive(Debug)]
struct Kept {
    rows: Arc<dyn ExecutionPlan>,
    parts: Vec<Mutex<Part>>,
}

impl Kept {
    fn new(rows: &Arc<dyn ExecutionPlan>) -> Self {
        let parts = 0..rows.output_partitioning().partition_count();
        Self {
            rows: Arc::clone(rows),
            parts: parts.map(|_| Mutex::default()).collect(),
        }
    }
}

/// The batches of a part that are there, and where more come from.
#[derive(Default)]
struct Part {
    batches: Vec<RecordBatch>,
    memory: Option<MemoryReservation>,
    /// Those that come after `batches`.
    spilled: Option<Spilled>,
    source: Source,
}

#[derive(Default)]
enum Source {
    #[default]
    Idle,
    Running(SendableRecordBatchStream),
    Ended,
    Failed(Arc<DataFusionError>),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}

impl Part {
    /// The batch of that number, if there are so many.
    async fn batch(
        &mut self,
        at: usize,
        rows: &Arc<dyn ExecutionPlan>,
        part: usize,
        context: &Arc<TaskContext>,
    ) -> Option<Result<RecordBatch>> {
        if let Some(batch) = self.batches.get(at) {
            return Some(Ok(batch.clone()));
        }
        let spilled = self.spilled.as_ref();
        if let Some(batch) = spilled.and_then(|spilled| spilled.batch(at - self.batches.len())) {
            return Some(batch);
        }
        match self.more(rows, part, context).await {
            Ok(batch) => batch.map(Ok),
            Err(error) => {
                let error = Arc::new(error);
                self.source = Source::Failed(Arc::clone(&error));
                Some(Err(DataFusionError::Shared(error)))
            }
        }
    }

    async fn more(
        &mut self,
        rows: &Arc<dyn ExecutionPlan>,
        part: usize,
        context: &Arc<TaskContext>,
    ) -> Result<Option<RecordBatch>> {
        if let Source::Idle = self.source {
            self.source = Source::Running(rows.execute(part, Arc::clone(context))?);
        }
        let stream = match &mut self.source {
            Source::Running(stream) => stream,
            Source::Failed(error) => return Err(DataFusionError::Shared(Arc::clone(error))),
            Source::Idle | Source::Ended => return Ok(None),
        };
        let Some(batch) = stream.next().await.transpose()? else {
            self.source = Source::Ended;
            return Ok(None);
        };
        let parts = rows.output_partitioning().partition_count();
        self.keep(batch.clone(), parts, context)?;
        Ok(Some(batch))
    }

    fn keep(&mut self, batch: RecordBatch, parts: usize, context: &TaskContext) -> Result<()> {
        if let Some(spilled) = &mut self.spilled {
            return spilled.push(&batch);
        }
        let memory = self.memory.get_or_insert_with(|| {
            MemoryConsumer::new("rows read more than once").register(context.memory_pool())
        });
        let size = batch.get_array_memory_size();
        let most = match context.memory_pool().memory_limit() {
            MemoryLimit::Finite(all) => all / (KEPT_OF * parts),
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        if memory.size() + size <= most && memory.try_grow(size).is_ok() {
            self.batches.push(batch);
            return Ok(());
        }
        let mut spilled = Spilled::new(context)?;
        spilled.push(&batch)?;
        self.spilled = Some(spilled);
        Ok(())
    }
}
