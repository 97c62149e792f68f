//! Tables as Arrow files, in a folder that is gone when the model has run.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use forebay_core::Diagnostic;
use forebay_lake::Lake;
use futures::TryStreamExt;
use tempfile::TempDir;

pub fn scratch(root: &Path) -> Result<TempDir, Diagnostic> {
    let made = std::fs::create_dir_all(root)
        .and_then(|()| tempfile::Builder::new().prefix("python-").tempdir_in(root));
    made.map_err(|error| {
        Diagnostic::environment(format!("cannot write to '{}': {error}", root.display()))
    })
}

/// The rows of a query.
pub async fn write(lake: &Lake, sql: &str, path: &Path) -> Result<(), Diagnostic> {
    let mut rows = lake.query(sql).await?;
    let file = File::create(path).map_err(|error| broken(path, &error))?;
    let writer = FileWriter::try_new(BufWriter::new(file), &rows.schema);
    let mut writer = writer.map_err(|error| broken(path, &error))?;
    while let Some(batch) = rows.stream.try_next().await? {
        writer.write(&batch).map_err(|error| broken(path, &error))?;
    }
    writer.finish().map_err(|error| broken(path, &error))
}

pub fn read(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>), Diagnostic> {
    let file = File::open(path).map_err(|error| broken(path, &error))?;
    let reader = FileReader::try_new(BufReader::new(file), None);
    let reader = reader.map_err(|error| broken(path, &error))?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>();
    Ok((schema, batches.map_err(|error| broken(path, &error))?))
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::environment(format!("the Arrow file '{}': {error}", path.display()))
}
