//! `accepted_values: [...]`: the value is one of the list, compared as the column's type.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use forebay_core::Diagnostic;

use super::{Failing, internal};

pub struct AcceptedValues {
    /// As text, each written the way that the column's own values are.
    values: HashSet<String>,
    /// The values as the user wrote them.
    list: String,
}

impl AcceptedValues {
    pub fn compile(values: &[String], field: &Field) -> Result<Self, Diagnostic> {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(values));
        // A text that is no value of the column's type becomes null.
        let typed = cast(&texts, field.data_type()).map_err(internal)?;
        if let Some(row) = (0..typed.len()).find(|row| typed.is_null(*row)) {
            return Err(Diagnostic::error(format!(
                "'{}' cannot be a value of the column '{}', which is {}",
                values[row],
                field.name(),
                field.data_type()
            )));
        }
        let written = cast(&typed, &DataType::Utf8).map_err(internal)?;
        let written = written.as_string::<i32>();
        Ok(Self {
            values: written.iter().flatten().map(str::to_owned).collect(),
            list: values.join(", "),
        })
    }

    pub fn failing(&self, column: &ArrayRef) -> Result<Failing, Diagnostic> {
        let texts = cast(column, &DataType::Utf8).map_err(internal)?;
        let rows = texts.as_string::<i32>().iter().enumerate();
        Ok(rows
            .filter(|(_, text)| text.is_some_and(|text| !self.values.contains(text)))
            .map(|(row, _)| (row, format!(", not one of {}", self.list)))
            .collect())
    }
}
