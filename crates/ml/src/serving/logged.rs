//! The rows that are logged of an answer: who answered what and when, the inputs, the feature values
//! and their event times.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, Utc};
use forebay_core::Diagnostic;

use super::Service;
use super::assemble::LookedUp;
use crate::record::TrainingRecord;

/// The log's columns; worked out once a service.
pub(super) struct Layout {
    schema: SchemaRef,
    /// Positions of the inputs and the features that have columns of their own: a feature that is an
    /// input as it stands is logged once.
    inputs: Vec<usize>,
    features: Vec<usize>,
}

impl Layout {
    pub(super) fn new(
        record: &TrainingRecord,
        inputs: &Schema,
        features: &Schema,
        said: &[Field],
    ) -> Self {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = vec![
            Field::new("prediction_id", DataType::Utf8, false),
            Field::new("answered_at", instant.clone(), false),
            Field::new("model", DataType::Utf8, false),
            Field::new("model_version", DataType::Int64, false),
            Field::new("run_id", DataType::Utf8, false),
        ];
        let inputs = append(&mut fields, inputs);
        let features = append(&mut fields, features);
        fields.extend(record.views.iter().map(|view| {
            let name = format!("{}__event_timestamp", view.name);
            Field::new(name, instant.clone(), true)
        }));
        fields.push(Field::new("stale_features", DataType::Utf8, false));
        fields.extend(said.iter().cloned());
        Self {
            schema: Arc::new(Schema::new(fields)),
            inputs,
            features,
        }
    }
}

/// Appends the columns that are not there yet; returns their positions.
fn append(fields: &mut Vec<Field>, columns: &Schema) -> Vec<usize> {
    let mut kept = Vec::new();
    for (index, column) in columns.fields().iter().enumerate() {
        if !fields.iter().any(|known| known.name() == column.name()) {
            fields.push(column.as_ref().clone().with_nullable(true));
            kept.push(index);
        }
    }
    kept
}

/// An answered request.
pub(super) struct Rows<'a> {
    pub request: &'a RecordBatch,
    pub features: &'a RecordBatch,
    pub looked_up: &'a LookedUp,
    pub ids: &'a ArrayRef,
    pub stale: &'a ArrayRef,
    pub said: &'a [ArrayRef],
}

impl Rows<'_> {
    pub(super) fn batch(
        &self,
        service: &Service,
        now: DateTime<Utc>,
    ) -> Result<RecordBatch, Diagnostic> {
        let rows = self.request.num_rows();
        let layout = &service.log_layout;
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value; rows])) };
        let times = |values: Vec<Option<i64>>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        };
        let version = service.model_version() as i64;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(layout.schema.fields().len());
        columns.extend([
            Arc::clone(self.ids),
            times(vec![Some(now.timestamp_micros()); rows]),
            text(service.model_name()),
            Arc::new(Int64Array::from(vec![version; rows])),
            text(service.run_id()),
        ]);
        let kept = [
            (self.request, &layout.inputs),
            (self.features, &layout.features),
        ];
        for (batch, kept) in kept {
            columns.extend(kept.iter().map(|index| Arc::clone(batch.column(*index))));
        }
        columns.extend(self.looked_up.event_times().map(times));
        columns.push(Arc::clone(self.stale));
        columns.extend(self.said.iter().cloned());
        RecordBatch::try_new(Arc::clone(&layout.schema), columns)
            .map_err(|error| Diagnostic::internal(format!("cannot assemble the log: {error}")))
    }
}
