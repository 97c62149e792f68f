//! Doubles are added one after the other, as DuckDB and PostgreSQL do. The engine adds several at a time, which has
//! other last digits, and takes what leaves a moving window out of its sum again, which keeps the error of that:
//! of 1e16 and 1 nothing is left where 1e16 goes.

use std::collections::VecDeque;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use super::moving::OfValues;

/// `sum` or `avg` of doubles, its steps as the engine's own.
#[derive(Debug)]
pub(super) struct Added {
    is_average: bool,
    sum: f64,
    count: u64,
}

impl Added {
    pub(super) fn new(is_average: bool) -> Self {
        Self {
            is_average,
            sum: 0.0,
            count: 0,
        }
    }

    fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            self.sum += value;
            self.count += 1;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an average is a double")]
    fn answer(&self) -> Option<f64> {
        (self.count > 0).then(|| match self.is_average {
            true => self.sum / self.count as f64,
            false => self.sum,
        })
    }
}

fn doubles(values: &ArrayRef) -> impl Iterator<Item = f64> {
    values.as_primitive::<Float64Type>().iter().flatten()
}

impl Accumulator for Added {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(doubles(&values[0]));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [.., sums] = states else {
            return exec_err!("a sum without a state");
        };
        self.sum += doubles(sums).sum::<f64>();
        self.count += match (self.is_average, states) {
            (true, [counts, ..]) => counts.as_primitive::<UInt64Type>().iter().flatten().sum(),
            _ => (sums.len() - sums.null_count()) as u64,
        };
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = ScalarValue::Float64((self.count > 0).then_some(self.sum));
        Ok(match self.is_average {
            true => vec![ScalarValue::UInt64(Some(self.count)), sum],
            false => vec![sum],
        })
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.answer()))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The same of the values in a moving window.
#[derive(Debug)]
pub(super) struct InWindow {
    pub is_average: bool,
}

impl OfValues for InWindow {
    fn answer(&self, values: &VecDeque<f64>) -> Option<f64> {
        let mut added = Added::new(self.is_average);
        added.add(values.iter().copied());
        added.answer()
    }
}
