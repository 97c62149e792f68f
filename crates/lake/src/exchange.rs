//! Parquet files that are no table: what is handed to other programs and taken from them.

use std::fs::File;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use forebay_core::Diagnostic;

/// Writes the rows as one file.
pub fn write_parquet(
    path: &Path,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(), Diagnostic> {
    let failed = |error: &dyn std::fmt::Display| {
        Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
    };
    let file = File::create(path).map_err(|error| failed(&error))?;
    let mut writer =
        ArrowWriter::try_new(file, schema.clone(), None).map_err(|error| failed(&error))?;
    for batch in batches {
        writer.write(batch).map_err(|error| failed(&error))?;
    }
    writer.close().map_err(|error| failed(&error))?;
    Ok(())
}

/// All rows of a file.
pub fn read_parquet(path: &Path) -> Result<Vec<RecordBatch>, Diagnostic> {
    let failed = |error: &dyn std::fmt::Display| {
        Diagnostic::error(format!("cannot read {}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| failed(&error))?;
    let reader = reader.build().map_err(|error| failed(&error))?;
    reader
        .map(|batch| batch.map_err(|error| failed(&error)))
        .collect()
}
