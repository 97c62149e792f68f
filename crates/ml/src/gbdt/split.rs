//! The best cut of a leaf's rows by one column.

use super::bins::MISSING;
use super::histogram::{Histogram, Sums};

/// What bounds a split.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub min_rows: u32,
    pub l2: f64,
}

/// Gains below this are rounding, not structure.
const MIN_GAIN: f64 = 1e-9;
/// A side with less curvature than this has no stable value.
const MIN_CURVATURE: f64 = 1e-3;

/// Rows whose bin is at most `bin` go left; missing ones go where `missing_left` says.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    pub column: usize,
    pub bin: u8,
    pub missing_left: bool,
    /// By how much the loss falls, twice (the usual score without its factor one half).
    pub gain: f64,
    pub left: Sums,
    pub right: Sums,
}

impl Split {
    pub fn goes_left(&self, bin: u8) -> bool {
        bin <= self.bin || (bin == MISSING && self.missing_left)
    }
}

impl Limits {
    /// The value that minimises the second-order loss of the rows.
    pub fn leaf_value(self, sums: Sums) -> f64 {
        -sums.gradient / (sums.curvature + self.l2).max(f64::MIN_POSITIVE)
    }

    /// Twice what that value takes off the loss.
    fn score(self, sums: Sums) -> f64 {
        sums.gradient * sums.gradient / (sums.curvature + self.l2).max(f64::MIN_POSITIVE)
    }

    fn allow(self, side: Sums) -> bool {
        side.rows >= self.min_rows && side.curvature >= MIN_CURVATURE
    }
}

/// The split of highest gain; the first of equals in bin order, missing right before missing left.
/// `numbers` is how many bins numbers of this column can have.
pub fn best_split(
    column: usize,
    histogram: &Histogram,
    numbers: usize,
    total: Sums,
    limits: Limits,
) -> Option<Split> {
    let missing = histogram.0[usize::from(MISSING)];
    let mut search = Search {
        column,
        total,
        limits,
        floor: limits.score(total) + MIN_GAIN,
        best: None,
    };
    let mut below = Sums::default();
    for (bin, sums) in histogram.0[..numbers].iter().enumerate() {
        let last = bin + 1 == numbers;
        if sums.rows == 0 && !last {
            continue;
        }
        below += *sums;
        // Above the last bin there is only what is missing.
        if missing.rows > 0 || !last {
            search.offer(bin as u8, below, missing.rows > 0, false);
        }
        if missing.rows > 0 && !last {
            let mut left = below;
            left += missing;
            search.offer(bin as u8, left, true, true);
        }
    }
    search.best
}

struct Search {
    column: usize,
    total: Sums,
    limits: Limits,
    floor: f64,
    best: Option<Split>,
}

impl Search {
    fn offer(&mut self, bin: u8, left: Sums, has_missing: bool, missing_left: bool) {
        let right = self.total - left;
        if !self.limits.allow(left) || !self.limits.allow(right) {
            return;
        }
        let score = self.limits.score(left) + self.limits.score(right);
        if score <= self.floor {
            return;
        }
        let parent = self.limits.score(self.total);
        self.floor = score;
        self.best = Some(Split {
            column: self.column,
            bin,
            // Nothing missing was seen here: a missing value later joins the larger side.
            missing_left: if has_missing {
                missing_left
            } else {
                left.rows > right.rows
            },
            gain: score - parent,
            left,
            right,
        });
    }
}
