//! The point-in-time join as an operator of the engine.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::JoinSet;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, replace_children_if_necessary,
};
use tokio::sync::mpsc::Sender;

use super::block::{Block, Blocks, Budget, cast_or_null};
use super::newest::{Matches, Newest, Rules, ViewBatch};
use super::time::{Instants, Tick};
use super::timeline::Timeline;
use super::view_rows::ViewRows;

/// One view, resolved. Its input's columns are, in this order: the keys, the time, the created time
/// where `created`, the values.
#[derive(Clone, Debug)]
pub(super) struct ViewSpec {
    pub name: String,
    /// Column of the spine, and the type that both sides are compared as.
    pub keys: Vec<(usize, DataType)>,
    pub tick: Tick,
    pub rules: Rules,
    pub created: bool,
    /// Names and types of the values in the output; all may be null.
    pub values: SchemaRef,
}

/// Adds to each spine row the newest row of each view that was known by the spine row's time.
///
/// The spine is read once, in order, in blocks that fit in memory. For each block, each view is read
/// once: see [`Newest`]. Cost: the spine's rows sorted, block by block, and the views' rows looked up,
/// once a block. Children: the spine, then the views; all of one partition.
#[derive(Debug)]
pub(super) struct AsOfJoinExec {
    children: Vec<Arc<dyn ExecutionPlan>>,
    time: usize,
    views: Arc<Vec<ViewSpec>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl AsOfJoinExec {
    /// `time` is the spine's column of event times; `children` as said above.
    pub fn new(
        children: Vec<Arc<dyn ExecutionPlan>>,
        time: usize,
        views: Arc<Vec<ViewSpec>>,
    ) -> Self {
        let spine = children[0].schema();
        let values = views
            .iter()
            .flat_map(|view| view.values.fields().iter().cloned());
        let fields: Vec<_> = spine.fields().iter().cloned().chain(values).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            children,
            time,
            views,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for AsOfJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.views.iter().map(|view| view.name.as_str()).collect();
        write!(f, "AsOfJoinExec: views=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for AsOfJoinExec {
    fn name(&self) -> &str {
        "AsOfJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.children.iter().collect()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        (0..self.children.len()).map(|child| child == 0).collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children.len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(children, self.time, self.views.clone())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        replace_children_if_necessary(self, children)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return exec_err!("AsOfJoinExec has one partition, not a partition {partition}");
        }
        let lanes = context
            .session_config()
            .target_partitions()
            .clamp(1, self.views.len().max(1));
        let budget = Budget::of(
            context.memory_pool().as_ref(),
            state_per_row(&self.views, lanes),
        );
        let views = self
            .views
            .iter()
            .zip(&self.children[1..])
            .map(|(spec, plan)| View {
                spec: spec.clone(),
                rows: ViewRows::new(plan.clone(), &context, &self.metrics),
            });
        let join = Join {
            blocks: Blocks::new(self.children[0].execute(0, context.clone())?, budget),
            views: views.collect(),
            time: self.time,
            lanes,
            schema: self.schema.clone(),
            context,
        };
        let mut output = RecordBatchReceiverStream::builder(self.schema.clone(), 2);
        let sender = output.tx();
        output.spawn(join.run(sender));
        Ok(output.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Bytes that joining holds for each spine row. Values wait until the block is answered; the tables
/// that find them exist for as many views as are read at once.
fn state_per_row(views: &[ViewSpec], lanes: usize) -> usize {
    const TABLES: usize = 120;
    let width = |t: &DataType| t.primitive_width().unwrap_or(32);
    let kept = |view: &ViewSpec| -> usize {
        let row: usize = view
            .values
            .fields()
            .iter()
            .map(|f| width(f.data_type()))
            .sum();
        12 + 2 * row
    };
    lanes * TABLES + views.iter().map(kept).sum::<usize>()
}

struct View {
    spec: ViewSpec,
    rows: ViewRows,
}

/// One execution of the operator.
struct Join {
    blocks: Blocks,
    views: Vec<View>,
    time: usize,
    /// Views read at once.
    lanes: usize,
    schema: SchemaRef,
    context: Arc<TaskContext>,
}

impl Join {
    async fn run(mut self, output: Sender<Result<RecordBatch>>) -> Result<()> {
        let held =
            MemoryConsumer::new("point-in-time join: spine").register(self.context.memory_pool());
        while let Some(block) = self.blocks.next(&held).await? {
            let block = Arc::new(block);
            let answers = self.answers(&block).await?;
            let mut at = 0;
            for batch in &block.batches {
                let rows = at..at + batch.num_rows();
                at = rows.end;
                let mut columns = batch.columns().to_vec();
                for answer in &answers {
                    columns.extend(answer.matches.columns(rows.clone())?);
                }
                let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
                if output.send(Ok(batch)).await.is_err() {
                    return Ok(()); // nobody listens any more
                }
            }
            held.free();
        }
        Ok(())
    }

    /// Each view's answer for the block, in the order of the views. They run side by side.
    async fn answers(&mut self, block: &Arc<Block>) -> Result<Vec<Answer>> {
        let count = self.views.len();
        let mut waiting = std::mem::take(&mut self.views).into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut done = Vec::with_capacity(count);
        loop {
            while running.len() < self.lanes
                && let Some((index, view)) = waiting.next()
            {
                let (block, context, time) = (block.clone(), self.context.clone(), self.time);
                running.spawn(async move { (index, view.answer(&block, time, &context).await) });
            }
            match running.join_next().await {
                None => break,
                Some(Err(panic)) => return Err(DataFusionError::External(Box::new(panic))),
                Some(Ok((index, result))) => done.push((index, result?)),
            }
        }
        done.sort_by_key(|(index, _)| *index);
        let (views, answers) = done
            .into_iter()
            .map(|(_, (view, answer))| (view, answer))
            .unzip();
        self.views = views;
        Ok(answers)
    }
}

/// A view's rows for a block, and the memory that they hold.
struct Answer {
    matches: Matches,
    _held: MemoryReservation,
}

impl View {
    async fn answer(
        mut self,
        block: &Block,
        time: usize,
        context: &Arc<TaskContext>,
    ) -> Result<(Self, Answer)> {
        let held = MemoryConsumer::new(format!("point-in-time join: {}", self.spec.name))
            .register(context.memory_pool());
        let mut newest = self.spec.newest(block, time)?;
        let spec = &self.spec;
        let read = self.rows.read(!block.last, context, |batch| {
            newest.offer(&spec.batch(&batch)?)?;
            reserve(&held, &mut newest)
        });
        read.await?;
        reserve(&held, &mut newest)?;
        let answer = Answer {
            matches: newest.finish(),
            _held: held,
        };
        Ok((self, answer))
    }
}

fn reserve(held: &MemoryReservation, newest: &mut Newest) -> Result<()> {
    if held.size() != newest.bytes() && held.try_resize(newest.bytes()).is_err() {
        newest.compact()?;
        held.try_resize(newest.bytes())?;
    }
    Ok(())
}

impl ViewSpec {
    fn newest(&self, block: &Block, time: usize) -> Result<Newest> {
        let keys = self
            .keys
            .iter()
            .map(|(column, data_type)| block.column(*column, data_type));
        let times = block.raw_column(time)?;
        let timeline = Timeline::build(
            keys.collect::<Result<_>>()?,
            &Instants::read(&times, self.tick)?,
        )?;
        Newest::new(timeline, self.rules, self.values.clone())
    }

    fn batch(&self, batch: &RecordBatch) -> Result<ViewBatch> {
        let columns = batch.columns();
        let (keys, rest) = columns.split_at(self.keys.len());
        let keys = keys
            .iter()
            .zip(&self.keys)
            .map(|(c, (_, t))| cast_or_null(c, t));
        let created = match self.created {
            true => Some(Instants::read(&rest[1], self.tick)?),
            false => None,
        };
        let values = rest[1 + usize::from(self.created)..].to_vec();
        Ok(ViewBatch {
            keys: keys.collect::<Result<_>>()?,
            times: Instants::read(&rest[0], self.tick)?,
            created,
            values: super::newest::with_columns(self.values.clone(), values, batch.num_rows())?,
        })
    }
}
