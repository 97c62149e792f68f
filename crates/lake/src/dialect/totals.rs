//! Sums of 128 bits with the number of their values, of one group and of many, and what is answered of them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, Float64Array,
    Int64Array, PrimitiveArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::length::problem;

/// What is answered of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Answer {
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

/// Of a sum on its way between the steps of an aggregation.
pub(super) const STATE: DataType = DataType::Decimal128(38, 0);

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
pub(super) struct Total {
    answer: Answer,
    sum: i128,
    count: i64,
}

impl Total {
    pub(super) fn new(answer: Answer) -> Self {
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
pub(super) struct Distinct {
    answer: Answer,
    of: DataType,
    counts: HashMap<i128, u64>,
    sum: i128,
}

impl Distinct {
    pub(super) fn new(answer: Answer, of: &DataType) -> Self {
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
pub(super) struct Totals {
    answer: Answer,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl Totals {
    pub(super) fn new(answer: Answer) -> Self {
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
