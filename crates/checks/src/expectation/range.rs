//! `range: {min, max}`: the number is within both bounds, each of them included.

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use forebay_core::Diagnostic;

use super::{Failing, internal};

pub struct Range {
    min: Option<f64>,
    max: Option<f64>,
}

impl Range {
    pub fn compile(min: Option<f64>, max: Option<f64>, field: &Field) -> Result<Self, Diagnostic> {
        if !field.data_type().is_numeric() {
            return Err(Diagnostic::error(format!(
                "the rule 'range' needs a column of numbers, and '{}' is {}",
                field.name(),
                field.data_type()
            )));
        }
        Ok(Self { min, max })
    }

    pub fn failing(&self, column: &ArrayRef) -> Result<Failing, Diagnostic> {
        let numbers = cast(column, &DataType::Float64).map_err(internal)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let rows = numbers.iter().enumerate();
        Ok(rows
            .filter_map(|(row, value)| Some((row, self.broken(value?)?)))
            .collect())
    }

    fn broken(&self, value: f64) -> Option<String> {
        if value.is_nan() {
            return Some(", not a number".into());
        }
        let low = self.min.filter(|min| value < *min);
        let high = self.max.filter(|max| value > *max);
        low.map(|min| format!(", less than {min}"))
            .or(high.map(|max| format!(", more than {max}")))
    }
}
