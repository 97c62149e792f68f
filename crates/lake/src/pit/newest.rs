//! For every slot of the timeline, the newest row of the view that was known by then.
//!
//! The view's rows come in any order, once. A row goes to the first slot of its key at which it is
//! visible, if it beats what is there; when all rows have been seen, one walk over the slots hands
//! each slot's row on to the later ones. So the large side is neither sorted nor held: what is held
//! is one row for each slot.

use arrow::array::UInt32Array;
use arrow::array::{Array, ArrayRef, AsArray, DynComparator, make_comparator, new_null_array};
use arrow::compute::{SortOptions, interleave, interleave_record_batch, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::block::sliced_bytes;
use super::keys::NONE;
use super::time::Instants;
use super::timeline::Timeline;

/// Rows that may be kept beyond the living ones before the dead ones are thrown away.
const SLACK_ROWS: usize = 65_536;

/// The rules of one view, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Largest difference of spine time and row time, inclusive.
    pub ttl: Option<i64>,
    /// Rows created after the spine time are not known yet.
    pub cutoff: bool,
}

impl Rules {
    #[inline]
    fn expired(&self, now: i64, time: i64) -> bool {
        self.ttl.is_some_and(|ttl| now.saturating_sub(time) > ttl)
    }
}

/// Where a row is: batch 0 holds the row of nulls that stands for "nothing".
type At = (u32, u32);
const NOTHING: At = (0, 0);
/// The batch that is being read, which is not among the kept ones yet.
const CURRENT: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Candidate {
    time: i64,
    created: i64,
    at: At,
}

/// One batch of a view: its values, and what decides about them.
pub(super) struct ViewBatch {
    pub keys: Vec<ArrayRef>,
    pub times: Instants,
    pub created: Option<Instants>,
    pub values: RecordBatch,
}

impl ViewBatch {
    /// No created time loses against any.
    #[inline]
    fn created(&self, row: usize) -> i64 {
        match &self.created {
            Some(created) if created.nulls.as_ref().is_none_or(|n| n.is_valid(row)) => {
                created.values[row]
            }
            _ => i64::MIN,
        }
    }

    #[inline]
    fn has_time(&self, row: usize) -> bool {
        self.times
            .nulls
            .as_ref()
            .is_none_or(|nulls| nulls.is_valid(row))
    }
}

pub(super) struct Newest {
    timeline: Timeline,
    rules: Rules,
    best: Vec<Candidate>,
    kept: Vec<RecordBatch>,
    kept_rows: usize,
    kept_bytes: usize,
}

impl Newest {
    pub fn new(timeline: Timeline, rules: Rules, values: SchemaRef) -> Result<Self> {
        let nothing = Candidate {
            time: i64::MIN,
            created: i64::MIN,
            at: NOTHING,
        };
        Ok(Self {
            best: vec![nothing; timeline.times.len()],
            timeline,
            rules,
            kept: vec![null_row(values)?],
            kept_rows: 0,
            kept_bytes: 0,
        })
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.timeline.bytes() + self.best.len() * size_of::<Candidate>() + self.kept_bytes
    }

    /// Looks at every row of the batch and keeps those that are the newest of a slot so far.
    pub fn offer(&mut self, batch: &ViewBatch) -> Result<()> {
        let Some((earliest, latest)) = self.timeline.bounds else {
            return Ok(());
        };
        let oldest = match self.rules.ttl {
            Some(ttl) => earliest.saturating_sub(ttl),
            None => i64::MIN,
        };
        let in_reach = |time: &i64| (oldest..=latest).contains(time);
        if !batch.times.values.iter().any(in_reach) {
            return Ok(());
        }
        let mut changed = Vec::new();
        let rows = batch.values.num_rows();
        let groups = self.timeline.keys.groups_of(&batch.keys, rows, |row| {
            in_reach(&batch.times.values[row]) && batch.has_time(row)
        })?;
        let mut ties = Ties::new(&self.kept, &batch.values);
        for (row, group) in groups.into_iter().enumerate() {
            if group == NONE {
                continue;
            }
            let candidate = Candidate {
                time: batch.times.values[row],
                created: batch.created(row),
                at: (CURRENT, row as u32),
            };
            let slots = self.timeline.slots(group);
            let Some(slot) = first_visible(&self.timeline, slots, &candidate, self.rules) else {
                continue;
            };
            if beats(&candidate, &self.best[slot], &mut ties)? {
                self.best[slot] = candidate;
                changed.push(slot);
            }
        }
        self.keep(&batch.values, &changed)
    }

    /// Copies the rows that won out of the batch, so that the batch itself can go.
    fn keep(&mut self, values: &RecordBatch, changed: &[usize]) -> Result<()> {
        let mut rows = Vec::new();
        let next = self.kept.len() as u32;
        for slot in changed {
            let at = &mut self.best[*slot].at;
            if at.0 == CURRENT {
                rows.push(at.1);
                *at = (next, rows.len() as u32 - 1);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(rows);
        let columns = values.columns().iter();
        let columns: Result<Vec<_>, _> = columns.map(|c| take(c, &rows, None)).collect();
        self.push(with_columns(self.kept[0].schema(), columns?, rows.len())?)?;
        if self.kept_rows > 2 * self.best.len() + SLACK_ROWS {
            self.compact()?;
        }
        Ok(())
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(own).collect();
        let batch = with_columns(batch.schema(), columns, batch.num_rows())?;
        self.kept_rows += batch.num_rows();
        self.kept_bytes += sliced_bytes(&batch);
        self.kept.push(batch);
        Ok(())
    }

    /// Throws the rows away that a later one has beaten.
    pub fn compact(&mut self) -> Result<()> {
        let mut rows = Vec::new();
        for candidate in self.best.iter_mut().filter(|c| c.at != NOTHING) {
            rows.push((candidate.at.0 as usize, candidate.at.1 as usize));
            candidate.at = (1, rows.len() as u32 - 1);
        }
        let kept: Vec<&RecordBatch> = self.kept.iter().collect();
        let living = match self.kept[0].num_columns() {
            0 => with_columns(self.kept[0].schema(), vec![], rows.len())?,
            _ => interleave_record_batch(&kept, &rows)?,
        };
        self.kept.truncate(1);
        (self.kept_rows, self.kept_bytes) = (0, 0);
        self.push(living)
    }

    /// All rows have been seen: hands each slot's row on to the later slots of its key.
    pub fn finish(mut self) -> Matches {
        for slots in self.timeline.groups() {
            let mut newest: Option<Candidate> = None;
            for slot in slots {
                let own = self.best[slot];
                // Equal times and created times would have met in one slot, so no tie is left here.
                newest = newest
                    .filter(|known| {
                        own.at == NOTHING || (known.time, known.created) > (own.time, own.created)
                    })
                    .or((own.at != NOTHING).then_some(own));
                let now = self.timeline.times[slot];
                self.best[slot].at = match newest {
                    Some(known) if !self.rules.expired(now, known.time) => known.at,
                    _ => NOTHING,
                };
            }
        }
        Matches {
            at: self.best.iter().map(|candidate| candidate.at).collect(),
            slot_of_row: self.timeline.slot_of_row,
            kept: self.kept,
        }
    }
}

/// The first slot at which the row is known and not too old; later slots get it by handing on.
#[inline]
fn first_visible(
    timeline: &Timeline,
    slots: Range<usize>,
    row: &Candidate,
    rules: Rules,
) -> Option<usize> {
    let known = match rules.cutoff {
        // A row without a created time is never known to have been there.
        true if row.created == i64::MIN => return None,
        true => row.time.max(row.created),
        false => row.time,
    };
    let times = &timeline.times[slots.clone()];
    let slot = slots.start + times.partition_point(|time| *time < known);
    (slot < slots.end && !rules.expired(timeline.times[slot], row.time)).then_some(slot)
}

/// Later event time, then later created time, then greater values: which row is the newest depends
/// on the rows alone, never on the order of files or threads.
#[inline]
fn beats(new: &Candidate, old: &Candidate, ties: &mut Ties<'_>) -> Result<bool> {
    if old.at == NOTHING {
        return Ok(true);
    }
    match (new.time, new.created).cmp(&(old.time, old.created)) {
        Ordering::Equal => Ok(ties.compare(new.at.1, old.at)?.is_gt()),
        order => Ok(order.is_gt()),
    }
}

/// Compares values of the current batch with kept ones, column by column, a null below any value.
/// Comparators are made when a tie first needs them.
struct Ties<'a> {
    kept: &'a [RecordBatch],
    current: &'a RecordBatch,
    /// Against the kept batches, and against the current one at the end.
    comparators: Vec<Option<Vec<DynComparator>>>,
}

impl<'a> Ties<'a> {
    fn new(kept: &'a [RecordBatch], current: &'a RecordBatch) -> Self {
        Self {
            kept,
            current,
            comparators: Vec::new(),
        }
    }

    fn compare(&mut self, row: u32, with: At) -> Result<Ordering> {
        if self.comparators.is_empty() {
            self.comparators.resize_with(self.kept.len() + 1, || None);
        }
        let index = (with.0 as usize).min(self.kept.len());
        let other = self.kept.get(index).unwrap_or(self.current);
        let entry = &mut self.comparators[index];
        let columns = match entry {
            Some(columns) => columns,
            None => entry.insert(comparators(self.current, other)?),
        };
        let (row, with) = (row as usize, with.1 as usize);
        let orders = columns.iter().map(|compare| compare(row, with));
        Ok(orders.fold(Ordering::Equal, Ordering::then))
    }
}

fn comparators(left: &RecordBatch, right: &RecordBatch) -> Result<Vec<DynComparator>> {
    let options = SortOptions {
        descending: false,
        nulls_first: true,
    };
    let pairs = left.columns().iter().zip(right.columns());
    let comparators: Result<Vec<_>, _> =
        pairs.map(|(l, r)| make_comparator(l, r, options)).collect();
    Ok(comparators?)
}

/// The answer for a block: a row of the view for each spine row.
pub(super) struct Matches {
    kept: Vec<RecordBatch>,
    at: Vec<At>,
    slot_of_row: Vec<u32>,
}

impl Matches {
    /// The view's columns for some of the block's rows, in the block's order.
    pub fn columns(&self, rows: Range<usize>) -> Result<Vec<ArrayRef>> {
        let at = |slot: &u32| match *slot {
            NONE => (0, 0),
            slot => {
                let (batch, row) = self.at[slot as usize];
                (batch as usize, row as usize)
            }
        };
        let at: Vec<(usize, usize)> = self.slot_of_row[rows].iter().map(at).collect();
        (0..self.kept[0].num_columns())
            .map(|column| {
                let parts: Vec<&dyn Array> = self
                    .kept
                    .iter()
                    .map(|batch| batch.column(column).as_ref())
                    .collect();
                Ok(interleave(&parts, &at)?)
            })
            .collect()
    }
}

fn null_row(schema: SchemaRef) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| new_null_array(field.data_type(), 1))
        .collect();
    with_columns(schema, columns, 1)
}

/// A batch that knows its row count even without a column.
pub(super) fn with_columns(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}

/// Views of text keep the whole buffers alive that they point into; a kept row must not.
fn own(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => array.clone(),
    }
}
