//! The type of a value, as text: what the catalog calls it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;

use super::function::{Function, Takes, text};
use crate::engine::{sql_type, type_name};
use crate::types::Dialect;

pub(super) const DUCKDB: &[Function] = &[Function {
    names: &["typeof"],
    takes: &[Takes::Json],
    count: (1, 1),
    gives: text,
    run: |arrays| Ok(named(&arrays[0], |of| type_name(of, Dialect::DuckDb))),
}];

pub(super) const POSTGRES: &[Function] = &[Function {
    names: &["pg_typeof"],
    takes: &[Takes::Any],
    count: (1, 1),
    gives: text,
    run: |arrays| {
        Ok(named(&arrays[0], |of| match of {
            DataType::Null => "unknown".to_owned(),
            DataType::Timestamp(_, None) => "timestamp without time zone".to_owned(),
            DataType::Decimal128(..) => "numeric".to_owned(),
            of => sql_type(of),
        }))
    },
}];

/// The same name for every row, nulls too.
fn named(values: &ArrayRef, name: fn(&DataType) -> String) -> ArrayRef {
    let name = name(values.data_type());
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        name,
        values.len(),
    )))
}
