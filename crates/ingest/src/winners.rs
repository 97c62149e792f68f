//! Of the rows of a load that share a key, the last one wins: in the order of files, then lines.

use std::collections::HashMap;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use forebay_core::Diagnostic;

use crate::csv::scan::Scan;

/// Which rows of a load stay. Found in a pass of its own, so that rows need not be kept in memory:
/// only their keys are, while they are read.
pub struct Winners {
    /// By number of the row in the load, held rows not counted.
    keep: Vec<bool>,
    next: usize,
}

impl Winners {
    pub fn find(scan: &Scan) -> Result<Self, Diagnostic> {
        let schema = scan.schema();
        let fields = scan
            .key
            .iter()
            .map(|i| schema.field(*i).data_type().clone());
        let converter =
            RowConverter::new(fields.map(SortField::new).collect()).map_err(internal)?;
        let mut last: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut keep: Vec<bool> = Vec::new();
        scan.run(|part| {
            let key = part.rows.project(&scan.key).map_err(internal)?;
            let rows = converter.convert_columns(key.columns()).map_err(internal)?;
            for row in &rows {
                if let Some(earlier) = last.insert(row.as_ref().into(), keep.len()) {
                    keep[earlier] = false;
                }
                keep.push(true);
            }
            Ok(())
        })?;
        Ok(Self { keep, next: 0 })
    }

    /// The rows of the next batch that stay.
    pub fn keep(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Diagnostic> {
        let end = self.next + batch.num_rows();
        let keep = self.keep.get(self.next..end).ok_or_else(|| {
            Diagnostic::environment("the files were changed while they were loaded")
        })?;
        self.next = end;
        filter_record_batch(batch, &BooleanArray::from(keep.to_vec())).map_err(internal)
    }
}

fn internal(error: ArrowError) -> Diagnostic {
    Diagnostic::internal(format!(
        "the keys of loaded rows cannot be compared: {error}"
    ))
}
