//! A run of spine rows, in spine order, small enough to join in memory.

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::{CastOptions, cast_with_options, concat};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use futures::StreamExt;

/// Rows of a slice of a batch that came larger: the unit in which answers are given.
const SLICE_ROWS: usize = 8192;
/// Rows are numbered with 32 bits, and one number means "none".
const MAX_ROWS: usize = (1 << 31) - 1;

pub(super) struct Block {
    schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    pub rows: usize,
    /// No spine row comes after this block.
    pub last: bool,
}

impl Block {
    /// The block's values of one column, cast; a value that the type cannot hold becomes null.
    pub fn column(&self, index: usize, data_type: &DataType) -> Result<ArrayRef> {
        cast_or_null(&self.raw_column(index)?, data_type)
    }

    pub fn raw_column(&self, index: usize) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self
            .batches
            .iter()
            .map(|batch| batch.column(index).as_ref())
            .collect();
        match parts.is_empty() {
            true => Ok(new_empty_array(self.schema.field(index).data_type())),
            false => Ok(concat(&parts)?),
        }
    }
}

/// Casts; what does not fit becomes null, and as a join key matches nothing.
pub(super) fn cast_or_null(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(array.clone());
    }
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    Ok(cast_with_options(array, data_type, &options)?)
}

/// Bytes that one block may take, its rows and what joining them needs.
pub(super) struct Budget {
    /// Filled without asking: a pool that others have filled must not shrink blocks to nothing.
    floor: usize,
    ceiling: usize,
    /// Estimate of what the join holds for each spine row.
    pub state_per_row: usize,
}

impl Budget {
    /// Half of the pool: the other half is for the queries that feed the join.
    pub fn of(pool: &dyn MemoryPool, state_per_row: usize) -> Self {
        let limit = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            _ => 4 << 30,
        };
        Self {
            floor: limit / 8,
            ceiling: limit / 2,
            state_per_row,
        }
    }
}

/// Cuts the spine into blocks.
pub(super) struct Blocks {
    spine: SendableRecordBatchStream,
    budget: Budget,
    /// Read, but too much for the last block.
    ahead: Vec<RecordBatch>,
    done: bool,
}

impl Blocks {
    pub fn new(spine: SendableRecordBatchStream, budget: Budget) -> Self {
        Self {
            spine,
            budget,
            ahead: Vec::new(),
            done: false,
        }
    }

    /// The next block, its rows accounted for in `reservation`; `None` after the last one.
    pub async fn next(&mut self, reservation: &MemoryReservation) -> Result<Option<Block>> {
        let mut block = Block {
            schema: self.spine.schema(),
            batches: Vec::new(),
            rows: 0,
            last: false,
        };
        let mut held = 0;
        while let Some(batch) = self.next_slice().await? {
            let bytes = sliced_bytes(&batch);
            let total = held + bytes + (block.rows + batch.num_rows()) * self.budget.state_per_row;
            if block.rows > 0 && !self.fits(&block, &batch, total, bytes, reservation) {
                self.ahead.push(batch);
                return Ok(Some(block));
            }
            if block.rows == 0 {
                reservation.grow(bytes);
            }
            held += bytes;
            block.rows += batch.num_rows();
            block.batches.push(batch);
        }
        block.last = true;
        Ok((block.rows > 0).then_some(block))
    }

    fn fits(
        &self,
        block: &Block,
        batch: &RecordBatch,
        total: usize,
        bytes: usize,
        reservation: &MemoryReservation,
    ) -> bool {
        if block.rows + batch.num_rows() > MAX_ROWS || total > self.budget.ceiling {
            return false;
        }
        if total > self.budget.floor {
            return reservation.try_grow(bytes).is_ok();
        }
        reservation.grow(bytes);
        true
    }

    async fn next_slice(&mut self) -> Result<Option<RecordBatch>> {
        while self.ahead.is_empty() && !self.done {
            match self.spine.next().await.transpose()? {
                Some(batch) => self.ahead = slices(&batch),
                None => self.done = true,
            }
        }
        Ok(self.ahead.pop())
    }
}

/// Last slice first, so that `pop` gives them in order.
fn slices(batch: &RecordBatch) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(SLICE_ROWS).rev();
    starts
        .map(|at| batch.slice(at, SLICE_ROWS.min(batch.num_rows() - at)))
        .collect()
}

pub(super) fn sliced_bytes(batch: &RecordBatch) -> usize {
    let bytes = |array: &ArrayRef| {
        let data = array.to_data();
        data.get_slice_memory_size()
            .unwrap_or_else(|_| data.get_array_memory_size())
    };
    batch.columns().iter().map(bytes).sum()
}
