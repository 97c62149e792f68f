//! Gates: conditions on a run's evaluation that a model must meet to become a version.
//!
//! `value op bound` with `>=`, `>`, `<=` or `<`. Both sides are sums of terms, a number times a term
//! or a term alone:
//!
//! | term | is |
//! |---|---|
//! | `0.7` | a number |
//! | `roc_auc` | a metric on the test rows; `.lower` and `.upper` are the ends of its 95 % interval |
//! | `train.roc_auc` | the metric on the training rows |
//! | `folds.roc_auc` | the mean over the folds of cross-validation |
//! | `slice(carrier='UA').roc_auc` | the metric on the rows of one value |
//! | `worst(carrier).roc_auc` | the metric on the worst slice by that column of 30 rows or more |
//! | `threshold(0.3).recall` | precision, recall, f1, accuracy, yes or cost at a threshold |
//! | `importance('wind')` | by how much the main metric drops when the feature is shuffled |
//! | `champion` | the left side's first metric, of the version that holds the alias |
//! | `champion.log_loss` | another metric of that version |
//! | `gain.roc_auc.lower` | the end of the interval of candidate less champion |

mod parse;
mod value;

use forebay_core::Diagnostic;
use serde::{Deserialize, Serialize};

pub use parse::{Comparison, Gate, Side, Term, Value};
pub use value::Known;

/// How a gate came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    pub expression: String,
    /// The candidate's value; None where it is not defined on these rows.
    pub left: Option<f64>,
    /// What it was held against; None where there is no champion yet.
    pub right: Option<f64>,
    pub passed: bool,
    /// Why it passed or failed, where the numbers alone do not say.
    pub note: Option<String>,
}

/// Holds all gates against what is known of a run.
pub fn evaluate(gates: &[String], known: &Known<'_>) -> Result<Vec<GateResult>, Diagnostic> {
    let one = |gate: &String| Gate::parse(gate)?.evaluate(known);
    gates.iter().map(one).collect()
}

impl Gate {
    fn evaluate(&self, known: &Known<'_>) -> Result<GateResult, Diagnostic> {
        let wrong = |problem: Diagnostic| Diagnostic {
            message: format!("gate '{}': {}", self.expression, problem.message),
            ..problem
        };
        let result = |left, right, passed, note: Option<&str>| GateResult {
            expression: self.expression.clone(),
            left,
            right,
            passed,
            note: note.map(str::to_owned),
        };
        let left = self.left.value(known, self.metric()).map_err(wrong)?;
        if known.champion.is_none() && (self.left.asks_champion() || self.right.asks_champion()) {
            return Ok(result(left, None, true, Some("there is no champion yet")));
        }
        let right = self.right.value(known, self.metric()).map_err(wrong)?;
        Ok(match (left, right) {
            (Some(a), Some(b)) => result(left, right, self.comparison.holds(a, b), None),
            _ => result(left, right, false, Some("not defined on these rows")),
        })
    }
}

impl Comparison {
    /// False wherever a side is not a number.
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::AtLeast => left >= right,
            Self::Above => left > right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
        }
    }
}

#[cfg(test)]
mod tests;
