//! Logistic and linear regression with an L2 penalty.

use forebay_core::ml::Regression;
use serde::{Deserialize, Serialize};

use super::design::Design;
use super::minimise::minimise;
use super::newton::{Curved, newton};
use crate::encode::Encoder;
use crate::gbdt::{Matrix, Objective};
use crate::threads;

/// Rows that share one partial sum. Fixed, so that the number of threads does not change a sum.
const BLOCK: usize = 4096;
/// Runs of rows whose second derivatives are summed apart, for the same reason: each holds a square.
const SQUARES: usize = 8;
/// Inputs up to which all pairs of them are looked at.
const FEW: usize = 512;
/// Of the mean gradient.
const TOLERANCE: f64 = 1e-8;

/// A weighted sum of the design's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    pub link: Link,
    pub design: Design,
    pub coefficients: Vec<f64>,
    pub intercept: f64,
}

/// What is made of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The log odds of a probability.
    Logistic,
    Identity,
}

impl Link {
    fn objective(self) -> Objective {
        match self {
            Link::Logistic => Objective::Logistic,
            Link::Identity => Objective::SquaredError,
        }
    }

    /// Loss and its slope at a raw score.
    fn loss(self, raw: f64, label: f64) -> (f64, f64) {
        match self {
            Link::Identity => ((raw - label).powi(2) / 2.0, raw - label),
            Link::Logistic => {
                let loss = raw.max(0.0) - label * raw + (-raw.abs()).exp().ln_1p();
                (loss, Objective::Logistic.answer(raw) - label)
            }
        }
    }

    /// The loss's second derivative at a raw score.
    fn curvature(self, raw: f64) -> f64 {
        match self {
            Link::Identity => 1.0,
            Link::Logistic => {
                let share = Objective::Logistic.answer(raw);
                share * (1.0 - share)
            }
        }
    }
}

impl Linear {
    /// Minimises the summed (weighted) losses plus half of `l2` times the squared coefficients.
    pub fn fit(
        encoder: &Encoder,
        matrix: &Matrix,
        labels: &[f64],
        weights: Option<&[f64]>,
        link: Link,
        parameters: &Regression,
        threads: usize,
    ) -> Self {
        let design = Design::fit(encoder, matrix);
        let rows = matrix.row_major();
        let problem = Problem {
            design: &design,
            width: matrix.width(),
            rows: &rows,
            labels,
            weights,
            link,
            l2: parameters.l2,
            threads,
        };
        let mut x = vec![0.0; design.width() + 1];
        x[design.width()] = link.objective().base_score(labels, weights);
        // Scaled to mean losses, so that one tolerance fits any number of rows.
        let most = parameters.max_iterations;
        match design.width() <= FEW {
            true => newton(&mut x, TOLERANCE, most, &problem),
            false => minimise(&mut x, TOLERANCE, most, |x, gradient| {
                problem.value(x, gradient)
            }),
        }
        let intercept = x.pop().unwrap_or_default();
        Self {
            link,
            coefficients: x,
            intercept,
            design,
        }
    }

    pub fn predict_all(&self, matrix: &Matrix) -> Vec<f64> {
        let mut row = vec![f64::NAN; matrix.width()];
        let one = |index: usize| {
            matrix.read_row(index, &mut row);
            let mut raw = self.intercept;
            self.design
                .visit(&row, |place, value| raw += self.coefficients[place] * value);
            self.link.objective().answer(raw)
        };
        (0..matrix.rows()).map(one).collect()
    }

    /// By feature, how far its part of the sum spreads: the largest coefficient by size, in standard
    /// deviations of a number or between categories.
    pub fn sizes(&self) -> Vec<f64> {
        let mut place = 0;
        let size = |width: usize| {
            let part = &self.coefficients[place..place + width];
            place += width;
            part.iter()
                .fold(0.0, |most: f64, value| most.max(value.abs()))
        };
        self.design
            .inputs
            .iter()
            .map(|input| input.width())
            .map(size)
            .collect()
    }

    /// What is wrong with a model read from a file, if anything.
    pub fn check(&self, features: usize) -> Result<(), String> {
        self.design.check(features)?;
        let (width, given) = (self.design.width(), self.coefficients.len());
        match width == given {
            true => Ok(()),
            false => Err(format!(
                "{width} inputs need as many coefficients, not {given}"
            )),
        }
    }
}

struct Problem<'a> {
    design: &'a Design,
    width: usize,
    rows: &'a [f64],
    labels: &'a [f64],
    weights: Option<&'a [f64]>,
    link: Link,
    l2: f64,
    threads: usize,
}

/// Partial sums over a block of rows.
struct Part {
    first: usize,
    last: usize,
    loss: f64,
    gradient: Vec<f64>,
}

/// Partial sums of products of two inputs over a run of rows: the lower triangle of a square.
struct Square {
    first: usize,
    last: usize,
    sums: Vec<f64>,
}

impl Curved for Problem<'_> {
    fn value(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let rows = self.labels.len();
        let part = |first: usize| Part {
            first,
            last: rows.min(first + BLOCK),
            loss: 0.0,
            gradient: vec![0.0; x.len()],
        };
        let mut parts: Vec<Part> = (0..rows).step_by(BLOCK).map(part).collect();
        threads::for_each(self.threads, &mut parts, |part| self.add_rows(x, part));
        gradient.fill(0.0);
        let mut loss = 0.0;
        for part in &parts {
            loss += part.loss;
            for (sum, value) in gradient.iter_mut().zip(&part.gradient) {
                *sum += value;
            }
        }
        let coefficients = &x[..x.len() - 1];
        for (slope, coefficient) in gradient.iter_mut().zip(coefficients) {
            *slope += self.l2 * coefficient;
        }
        let penalty: f64 = coefficients.iter().map(|c| c * c).sum();
        let count = rows as f64;
        gradient.iter_mut().for_each(|slope| *slope /= count);
        (loss + self.l2 / 2.0 * penalty) / count
    }

    fn curvature(&self, x: &[f64]) -> Vec<f64> {
        let (n, rows) = (x.len(), self.labels.len());
        let run = rows.div_ceil(SQUARES).max(1);
        let square = |first: usize| Square {
            first,
            last: rows.min(first + run),
            sums: vec![0.0; n * n],
        };
        let mut squares: Vec<Square> = (0..rows).step_by(run).map(square).collect();
        threads::for_each(self.threads, &mut squares, |square| {
            self.add_products(x, square);
        });
        let mut sums = vec![0.0; n * n];
        for square in &squares {
            for (sum, value) in sums.iter_mut().zip(&square.sums) {
                *sum += value;
            }
        }
        for place in 0..n - 1 {
            sums[place * n + place] += self.l2;
        }
        let count = rows as f64;
        sums.iter_mut().for_each(|sum| *sum /= count);
        sums
    }
}

impl Problem<'_> {
    fn row(&self, index: usize) -> &[f64] {
        &self.rows[index * self.width..(index + 1) * self.width]
    }

    fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index])
    }

    fn add_rows(&self, x: &[f64], part: &mut Part) {
        let intercept = x.len() - 1;
        for index in part.first..part.last {
            let row = self.row(index);
            let mut raw = x[intercept];
            self.design
                .visit(row, |place, value| raw += x[place] * value);
            let (loss, slope) = self.link.loss(raw, self.labels[index]);
            let weight = self.weight(index);
            part.loss += weight * loss;
            let slope = weight * slope;
            self.design
                .visit(row, |place, value| part.gradient[place] += slope * value);
            part.gradient[intercept] += slope;
        }
    }

    fn add_products(&self, x: &[f64], square: &mut Square) {
        let n = x.len();
        // What of a row is not 0, by place.
        let (mut places, mut values) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for index in square.first..square.last {
            places.clear();
            values.clear();
            let mut raw = x[n - 1];
            self.design.visit(self.row(index), |place, value| {
                raw += x[place] * value;
                places.push(place);
                values.push(value);
            });
            places.push(n - 1);
            values.push(1.0);
            let weight = self.weight(index) * self.link.curvature(raw);
            for (i, (place, value)) in places.iter().zip(&values).enumerate() {
                let sums = &mut square.sums[place * n..=place * n + place];
                let factor = weight * value;
                for (other, value) in places[..=i].iter().zip(&values[..=i]) {
                    sums[*other] += factor * value;
                }
            }
        }
    }
}
