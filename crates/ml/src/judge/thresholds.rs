//! What each threshold of a binary score would give.

use forebay_core::ml::Costs;
use serde::{Deserialize, Serialize};

use crate::metrics::Confusion;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    pub threshold: f64,
    /// Share of the rows that are answered with yes.
    pub yes: f64,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub accuracy: f64,
    /// Mean cost a row, where costs are known.
    pub cost: Option<f64>,
}

/// Thresholds from 0.05 to 0.95.
const STEPS: u32 = 19;

pub fn thresholds(labels: &[bool], scores: &[f64], costs: Option<Costs>) -> Vec<Threshold> {
    let at = |step: u32| {
        let threshold = f64::from(step) / f64::from(STEPS + 1);
        let confusion = Confusion::at(labels, scores, threshold);
        let yes = confusion.true_positives + confusion.false_positives;
        Threshold {
            threshold,
            yes: yes as f64 / labels.len() as f64,
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            accuracy: confusion.accuracy(),
            cost: costs.map(|costs| confusion.cost(costs)),
        }
    };
    (1..=STEPS).map(at).collect()
}
