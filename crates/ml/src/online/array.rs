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

/// One column of the values; its type is that of the first value there is. Without any it is a
/// column of missing numbers.
pub fn to_array<'a>(
    values: impl Iterator<Item = Option<&'a Value>>,
) -> Result<ArrayRef, Diagnostic> {
    let values: Vec<&Value> = values.map(|value| value.unwrap_or(&Value::Null)).collect();
    let kind = values.iter().find(|value| !matches!(value, Value::Null));
    macro_rules! column {
        ($array:ty, $variant:ident) => {{
            let value = |value: &&Value| match value {
                Value::$variant(value) => Ok(Some(value.clone())),
                Value::Null => Ok(None),
                other => Err(Diagnostic::internal(format!(
                    "a feature has values of two kinds: {other:?}"
                ))),
            };
            values.iter().map(value).collect::<Result<$array, _>>()?
        }};
    }
    Ok(match kind {
        None => Arc::new(Float64Array::new_null(values.len())),
        Some(Value::Bool(_)) => Arc::new(column!(BooleanArray, Bool)),
        Some(Value::Int(_)) => Arc::new(column!(Int64Array, Int)),
        Some(Value::Text(_)) => Arc::new(column!(StringArray, Text)),
        Some(Value::Timestamp(_)) => {
            Arc::new(column!(TimestampMicrosecondArray, Timestamp).with_timezone("UTC"))
        }
        Some(_) => Arc::new(column!(Float64Array, Float)),
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
