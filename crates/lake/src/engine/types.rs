//! SQL type names: where the engine's own reading would not fit the warehouse, and of its types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo, TimezoneInfo};

use crate::types::Dialect;

/// `TIMESTAMP` in microseconds, as tables hold it: the engine's nanoseconds end in the year 2262,
/// so that a `TIMESTAMP '2999-12-31'` would fail. JSON is text of a type of its own, and what has no type of its own in a
/// table has the next wider one.
#[derive(Debug)]
pub(crate) struct SqlTypes(pub Dialect);

impl SqlTypes {
    fn other(&self, sql_type: &SqlType) -> Option<DataType> {
        Some(match sql_type {
            SqlType::JSON | SqlType::JSONB => DataType::LargeUtf8,
            SqlType::Uuid => DataType::Utf8,
            SqlType::HugeInt | SqlType::UHugeInt => DataType::Decimal128(38, 0),
            SqlType::Blob(_) | SqlType::Varbinary(_) => DataType::Binary,
            SqlType::UTinyInt => DataType::Int16,
            SqlType::USmallInt => DataType::Int32,
            SqlType::UBigInt => DataType::Decimal128(20, 0),
            SqlType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("uinteger") => {
                DataType::Int64
            }
            SqlType::Decimal(ExactNumberInfo::None)
            | SqlType::Numeric(ExactNumberInfo::None)
            | SqlType::Dec(ExactNumberInfo::None)
                if self.0 == Dialect::DuckDb =>
            {
                DataType::Decimal128(18, 3)
            }
            _ => return None,
        })
    }
}

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        if let Some(other) = self.other(sql_type) {
            return Ok(Some(Arc::new(Field::new("", other, true))));
        }
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

/// Whether the fields are those of `row(a, b)` under DuckDB, which have no names: 1 and 2 here.
pub(crate) fn is_tuple(fields: &Fields) -> bool {
    let mut places = fields.iter().zip(1..);
    !fields.is_empty()
        && places.all(|(field, place): (_, usize)| *field.name() == place.to_string())
}

/// A type as SQL writes it.
pub fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        t if t.is_integer() => "bigint".to_owned(),
        DataType::Float32 => "real".to_owned(),
        t if t.is_floating() => "double precision".to_owned(),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => format!("numeric({p},{s})"),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("{}[]", sql_type(item.data_type()))
        }
        DataType::FixedSizeList(item, length) => {
            format!("{}[{length}]", sql_type(item.data_type()))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea".to_owned(),
        _ => "text".to_owned(),
    }
}

/// A type as the dialect's catalog names it.
pub fn type_name(data_type: &DataType, dialect: Dialect) -> String {
    let name = sql_type(data_type);
    if dialect == Dialect::Postgres {
        return name;
    }
    let part = |field: &FieldRef| {
        let of = type_name(field.data_type(), dialect);
        format!("{} {of}", field.name())
    };
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => {
            return format!("{}[]", type_name(item.data_type(), dialect));
        }
        DataType::FixedSizeList(item, length) => {
            return format!("{}[{length}]", type_name(item.data_type(), dialect));
        }
        DataType::LargeUtf8 => return "JSON".to_owned(),
        DataType::Struct(fields) if is_tuple(fields) => {
            let types = fields
                .iter()
                .map(|field| type_name(field.data_type(), dialect));
            return format!("TUPLE({})", types.collect::<Vec<_>>().join(", "));
        }
        DataType::Null => return "\"NULL\"".to_owned(),
        DataType::Map(entries, _) => {
            if let DataType::Struct(fields) = entries.data_type() {
                let parts = fields.iter();
                let parts: Vec<_> = parts.map(|f| type_name(f.data_type(), dialect)).collect();
                return format!("MAP({})", parts.join(", "));
            }
        }
        DataType::Struct(fields) => {
            let parts: Vec<String> = fields.iter().map(part).collect();
            return format!("STRUCT({})", parts.join(", "));
        }
        _ => {}
    }
    match name.as_str() {
        "text" => "VARCHAR".to_owned(),
        "double precision" => "DOUBLE".to_owned(),
        "real" => "FLOAT".to_owned(),
        "bytea" => "BLOB".to_owned(),
        name => name.to_uppercase().replace("NUMERIC", "DECIMAL"),
    }
}
