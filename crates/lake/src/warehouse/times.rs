//! Times of day in tables: Delta Lake has no type for them. A table holds them as texts in columns that are
//! marked, and scans read them back; other programs see the texts.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// Of a column's metadata in the table's schema.
const MARK: (&str, &str) = ("forebay.type", "time");

/// What `TIME` of SQL is.
pub(super) const TIME: DataType = DataType::Time64(TimeUnit::Nanosecond);

/// A column that holds times.
pub(super) fn column(name: &str) -> Field {
    let mark = (MARK.0.to_owned(), MARK.1.to_owned());
    Field::new(name, DataType::Utf8, true).with_metadata([mark].into())
}

pub(super) fn is_time(field: &Field) -> bool {
    field.metadata().get(MARK.0).is_some_and(|of| of == MARK.1)
}

/// The columns as queries see them.
pub(super) fn seen(stored: &SchemaRef) -> SchemaRef {
    if !stored.fields().iter().any(|field| is_time(field)) {
        return Arc::clone(stored);
    }
    let fields = stored.fields().iter().map(|field| match is_time(field) {
        true => Arc::new(Field::new(field.name(), TIME, true)),
        false => Arc::clone(field),
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Arc::new(schema.with_metadata(stored.metadata().clone()))
}

/// Reads the times of rows that come as they are stored.
pub(super) fn read(
    rows: Arc<dyn ExecutionPlan>,
    stored: &Schema,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !stored.fields().iter().any(|field| is_time(field)) {
        return Ok(rows);
    }
    let columns = stored.fields().iter().enumerate().map(|(at, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
        let read = match is_time(field) {
            true => Arc::new(CastExpr::new(column, TIME, None)),
            false => column,
        };
        (read, field.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(
        columns.collect::<Vec<_>>(),
        rows,
    )?))
}
