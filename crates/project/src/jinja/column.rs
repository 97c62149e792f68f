//! A column as `adapter.get_columns_in_relation` gives it.

use std::fmt;
use std::sync::Arc;

use forebay_core::quote;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::ask::Column;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ColumnValue(Column);

pub(crate) fn value(column: Column) -> Value {
    Value::from_object(ColumnValue(column))
}

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
    /// Whether the type begins with one of the words.
    fn is(&self, words: &[&str]) -> bool {
        begins(&self.0.data_type, words)
    }

    fn is_float(&self) -> bool {
        self.is(&["real", "float", "double"])
    }

    fn is_integer(&self) -> bool {
        self.is(&["int", "bigint", "smallint", "tinyint", "hugeint"])
    }

    fn is_numeric(&self) -> bool {
        is_decimal(&self.0.data_type)
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
            "name" | "column" => Value::from(&*self.0.name),
            "quoted" => Value::from(quote(&self.0.name)),
            "dtype" | "data_type" => Value::from(&*self.0.data_type),
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        Ok(Value::from(match method {
            "is_string" => is_text(&self.0.data_type),
            "is_number" => self.is_float() || self.is_integer() || self.is_numeric(),
            "is_float" => self.is_float(),
            "is_integer" => self.is_integer(),
            "is_numeric" => self.is_numeric(),
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
        write!(f, "<Column {} ({})>", self.0.name, self.0.data_type)
    }
}
