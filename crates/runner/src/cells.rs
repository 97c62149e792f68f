//! Rows as text, for people and for JSON.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::Diagnostic;
use serde::{Deserialize, Serialize};

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
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Truth,
            of if of.is_numeric() => Self::Number,
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
        let unshowable =
            |error| Diagnostic::internal(format!("cannot show a column as text: {error}"));
        let options = FormatOptions::default()
            .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
            .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"));
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).map_err(unshowable))
            .collect::<Result<Vec<_>, _>>()?;
        let wanted = limit.saturating_sub(self.rows.len()).min(batch.num_rows());
        for row in 0..wanted {
            let cell = |(column, formatter): (&dyn Array, &ArrayFormatter<'_>)| {
                (!column.is_null(row)).then(|| formatter.value(row).to_string())
            };
            let columns = batch.columns().iter().map(AsRef::as_ref);
            self.rows.push(columns.zip(&formatters).map(cell).collect());
        }
        Ok(())
    }

    /// The cell of a row by column name.
    pub fn get(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }
}
