//! `not_null`: the column has a value.

use arrow::array::{Array, ArrayRef};

use super::Failing;

pub fn failing(column: &ArrayRef) -> Failing {
    let rows = (0..column.len()).filter(|row| column.is_null(*row));
    rows.map(|row| (row, String::new())).collect()
}
