//! Sums of slopes by bin of one column.

use std::ops::{AddAssign, Sub};

use super::objective::Slope;

/// Sums over a set of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub gradient: f64,
    pub curvature: f64,
    pub rows: u32,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let rows = self.rows - other.rows;
        if rows == 0 {
            // What rounding left of an empty set is nothing.
            return Self::default();
        }
        Self {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows,
        }
    }
}

impl AddAssign<Slope> for Sums {
    fn add_assign(&mut self, slope: Slope) {
        self.gradient += f64::from(slope.gradient);
        self.curvature += f64::from(slope.curvature);
        self.rows += 1;
    }
}

/// One place for every value of a byte, so that a bin indexes it without a bounds check.
#[derive(Clone)]
pub struct Histogram(pub Box<[Sums; 256]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([Sums::default(); 256]))
    }
}

/// Rows are added to this many histograms in turn, which are summed in the end. Neighbouring rows
/// often share a bin (a month, an hour's weather): with one histogram each addition would wait for
/// the one before.
const LANES: usize = 4;
/// With fewer rows the sum over lanes costs more than the waiting.
const WORTH_LANES: usize = 2048;

impl Histogram {
    /// Sums over all rows of the column.
    pub fn of_all(bins: &[u8], slopes: &[Slope]) -> Self {
        Self::collect(bins.len(), bins.iter().copied().zip(slopes))
    }

    /// Sums over some rows; `slopes` are theirs, in the same order.
    pub fn of_rows(bins: &[u8], rows: &[u32], slopes: &[Slope]) -> Self {
        let bins = rows.iter().map(|row| bins[*row as usize]);
        Self::collect(rows.len(), bins.zip(slopes))
    }

    fn collect<'a>(rows: usize, mut entries: impl Iterator<Item = (u8, &'a Slope)>) -> Self {
        let mut histogram = Self::default();
        if rows >= WORTH_LANES {
            let mut lanes = [[Sums::default(); 256]; LANES];
            for _ in 0..rows / LANES {
                for lane in &mut lanes {
                    if let Some((bin, slope)) = entries.next() {
                        lane[usize::from(bin)] += *slope;
                    }
                }
            }
            for lane in &lanes {
                for (bin, sums) in histogram.0.iter_mut().zip(lane) {
                    *bin += *sums;
                }
            }
        }
        for (bin, slope) in entries {
            histogram.0[usize::from(bin)] += *slope;
        }
        histogram
    }

    /// Takes the rows of `part` out: what is left is the sibling's.
    pub fn subtract(&mut self, part: &Self) {
        for (bin, taken) in self.0.iter_mut().zip(part.0.iter()) {
            *bin = *bin - *taken;
        }
    }
}
