//! `information_schema.tables`, `.columns` and `.schemata`: what is in the warehouse, as tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::datasource::{MemTable, TableProvider};
use forebay_core::{Diagnostic, Relation};

use super::error::{from_arrow, from_engine};
use super::types::type_name;
use crate::types::Dialect;

pub(super) const SCHEMA: &str = "information_schema";

/// A table or view, and its columns.
pub(super) struct Listed {
    pub relation: Relation,
    pub is_view: bool,
    pub columns: SchemaRef,
}

/// None: there is no such view of the catalog.
pub(super) fn table(
    name: &str,
    listed: &[Listed],
    database: &str,
    dialect: Dialect,
) -> Result<Option<Arc<dyn TableProvider>>, Diagnostic> {
    let batch = match name {
        "tables" => tables(listed, database),
        "columns" => columns(listed, database, dialect),
        "schemata" => schemata(listed, database),
        _ => return Ok(None),
    }?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(from_engine)?;
    Ok(Some(Arc::new(table)))
}

fn tables(listed: &[Listed], database: &str) -> Result<RecordBatch, Diagnostic> {
    let kind = |listed: &Listed| if listed.is_view { "VIEW" } else { "BASE TABLE" };
    batch(vec![
        ("table_catalog", texts(listed.iter().map(|_| database))),
        (
            "table_schema",
            texts(listed.iter().map(|l| l.relation.schema.as_str())),
        ),
        (
            "table_name",
            texts(listed.iter().map(|l| l.relation.name.as_str())),
        ),
        ("table_type", texts(listed.iter().map(kind))),
    ])
}

fn columns(listed: &[Listed], database: &str, dialect: Dialect) -> Result<RecordBatch, Diagnostic> {
    let all = || {
        listed.iter().flat_map(|listed| {
            let fields = listed.columns.fields().iter().enumerate();
            fields.map(move |(at, field)| (listed, at, field))
        })
    };
    let places: Vec<i64> = all().map(|(_, at, _)| at as i64 + 1).collect();
    let places: ArrayRef = Arc::new(Int64Array::from(places));
    batch(vec![
        ("table_catalog", texts(all().map(|_| database))),
        (
            "table_schema",
            texts(all().map(|(l, ..)| l.relation.schema.as_str())),
        ),
        (
            "table_name",
            texts(all().map(|(l, ..)| l.relation.name.as_str())),
        ),
        ("column_name", texts(all().map(|(.., f)| f.name().as_str()))),
        ("ordinal_position", places),
        (
            "data_type",
            texts(all().map(|(listed, _, field)| match field.data_type() {
                // A table's column has a type in DuckDB.
                DataType::Null if !listed.is_view && dialect == Dialect::DuckDb => {
                    "INTEGER".to_owned()
                }
                of => type_name(of, dialect),
            })),
        ),
        (
            "is_nullable",
            texts(all().map(|(.., f)| if f.is_nullable() { "YES" } else { "NO" })),
        ),
    ])
}

fn schemata(listed: &[Listed], database: &str) -> Result<RecordBatch, Diagnostic> {
    let mut names: Vec<&str> = listed.iter().map(|l| l.relation.schema.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    batch(vec![
        ("catalog_name", texts(names.iter().map(|_| database))),
        ("schema_name", texts(names.iter())),
    ])
}

fn texts(values: impl Iterator<Item = impl AsRef<str>>) -> ArrayRef {
    let values: Vec<_> = values.collect();
    Arc::new(StringArray::from_iter_values(values))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, Diagnostic> {
    RecordBatch::try_from_iter(columns).map_err(from_arrow)
}
