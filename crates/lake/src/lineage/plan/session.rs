//! A session of the engine that has the declared tables, without rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use forebay_core::Diagnostic;

use super::super::Schemas;

pub(super) fn of(schemas: &Schemas) -> Result<SessionContext, Diagnostic> {
    let session = SessionContext::new();
    for (name, columns) in &schemas.0 {
        register(&session, name, columns)
            .map_err(|e| Diagnostic::internal(format!("table '{name}' for planning: {e}")))?;
    }
    Ok(session)
}

fn register(
    session: &SessionContext,
    name: &str,
    columns: &[(String, String)],
) -> Result<(), DataFusionError> {
    let fields = columns
        .iter()
        .map(|(name, sql_type)| Field::new(name, arrow_type(sql_type), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let table = Arc::new(MemTable::try_new(schema, vec![vec![]])?);
    let (schema, table_name) = match name.rsplit_once('.') {
        Some((schema, table)) => (schema, table),
        None => ("public", name),
    };
    schema_named(session, schema)?.register_table(table_name.to_owned(), table)?;
    Ok(())
}

fn schema_named(
    session: &SessionContext,
    name: &str,
) -> Result<Arc<dyn SchemaProvider>, DataFusionError> {
    let catalog = session
        .catalog("datafusion")
        .ok_or_else(|| DataFusionError::Internal("the session has no catalogue".to_owned()))?;
    match catalog.schema(name) {
        Some(schema) => Ok(schema),
        None => {
            let schema: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(name, Arc::clone(&schema))?;
            Ok(schema)
        }
    }
}

/// The engine's type for a declared one. Lineage hangs on types hardly at all: an unknown one is
/// taken for text.
fn arrow_type(sql_type: &str) -> DataType {
    let lower = sql_type.trim().to_lowercase();
    if let Some(element) = lower.strip_suffix("[]") {
        return DataType::new_list(arrow_type(element), true);
    }
    let bare = lower.split('(').next().unwrap_or(&lower).trim();
    match bare {
        "bigint" | "int8" | "long" | "hugeint" => DataType::Int64,
        "integer" | "int" | "int4" => DataType::Int32,
        "smallint" | "int2" | "tinyint" => DataType::Int16,
        "double precision" | "double" | "float8" | "float" => DataType::Float64,
        "real" | "float4" => DataType::Float32,
        "numeric" | "decimal" => DataType::Decimal128(38, 10),
        "boolean" | "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "bytea" | "blob" | "binary" => DataType::Binary,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ if bare.starts_with("timestamp") || bare == "datetime" => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        _ => DataType::Utf8,
    }
}
