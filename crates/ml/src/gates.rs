//! Gates: conditions on a run's metrics that a model must meet to become a version.
//!
//! `metric op value` with `>=`, `>`, `<=` or `<`; the value is a number, `champion` (the same metric
//! of the version that holds the alias) or `champion` plus or minus a number.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

/// A gate as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// As written.
    pub expression: String,
    pub metric: String,
    pub comparison: Comparison,
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Number(f64),
    /// The champion's value of the metric plus this.
    Champion(f64),
}

/// How a gate came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    pub expression: String,
    /// The candidate's value.
    pub left: f64,
    /// What it was held against; None where there is no champion yet.
    pub right: Option<f64>,
    pub passed: bool,
    /// Why it passed or failed, where the numbers alone do not say.
    pub note: Option<String>,
}

/// Longer signs first: `>` begins `>=`.
const SIGNS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

const FORM: &str = "write a gate as `metric >= 0.7` or `metric >= champion - 0.005` (>=, >, <=, <)";

/// Holds all gates against a run's metrics. `champion` are the metrics of the version to beat.
pub fn evaluate(
    gates: &[String],
    metrics: &BTreeMap<String, f64>,
    champion: Option<&BTreeMap<String, f64>>,
) -> Result<Vec<GateResult>, Diagnostic> {
    gates
        .iter()
        .map(|gate| Gate::parse(gate)?.evaluate(metrics, champion))
        .collect()
}

impl Gate {
    pub fn parse(expression: &str) -> Result<Self, Diagnostic> {
        let wrong =
            |what: String| Diagnostic::error(format!("gate '{expression}': {what}")).hint(FORM);
        let sign = SIGNS.iter().find_map(|(sign, comparison)| {
            let (left, right) = expression.split_once(sign)?;
            Some((left.trim(), *comparison, right.trim()))
        });
        let (metric, comparison, bound) =
            sign.ok_or_else(|| wrong("it has no comparison".to_owned()))?;
        if metric.is_empty() || metric.contains(char::is_whitespace) {
            return Err(wrong(format!("'{metric}' is no metric name")));
        }
        let bound = Bound::parse(bound)
            .ok_or_else(|| wrong(format!("'{bound}' is neither a number nor `champion`")))?;
        Ok(Self {
            expression: expression.trim().to_owned(),
            metric: metric.to_owned(),
            comparison,
            bound,
        })
    }

    fn evaluate(
        &self,
        metrics: &BTreeMap<String, f64>,
        champion: Option<&BTreeMap<String, f64>>,
    ) -> Result<GateResult, Diagnostic> {
        let left = self.value(metrics, "the run")?;
        let right = match (self.bound, champion) {
            (Bound::Number(number), _) => Some(number),
            (Bound::Champion(offset), Some(champion)) => {
                Some(self.value(champion, "the champion")? + offset)
            }
            (Bound::Champion(_), None) => None,
        };
        let first = "there is no champion yet".to_owned();
        Ok(GateResult {
            expression: self.expression.clone(),
            left,
            right,
            passed: right.is_none_or(|right| self.comparison.holds(left, right)),
            note: right.is_none().then_some(first),
        })
    }

    fn value(&self, metrics: &BTreeMap<String, f64>, whose: &str) -> Result<f64, Diagnostic> {
        metrics.get(&self.metric).copied().ok_or_else(|| {
            let names: Vec<&str> = metrics.keys().map(String::as_str).collect();
            Diagnostic::error(format!(
                "gate '{}': {whose} has no metric '{}'",
                self.expression, self.metric
            ))
            .maybe_hint(suggest::nearest(&self.metric, names.iter().copied()))
            .hint(format!("valid metrics: {}", names.join(", ")))
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

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix("champion") else {
            return number(text).map(Self::Number);
        };
        let rest = rest.trim_start();
        let offset = match rest.chars().next() {
            None => 0.0,
            Some('+') => number(rest[1..].trim())?,
            Some('-') => -number(rest[1..].trim())?,
            Some(_) => return None,
        };
        Some(Self::Champion(offset))
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(auc: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("roc_auc".to_owned(), auc), ("log_loss".to_owned(), 0.48)])
    }

    fn one(gate: &str, champion: Option<f64>) -> GateResult {
        let champion = champion.map(metrics);
        evaluate(&[gate.to_owned()], &metrics(0.72), champion.as_ref())
            .unwrap()
            .remove(0)
    }

    #[test]
    fn compares_with_numbers_and_with_the_champion() {
        for (gate, champion, passed) in [
            ("roc_auc >= 0.72", None, true),
            ("roc_auc > 0.72", None, false),
            ("log_loss<0.5", None, true),
            ("log_loss <= 4.7e-1", None, false),
            ("roc_auc >= champion", Some(0.73), false),
            ("roc_auc >= champion - 0.005", Some(0.724), true),
            ("roc_auc>=champion+0.01", Some(0.715), false),
        ] {
            assert_eq!(one(gate, champion).passed, passed, "{gate}");
        }
        let result = one("roc_auc >= champion - 0.005", Some(0.724));
        assert_eq!((result.left, result.right), (0.72, Some(0.724 - 0.005)));
    }

    #[test]
    fn the_first_model_has_no_champion_to_beat() {
        let result = one("roc_auc >= champion - 0.005", None);
        assert!(result.passed);
        assert_eq!(result.note.as_deref(), Some("there is no champion yet"));
    }

    #[test]
    fn what_is_not_a_number_never_passes() {
        let nan = BTreeMap::from([("roc_auc".to_owned(), f64::NAN)]);
        let gates = ["roc_auc >= 0.1".to_owned(), "roc_auc <= 0.1".to_owned()];
        assert!(
            evaluate(&gates, &nan, None)
                .unwrap()
                .iter()
                .all(|gate| !gate.passed)
        );
    }

    #[test]
    fn a_wrong_gate_is_explained() {
        let error = |gate: &str| {
            evaluate(&[gate.to_owned()], &metrics(0.7), None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("roc_acu >= 0.7"),
            "error: gate 'roc_acu >= 0.7': the run has no metric 'roc_acu'\n  \
             hint: did you mean 'roc_auc'?\n  hint: valid metrics: log_loss, roc_auc"
        );
        assert!(error("roc_auc 0.7").contains("it has no comparison"));
        assert!(error("roc_auc == 0.7").contains("it has no comparison"));
        assert!(error(">= 0.7").contains("'' is no metric name"));
        for bound in [
            "",
            "high",
            "champion * 2",
            "championship",
            "nan",
            "champion -",
        ] {
            assert!(error(&format!("roc_auc >= {bound}")).contains("neither a number nor"));
        }
    }
}
