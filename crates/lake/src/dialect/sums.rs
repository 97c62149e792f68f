//! `sum` and `avg` of whole numbers, and to DuckDB `avg` of decimals, by their exact sum: a `bigint`, and an error
//! where the sum does not fit; a `double`. The engine's own sum wraps around, and its average adds doubles, whose
//! last digits are others. The running sum has 128 bits, so that only the answer counts, not what is met on the way.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, Float64Array,
    Int64Array, PrimitiveArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, LogicalPlan,
    ReversedUDAF, Signature,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::added::{Added, Moving};
use super::length::problem;

/// The engine's aggregates, with a sum and an average that are exact in place of its own.
pub(super) fn exact(functions: impl Iterator<Item = Arc<AggregateUDF>>) -> Vec<Arc<AggregateUDF>> {
    let exact = |function: Arc<AggregateUDF>| match function.name() {
        "sum" | "avg" => Arc::new(AggregateUDF::from(Exact {
            inner: function,
            is_of_all: false,
        })),
        _ => function,
    };
    functions.map(exact).collect()
}

/// An average over all rows is DuckDB's `sum(x) / count(x)`, one of a group or a window is divided once: the sum,
/// as a whole number, by the count times the decimals' power of ten. Their last digits differ.
#[derive(Debug)]
pub(super) struct Averages;

impl AnalyzerRule for Averages {
    fn name(&self) -> &str {
        "averages"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let marked = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(mut aggregate) if aggregate.group_expr.is_empty() => {
                aggregate.aggr_expr.iter_mut().for_each(over_all);
                Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
            }
            plan => Ok(Transformed::no(plan)),
        })?;
        Ok(marked.data)
    }
}

fn over_all(expr: &mut Expr) {
    match expr {
        Expr::Alias(alias) => over_all(&mut alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params })
            if func.name() == "avg" && params.filter.is_none() && !params.distinct =>
        {
            if let Some(exact) = func.inner().downcast_ref::<Exact>() {
                *func = Arc::new(AggregateUDF::from(Exact {
                    inner: Arc::clone(&exact.inner),
                    is_of_all: true,
                }));
            }
        }
        _ => {}
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    inner: Arc<AggregateUDF>,
    is_of_all: bool,
}

/// What is answered of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Sum,
    Average {
        /// Ten to the power of the decimals' scale.
        unit: f64,
        is_of_all: bool,
    },
}

impl Answer {
    fn of(self, sum: i128, count: i64) -> Result<ScalarValue> {
        Ok(match self {
            Self::Sum if count == 0 => ScalarValue::Int64(None),
            Self::Sum => ScalarValue::Int64(Some(fitting(sum)?)),
            Self::Average { .. } => ScalarValue::Float64(self.average(sum, count)),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "an average is a double")]
    fn average(self, sum: i128, count: i64) -> Option<f64> {
        let Self::Average { unit, is_of_all } = self else {
            return None;
        };
        let (sum, rows) = (sum as f64, count as f64);
        (count != 0).then(|| match is_of_all {
            true => sum / unit / rows,
            false => sum / (rows * unit),
        })
    }
}

impl Exact {
    /// Nothing where the engine's own aggregate is right: of doubles, and a sum of decimals.
    fn answer(&self, of: &DataType, answer: &FieldRef) -> Option<Answer> {
        let average = |unit| Answer::Average {
            unit,
            is_of_all: self.is_of_all,
        };
        match (self.name(), of, answer.data_type()) {
            ("sum", DataType::Int64, DataType::Int64) => Some(Answer::Sum),
            ("avg", DataType::Int64, DataType::Float64) => Some(average(1.0)),
            ("avg", DataType::Decimal128(_, scale), DataType::Float64) => {
                Some(average(10f64.powi(i32::from(*scale))))
            }
            _ => None,
        }
    }

    fn is_average(&self) -> bool {
        self.name() == "avg"
    }

    fn answer_of(&self, args: &AccumulatorArgs<'_>) -> Option<Answer> {
        let of = args.expr_fields.first()?;
        self.answer(of.data_type(), &args.return_field)
    }
}

fn adds_doubles(args: &AccumulatorArgs<'_>) -> bool {
    let of = args.expr_fields.first().map(|field| field.data_type());
    of == Some(&DataType::Float64) && !args.is_distinct
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let Some(answer) = self.answer_of(&args) else {
            return match adds_doubles(&args) {
                true => Ok(Box::new(Added::new(self.is_average()))),
                false => self.inner.accumulator(args),
            };
        };
        Ok(match args.is_distinct {
            true => Box::new(Distinct::new(answer, args.expr_fields[0].data_type())),
            false => Box::new(Total::new(answer)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let of = args.input_fields.first().map(|field| field.data_type());
        let answer = of.and_then(|of| self.answer(of, &args.return_field));
        let name = |part| format_state_name(args.name, part);
        match (answer, of) {
            (Some(_), Some(of)) if args.is_distinct => Ok(vec![Arc::new(Field::new_list(
                name("distinct"),
                Field::new_list_field(of.clone(), true),
                false,
            ))]),
            (Some(_), _) => Ok(vec![
                Arc::new(Field::new(name("sum"), STATE, true)),
                Arc::new(Field::new(name("count"), DataType::Int64, true)),
            ]),
            (None, _) => self.inner.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match self.answer_of(&args) {
            Some(_) => !args.is_distinct,
            None => self.inner.groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match self.answer_of(&args).filter(|_| !args.is_distinct) {
            Some(answer) => Ok(Box::new(Totals::new(answer))),
            None => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match self.answer_of(&args) {
            Some(_) => self.accumulator(args),
            None if adds_doubles(&args) => Ok(Box::new(Moving::new(self.is_average()))),
            None => self.inner.create_sliding_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// Of a sum on its way between the steps of an aggregation.
const STATE: DataType = DataType::Decimal128(38, 0);

fn fitting(total: i128) -> Result<i64> {
    i64::try_from(total).map_err(|_| {
        problem(
            Diagnostic::error(format!("the sum {total} is out of the range of bigint"))
                .hint("sum numeric: sum(x::numeric(38,0))"),
        )
    })
}

fn decimals(totals: impl Iterator<Item = Option<i128>>) -> ArrayRef {
    let array: Decimal128Array = totals.collect();
    Arc::new(array.with_data_type(STATE))
}

/// Calls with each value that is there, of whole numbers and of decimals in their smallest unit.
fn each_value(values: &ArrayRef, call: impl FnMut(i128)) {
    fn each<T: ArrowPrimitiveType<Native: Into<i128>>>(
        values: &PrimitiveArray<T>,
        mut call: impl FnMut(i128),
    ) {
        match values.null_count() {
            0 => values
                .values()
                .iter()
                .for_each(|value| call((*value).into())),
            _ => values.iter().flatten().for_each(|value| call(value.into())),
        }
    }
    match values.data_type() {
        DataType::Int64 => each(values.as_primitive::<Int64Type>(), call),
        _ => each(values.as_primitive::<Decimal128Type>(), call),
    }
}

/// The sum of all values, and of those in a window as rows enter and leave it.
#[derive(Debug)]
struct Total {
    answer: Answer,
    sum: i128,
    count: i64,
}

impl Total {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            sum: 0,
            count: 0,
        }
    }

    fn add(&mut self, values: &ArrayRef, sign: i64) {
        let mut sum = 0;
        each_value(values, |value| sum += value);
        self.sum += sum * i128::from(sign);
        self.count += sign * (values.len() - values.null_count()) as i64;
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let sums = states[0].as_primitive::<Decimal128Type>();
        self.sum += sums.iter().flatten().sum::<i128>();
        let counts = states[1].as_primitive::<Int64Type>();
        self.count += counts.iter().flatten().sum::<i64>();
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.count != 0).then_some(self.sum);
        Ok(vec![
            ScalarValue::Decimal128(sum, 38, 0),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.answer.of(self.sum, self.count)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// How often each value is there, and the sum of all of them once.
#[derive(Debug)]
struct Distinct {
    answer: Answer,
    of: DataType,
    counts: HashMap<i128, u64>,
    sum: i128,
}

impl Distinct {
    fn new(answer: Answer, of: &DataType) -> Self {
        Self {
            answer,
            of: of.clone(),
            counts: HashMap::new(),
            sum: 0,
        }
    }

    fn enter(&mut self, values: &ArrayRef) {
        each_value(values, |value| {
            let count = self.counts.entry(value).or_default();
            if *count == 0 {
                self.sum += value;
            }
            *count += 1;
        });
    }

    fn value(&self, value: i128) -> Result<ScalarValue> {
        Ok(match &self.of {
            DataType::Decimal128(precision, scale) => {
                ScalarValue::Decimal128(Some(value), *precision, *scale)
            }
            _ => ScalarValue::Int64(Some(fitting(value)?)),
        })
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.enter(&values[0]);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_value(&values[0], |value| {
            if let Some(count) = self.counts.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&value);
                    self.sum -= value;
                }
            }
        });
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.enter(&values);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.counts.keys().map(|value| self.value(*value));
        let values: Vec<ScalarValue> = values.collect::<Result<_>>()?;
        let list = ScalarValue::new_list_nullable(&values, &self.of);
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.answer.of(self.sum, self.counts.len() as i64)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<(i128, u64)>()
    }
}

/// The sums of many groups.
#[derive(Debug)]
struct Totals {
    answer: Answer,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl Totals {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn emit(&mut self, to: EmitTo) -> (Vec<i128>, Vec<i64>) {
        (
            to.take_needed(&mut self.sums),
            to.take_needed(&mut self.counts),
        )
    }

    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, group: usize, value: i128, count: i64) {
        self.sums[group] += value;
        self.counts[group] += count;
    }

    fn add_all<T: ArrowPrimitiveType<Native: Into<i128>>>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) {
        if filter.is_none() && values.null_count() == 0 {
            for (group, value) in groups.iter().zip(values.values()) {
                self.add(*group, (*value).into(), 1);
            }
            return;
        }
        for (at, group) in groups.iter().enumerate() {
            if counts(values, filter, at) {
                self.add(*group, values.value(at).into(), 1);
            }
        }
    }
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        all: usize,
    ) -> Result<()> {
        self.grow(all);
        match values[0].data_type() {
            DataType::Int64 => self.add_all(values[0].as_primitive::<Int64Type>(), groups, filter),
            _ => self.add_all(values[0].as_primitive::<Decimal128Type>(), groups, filter),
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], all: usize) -> Result<()> {
        self.grow(all);
        let sums = states[0].as_primitive::<Decimal128Type>();
        let counts = states[1].as_primitive::<Int64Type>();
        if sums.null_count() == 0 && counts.null_count() == 0 {
            let states = sums.values().iter().zip(counts.values());
            for (group, (sum, count)) in groups.iter().zip(states) {
                self.add(*group, *sum, *count);
            }
            return Ok(());
        }
        for (at, group) in groups.iter().enumerate() {
            if sums.is_valid(at) && counts.is_valid(at) {
                self.add(*group, sums.value(at), counts.value(at));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.emit(to);
        let answers = sums.into_iter().zip(counts);
        if self.answer != Answer::Sum {
            let averages = answers.map(|(sum, count)| self.answer.average(sum, count));
            return Ok(Arc::new(averages.collect::<Float64Array>()));
        }
        let sums = answers.map(|(sum, count)| match count {
            0 => Ok(None),
            _ => fitting(sum).map(Some),
        });
        Ok(Arc::new(sums.collect::<Result<Int64Array>>()?))
    }

    fn state(&mut self, to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.emit(to);
        let known = sums.iter().zip(&counts);
        let known = known.map(|(sum, count)| (*count != 0).then_some(*sum));
        Ok(vec![decimals(known), Arc::new(Int64Array::from(counts))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        Ok(match values[0].data_type() {
            DataType::Int64 => states(values[0].as_primitive::<Int64Type>(), filter),
            _ => states(values[0].as_primitive::<Decimal128Type>(), filter),
        })
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// Each value as a sum of one.
fn states<T: ArrowPrimitiveType<Native: Into<i128>>>(
    values: &PrimitiveArray<T>,
    filter: Option<&BooleanArray>,
) -> Vec<ArrayRef> {
    if filter.is_none() && values.null_count() == 0 {
        let sums = values.values().iter().map(|value| (*value).into());
        let sums = Decimal128Array::from_iter_values(sums).with_data_type(STATE);
        return vec![
            Arc::new(sums),
            Arc::new(Int64Array::from_value(1, values.len())),
        ];
    }
    let known: Vec<bool> = (0..values.len())
        .map(|at| counts(values, filter, at))
        .collect();
    let sums = known.iter().enumerate();
    let sums = sums.map(|(at, known)| known.then(|| values.value(at).into()));
    let ones: Int64Array = known.iter().map(|known| Some(i64::from(*known))).collect();
    vec![decimals(sums), Arc::new(ones)]
}

/// Whether the row's value belongs to the sum.
fn counts<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    filter: Option<&BooleanArray>,
    at: usize,
) -> bool {
    values.is_valid(at) && filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at))
}
