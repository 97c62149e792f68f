//! Join keys: which spine rows share one, and which of them a view's row belongs to.

use arrow::array::{Array, ArrayRef, AsArray, DynComparator, make_comparator};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::SortOptions;
use arrow::datatypes::Int64Type;
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};

/// Stands for "no key": a null in any key column matches nothing.
pub(super) const NONE: u32 = u32::MAX;

/// The distinct keys of some rows, numbered from zero in the order of their first row.
///
/// An open-addressing table of (word, first row, group). The word of a single whole number is the number
/// itself, so that finding it reads no other memory; of other keys it is their hash, and the keys
/// themselves stay in the columns.
pub(super) struct KeyTable {
    columns: Vec<ArrayRef>,
    entries: Vec<Entry>,
    groups: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    word: u64,
    row: u32,
    group: u32,
}

const EMPTY: Entry = Entry {
    word: 0,
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
        let words = words(&table.columns, rows)?;
        let valid = validity(&table.columns);
        let equal = Equality::new(&table.columns, &table.columns)?;
        let groups = (0..rows)
            .map(|row| match is_valid(&valid, row) {
                true => table.insert(words[row], row, &equal),
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

    /// The group of each row of other columns, of the same types; [`NONE`] where `wanted` says no, a key
    /// is null, or no spine row has it.
    ///
    /// Nothing but the table is read here: the look-ups of many rows wait for memory side by side.
    pub fn groups_of(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<u32>> {
        if columns.is_empty() {
            return Ok((0..rows)
                .map(|row| if wanted(row) { 0 } else { NONE })
                .collect());
        }
        let words = words(columns, rows)?;
        let valid = validity(columns);
        let equal = Equality::new(columns, &self.columns)?;
        let group = |row: usize| match wanted(row) && is_valid(&valid, row) {
            true => self.entries[self.find(words[row], row, &equal)].group,
            false => NONE,
        };
        Ok((0..rows).map(group).collect())
    }

    fn insert(&mut self, word: u64, row: usize, equal: &Equality) -> u32 {
        let at = self.find(word, row, equal);
        if self.entries[at].group == NONE {
            self.entries[at] = Entry {
                word,
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
    fn find(&self, word: u64, row: usize, equal: &Equality) -> usize {
        let mask = self.entries.len() - 1;
        // Numbers may lie at any distance from each other. Folding the product's high half into its low
        // one lets every bit of the word move every bit of the place.
        let spread = u128::from(word ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
        let mut at = ((spread >> 64) as u64 ^ spread as u64) as usize & mask;
        loop {
            let entry = &self.entries[at];
            if entry.group == NONE || (entry.word == word && equal.at(row, entry.row as usize)) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Compares keys of two sets of columns whose words are equal. Nulls never reach it.
enum Equality {
    /// The word says it all.
    Words,
    Columns(Vec<DynComparator>),
}

impl Equality {
    fn new(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Self> {
        if number(left).is_some() && number(right).is_some() {
            return Ok(Equality::Words);
        }
        let pairs = left.iter().zip(right);
        let comparators: Result<Vec<_>, _> = pairs
            .map(|(l, r)| make_comparator(l, r, SortOptions::default()))
            .collect();
        Ok(Equality::Columns(comparators?))
    }

    #[inline]
    fn at(&self, left: usize, right: usize) -> bool {
        match self {
            Equality::Words => true,
            Equality::Columns(columns) => columns.iter().all(|c| c(left, right).is_eq()),
        }
    }
}

/// The values of the only column, where it is one of whole numbers.
fn number(columns: &[ArrayRef]) -> Option<&ScalarBuffer<i64>> {
    match columns {
        [column] => Some(column.as_primitive_opt::<Int64Type>()?.values()),
        _ => None,
    }
}

fn words(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    if let Some(numbers) = number(columns) {
        return Ok(numbers.iter().map(|number| *number as u64).collect());
    }
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
        let found = table.groups_of(&[a, b], 4, |_| true).unwrap();
        assert_eq!(found, [2, 1, NONE, NONE]);
    }

    #[test]
    fn whole_numbers_are_found_whatever_lies_between_them() {
        let numbers: Vec<i64> = (0..1_000)
            .flat_map(|n| [n, -n - 1, n << 32, i64::MAX - n])
            .collect();
        let column = |numbers: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(numbers)) };
        let rows = numbers.len();
        let (table, groups) = KeyTable::build(vec![column(numbers.clone())], rows).unwrap();
        let again = table.groups_of(&[column(numbers)], rows, |_| true).unwrap();
        assert_eq!(again, groups);
        let others = column(vec![1_000, -1_001, 1_000 << 32, 5]);
        let found = table.groups_of(&[others], 4, |row| row != 3).unwrap();
        assert_eq!(found, [NONE; 4]);
    }

    #[test]
    fn without_columns_everything_is_one_group() {
        let (table, groups) = KeyTable::build(vec![], 2).unwrap();
        assert_eq!((groups.as_slice(), table.groups()), (&[0, 0][..], 1));
        let found = table.groups_of(&[], 3, |row| row != 1).unwrap();
        assert_eq!(found, [0, NONE, 0]);
    }
}
