//! Entity keys as bytes: equal keys have equal bytes, whatever width their columns have.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use forebay_core::Diagnostic;

/// The values of a view's join keys, in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(Vec<u8>);

impl EntityKey {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of every row; None where a part is null, since null matches nothing. A view without
    /// join keys has one entity, whose key is empty.
    pub fn from_batch(
        batch: &RecordBatch,
        columns: &[String],
    ) -> Result<Vec<Option<Self>>, Diagnostic> {
        let mut keys: Vec<Option<Vec<u8>>> = vec![Some(Vec::new()); batch.num_rows()];
        for name in columns {
            let column = batch.column_by_name(name).ok_or_else(|| {
                Diagnostic::error(format!("the rows lack the entity key '{name}'"))
            })?;
            Part::new(name, column)?.append(&mut keys);
        }
        Ok(keys.into_iter().map(|key| key.map(Self)).collect())
    }
}

/// One column in its canonical type.
struct Part {
    tag: u8,
    column: ArrayRef,
}

impl Part {
    fn new(name: &str, column: &ArrayRef) -> Result<Self, Diagnostic> {
        let (tag, wanted) = match column.data_type() {
            DataType::Boolean => (b'b', DataType::Boolean),
            t if t.is_integer() => (b'i', DataType::Int64),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (b's', DataType::Utf8),
            DataType::Date32 | DataType::Date64 => (b'd', DataType::Int64),
            DataType::Timestamp(_, zone) => (
                b't',
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            ),
            other => {
                return Err(Diagnostic::error(format!(
                    "'{name}' ({other}) cannot be an entity key"
                ))
                .hint("entity keys are text, whole numbers, booleans, dates or timestamps"));
            }
        };
        let plain = |column: &ArrayRef, wanted: &DataType| {
            cast(column, wanted).map_err(|error| {
                Diagnostic::error(format!("entity key '{name}' cannot be read: {error}"))
            })
        };
        let column = match tag {
            b'd' => plain(&plain(column, &DataType::Date32)?, &DataType::Int32)?,
            _ => plain(column, &wanted)?,
        };
        let column = match tag {
            b'd' | b't' => plain(&column, &DataType::Int64)?,
            _ => column,
        };
        Ok(Self { tag, column })
    }

    fn append(&self, keys: &mut [Option<Vec<u8>>]) {
        for (row, slot) in keys.iter_mut().enumerate() {
            if self.column.is_null(row) {
                *slot = None;
            }
            if let Some(key) = slot {
                key.push(self.tag);
                self.append_value(row, key);
            }
        }
    }

    fn append_value(&self, row: usize, key: &mut Vec<u8>) {
        match self.tag {
            b'b' => key.push(u8::from(self.column.as_boolean().value(row))),
            b's' => {
                let text = self.column.as_string::<i32>().value(row);
                // The length keeps ('a', 'bc') apart from ('ab', 'c').
                key.extend((text.len() as u32).to_be_bytes());
                key.extend(text.as_bytes());
            }
            _ => key.extend(
                self.column
                    .as_primitive::<Int64Type>()
                    .value(row)
                    .to_be_bytes(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, StringArray};

    use super::*;

    fn keys(columns: Vec<(&str, ArrayRef)>) -> Vec<Option<EntityKey>> {
        let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        EntityKey::from_batch(&RecordBatch::try_from_iter(columns).unwrap(), &names).unwrap()
    }

    #[test]
    fn width_does_not_matter_and_borders_do() {
        let narrow = keys(vec![(
            "k",
            Arc::new(Int32Array::from(vec![Some(7), None])) as ArrayRef,
        )]);
        let wide = keys(vec![(
            "k",
            Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef,
        )]);
        assert_eq!(narrow[0], wide[0]);
        assert_eq!(narrow[1], None, "null matches nothing");
        let text = |a: &str, b: &str| {
            keys(vec![
                ("a", Arc::new(StringArray::from(vec![a])) as ArrayRef),
                ("b", Arc::new(StringArray::from(vec![b])) as ArrayRef),
            ])
        };
        assert_ne!(text("a", "bc"), text("ab", "c"));
    }
}
