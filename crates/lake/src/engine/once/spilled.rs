//! Batches that memory has no room for, in a temporary file of the query.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::{SpillFile, SpillWriter, TaskContext};

/// Each batch is a stream of its own, which is found by its place: readers are at different ones.
pub(super) struct Spilled {
    file: Arc<dyn SpillFile>,
    writer: Box<dyn SpillWriter>,
    /// Where each batch begins, and where the next one will.
    places: Vec<u64>,
}

impl Spilled {
    pub(super) fn new(context: &TaskContext) -> Result<Self> {
        let disk = &context.runtime_env().disk_manager;
        let file = disk.create_tmp_file("rows read more than once")?;
        Ok(Self {
            writer: file.open_writer()?,
            file,
            places: vec![0],
        })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut bytes = Vec::new();
        let mut stream = StreamWriter::try_new(&mut bytes, &batch.schema())?;
        stream.write(batch)?;
        stream.finish()?;
        self.writer.write_all(&bytes)?;
        self.writer.flush()?;
        let begin = self.places.last().copied().unwrap_or_default();
        self.places.push(begin + bytes.len() as u64);
        Ok(())
    }

    pub(super) fn batch(&self, at: usize) -> Option<Result<RecordBatch>> {
        let (begin, end) = (*self.places.get(at)?, *self.places.get(at + 1)?);
        Some(self.read(begin, end))
    }

    fn read(&self, begin: u64, end: u64) -> Result<RecordBatch> {
        let none = || internal_datafusion_err!("a batch that was written to a file is not in it");
        let mut file = File::open(self.file.path().ok_or_else(none)?)?;
        file.seek(SeekFrom::Start(begin))?;
        let bytes = BufReader::new(file.take(end - begin));
        let mut stream = StreamReader::try_new(bytes, None)?;
        Ok(stream.next().ok_or_else(none)??)
    }
}
