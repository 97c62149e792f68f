//! What a request must carry, and whether one does.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use forebay_core::Diagnostic;
use serde::Serialize;

use super::Service;
use crate::record::{ColumnType, TrainingRecord};

/// One named input of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputField {
    pub name: String,
    pub data_type: ColumnType,
    pub role: InputRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// Identifies an entity; a null one matches nothing, so it is refused.
    EntityKey,
    /// Feeds request features.
    RequestField,
    /// The moment that the prediction is asked for; now, where it is left out.
    Moment,
}

impl InputField {
    pub fn required(&self) -> bool {
        self.role != InputRole::Moment
    }
}

pub(super) fn spine_schema(record: &TrainingRecord) -> SchemaRef {
    let field = |column: &crate::record::RecordedColumn| {
        Field::new(&column.name, column.data_type.arrow(), true)
    };
    Arc::new(Schema::new(
        record.spine.iter().map(field).collect::<Vec<_>>(),
    ))
}

/// Entity keys, the fields that request features use, and the moment; in the spine's order.
pub(super) fn inputs(
    record: &TrainingRecord,
    used: &[String],
) -> Result<Vec<InputField>, Diagnostic> {
    let keys: Vec<String> = record
        .views
        .iter()
        .flat_map(|v| v.view.join_keys())
        .collect();
    let role = |name: &String| match name {
        name if *name == record.job.event_timestamp => Some(InputRole::Moment),
        name if keys.contains(name) => Some(InputRole::EntityKey),
        name if used.contains(name) => Some(InputRole::RequestField),
        _ => None,
    };
    if let Some(missing) = keys
        .iter()
        .find(|key| !record.spine.iter().any(|c| c.name == **key))
    {
        return Err(Diagnostic::error(format!(
            "training job '{}' needs the entity key '{missing}', which its spine lacks",
            record.job_name
        )));
    }
    let field = |column: &crate::record::RecordedColumn| {
        role(&column.name).map(|role| InputField {
            name: column.name.clone(),
            data_type: column.data_type,
            role,
        })
    };
    Ok(record.spine.iter().filter_map(field).collect())
}

/// Refuses a null entity key. Other inputs may be null, as they may be in training.
pub(super) fn check(service: &Service, request: &RecordBatch) -> Result<(), Diagnostic> {
    for (field, column) in service.inputs().iter().zip(request.columns()) {
        if field.role == InputRole::EntityKey && column.null_count() > 0 {
            return Err(Diagnostic::error(format!(
                "input '{}' is an entity key and must not be null",
                field.name
            )));
        }
    }
    Ok(())
}

/// The request with `now` in place of each moment that was left out.
pub(super) fn with_moment(
    service: &Service,
    request: &RecordBatch,
    now: DateTime<Utc>,
) -> Result<RecordBatch, Diagnostic> {
    let Some(index) = service
        .inputs()
        .iter()
        .position(|f| f.role == InputRole::Moment)
    else {
        return Ok(request.clone());
    };
    if request.column(index).null_count() == 0 {
        return Ok(request.clone());
    }
    let column = request.column(index);
    let Some(moments) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        let name = &service.inputs()[index].name;
        return Err(Diagnostic::error(format!(
            "input '{name}' must not be left out"
        )));
    };
    let filled: TimestampMicrosecondArray = moments
        .iter()
        .map(|moment| Some(moment.unwrap_or(now.timestamp_micros())))
        .collect();
    let mut columns: Vec<ArrayRef> = request.columns().to_vec();
    // A clock on the wall shows UTC here, as everywhere that no zone is named.
    columns[index] = Arc::new(filled.with_data_type(column.data_type().clone()));
    RecordBatch::try_new(request.schema(), columns)
        .map_err(|error| Diagnostic::internal(format!("cannot set the moment: {error}")))
}

/// The moment of each row, in microseconds since the epoch.
pub(super) fn moments(service: &Service, request: &RecordBatch) -> Vec<i64> {
    let index = service
        .inputs()
        .iter()
        .position(|f| f.role == InputRole::Moment);
    let column = index.and_then(|i| {
        request
            .column(i)
            .as_primitive_opt::<TimestampMicrosecondType>()
    });
    match column {
        Some(column) => column.values().to_vec(),
        None => vec![i64::MAX; request.num_rows()],
    }
}
