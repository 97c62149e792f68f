//! SQL type names where the engine's own reading would not fit the warehouse.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};

/// `TIMESTAMP` in microseconds, as tables hold it: the engine's nanoseconds end in the year 2262,
/// so that a `TIMESTAMP '2999-12-31'` would fail.
#[derive(Debug)]
pub(crate) struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let zone = match sql_type {
            SqlType::Timestamp(precision, _) | SqlType::Datetime(precision)
                if precision.is_some_and(|p| p > 6) =>
            {
                return Ok(None);
            }
            SqlType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            | SqlType::Datetime(_) => None,
            SqlType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                Some("UTC".into())
            }
            _ => return Ok(None),
        };
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, zone);
        Ok(Some(Arc::new(Field::new("", timestamp, true))))
    }
}
