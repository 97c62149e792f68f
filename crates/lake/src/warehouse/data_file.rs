//! Data files: rows to Parquet, streamed. A file counts only once a commit names it.

use std::num::NonZeroU64;

use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::record_batch::RecordBatch;
use deltalake::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake::kernel::Add;
use deltalake::logstore::LogStoreRef;
use deltalake::parquet::basic::{Compression, ZstdLevel};
use deltalake::parquet::file::properties::{EnabledStatistics, WriterProperties};
use deltalake::parquet::schema::types::ColumnPath;
use forebay_core::{Diagnostic, Relation};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::align::Alignment;
use super::table::fault;
use crate::types::Rows;

/// A new file begins beyond this, so that a small table is one file.
const FILE_BYTES: u64 = 128 << 20;
/// Rows buffered before they are written out: bounds the writer's memory.
const ROW_GROUP: usize = 256 * 1024;
/// Rows handed to the encoder at once.
const CHUNK: usize = 8192;
/// Decimal digits that the log's statistics, which are doubles, hold exactly.
const EXACT_DIGITS: u8 = 15;
/// Batches between the query and the writer, so that both work at once.
const AHEAD: usize = 4;

/// The files that a write made, not yet part of any version.
#[derive(Default)]
pub(crate) struct Files {
    pub adds: Vec<Add>,
    pub rows: u64,
}

pub(crate) struct Target {
    pub relation: Relation,
    pub log: LogStoreRef,
}

/// Writes all rows, aligned, as new data files of the table.
pub(crate) async fn write_files(
    target: &Target,
    rows: Rows,
    alignment: Alignment,
) -> Result<Files, Diagnostic> {
    let mut writer = writer(target, &alignment.schema)?;
    let mut batches = aligned(rows, alignment);
    let mut written = 0;
    while let Some(batch) = batches.recv().await {
        let put = match batch {
            Ok(batch) => {
                written += batch.num_rows() as u64;
                writer
                    .write(&batch)
                    .await
                    .map_err(|e| fault(&target.relation, e))
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = put {
            // What is left behind belongs to no version.
            let _ = writer.abort().await;
            return Err(problem);
        }
    }
    let adds = writer
        .close()
        .await
        .map_err(|e| fault(&target.relation, e))?;
    Ok(Files {
        adds,
        rows: written,
    })
}

/// Reads ahead in a task of its own, which ends when the receiver is dropped.
fn aligned(
    mut rows: Rows,
    alignment: Alignment,
) -> mpsc::Receiver<Result<RecordBatch, Diagnostic>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        while let Some(batch) = rows.stream.next().await {
            let batch = batch.and_then(|batch| alignment.apply(&batch));
            let failed = batch.is_err();
            if sender.send(batch).await.is_err() || failed {
                break;
            }
        }
    });
    receiver
}

fn writer(target: &Target, schema: &SchemaRef) -> Result<DeltaWriter, Diagnostic> {
    let level = ZstdLevel::try_new(1)
        .map_err(|error| Diagnostic::internal(format!("compression level: {error}")))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by(concat!("forebay ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in without_statistics(schema.fields(), &[]) {
        properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    let config = WriterConfig::new(
        schema.clone(),
        Vec::new(),
        Some(properties.build()),
        NonZeroU64::new(FILE_BYTES),
        Some(CHUNK),
        Default::default(),
        None,
    );
    Ok(DeltaWriter::new(target.log.object_store(None), config))
}

/// Columns whose least and greatest value cannot be trusted to skip files and row groups: NaN is
/// greater than all numbers and not in the statistics, and long decimals are rounded there.
fn without_statistics(fields: &Fields, outer: &[String]) -> Vec<ColumnPath> {
    let columns = fields.iter().flat_map(|field| {
        let path = [outer, std::slice::from_ref(field.name())].concat();
        match field.data_type() {
            DataType::Float32 | DataType::Float64 => vec![ColumnPath::new(path)],
            DataType::Decimal128(precision, _) if *precision > EXACT_DIGITS => {
                vec![ColumnPath::new(path)]
            }
            DataType::Struct(inner) => without_statistics(inner, &path),
            _ => Vec::new(),
        }
    });
    columns.collect()
}

/// Removes files that no commit will name. Best effort: they are harmless.
pub(crate) async fn discard(log: &LogStoreRef, adds: &[Add]) {
    use deltalake::Path;
    use futures::stream;
    let store = log.object_store(None);
    let paths: Vec<_> = adds
        .iter()
        .map(|add| Ok(Path::from(add.path.as_str())))
        .collect();
    let mut removed = store.delete_stream(stream::iter(paths).boxed());
    while removed.next().await.is_some() {}
}
