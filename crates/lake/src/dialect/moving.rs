//! Aggregates over a moving window of doubles that are computed from the values in it. The engine takes what leaves
//! the window out of what it has added up, and keeps the error of that.

use std::collections::VecDeque;
use std::fmt::Debug;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

/// What is told of the values in a window.
pub(super) trait OfValues: Debug + Send + Sync + 'static {
    fn answer(&self, values: &VecDeque<f64>) -> Option<f64>;
}

/// The values in the window, first come first.
#[derive(Debug)]
pub(super) struct Moving<T> {
    values: VecDeque<f64>,
    told: T,
}

impl<T: OfValues> Moving<T> {
    pub(super) fn of(told: T) -> Self {
        Self {
            values: VecDeque::new(),
            told,
        }
    }
}

fn numbers(values: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(cast(&values[0], &DataType::Float64)?)
}

impl<T: OfValues> Accumulator for Moving<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = numbers(values)?;
        let come = numbers.as_primitive::<Float64Type>().iter().flatten();
        self.values.extend(come);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = numbers(values)?;
        let gone = numbers.as_primitive::<Float64Type>().iter().flatten();
        self.values.drain(..gone.count().min(self.values.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.told.answer(&self.values)))
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("a moving window is computed in one piece")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        exec_err!("a moving window is computed in one piece")
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}
