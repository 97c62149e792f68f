//! Distances and tests of two samples themselves, by the definitions of Evidently 0.7.
//!
//! Values are finite; both samples have at least one.

use std::collections::BTreeMap;

use super::shares;
use super::special::{gamma_q, normal_two_sided};

/// A numeric reference with at most this many distinct values is compared value by value.
const FEW_VALUES: usize = 20;
/// Up to this sample size the Kolmogorov-Smirnov p value is exact, beyond it is the limit's.
const EXACT_ROWS: usize = 10_000;
/// A reference that hardly varies is not divided by its own spread.
const LEAST_STD: f64 = 0.001;

/// Shares of two samples over the same bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    pub reference: Vec<f64>,
    pub current: Vec<f64>,
}

impl Shares {
    /// Numbers in equal widths over the range of both samples (Sturges' number of bins), or by value
    /// where the reference has few.
    pub fn of_numbers(reference: &[f64], current: &[f64]) -> Self {
        if distinct(reference).len() <= FEW_VALUES {
            return Self::of_values(&ordered(reference), &ordered(current));
        }
        let both = [reference, current].concat();
        Self::over(&sturges(&both), reference, current)
    }

    /// Each value of either sample is a bin.
    pub fn of_values<T: Ord>(reference: &[T], current: &[T]) -> Self {
        let mut counts: BTreeMap<&T, [f64; 2]> = BTreeMap::new();
        reference
            .iter()
            .for_each(|value| counts.entry(value).or_default()[0] += 1.0);
        current
            .iter()
            .for_each(|value| counts.entry(value).or_default()[1] += 1.0);
        let side = |i: usize| shares::shares(&counts.values().map(|c| c[i]).collect::<Vec<_>>());
        Self {
            reference: side(0),
            current: side(1),
        }
    }

    fn over(edges: &[f64], reference: &[f64], current: &[f64]) -> Self {
        Self {
            reference: shares::shares(&histogram(edges, reference)),
            current: shares::shares(&histogram(edges, current)),
        }
    }

    pub fn psi(&self) -> f64 {
        shares::psi(&self.reference, &self.current)
    }

    pub fn kl(&self) -> f64 {
        shares::kl(&self.reference, &self.current)
    }

    pub fn js(&self) -> f64 {
        shares::js(&self.reference, &self.current)
    }
}

/// Hellinger distance of two numeric samples; its bins come from the distinct values, each once.
pub fn hellinger(reference: &[f64], current: &[f64]) -> f64 {
    let values = distinct(&[reference, current].concat());
    let shares = Shares::over(&sturges(&values), reference, current);
    super::shares::hellinger(&shares.reference, &shares.current)
}

/// Wasserstein distance (earth mover's) over the reference's standard deviation.
pub fn wasserstein_normed(reference: &[f64], current: &[f64]) -> f64 {
    let n = reference.len() as f64;
    let mean = reference.iter().sum::<f64>() / n;
    let std = (reference.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    wasserstein(reference, current) / std.max(LEAST_STD)
}

/// The area between the two cumulative distributions.
fn wasserstein(reference: &[f64], current: &[f64]) -> f64 {
    let walk = walk(reference, current);
    let (n, m) = (reference.len() as f64, current.len() as f64);
    walk.windows(2)
        .map(|pair| {
            let gap = pair[0].reference as f64 / n - pair[0].current as f64 / m;
            gap.abs() * (pair[1].value - pair[0].value)
        })
        .sum()
}

/// Two-sided p value of the two-sample Kolmogorov-Smirnov test.
pub fn ks_p(reference: &[f64], current: &[f64]) -> f64 {
    let (n, m) = (reference.len(), current.len());
    // The largest gap in units of 1 / (n m), so that it compares without rounding.
    let gap = |at: &Passed| (at.reference * m).abs_diff(at.current * n);
    let largest = walk(reference, current).iter().map(gap).max().unwrap_or(0);
    if n.max(m) <= EXACT_ROWS {
        return chance_of_gap(n, m, largest);
    }
    let effective = n as f64 * m as f64 / (n + m) as f64;
    kolmogorov(effective.sqrt() * largest as f64 / (n as f64 * m as f64))
}

/// Chance that a random merge of samples of n and m somewhere has a gap of at least `gap`.
///
/// `reached[j]` is the share of the merges of i and j values that had one; a merge's last value is of
/// the first sample with chance i / (i + j). Only positive terms are added, so that tiny chances keep
/// their digits.
fn chance_of_gap(n: usize, m: usize, gap: usize) -> f64 {
    let mut reached = vec![0.0; m + 1];
    for i in 0..=n {
        for j in 0..=m {
            reached[j] = if (i * m).abs_diff(j * n) >= gap {
                1.0
            } else {
                let from_left = if j > 0 { reached[j - 1] } else { 0.0 };
                (i as f64 * reached[j] + j as f64 * from_left) / (i + j).max(1) as f64
            };
        }
    }
    reached[m]
}

/// Upper tail of Kolmogorov's limiting distribution.
fn kolmogorov(x: f64) -> f64 {
    if x < 0.2 {
        // Within 1e-12 of 1, and the series hardly converges.
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        (-2.0 * k * k * x * x).exp()
    };
    let sum: f64 = (1..=100)
        .map(|k| if k % 2 == 1 { term(k) } else { -term(k) })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

/// p value of the chi-square test of the current counts against the reference's shares. A category
/// that the reference lacks cannot be explained by chance: 0.
pub fn chi2_p(shares: &Shares, current_rows: usize) -> f64 {
    let rows = current_rows as f64;
    let statistic: f64 = shares
        .reference
        .iter()
        .zip(&shares.current)
        .map(|(expected, found)| rows * (found - expected).powi(2) / expected)
        .sum();
    let freedom = shares.reference.len() as f64 - 1.0;
    if freedom < 1.0 {
        1.0
    } else {
        gamma_q(freedom / 2.0, statistic / 2.0)
    }
}

/// Two-sided p value of the pooled test of two proportions: the share of rows that do not have the
/// first value in order.
pub fn z_p(shares: &Shares, reference_rows: usize, current_rows: usize) -> f64 {
    let (n, m) = (reference_rows as f64, current_rows as f64);
    let (r, c) = (1.0 - shares.reference[0], 1.0 - shares.current[0]);
    let pooled = (r * n + c * m) / (n + m);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if spread == 0.0 {
        1.0
    } else {
        normal_two_sided((r - c) / spread)
    }
}

/// How many values of each sample lie at or below a value.
struct Passed {
    value: f64,
    reference: usize,
    current: usize,
}

/// All distinct values of both samples in ascending order.
fn walk(reference: &[f64], current: &[f64]) -> Vec<Passed> {
    let mut all: Vec<(f64, bool)> = reference.iter().map(|value| (*value, true)).collect();
    all.extend(current.iter().map(|value| (*value, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut walk, mut from_reference, mut from_current) = (Vec::new(), 0, 0);
    for run in all.chunk_by(|a, b| a.0 == b.0) {
        from_reference += run.iter().filter(|(_, is_reference)| *is_reference).count();
        from_current += run.iter().filter(|(_, is_reference)| !is_reference).count();
        walk.push(Passed {
            value: run[0].0,
            reference: from_reference,
            current: from_current,
        });
    }
    walk
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    values
}

/// Numbers as keys that sort as they do; both zeros are one.
fn ordered(values: &[f64]) -> Vec<i64> {
    let key = |value: &f64| {
        let bits = (value + 0.0).to_bits() as i64;
        bits ^ ((((bits >> 63) as u64) >> 1) as i64)
    };
    values.iter().map(key).collect()
}

/// Edges of equal widths over the values' range, their number by Sturges' rule as numpy counts it.
fn sturges(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // One value only: numpy's range of width one about it.
    let (low, high) = if low == high {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    };
    let width = (high - low) / ((values.len() as f64).log2() + 1.0);
    let bins = ((high - low) / width).ceil().max(1.0);
    let step = (high - low) / bins;
    let mut edges: Vec<f64> = (0..bins as usize).map(|i| i as f64 * step + low).collect();
    edges.push(high);
    edges
}

/// Counts by bin; a bin has its lower edge, the last both.
fn histogram(edges: &[f64], values: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; edges.len() - 1];
    for value in values {
        let bin = edges.partition_point(|edge| edge <= value);
        counts[bin.clamp(1, edges.len() - 1) - 1] += 1.0;
    }
    counts
}
