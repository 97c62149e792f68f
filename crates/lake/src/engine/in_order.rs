//! The parts of a condition, one after the other: what can fail, or is dear, is asked of those rows that the parts
//! before have left. `WHERE b <> 0 AND a / b > 1` does not fail over rows that the condition excludes, and texts are
//! not compared where a date has decided. The engine asks both sides of an `AND` of every row.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, MutableBuffer};
use arrow::compute::{FilterBuilder, FilterPredicate};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::bit_util;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, IsNotNullExpr, IsNullExpr, Literal,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

type Expr = Arc<dyn PhysicalExpr>;

/// The share of rows, one in as many, that may be left for a dear part to be asked of them alone.
const LEFT_OF: usize = 2;

/// The rule that has the conditions of a plan asked in order.
#[derive(Debug)]
pub(super) struct InOrder;

impl PhysicalOptimizerRule for InOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(in_order)?.data)
    }

    fn name(&self) -> &str {
        "in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else {
        return Ok(Transformed::no(plan));
    };
    let parts = split_conjunction(filter.predicate());
    if parts.len() < 2 {
        return Ok(Transformed::no(plan));
    }
    let condition = Condition::new(parts.into_iter().cloned(), &filter.input().schema());
    let filter = FilterExecBuilder::from(filter).with_predicate(Arc::new(condition));
    Ok(Transformed::yes(Arc::new(filter.build()?)))
}

/// What a part costs, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Cost {
    /// Less than it costs to leave rows out.
    Low,
    High,
    /// Some value makes it fail.
    Failure,
}

impl Cost {
    fn of(expr: &Expr, schema: &Schema) -> Self {
        if can_fail(expr, schema) {
            return Self::Failure;
        }
        match is_cheap(expr, schema) {
            true => Self::Low,
            false => Self::High,
        }
    }
}

/// Whether some value makes the expression fail: a text that is cast, a divisor that is zero, what a
/// function does not take.
pub(super) fn can_fail(expr: &Expr, schema: &Schema) -> bool {
    has(expr, |expr| {
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return cast.expr().data_type(schema).is_ok_and(|of| of.is_string());
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let divides = matches!(binary.op(), Operator::Divide | Operator::Modulo);
            return divides && !binary.right().is::<Literal>();
        }
        expr.is::<ScalarFunctionExpr>()
    })
}

/// Whether numbers, dates and the like are compared, and nothing else.
fn is_cheap(expr: &Expr, schema: &Schema) -> bool {
    !has(expr, |expr| {
        let is_plain = expr.is::<Column>() || expr.is::<Literal>();
        let is_asked =
            expr.is::<BinaryExpr>() || expr.is::<IsNullExpr>() || expr.is::<IsNotNullExpr>();
        let is_wide = |of: DataType| of != DataType::Boolean && of.primitive_width().is_none();
        !(is_plain || is_asked) || expr.data_type(schema).map_or(true, is_wide)
    })
}

fn has(expr: &Expr, is: impl Fn(&Expr) -> bool) -> bool {
    expr.exists(|expr| Ok(is(expr))).unwrap_or(true)
}

/// A condition that all of its parts must meet. A part that is null is not met.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Condition {
    parts: Vec<Expr>,
    /// Of each part.
    costs: Vec<Cost>,
}

impl Condition {
    /// The parts as they are written, but for those that cost more, which come later.
    fn new(parts: impl Iterator<Item = Expr>, schema: &Schema) -> Self {
        let mut parts: Vec<_> = parts.map(|part| (Cost::of(&part, schema), part)).collect();
        parts.sort_by_key(|(cost, _)| *cost);
        let (costs, parts) = parts.into_iter().unzip();
        Self { parts, costs }
    }
}

/// The rows that a condition still asks about.
struct Rows<'a> {
    batch: Cow<'a, RecordBatch>,
    /// Which of them met every part so far.
    met: BooleanBuffer,
    /// Where they stand among all rows. None: they are all.
    places: Option<Vec<usize>>,
}

impl Rows<'_> {
    /// Leaves out the rows that did not meet a part. Columns that are not read later are cut to the length.
    fn drop_unmet(&mut self, later: &[Expr]) -> Result<()> {
        let places = match &self.places {
            Some(places) => self.met.set_indices().map(|at| places[at]).collect(),
            None => self.met.set_indices().collect::<Vec<_>>(),
        };
        let met = BooleanArray::new(self.met.clone(), None);
        let met = FilterBuilder::new(&met).optimize().build();
        self.batch = Cow::Owned(kept(&self.batch, &met, later)?);
        self.met = BooleanBuffer::new_set(places.len());
        self.places = Some(places);
        Ok(())
    }

    /// Which of all rows met every part.
    fn of_all(self, rows: usize) -> BooleanBuffer {
        let Some(places) = self.places else {
            return self.met;
        };
        let mut all = MutableBuffer::new_null(rows);
        for at in self.met.set_indices() {
            bit_util::set_bit(&mut all, places[at]);
        }
        BooleanBuffer::new(all.into(), 0, rows)
    }
}

fn kept(batch: &RecordBatch, met: &FilterPredicate, later: &[Expr]) -> Result<RecordBatch> {
    let read = later.iter().flat_map(collect_columns);
    let read: Vec<_> = read.map(|column| column.index()).collect();
    let columns = batch.columns().iter().enumerate();
    let columns = columns.map(|(at, column)| match read.contains(&at) {
        true => met.filter(column),
        false => Ok(column.slice(0, met.count())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(met.count()));
    Ok(RecordBatch::try_new_with_options(
        batch.schema(),
        columns,
        &rows,
    )?)
}

/// Which rows meet the part.
fn asked(part: &Expr, batch: &RecordBatch) -> Result<BooleanBuffer> {
    let answer = part.evaluate(batch)?.into_array(batch.num_rows())?;
    let answer = answer.as_boolean();
    Ok(match answer.nulls() {
        Some(known) => answer.values() & known.inner(),
        None => answer.values().clone(),
    })
}

impl PhysicalExpr for Condition {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("condition", DataType::Boolean, false)))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let mut rows = Rows {
            batch: Cow::Borrowed(batch),
            met: BooleanBuffer::new_set(batch.num_rows()),
            places: None,
        };
        for (at, part) in self.parts.iter().enumerate() {
            let left = rows.met.count_set_bits();
            if left == 0 {
                break;
            }
            let all = rows.met.len();
            let is_dropping = match self.costs[at] {
                Cost::Low => false,
                Cost::High => left <= all / LEFT_OF,
                Cost::Failure => left < all,
            };
            if is_dropping {
                rows.drop_unmet(&self.parts[at..])?;
            }
            rows.met = &rows.met & &asked(part, &rows.batch)?;
        }
        let met = rows.of_all(batch.num_rows());
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(met, None))))
    }

    fn children(&self) -> Vec<&Expr> {
        self.parts.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, parts: Vec<Expr>) -> Result<Expr> {
        let costs = self.costs.clone();
        Ok(Arc::new(Self { parts, costs }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            let then = if at > 0 { " THEN " } else { "" };
            write!(f, "{then}{part}")?;
        }
        Ok(())
    }
}
