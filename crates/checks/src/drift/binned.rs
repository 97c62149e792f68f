//! Two profiles of a column as shares over common bins.
//!
//! The bins are the reference's: ten runs of its numbers of about equal size, or its categories.
//! Numbers below and above its range have bins of their own, so has what is missing, and so have
//! categories that the reference does not know by name.

use super::shares::shares;
use crate::profile::{Categories, ColumnProfile, Numbers, Values};

/// Runs that the reference's numbers are cut into.
const BINS: usize = 10;

/// Rows by bin, as shares of all rows of each side.
pub struct Binned {
    pub reference: Vec<f64>,
    pub current: Vec<f64>,
}

/// None where one side has numbers and the other categories.
pub fn bin(reference: &ColumnProfile, current: &ColumnProfile) -> Option<Binned> {
    let (mut reference_rows, mut current_rows) = match (&reference.values, &current.values) {
        (Values::Numbers(r), Values::Numbers(c)) => numbers(r, Some(c)),
        (Values::Numbers(r), Values::Nothing) => numbers(r, None),
        (Values::Categories(r), Values::Categories(c)) => categories(r, Some(c)),
        (Values::Categories(r), Values::Nothing) => categories(r, None),
        // All that has a value now had none then.
        (Values::Nothing, Values::Nothing) => (vec![], vec![]),
        (Values::Nothing, Values::Numbers(c)) => (
            vec![0.0],
            vec![c.steps.iter().map(|step| step.rows as f64).sum()],
        ),
        (Values::Nothing, Values::Categories(c)) => (
            vec![0.0],
            vec![c.top.iter().map(|(_, rows)| *rows as f64).sum::<f64>() + c.other as f64],
        ),
        _ => return None,
    };
    reference_rows.push(reference.missing as f64);
    current_rows.push(current.missing as f64);
    Some(Binned {
        reference: shares(&reference_rows),
        current: shares(&current_rows),
    })
}

fn numbers(reference: &Numbers, current: Option<&Numbers>) -> (Vec<f64>, Vec<f64>) {
    let edges = edges(reference);
    let none = vec![0.0; edges.len() + 1];
    (
        rows_between(reference, &edges),
        current.map_or(none, |c| rows_between(c, &edges)),
    )
}

/// Upper ends of all bins but the last: just below the range, at ends of the reference's own runs, and
/// the top of the range.
fn edges(reference: &Numbers) -> Vec<f64> {
    let total: u64 = reference.steps.iter().map(|step| step.rows).sum();
    let mut edges = vec![reference.min.next_down()];
    let (mut rows_left, mut bins_left, mut here) = (total, BINS as u64, 0);
    for pair in reference.steps.windows(2) {
        here += pair[0].rows;
        // Close before the run that would overshoot by more than it is short now.
        let overshoot = (2 * here + pair[1].rows) * bins_left > 2 * rows_left;
        if bins_left > 1 && (reference.steps.len() <= BINS || overshoot) {
            edges.push(pair[0].high);
            rows_left -= here;
            bins_left -= 1;
            here = 0;
        }
    }
    edges.push(reference.max);
    edges
}

fn rows_between(numbers: &Numbers, edges: &[f64]) -> Vec<f64> {
    let mut below = 0.0;
    let ends = edges.iter().copied().chain([f64::INFINITY]);
    ends.map(|edge| {
        let up_to = numbers.rows_up_to(edge);
        let here = up_to - below;
        below = up_to;
        here
    })
    .collect()
}

fn categories(reference: &Categories, current: Option<&Categories>) -> (Vec<f64>, Vec<f64>) {
    let count = |name: &str| {
        let found = current.and_then(|c| c.top.iter().find(|(known, _)| known == name));
        found.map_or(0.0, |(_, rows)| *rows as f64)
    };
    let all = current.map_or(0, |c| {
        c.other + c.top.iter().map(|(_, rows)| rows).sum::<u64>()
    });
    let mut now: Vec<f64> = reference.top.iter().map(|(name, _)| count(name)).collect();
    now.push(all as f64 - now.iter().sum::<f64>());
    let mut then: Vec<f64> = reference.top.iter().map(|(_, rows)| *rows as f64).collect();
    then.push(reference.other as f64);
    (then, now)
}
