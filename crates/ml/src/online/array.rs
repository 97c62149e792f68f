//! Between Arrow columns and stored values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use forebay_core::Diagnostic;

use super::Value;
use crate::record::ColumnType;

/// One column of the values, of that type also where no value is there.
pub fn to_array<'a>(
    values: impl Iterator<Item = Option<&'a Value>>,
    data_type: ColumnType,
) -> Result<ArrayRef, Diagnostic> {
    macro_rules! column {
        ($array:ty, $($value:pat => $read:expr),+) => {
            values
                .map(|value| match value {
                    $(Some($value) => Ok(Some($read)),)+
                    None | Some(Value::Null) => Ok(None),
                    Some(other) => Err(Diagnostic::error(format!(
                        "a feature is {other:?} online, where training had {data_type:?}"
                    ))
                    .hint("train again: the feature view has changed since")),
                })
                .collect::<Result<$array, _>>()?
        };
    }
    Ok(match data_type {
        ColumnType::Boolean => Arc::new(column!(BooleanArray, Value::Bool(it) => *it)),
        ColumnType::Int64 => Arc::new(column!(Int64Array, Value::Int(it) => *it)),
        ColumnType::Float64 => Arc::new(column!(
            Float64Array, Value::Float(it) => *it, Value::Int(it) => *it as f64
        )),
        ColumnType::String | ColumnType::Date => {
            Arc::new(column!(StringArray, Value::Text(it) => it.as_str()))
        }
        ColumnType::Timestamp | ColumnType::LocalTimestamp => Arc::new(
            column!(TimestampMicrosecondArray, Value::Timestamp(it) => *it).with_timezone("UTC"),
        ),
    })
}

/// The values of a column, in their widest form.
pub fn from_array(name: &str, column: &ArrayRef) -> Result<Vec<Value>, Diagnostic> {
    let wanted = match column.data_type() {
        DataType::Boolean => DataType::Boolean,
        t if t.is_integer() => DataType::Int64,
        t if t.is_numeric() => DataType::Float64,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => DataType::Utf8,
    };
    let column = cast(column, &wanted).map_err(|error| {
        Diagnostic::error(format!("feature '{name}' cannot be stored online: {error}"))
    })?;
    let value = |row: usize| match wanted {
        _ if column.is_null(row) => Value::Null,
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => {
            Value::Timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => Value::Text(column.as_string::<i32>().value(row).to_owned()),
    };
    Ok((0..column.len()).map(value).collect())
}
