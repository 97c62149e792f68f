//! The spine's moments, sorted by key and time: where a view's row can begin to be the newest known.

use std::ops::Range;

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::keys::{KeyTable, NONE};
use super::time::Instants;

/// The distinct (key, time) pairs of a block, each a slot. Slots of one key are neighbours and
/// ascend in time.
pub(super) struct Timeline {
    pub keys: KeyTable,
    /// Slots of group `g` are `starts[g]..starts[g + 1]`.
    starts: Vec<u32>,
    /// Time of each slot.
    pub times: Vec<i64>,
    /// Slot of each spine row; [`NONE`] where the key or the time is null.
    pub slot_of_row: Vec<u32>,
    /// First and last time of all; `None` without a slot.
    pub bounds: Option<(i64, i64)>,
}

impl Timeline {
    pub fn build(keys: Vec<ArrayRef>, times: &Instants) -> Result<Self> {
        let rows = times.values.len();
        let (keys, groups) = KeyTable::build(keys, rows)?;
        let mut moments: Vec<(u32, i64, u32)> = (0..rows)
            .filter(|row| groups[*row] != NONE)
            .filter(|row| {
                times
                    .nulls
                    .as_ref()
                    .is_none_or(|nulls| nulls.is_valid(*row))
            })
            .map(|row| (groups[row], times.values[row], row as u32))
            .collect();
        moments.sort_unstable();
        let mut timeline = Self {
            starts: Vec::with_capacity(keys.groups() + 1),
            keys,
            times: Vec::with_capacity(moments.len()),
            slot_of_row: vec![NONE; rows],
            bounds: None,
        };
        timeline.fill(&moments);
        Ok(timeline)
    }

    fn fill(&mut self, moments: &[(u32, i64, u32)]) {
        let mut previous = None;
        for (group, time, row) in moments {
            if previous != Some((*group, *time)) {
                self.open_groups_through(*group);
                self.times.push(*time);
                previous = Some((*group, *time));
            }
            self.slot_of_row[*row as usize] = (self.times.len() - 1) as u32;
        }
        self.open_groups_through(self.keys.groups() as u32);
        let times = self.times.iter().copied();
        self.bounds = times.clone().min().zip(times.max());
    }

    /// A group all of whose rows lack a time has no slots, but still a place in `starts`.
    fn open_groups_through(&mut self, group: u32) {
        while self.starts.len() <= group as usize {
            self.starts.push(self.times.len() as u32);
        }
    }

    #[inline]
    pub fn slots(&self, group: u32) -> Range<usize> {
        let group = group as usize;
        self.starts[group] as usize..self.starts[group + 1] as usize
    }

    pub fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.keys.groups() as u32).map(|group| self.slots(group))
    }

    pub fn bytes(&self) -> usize {
        self.keys.bytes()
            + size_of::<u32>() * (self.starts.len() + self.slot_of_row.len())
            + size_of::<i64>() * self.times.len()
    }
}
