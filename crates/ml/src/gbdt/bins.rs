//! Columns cut into bins by quantile: the form in which trees are grown.

use super::matrix::Matrix;
use crate::threads;

/// The bin of missing values. Numbers have the bins `0..=254`.
pub const MISSING: u8 = u8::MAX;

/// Rows that the cuts are taken from; more would move a quantile by less than a bin.
const SAMPLE: usize = 200_000;

/// One column by bin. A value `v` lies in bin `b` exactly if `cuts[b-1] < v <= cuts[b]`.
pub struct BinnedColumn {
    /// Upper ends of all bins but the last, ascending.
    cuts: Vec<f64>,
    pub bins: Vec<u8>,
    has_missing: bool,
}

impl BinnedColumn {
    fn new(values: &[f64], max_bins: usize) -> Self {
        let cuts = cuts(values, max_bins);
        let mut has_missing = false;
        let bins = values
            .iter()
            .map(|value| {
                has_missing |= value.is_nan();
                bin_of(&cuts, *value)
            })
            .collect();
        Self {
            cuts,
            bins,
            has_missing,
        }
    }

    /// Bins that numbers can have.
    pub fn numbers(&self) -> usize {
        self.cuts.len() + 1
    }

    /// Whether any split of this column can separate rows.
    pub fn splits(&self) -> bool {
        !self.cuts.is_empty() || self.has_missing
    }

    /// The value that separates `bin` from the next; above the last bin, every number.
    pub fn threshold(&self, bin: u8) -> f64 {
        self.cuts.get(usize::from(bin)).copied().unwrap_or(f64::MAX)
    }
}

/// Cuts every column into at most `max_bins` bins (2 to 255).
pub fn bin_columns(matrix: &Matrix, max_bins: usize, threads: usize) -> Vec<BinnedColumn> {
    let mut columns: Vec<(usize, Option<BinnedColumn>)> =
        (0..matrix.width()).map(|index| (index, None)).collect();
    threads::for_each(threads, &mut columns, |(index, binned)| {
        *binned = Some(BinnedColumn::new(matrix.column(*index), max_bins));
    });
    columns
        .into_iter()
        .filter_map(|(_, binned)| binned)
        .collect()
}

fn bin_of(cuts: &[f64], value: f64) -> u8 {
    if value.is_nan() {
        MISSING
    } else {
        // At most 254 cuts, so that the number of cuts below a value fits.
        cuts.partition_point(|cut| *cut < value) as u8
    }
}

/// Cuts between distinct values: between all of them where they are few, else such that each bin
/// holds about the same number of rows.
fn cuts(values: &[f64], max_bins: usize) -> Vec<f64> {
    let distinct = distinct(values);
    let mut bins_left = max_bins.clamp(2, usize::from(MISSING));
    let every = distinct.len() <= bins_left;
    let mut rows_left: usize = distinct.iter().map(|(_, count)| count).sum();
    let mut cuts = Vec::new();
    let mut in_bin = 0;
    for pair in distinct.windows(2) {
        let ((value, count), (next, _)) = (pair[0], pair[1]);
        in_bin += count;
        if bins_left > 1 && (every || in_bin * bins_left >= rows_left) {
            cuts.push(between(value, next));
            rows_left -= in_bin;
            bins_left -= 1;
            in_bin = 0;
        }
    }
    cuts
}

/// The distinct numbers of a sample of the values in ascending order, with their counts.
fn distinct(values: &[f64]) -> Vec<(f64, usize)> {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f64> = values
        .iter()
        .step_by(step)
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    sample.sort_unstable_by(f64::total_cmp);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in sample {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    distinct
}

/// A number `m` with `low <= m < high`, half way where that can be had.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    if low <= middle && middle < high {
        middle
    } else {
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_missing_its_own() {
        let column = BinnedColumn::new(&[3.0, 1.0, f64::NAN, 2.0, 1.0], 255);
        assert_eq!(column.bins, [2, 0, MISSING, 1, 0]);
        assert_eq!(column.cuts, [1.5, 2.5]);
        assert_eq!(column.threshold(2), f64::MAX);
    }

    #[test]
    fn many_values_share_bins_of_about_equal_size() {
        let values: Vec<f64> = (0..10_000).map(|i| f64::from(i).powi(3)).collect();
        let column = BinnedColumn::new(&values, 100);
        assert_eq!(column.numbers(), 100);
        for bin in 0..100 {
            assert_eq!(column.bins.iter().filter(|b| **b == bin).count(), 100);
        }
    }

    #[test]
    fn a_frequent_value_does_not_eat_the_bins_of_the_others() {
        let values: Vec<f64> = (0..9_000)
            .map(|_| 0.0)
            .chain((1..=1_000).map(f64::from))
            .collect();
        assert!(BinnedColumn::new(&values, 64).numbers() > 60);
    }

    #[test]
    fn a_cut_always_separates_its_neighbours() {
        for (low, high) in [
            (1.0, 1.0 + f64::EPSILON),
            (-f64::MAX, f64::MAX),
            (0.0, 5e-324),
        ] {
            let cut = between(low, high);
            assert!(low <= cut && cut < high, "{low} {cut} {high}");
        }
    }

    #[test]
    fn a_constant_column_cannot_be_split() {
        assert!(!BinnedColumn::new(&[1.0, 1.0], 255).splits());
        assert!(!BinnedColumn::new(&[], 255).splits());
        assert!(BinnedColumn::new(&[1.0, f64::NAN], 255).splits());
    }
}
