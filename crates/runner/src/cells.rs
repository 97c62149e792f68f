//! Rows as text, for people and for JSON.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A small answer, ready to be shown. A null cell is None.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    pub columns: Vec<String>,
    pub kinds: Vec<Kind>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a column's texts stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Shown aligned to the right.
    Number,
    /// `true` or `false`.
    Truth,
    Text,
    /// Lists and structures, as JSON.
    Nested,
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Truth,
            of if of.is_numeric() => Self::Number,
            of if of.is_nested() => Self::Nested,
            _ => Self::Text,
        }
    }
}

impl Cells {
    pub fn from_batches(batches: &[RecordBatch], limit: usize) -> Result<Self, Diagnostic> {
        let Some(first) = batches.first() else {
            return Ok(Self::default());
        };
        let mut cells = Self::headed(first.schema_ref());
        for batch in batches {
            cells.push(batch, limit)?;
        }
        Ok(cells)
    }

    /// The columns alone.
    pub fn headed(schema: &arrow::datatypes::Schema) -> Self {
        let fields = schema.fields().iter();
        let kinds = fields.clone().map(|field| Kind::of(field.data_type()));
        Self {
            columns: fields.map(|field| field.name().clone()).collect(),
            kinds: kinds.collect(),
            rows: Vec::new(),
        }
    }

    /// Adds rows until there are `limit`.
    pub fn push(&mut self, batch: &RecordBatch, limit: usize) -> Result<(), Diagnostic> {
        let wanted = limit.saturating_sub(self.rows.len()).min(batch.num_rows());
        let columns = batch.columns().iter();
        let texts = columns
            .map(|column| texts(column.as_ref(), wanted))
            .collect::<Result<Vec<_>, _>>()?;
        let mut texts: Vec<_> = texts.into_iter().map(Vec::into_iter).collect();
        let row = |_| {
            texts
                .iter_mut()
                .map(|column| column.next().flatten())
                .collect()
        };
        self.rows.extend((0..wanted).map(row));
        Ok(())
    }

    /// The cell of a row by column name.
    pub fn get(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }
}

/// The first cells of a column.
fn texts(column: &dyn Array, wanted: usize) -> Result<Vec<Option<String>>, Diagnostic> {
    // Its cells are null without saying so one by one.
    if column.data_type().is_null() {
        return Ok(vec![None; wanted]);
    }
    if column.data_type().is_nested() {
        let values = values(&column.slice(0, wanted))?.into_iter();
        return Ok(values
            .map(|value| (!value.is_null()).then(|| value.to_string()))
            .collect());
    }
    if let DataType::Duration(_) | DataType::Interval(_) = column.data_type() {
        return forebay_lake::lengths(&column.slice(0, wanted));
    }
    let options = FormatOptions::default()
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"));
    let formatter = ArrayFormatter::try_new(column, &options)
        .map_err(|error| Diagnostic::internal(format!("cannot show a column as text: {error}")))?;
    let floats = column.as_primitive_opt::<Float32Type>();
    let text = |row: usize| {
        let mut text = formatter.value(row).to_string();
        if let Some(floats) = floats {
            forebay_lake::to_exact(floats.value(row), &mut text);
        }
        text
    };
    let text = |row| (!column.is_null(row)).then(|| text(row));
    Ok((0..wanted).map(text).collect())
}

/// A column as JSON: lists and structures all the way down.
fn values(column: &dyn Array) -> Result<Vec<Json>, Diagnostic> {
    let list = |row: usize, items: &dyn Array| {
        let null = column.is_null(row);
        Ok(if null {
            Json::Null
        } else {
            values(items)?.into()
        })
    };
    let rows = 0..column.len();
    match column.data_type() {
        DataType::List(_) => rows
            .map(|row| list(row, &column.as_list::<i32>().value(row)))
            .collect(),
        DataType::LargeList(_) => rows
            .map(|row| list(row, &column.as_list::<i64>().value(row)))
            .collect(),
        DataType::FixedSizeList(..) => rows
            .map(|row| list(row, &column.as_fixed_size_list().value(row)))
            .collect(),
        DataType::Map(..) => rows
            .map(|row| match column.is_null(row) {
                true => Ok(Json::Null),
                false => map(&column.as_map().value(row)),
            })
            .collect(),
        DataType::Struct(fields) => {
            let parts = column.as_struct().columns().iter();
            let parts = parts
                .map(|part| values(part.as_ref()))
                .collect::<Result<Vec<_>, _>>()?;
            let object = |row: usize| {
                let part = |(field, values): (&arrow::datatypes::FieldRef, &Vec<Json>)| {
                    (field.name().clone(), values[row].clone())
                };
                let object = || Json::Object(fields.iter().zip(&parts).map(part).collect());
                if column.is_null(row) {
                    Json::Null
                } else {
                    object()
                }
            };
            Ok(rows.map(object).collect())
        }
        of => {
            let text = Kind::of(of) == Kind::Text;
            let value = |cell: Option<String>| match cell {
                None => Json::Null,
                Some(cell) if text => cell.into(),
                Some(cell) => serde_json::from_str(&cell).unwrap_or_else(|_| cell.into()),
            };
            Ok(texts(column, column.len())?
                .into_iter()
                .map(value)
                .collect())
        }
    }
}

/// Keys are texts in JSON.
fn map(entries: &arrow::array::StructArray) -> Result<Json, Diagnostic> {
    let keys = texts(entries.column(0).as_ref(), entries.len())?.into_iter();
    let values = values(entries.column(1).as_ref())?;
    let pairs = keys.map(Option::unwrap_or_default).zip(values);
    Ok(Json::Object(pairs.collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float32Array, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::{Field, Int64Type};

    use super::*;

    #[test]
    fn floats_have_the_digits_that_sql_writes() {
        let floats = Float32Array::from(vec![
            Some(0.1),
            Some(248_015.0 + 0.625),
            Some(523_906_816.0),
            None,
        ]);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(floats) as ArrayRef)]);
        let cells = Cells::from_batches(&[batch.unwrap()], 9).unwrap();
        let texts: Vec<_> = cells.rows.iter().map(|row| row[0].as_deref()).collect();
        let expected = [Some("0.1"), Some("248015.625"), Some("523906816.0"), None];
        assert_eq!(texts, expected);
    }

    #[test]
    fn lists_and_structures_are_json() {
        let numbers = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let field =
            |name: &str, of: &ArrayRef| Arc::new(Field::new(name, of.data_type().clone(), true));
        let both = StructArray::from(vec![
            (field("name", &names), names.clone()),
            (field("n", &counts), counts.clone()),
        ]);
        let batch = RecordBatch::try_from_iter([
            ("numbers", Arc::new(numbers) as ArrayRef),
            ("both", Arc::new(both) as ArrayRef),
            ("n", counts),
        ]);
        let cells = Cells::from_batches(&[batch.unwrap()], 2).unwrap();
        let row = |row: &[Option<&str>]| {
            row.iter()
                .map(|cell| cell.map(str::to_owned))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            cells.rows,
            [
                row(&[Some("[1,null]"), Some(r#"{"name":"a","n":1}"#), Some("1")]),
                row(&[None, Some(r#"{"name":null,"n":2}"#), Some("2")]),
            ]
        );
    }
}
