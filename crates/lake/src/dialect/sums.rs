//! `sum` of whole numbers: a `bigint`, and an error where the sum does not fit. The engine's own wraps
//! around. The running sum has 128 bits, so that only the answer counts, not what is met on the way.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::length::problem;

/// The engine's aggregates, with a sum that is checked in place of its own.
pub(super) fn checked(
    functions: impl Iterator<Item = Arc<AggregateUDF>>,
) -> Vec<Arc<AggregateUDF>> {
    let checked = |function: Arc<AggregateUDF>| match function.name() {
        "sum" => Arc::new(AggregateUDF::from(Sum(function))),
        _ => function,
    };
    functions.map(checked).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum(Arc<AggregateUDF>);

fn is_whole(answer: &FieldRef) -> bool {
    answer.data_type() == &DataType::Int64
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match (is_whole(&args.return_field), args.is_distinct) {
            (true, false) => Ok(Box::new(Total::default())),
            (true, true) => Ok(Box::new(Distinct::default())),
            (false, _) => self.0.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_whole(&args.return_field) || args.is_distinct {
            return self.0.state_fields(args);
        }
        let name = |part| format_state_name(args.name, part);
        Ok(vec![
            Arc::new(Field::new(name("sum"), STATE, true)),
            Arc::new(Field::new(name("count"), DataType::Int64, true)),
        ])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match is_whole(&args.return_field) && !args.is_distinct {
            true => Ok(Box::new(Totals::default())),
            false => self.0.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match is_whole(&args.return_field) {
            true => self.accumulator(args),
            false => self.0.create_sliding_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
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

/// The sum of all values, and of those in a window as rows enter and leave it.
#[derive(Debug, Default)]
struct Total {
    sum: i128,
    count: i64,
}

impl Total {
    fn add(&mut self, values: &ArrayRef, sign: i64) {
        let values = values.as_primitive::<Int64Type>();
        let count = values.len() - values.null_count();
        let sum: i128 = match values.null_count() {
            0 => values.values().iter().map(|value| i128::from(*value)).sum(),
            _ => values.iter().flatten().map(i128::from).sum(),
        };
        self.sum += sum * i128::from(sign);
        self.count += sign * count as i64;
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
        Ok(ScalarValue::Int64(match self.count {
            0 => None,
            _ => Some(fitting(self.sum)?),
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// How often each value is there, and the sum of all of them once.
#[derive(Debug, Default)]
struct Distinct {
    counts: HashMap<i64, u64>,
    sum: i128,
}

impl Distinct {
    fn enter(&mut self, values: &ArrayRef) {
        for value in values.as_primitive::<Int64Type>().iter().flatten() {
            let count = self.counts.entry(value).or_default();
            if *count == 0 {
                self.sum += i128::from(value);
            }
            *count += 1;
        }
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.enter(&values[0]);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Int64Type>().iter().flatten() {
            if let Some(count) = self.counts.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&value);
                    self.sum -= i128::from(value);
                }
            }
        }
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
        let values = self.counts.keys().map(|value| ScalarValue::from(*value));
        let values: Vec<ScalarValue> = values.collect();
        let list = ScalarValue::new_list_nullable(&values, &DataType::Int64);
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(match self.counts.is_empty() {
            true => None,
            false => Some(fitting(self.sum)?),
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<(i64, u64)>()
    }
}

/// The sums of many groups.
#[derive(Debug, Default)]
struct Totals {
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl Totals {
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
        let values = values[0].as_primitive::<Int64Type>();
        if filter.is_none() && values.null_count() == 0 {
            for (group, value) in groups.iter().zip(values.values()) {
                self.add(*group, i128::from(*value), 1);
            }
            return Ok(());
        }
        for (at, group) in groups.iter().enumerate() {
            if counts(values, filter, at) {
                self.add(*group, i128::from(values.value(at)), 1);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], all: usize) -> Result<()> {
        self.grow(all);
        let sums = states[0].as_primitive::<Decimal128Type>();
        let counts = states[1].as_primitive::<Int64Type>();
        for (at, group) in groups.iter().enumerate() {
            if sums.is_valid(at) && counts.is_valid(at) {
                self.add(*group, sums.value(at), counts.value(at));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.emit(to);
        let answers = sums
            .into_iter()
            .zip(counts)
            .map(|(sum, count)| match count {
                0 => Ok(None),
                _ => fitting(sum).map(Some),
            });
        Ok(Arc::new(answers.collect::<Result<Int64Array>>()?))
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
        let values = values[0].as_primitive::<Int64Type>();
        let known: Vec<bool> = (0..values.len())
            .map(|at| counts(values, filter, at))
            .collect();
        let sums = known.iter().enumerate();
        let sums = sums.map(|(at, known)| known.then(|| i128::from(values.value(at))));
        let ones: Int64Array = known.iter().map(|known| Some(i64::from(*known))).collect();
        Ok(vec![decimals(sums), Arc::new(ones)])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// Whether the row's value belongs to the sum.
fn counts(values: &Int64Array, filter: Option<&BooleanArray>, at: usize) -> bool {
    values.is_valid(at) && filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at))
}
