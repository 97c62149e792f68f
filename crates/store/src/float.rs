//! A float that survives SQLite, which turns NaN into NULL.

use std::cmp::Ordering;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

/// NaN is kept as the text 'NaN': that is greater than every number and equal to itself.
pub struct Float(pub f64);

/// The order in which SQLite has them.
pub fn compare(a: f64, b: f64) -> Ordering {
    let nan_last = || a.is_nan().cmp(&b.is_nan());
    a.partial_cmp(&b).unwrap_or_else(nan_last)
}

impl ToSql for Float {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            v if v.is_nan() => Value::Text("NaN".into()),
            v => Value::Real(v),
        };
        Ok(ToSqlOutput::Owned(value))
    }
}

impl FromSql for Float {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => Ok(Float(f64::NAN)),
            other => other
                .as_f64()
                .or_else(|_| other.as_i64().map(|i| i as f64))
                .map(Float),
        }
    }
}
