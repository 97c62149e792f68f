//! Rows that a join will drop are dropped before they are grouped. `quantity < (SELECT avg(quantity) ... WHERE
//! part = p.part)` groups the rows of all parts, of which the join asks for a few: it lets the scan know them when it
//! runs, and the engine only skips files by that.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::scalar::ScalarValue;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Rows after which a condition that drops too few of them is asked no more.
const ROWS_TRIED: usize = 64 * 1024;
/// The share of rows, one in as many, that a condition may leave to be worth its asking.
const KEPT_OF: usize = 2;

/// Adds the rule after those that tell scans what joins ask for.
pub(super) fn install(rules: &mut Vec<Rule>) {
    rules.push(Arc::new(Early));
}

#[derive(Debug)]
struct Early;

impl PhysicalOptimizerRule for Early {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(early)?.data)
    }

    fn name(&self) -> &str {
        "early"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn early(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let groups = plan.downcast_ref::<AggregateExec>();
    let Some(input) = groups
        .filter(|g| !g.group_expr().is_empty())
        .map(|g| g.input())
    else {
        return Ok(Transformed::no(plan));
    };
    let Some(asked) = asked_of(input)? else {
        return Ok(Transformed::no(plan));
    };
    let filter = FilterExec::try_new(Arc::new(WhileWorth::new(asked)), Arc::clone(input))?;
    let properties = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(vec![Arc::new(filter)], properties)
        .map(Transformed::yes)
}

/// What joins ask of the scan, in the columns of what is read from it.
fn asked_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let scan = match plan.downcast_ref::<FilterExec>() {
        Some(filter) => filter.input(),
        None => plan,
    };
    let files = scan.downcast_ref::<DataSourceExec>();
    let files = files.and_then(|files| files.downcast_to_file_source::<ParquetSource>());
    let Some((_, source)) = files else {
        return Ok(None);
    };
    let Some(filter) = source.filter() else {
        return Ok(None);
    };
    let read = read_of(plan, source.projection());
    let parts = split_conjunction(&filter).into_iter();
    let joins = parts.filter(|part| part.is::<DynamicFilterPhysicalExpr>());
    let mut asked = Vec::new();
    for part in joins {
        asked.extend(in_columns(part, &read)?);
    }
    Ok((!asked.is_empty()).then(|| conjunction(asked)))
}

/// What is read from the scan: of each column its place in the table. None: it is computed.
fn read_of(plan: &Arc<dyn ExecutionPlan>, items: Option<&ProjectionExprs>) -> Vec<Option<usize>> {
    let column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().map(Column::index);
    let scanned: Vec<_> = match items {
        Some(items) => items.iter().map(|item| column(&item.expr)).collect(),
        None => (0..plan.schema().fields().len()).map(Some).collect(),
    };
    match plan
        .downcast_ref::<FilterExec>()
        .and_then(|f| f.projection().as_deref())
    {
        Some(kept) => kept.iter().map(|at| scanned[*at]).collect(),
        None => scanned,
    }
}

/// The condition over a table's columns in the columns that are read. None: not all that it names are.
fn in_columns(
    condition: &Arc<dyn PhysicalExpr>,
    read: &[Option<usize>],
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let mut is_read = true;
    let moved = Arc::clone(condition).transform_down(|expr| {
        let Some(column) = expr.downcast_ref::<Column>() else {
            return Ok(Transformed::no(expr));
        };
        let Some(at) = read.iter().position(|from| *from == Some(column.index())) else {
            is_read = false;
            return Ok(Transformed::no(expr));
        };
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), at));
        Ok(Transformed::yes(column))
    })?;
    Ok(is_read.then_some(moved.data))
}

/// A condition that may be left out, and is once it has shown to drop few rows.
#[derive(Debug)]
struct WhileWorth {
    condition: Arc<dyn PhysicalExpr>,
    tried: AtomicUsize,
    kept: AtomicUsize,
}

impl WhileWorth {
    fn new(condition: Arc<dyn PhysicalExpr>) -> Self {
        Self {
            condition,
            tried: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
        }
    }

    fn is_worth_it(&self) -> bool {
        let tried = self.tried.load(Relaxed);
        tried < ROWS_TRIED || self.kept.load(Relaxed) < tried / KEPT_OF
    }
}

impl PartialEq for WhileWorth {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for WhileWorth {}

impl Hash for WhileWorth {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for WhileWorth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "while_worth({})", self.condition)
    }
}

impl PhysicalExpr for WhileWorth {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if !self.is_worth_it() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))));
        }
        let rows = batch.num_rows();
        let answer = self.condition.evaluate(batch)?.into_array(rows)?;
        self.tried.fetch_add(rows, Relaxed);
        self.kept
            .fetch_add(answer.as_boolean().true_count(), Relaxed);
        Ok(ColumnarValue::Array(answer))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children
            .pop()
            .unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self::new(condition)))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
