//! Parquet files that are no table: what is handed to other programs, taken from them, and looked into.

use std::fs::File;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchReader};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::arrow::{ArrowWriter, ProjectionMask};
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

/// The first rows and columns of a file of anybody's, at most so many of each; of a file without rows one batch
/// without any.
///
/// # Errors
/// The user's: no Parquet file, or one whose first rows would take more than 256 MiB to unpack.
pub fn first_rows(
    path: &Path,
    rows: usize,
    columns: usize,
) -> Result<Vec<RecordBatch>, Diagnostic> {
    const MOST: i64 = 256 << 20;
    let failed = |error: &dyn std::fmt::Display| {
        Diagnostic::error(format!("cannot read {}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| failed(&error))?;
    let first = reader.metadata().row_groups().first();
    if first.is_some_and(|group| group.total_byte_size() > MOST) {
        return Err(failed(&"its first rows take too much memory to unpack"));
    }
    let width = reader.schema().fields().len().min(columns);
    let shown = ProjectionMask::roots(reader.parquet_schema(), 0..width);
    let reader = reader
        .with_projection(shown)
        .with_batch_size(rows)
        .with_limit(rows)
        .build()
        .map_err(|error| failed(&error))?;
    let none = RecordBatch::new_empty(reader.schema());
    let found: Result<Vec<_>, _> = reader
        .map(|batch| batch.map_err(|error| failed(&error)))
        .collect();
    let found = found?;
    Ok(match found.is_empty() {
        true => vec![none],
        false => found,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn a_file_is_looked_into_without_being_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let column = |from| Arc::new(Int64Array::from_iter_values(from..from + 1_000)) as _;
        let batch =
            RecordBatch::try_from_iter([("a", column(0)), ("b", column(7)), ("c", column(9))])
                .unwrap();
        write_parquet(&path, &batch.schema(), std::slice::from_ref(&batch)).unwrap();
        let found = first_rows(&path, 10, 2).unwrap();
        assert_eq!(found, [batch.project(&[0, 1]).unwrap().slice(0, 10)]);
        write_parquet(&path, &batch.schema(), &[]).unwrap();
        let none = first_rows(&path, 10, 2).unwrap();
        assert_eq!(none, [batch.project(&[0, 1]).unwrap().slice(0, 0)]);
        std::fs::write(&path, "PAR1 of no kind").unwrap();
        assert!(first_rows(&path, 10, 2).is_err());
    }
}
