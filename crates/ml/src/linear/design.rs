//! Inputs as linear models read them.
//!
//! A number is centred on the training rows' mean and divided by their standard deviation; missing it
//! is the mean, and where training saw it missing, a further 0/1 input says so. A category is one 0/1
//! input for each category known from training, all 0 for another or none.

use serde::{Deserialize, Serialize};

use crate::encode::{Encoder, Kind};
use crate::gbdt::Matrix;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Design {
    pub inputs: Vec<Input>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Number {
        mean: f64,
        scale: f64,
        /// Whether a further input says that it is missing.
        tells_missing: bool,
    },
    /// Codes `0..levels`.
    Category { levels: usize },
}

impl Input {
    pub fn width(&self) -> usize {
        match self {
            Input::Number { tells_missing, .. } => 1 + usize::from(*tells_missing),
            Input::Category { levels } => *levels,
        }
    }
}

impl Design {
    pub fn fit(encoder: &Encoder, matrix: &Matrix) -> Self {
        let input = |(index, kind): (usize, &Kind)| match kind {
            Kind::Category { categories } => Input::Category {
                levels: categories.names().len(),
            },
            Kind::Number | Kind::Boolean => number(matrix.column(index)),
        };
        let kinds = encoder.features.iter().map(|feature| &feature.kind);
        Self {
            inputs: kinds.enumerate().map(input).collect(),
        }
    }

    pub fn width(&self) -> usize {
        self.inputs.iter().map(Input::width).sum()
    }

    /// Calls with the place and value of every input of the row that is not 0.
    pub fn visit(&self, row: &[f64], mut each: impl FnMut(usize, f64)) {
        let mut place = 0;
        for (input, value) in self.inputs.iter().zip(row) {
            match input {
                Input::Number { .. } if value.is_nan() => {
                    if input.width() == 2 {
                        each(place + 1, 1.0);
                    }
                }
                Input::Number { mean, scale, .. } => each(place, (value - mean) / scale),
                Input::Category { levels } => {
                    let code = *value as usize;
                    if !value.is_nan() && code < *levels {
                        each(place + code, 1.0);
                    }
                }
            }
            place += input.width();
        }
    }

    /// What is wrong with a design read from a file, if anything.
    pub fn check(&self, features: usize) -> Result<(), String> {
        let inputs = self.inputs.len();
        if inputs != features {
            return Err(format!(
                "it lists {features} features, its inputs are {inputs}"
            ));
        }
        Ok(())
    }
}

fn number(column: &[f64]) -> Input {
    let known: Vec<f64> = column
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    let count = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / count;
    let variance = known
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    let scale = variance.sqrt();
    Input::Number {
        mean,
        // A constant says nothing: it stays 0 whatever it is divided by.
        scale: if scale > 1e-12 * mean.abs().max(f64::MIN_POSITIVE) {
            scale
        } else {
            1.0
        },
        tells_missing: known.len() < column.len(),
    }
}
