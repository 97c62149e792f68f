//! What a booster minimises: the gradient and curvature of a loss at a raw score.

use serde::{Deserialize, Serialize};

/// A loss over (raw score, label).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log loss of a 0/1 label; the raw score is the log odds.
    Logistic,
    /// Half the squared error; the raw score is the prediction.
    SquaredError,
}

/// Gradient and curvature of one row, and its share in the split search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slope {
    pub gradient: f32,
    pub curvature: f32,
}

impl Objective {
    /// The best constant raw score for the labels (which are not empty).
    pub fn base_score(self, labels: &[f64], weights: Option<&[f64]>) -> f64 {
        let mean = match weights {
            None => labels.iter().sum::<f64>() / labels.len() as f64,
            Some(weights) => {
                let weighted = labels.iter().zip(weights);
                let sum: f64 = weighted.map(|(label, weight)| label * weight).sum();
                sum / weights.iter().sum::<f64>()
            }
        };
        match self {
            // One class only has infinite log odds; the clamp keeps the score a number.
            Self::Logistic => {
                let p = mean.clamp(1e-12, 1.0 - 1e-12);
                (p / (1.0 - p)).ln()
            }
            Self::SquaredError => mean,
        }
    }

    /// The answer for a raw score: a probability, or the predicted value.
    pub fn answer(self, raw: f64) -> f64 {
        match self {
            Self::Logistic => {
                let e = (-raw.abs()).exp();
                if raw >= 0.0 {
                    1.0 / (1.0 + e)
                } else {
                    e / (1.0 + e)
                }
            }
            Self::SquaredError => raw,
        }
    }

    /// Writes the slope of every row and returns the sum of the losses.
    pub fn slopes(self, raw: &[f64], labels: &[f64], out: &mut [Slope]) -> f64 {
        let rows = raw.iter().zip(labels).zip(out);
        match self {
            Self::SquaredError => rows
                .map(|((raw, label), slope)| {
                    let error = raw - label;
                    *slope = Slope {
                        gradient: error as f32,
                        curvature: 1.0,
                    };
                    error * error
                })
                .sum(),
            Self::Logistic => {
                let mut loss = LogLoss::default();
                for ((&raw, &label), slope) in rows {
                    let e = (-raw.abs()).exp();
                    let inverse = 1.0 / (1.0 + e);
                    let p = if raw >= 0.0 { inverse } else { e * inverse };
                    *slope = Slope {
                        gradient: (p - label) as f32,
                        curvature: (e * inverse * inverse).max(1e-16) as f32,
                    };
                    loss.add(raw, label, e);
                }
                loss.total()
            }
        }
    }

    /// The sum of the losses alone.
    pub fn loss(self, raw: &[f64], labels: &[f64]) -> f64 {
        let rows = raw.iter().zip(labels);
        match self {
            Self::SquaredError => rows.map(|(raw, label)| (raw - label).powi(2)).sum(),
            Self::Logistic => {
                let mut loss = LogLoss::default();
                for (&raw, &label) in rows {
                    loss.add(raw, label, (-raw.abs()).exp());
                }
                loss.total()
            }
        }
    }
}

/// A sum of log losses: `ln(1 + e) + max(raw, 0) - label * raw` with `e = exp(-|raw|)`.
///
/// `1 + e` is at most two, so that 512 of them multiply without overflow and share one logarithm.
struct LogLoss {
    linear: f64,
    product: f64,
    factors: u32,
    logs: f64,
}

impl Default for LogLoss {
    fn default() -> Self {
        Self {
            linear: 0.0,
            product: 1.0,
            factors: 0,
            logs: 0.0,
        }
    }
}

impl LogLoss {
    fn add(&mut self, raw: f64, label: f64, e: f64) {
        self.linear += raw.max(0.0) - label * raw;
        self.product *= 1.0 + e;
        self.factors += 1;
        if self.factors == 512 {
            self.logs += self.product.ln();
            self.product = 1.0;
            self.factors = 0;
        }
    }

    fn total(&self) -> f64 {
        self.linear + self.logs + self.product.ln()
    }
}
