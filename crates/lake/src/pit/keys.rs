//! Join keys: which spine rows share one, and which of them a view's row belongs to.

use arrow::array::{Array, ArrayRef, AsArray, DynComparator, make_comparator};
use arrow::buffer::NullBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};

/// Stands for "no key": a null in any key column matches nothing.
pub(super) const NONE: u32 = u32::MAX;

/// The distinct keys of some rows, numbered from zero in the order of their first row.
///
/// An open-addressing table of (hash, first row, group): the keys themselves stay in the columns.
pub(super) struct KeyTable {
    columns: Vec<ArrayRef>,
    entries: Vec<Entry>,
    groups: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    row: u32,
    group: u32,
}

const EMPTY: Entry = Entry {
    hash: 0,
    row: 0,
    group: NONE,
};

impl KeyTable {
    /// The table and each row's group. No columns: all rows are one group.
    pub fn build(columns: Vec<ArrayRef>, rows: usize) -> Result<(Self, Vec<u32>)> {
        let capacity = (rows * 2).next_power_of_two().max(16);
        let mut table = Self {
            entries: vec![EMPTY; if columns.is_empty() { 0 } else { capacity }],
            columns,
            groups: 0,
        };
        if table.columns.is_empty() {
            table.groups = 1;
            return Ok((table, vec![0; rows]));
        }
        let hashes = hashes(&table.columns, rows)?;
        let valid = validity(&table.columns);
        let equal = Equality::new(&table.columns, &table.columns)?;
        let groups = (0..rows)
            .map(|row| match is_valid(&valid, row) {
                true => table.insert(hashes[row], row, &equal),
                false => NONE,
            })
            .collect();
        Ok((table, groups))
    }

    pub fn groups(&self) -> usize {
        self.groups as usize
    }

    pub fn bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
    }

    /// Ready to look up rows of other columns, of the same types.
    pub fn probe<'a>(&'a self, columns: &[ArrayRef], rows: usize) -> Result<Probe<'a>> {
        Ok(Probe {
            table: self,
            hashes: match columns.is_empty() {
                true => Vec::new(),
                false => hashes(columns, rows)?,
            },
            valid: validity(columns),
            equal: Equality::new(columns, &self.columns)?,
        })
    }

    fn insert(&mut self, hash: u64, row: usize, equal: &Equality) -> u32 {
        let at = self.find(hash, row, equal);
        if self.entries[at].group == NONE {
            self.entries[at] = Entry {
                hash,
                row: row as u32,
                group: self.groups,
            };
            self.groups += 1;
        }
        self.entries[at].group
    }

    /// The entry that holds the key, or the empty one where it would go. The table is at most half
    /// full, so there always is one.
    #[inline]
    fn find(&self, hash: u64, row: usize, equal: &Equality) -> usize {
        let mask = self.entries.len() - 1;
        // Multiplied, because the table's index takes the low bits and hashes are good in the high.
        let mut at = (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        loop {
            let entry = &self.entries[at];
            if entry.group == NONE || (entry.hash == hash && equal.at(row, entry.row as usize)) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Looks up the groups of a batch's rows.
pub(super) struct Probe<'a> {
    table: &'a KeyTable,
    hashes: Vec<u64>,
    valid: Option<NullBuffer>,
    equal: Equality,
}

impl Probe<'_> {
    /// The row's group, or [`NONE`].
    #[inline]
    pub fn group(&self, row: usize) -> u32 {
        if self.hashes.is_empty() {
            return 0;
        }
        if !is_valid(&self.valid, row) {
            return NONE;
        }
        self.table.entries[self.table.find(self.hashes[row], row, &self.equal)].group
    }
}

/// Compares keys of two sets of columns. Nulls never reach it.
enum Equality {
    Int64(
        arrow::buffer::ScalarBuffer<i64>,
        arrow::buffer::ScalarBuffer<i64>,
    ),
    Any(Vec<DynComparator>),
}

impl Equality {
    fn new(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Self> {
        if let ([l], [r]) = (left, right)
            && (l.data_type(), r.data_type()) == (&DataType::Int64, &DataType::Int64)
        {
            let values = |a: &ArrayRef| a.as_primitive::<Int64Type>().values().clone();
            return Ok(Equality::Int64(values(l), values(r)));
        }
        let pairs = left.iter().zip(right);
        let comparators: Result<Vec<_>, _> = pairs
            .map(|(l, r)| make_comparator(l, r, SortOptions::default()))
            .collect();
        Ok(Equality::Any(comparators?))
    }

    #[inline]
    fn at(&self, left: usize, right: usize) -> bool {
        match self {
            Equality::Int64(l, r) => l[left] == r[right],
            Equality::Any(columns) => columns.iter().all(|c| c(left, right).is_eq()),
        }
    }
}

fn hashes(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let mut hashes = vec![0; rows];
    create_hashes(columns, &RandomState::with_seed(0), &mut hashes)?;
    Ok(hashes)
}

fn validity(columns: &[ArrayRef]) -> Option<NullBuffer> {
    columns.iter().fold(None, |all, column| {
        NullBuffer::union(all.as_ref(), column.logical_nulls().as_ref())
    })
}

#[inline]
fn is_valid(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn equal_keys_share_a_group_and_null_has_none() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![
            Some(1),
            Some(2),
            Some(1),
            None,
            Some(1),
        ]));
        let b: ArrayRef = Arc::new(StringViewArray::from(vec![
            "x",
            "x",
            "x",
            "x",
            "a longer text than inline",
        ]));
        let (table, groups) = KeyTable::build(vec![a, b], 5).unwrap();
        assert_eq!(groups, [0, 1, 0, NONE, 2]);

        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(9), None]));
        let b: ArrayRef = Arc::new(StringViewArray::from(vec![
            Some("a longer text than inline"),
            Some("x"),
            Some("x"),
            Some("x"),
        ]));
        let probe = table.probe(&[a, b], 4).unwrap();
        let found: Vec<u32> = (0..4).map(|row| probe.group(row)).collect();
        assert_eq!(found, [2, 1, NONE, NONE]);
    }

    #[test]
    fn without_columns_everything_is_one_group() {
        let (table, groups) = KeyTable::build(vec![], 2).unwrap();
        assert_eq!((groups.as_slice(), table.groups()), (&[0, 0][..], 1));
        assert_eq!(table.probe(&[], 7).unwrap().group(6), 0);
    }
}
