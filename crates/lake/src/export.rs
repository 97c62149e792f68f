//! Rows as a file for other programs: Parquet, CSV, or JSON with one object a line.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use forebay_core::Diagnostic;
use forebay_core::export::{Export, ExportFormat};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::Lake;

/// As DuckDB writes them.
const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.f";
const TIMESTAMP_TZ: &str = "%Y-%m-%d %H:%M:%S%.f%:::z";

impl Lake {
    /// Writes a query's rows into a file, whose folder is made where it is missing. Whoever reads the
    /// file meanwhile sees the old one: the new one takes its place when it is whole.
    ///
    /// # Errors
    /// The query's own; a place that cannot be written to; a type that the format has no text for.
    pub fn export<'a>(
        &'a self,
        sql: &'a str,
        export: &'a Export,
    ) -> BoxFuture<'a, Result<(), Diagnostic>> {
        Box::pin(async move {
            if let Some(folder) = &export.folder {
                return self.export_folder(sql, export, folder).await;
            }
            let target = self.folder().join(&export.location);
            let failed = |error: &dyn std::fmt::Display| {
                Diagnostic::environment(format!("cannot write {}: {error}", target.display()))
            };
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(|error| failed(&error))?;
            }
            let name = target.file_name().unwrap_or_default().to_string_lossy();
            let unfinished = target.with_file_name(format!(".{name}.part"));
            let mut rows = self.query(sql).await?;
            let mut writer = Writer::create(&unfinished, &rows.schema, &export.format)
                .map_err(|error| failed(&error))?;
            let written = async {
                while let Some(batch) = rows.stream.try_next().await? {
                    writer.write(&batch).map_err(|error| failed(&error))?;
                }
                writer.close().map_err(|error| failed(&error))?;
                fs::rename(&unfinished, &target).map_err(|error| failed(&error))
            };
            let written = written.await;
            if written.is_err() {
                let _ = fs::remove_file(&unfinished);
            }
            written
        })
    }
}

pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

pub(crate) enum Writer {
    Parquet(ArrowWriter<File>),
    Csv(arrow::csv::Writer<BufWriter<File>>),
    Json(arrow::json::Writer<BufWriter<File>, LineDelimited>),
}

impl Writer {
    pub(crate) fn create(
        path: &Path,
        schema: &SchemaRef,
        format: &ExportFormat,
    ) -> Result<Self, Problem> {
        let file = File::create(path)?;
        Ok(match format {
            ExportFormat::Parquet => {
                Self::Parquet(ArrowWriter::try_new(file, schema.clone(), None)?)
            }
            ExportFormat::Csv {
                header,
                delimiter,
                null,
            } => {
                let builder = CsvBuilder::new()
                    .with_header(*header)
                    .with_delimiter(u8::try_from(*delimiter)?)
                    .with_null(null.clone())
                    .with_timestamp_format(TIMESTAMP.into())
                    .with_timestamp_tz_format(TIMESTAMP_TZ.into());
                let mut writer = builder.build(BufWriter::new(file));
                // The header stands there without rows too.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Self::Csv(writer)
            }
            ExportFormat::Json => {
                let builder = JsonBuilder::new()
                    .with_explicit_nulls(true)
                    .with_timestamp_format(TIMESTAMP.into())
                    .with_timestamp_tz_format(TIMESTAMP_TZ.into());
                Self::Json(builder.build(BufWriter::new(file)))
            }
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        match self {
            Self::Parquet(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(batch)?,
            Self::Json(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    pub(crate) fn close(self) -> Result<(), Problem> {
        let mut file = match self {
            Self::Parquet(writer) => {
                writer.close()?;
                return Ok(());
            }
            Self::Csv(writer) => writer.into_inner(),
            Self::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
        };
        Ok(std::io::Write::flush(&mut file)?)
    }
}
