//! A column as `adapter.get_columns_in_relation` gives it.

use std::fmt;
use std::sync::Arc;

use forebay_core::quote;
use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::scope::Scope;
use crate::ask::Column;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ColumnValue {
    column: Column,
    /// What the type is called: without its precision, but under DuckDB's name, whose adapter does not tell them apart.
    dtype: String,
}

pub(crate) fn value(scope: &Scope, column: Column) -> Value {
    let dtype = match scope.shared.target.kind.as_str() {
        "duckdb" => column.data_type.as_str(),
        _ => column.data_type.split('(').next().unwrap_or_default(),
    };
    let dtype = dtype.to_owned();
    Value::from_object(ColumnValue { column, dtype })
}

// As dbt has them: other types are none of these.
const TEXTS: &[&str] = &["text", "character varying", "character", "varchar"];
const FLOATS: &[&str] = &[
    "real",
    "float4",
    "float",
    "double precision",
    "float8",
    "double",
];
const INTEGERS: &[&str] = &[
    "smallint",
    "integer",
    "bigint",
    "smallserial",
    "serial",
    "bigserial",
    "int2",
    "int4",
    "int8",
    "serial2",
    "serial4",
    "serial8",
    // DuckDB's others.
    "tinyint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "int1",
    "short",
    "int",
    "signed",
    "long",
];
const DECIMALS: &[&str] = &["numeric", "decimal"];

/// Whether a type is one of texts.
pub(crate) fn is_text(data_type: &str) -> bool {
    begins(data_type, &["text", "varchar", "char", "string"])
}

pub(crate) fn is_decimal(data_type: &str) -> bool {
    begins(data_type, &["numeric", "decimal"])
}

fn begins(data_type: &str, words: &[&str]) -> bool {
    let found = data_type.to_lowercase();
    words.iter().any(|word| found.starts_with(word))
}

impl ColumnValue {
    fn is(&self, kinds: &[&[&str]]) -> bool {
        let dtype = self.dtype.to_lowercase();
        kinds.concat().contains(&dtype.trim())
    }
}

impl Object for ColumnValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "name" | "column" => Value::from(&*self.column.name),
            "quoted" => Value::from(quote(&self.column.name)),
            "dtype" => Value::from(&*self.dtype),
            // As dbt has it, with the size that `string_size` says.
            "data_type" if self.is(&[TEXTS]) => Value::from("character varying(256)"),
            "data_type" => Value::from(&*self.column.data_type),
            "char_size" | "numeric_precision" | "numeric_scale" => Value::from(()),
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        Ok(Value::from(match method {
            "literal" => {
                let (value,): (Value,) = from_args(args)?;
                return Ok(Value::from(format!("{value}::{}", self.column.data_type)));
            }
            "is_string" => self.is(&[TEXTS]),
            "is_number" => self.is(&[FLOATS, INTEGERS, DECIMALS]),
            "is_float" => self.is(&[FLOATS]),
            "is_integer" => self.is(&[INTEGERS]),
            "is_numeric" => self.is(&[DECIMALS]),
            "is_struct" => begins(&self.dtype, &["struct"]),
            // Texts have no bound here: every one is as wide as any other.
            "string_size" => return Ok(Value::from(256)),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }))
    }

    fn custom_cmp(
        self: &Arc<Self>,
        other: &minijinja::value::DynObject,
    ) -> Option<std::cmp::Ordering> {
        Some(self.as_ref().cmp(other.downcast_ref::<Self>()?))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Column {} ({})>",
            self.column.name, self.column.data_type
        )
    }
}
