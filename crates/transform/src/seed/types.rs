//! The types that `column_types` of a seed names.

use arrow::datatypes::{DataType, TimeUnit};
use forebay_lake::Dialect;

/// Names of other databases, that are no types where DuckDB reads them.
const NOT_OF_DUCKDB: [&str; 4] = ["float64", "jsonb", "number", "timestamp_ntz"];

/// The Arrow type of a SQL type's name.
pub(super) fn sql_type(text: &str, dialect: Dialect) -> Option<DataType> {
    let text = text.trim().to_ascii_lowercase();
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end_matches(')'))),
        None => (text.as_str(), None),
    };
    if dialect == Dialect::DuckDb && NOT_OF_DUCKDB.contains(&name) {
        return None;
    }
    Some(match name {
        "varchar" | "text" | "string" | "char" | "character varying" | "character" | "uuid"
        | "bpchar" | "json" | "jsonb" => DataType::Utf8,
        "boolean" | "bool" => DataType::Boolean,
        "tinyint" | "int1" => DataType::Int8,
        "smallint" | "int2" => DataType::Int16,
        "integer" | "int" | "int4" => DataType::Int32,
        "bigint" | "int8" | "int64" | "long" => DataType::Int64,
        "real" | "float4" => DataType::Float32,
        "float" if dialect == Dialect::DuckDb => DataType::Float32,
        "double" | "double precision" | "float" | "float8" | "float64" => DataType::Float64,
        "hugeint" => DataType::Decimal128(38, 0),
        "numeric" | "decimal" | "number" => decimal(arguments, dialect)?,
        "date" => DataType::Date32,
        "time" | "time without time zone" => DataType::Time64(TimeUnit::Microsecond),
        "timestamp" | "datetime" | "timestamp without time zone" | "timestamp_ntz" => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        "timestamptz" | "timestamp with time zone" => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        _ => return None,
    })
}

fn decimal(arguments: Option<&str>, dialect: Dialect) -> Option<DataType> {
    let Some(arguments) = arguments else {
        return Some(match dialect {
            Dialect::DuckDb => DataType::Decimal128(18, 3),
            Dialect::Postgres => DataType::Decimal128(38, 9),
        });
    };
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let valid = (1..=38).contains(&precision) && (0..=precision as i8).contains(&scale);
    valid.then_some(DataType::Decimal128(precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_types_by_their_usual_names() {
        let typed = |text| sql_type(text, Dialect::Postgres);
        assert_eq!(typed("VARCHAR(20)"), Some(DataType::Utf8));
        assert_eq!(typed("integer"), Some(DataType::Int32));
        assert_eq!(typed("double precision"), Some(DataType::Float64));
        assert_eq!(typed("numeric(10, 2)"), Some(DataType::Decimal128(10, 2)));
        assert_eq!(typed("decimal(5)"), Some(DataType::Decimal128(5, 0)));
        assert_eq!(typed("numeric(10, 11)"), None);
        assert_eq!(typed("colour"), None);
        assert!(typed("timestamp_ntz").is_some());
        assert_eq!(sql_type("timestamp_ntz", Dialect::DuckDb), None);
    }

    #[test]
    fn a_float_has_the_width_that_its_database_gives_it() {
        assert_eq!(
            sql_type("float", Dialect::Postgres),
            Some(DataType::Float64)
        );
        assert_eq!(sql_type("float", Dialect::DuckDb), Some(DataType::Float32));
        assert_eq!(
            sql_type("decimal", Dialect::DuckDb),
            Some(DataType::Decimal128(18, 3))
        );
    }
}
