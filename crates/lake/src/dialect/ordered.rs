//! Aggregates that read their rows in several orders: `array_agg(a ORDER BY b), array_agg(a ORDER BY c)`. The
//! engine sorts the rows once, for all of them; here each sorts its own. What has no order keeps that of
//! the rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StructArray};
use arrow::compute::{SortColumn, concat, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, Sort};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, Aggregate, AggregateUDF, AggregateUDFImpl, Expr, LogicalPlan, Signature,
    Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

#[derive(Debug)]
pub(super) struct Ordered;

impl AnalyzerRule for Ordered {
    fn name(&self) -> &str {
        "ordered"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(aggregate) if orders(&aggregate.aggr_expr).len() > 1 => {
                let exprs = aggregate.aggr_expr.iter().cloned().map(sorted).collect();
                let plan = Aggregate::try_new(aggregate.input, aggregate.group_expr, exprs)?;
                Ok(Transformed::yes(LogicalPlan::Aggregate(plan)))
            }
            plan => Ok(Transformed::no(plan)),
        })?;
        Ok(rewritten.data)
    }
}

fn of(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::AggregateFunction(function) => Some(function),
        Expr::Alias(alias) => of(&alias.expr),
        _ => None,
    }
}

/// The orders in which the aggregates read their rows.
fn orders(exprs: &[Expr]) -> HashSet<&[Sort]> {
    let reads = [
        "array_agg",
        "string_agg",
        "first_value",
        "last_value",
        "nth_value",
    ];
    let all = exprs.iter().filter_map(of);
    let all = all.filter(|function| reads.contains(&function.func.name()));
    all.map(|function| function.params.order_by.as_slice())
        .collect()
}

/// Those that need an order, under their names.
fn sorted(expr: Expr) -> Expr {
    let Some(function) = of(&expr) else {
        return expr;
    };
    // `array_agg(a ORDER BY b)[1]` is planned as the first of its values.
    let needs = matches!(
        function.func.name(),
        "array_agg" | "string_agg" | "nth_value"
    );
    if !needs || function.params.order_by.is_empty() {
        return expr;
    }
    let name = expr.schema_name().to_string();
    let params = &function.params;
    let sorting = Sorting {
        name: format!("sorted_{}", function.func.name()),
        inner: Arc::clone(&function.func),
        args: params.args.len(),
        orders: params
            .order_by
            .iter()
            .map(|by| (!by.asc, by.nulls_first))
            .collect(),
        distinct: params.distinct,
        signature: Signature::any(
            params.args.len() + params.order_by.len(),
            Volatility::Immutable,
        ),
    };
    let keys = params.order_by.iter().map(|by| by.expr.clone());
    let sorted = AggregateFunction::new_udf(
        Arc::new(AggregateUDF::from(sorting)),
        params.args.iter().cloned().chain(keys).collect(),
        false,
        params.filter.clone(),
        Vec::new(),
        params.null_treatment,
    );
    Expr::AggregateFunction(sorted).alias(name)
}

/// The aggregate over rows that it sorts itself: its arguments, and behind them the keys.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sorting {
    name: String,
    inner: Arc<AggregateUDF>,
    args: usize,
    /// Of each key, whether it descends, and whether nulls come first.
    orders: Vec<(bool, bool)>,
    distinct: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Sorting {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.inner.return_type(&given[..self.args])
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let row = DataType::Struct(columns(args.input_fields));
        let rows = Field::new_list("rows", Field::new_list_field(row, true), true);
        Ok(vec![Arc::new(rows)])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let fields = columns(args.expr_fields);
        let inner = AccumulatorArgs {
            exprs: &args.exprs[..self.args],
            expr_fields: &args.expr_fields[..self.args],
            order_bys: &[],
            is_distinct: false,
            ..args
        };
        Ok(Box::new(Rows {
            inner: self.inner.accumulator(inner)?,
            args: self.args,
            orders: self.orders.clone(),
            distinct: self.distinct,
            fields,
            batches: Vec::new(),
        }))
    }
}

fn columns(fields: &[FieldRef]) -> Fields {
    let each = fields.iter().enumerate();
    each.map(|(at, field)| Field::new(format!("c{at}"), field.data_type().clone(), true))
        .collect()
}

#[derive(Debug)]
struct Rows {
    inner: Box<dyn Accumulator>,
    args: usize,
    orders: Vec<(bool, bool)>,
    distinct: bool,
    fields: Fields,
    batches: Vec<ArrayRef>,
}

impl Rows {
    fn all(&self) -> Result<StructArray> {
        let batches: Vec<&dyn arrow::array::Array> =
            self.batches.iter().map(AsRef::as_ref).collect();
        Ok(match batches.is_empty() {
            true => StructArray::new_null(self.fields.clone(), 0),
            false => concat(&batches)?.as_struct().clone(),
        })
    }

    fn in_order(&self) -> Result<Vec<ArrayRef>> {
        let all = self.all()?;
        let keys = all.columns()[self.args..].iter().zip(&self.orders);
        let keys = keys.map(|(values, (descending, nulls_first))| SortColumn {
            values: Arc::clone(values),
            options: Some(arrow::compute::SortOptions {
                descending: *descending,
                nulls_first: *nulls_first,
            }),
        });
        let order = lexsort_to_indices(&keys.collect::<Vec<_>>(), None)?;
        let taken = all.columns()[..self.args].iter();
        let taken = taken
            .map(|column| Ok(take(column, &order, None)?))
            .collect::<Result<Vec<_>>>()?;
        match self.distinct {
            true => once(taken),
            false => Ok(taken),
        }
    }
}

/// Each value of the first column once, where it is first.
fn once(columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    let rows = RowConverter::new(vec![SortField::new(columns[0].data_type().clone())])?
        .convert_columns(&columns[..1])?;
    let mut seen = HashSet::new();
    let firsts: arrow::array::UInt32Array = (0..rows.num_rows())
        .filter(|at| seen.insert(rows.row(*at).owned()))
        .map(|at| at as u32)
        .collect();
    let taken = columns
        .iter()
        .map(|column| Ok(take(column, &firsts, None)?));
    taken.collect()
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = StructArray::try_new(self.fields.clone(), values.to_vec(), None)?;
        self.batches.push(Arc::new(rows));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.batches
            .extend(states[0].as_list::<i32>().iter().flatten());
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = Arc::new(self.all()?);
        Ok(vec![
            SingleRowListArrayBuilder::new(rows).build_list_scalar(),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if !self.batches.is_empty() {
            let values = self.in_order()?;
            self.inner.update_batch(&values)?;
        }
        self.inner.evaluate()
    }

    fn size(&self) -> usize {
        let batches = self
            .batches
            .iter()
            .map(|batch| batch.get_array_memory_size());
        size_of_val(self) + self.inner.size() + batches.sum::<usize>()
    }
}
