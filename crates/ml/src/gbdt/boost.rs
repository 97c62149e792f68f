//! The boosting loop, and the booster that comes out of it.

use forebay_core::ml::GradientBoosting;
use serde::{Deserialize, Serialize};

use super::bins::bin_columns;
use super::grow::Grower;
use super::matrix::Matrix;
use super::objective::{Objective, Slope};
use super::split::Limits;
use super::tree::Tree;
use crate::rng::Rng;
use crate::threads;

/// Rows that share one partial sum. Fixed, so that the number of threads does not change a sum.
const BLOCK: usize = 8192;

/// A sum of trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booster {
    pub objective: Objective,
    pub features: usize,
    /// The raw score before the first tree.
    pub base_score: f64,
    pub trees: Vec<Tree>,
}

/// Rows with their labels (0 or 1 for the logistic objective).
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    pub matrix: &'a Matrix,
    pub labels: &'a [f64],
    /// How much each row counts; None: all the same. The curves count every row once.
    pub weights: Option<&'a [f64]>,
}

/// Mean loss after each round; the first entry is before any tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub train: Vec<f64>,
    pub test: Vec<f64>,
}

pub struct Trained {
    pub booster: Booster,
    pub curve: Curve,
}

impl Booster {
    /// The sum of the trees for one row, which has one value a feature, missing as NaN.
    pub fn raw(&self, row: &[f64]) -> f64 {
        self.trees
            .iter()
            .fold(self.base_score, |sum, tree| sum + tree.value(row))
    }

    /// The answer for one row: the probability of label 1, or the predicted value.
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.objective.answer(self.raw(row))
    }

    /// The answer for every row, to the bit what [`Booster::predict`] says of it alone.
    pub fn predict_all(&self, matrix: &Matrix) -> Vec<f64> {
        let mut row = vec![f64::NAN; matrix.width()];
        (0..matrix.rows())
            .map(|index| {
                matrix.read_row(index, &mut row);
                self.predict(&row)
            })
            .collect()
    }

    /// By feature, how much its splits lowered the training loss.
    pub fn gains(&self) -> Vec<f64> {
        let mut gains = vec![0.0; self.features];
        for node in self.trees.iter().flat_map(|tree| &tree.nodes) {
            gains[node.feature as usize] += node.gain;
        }
        gains
    }

    /// What is wrong with a booster read from a file, if anything.
    pub fn check(&self) -> Result<(), String> {
        for (index, tree) in self.trees.iter().enumerate() {
            tree.check(self.features)
                .map_err(|problem| format!("tree {index}: {problem}"))?;
        }
        Ok(())
    }
}

/// Trains a booster. `test` is only watched: it gives the second curve and changes nothing, unless
/// `early_stopping` asks for the rounds that were best on it. `threads` changes the time alone,
/// never the result.
pub fn train(
    data: Labelled<'_>,
    test: Option<Labelled<'_>>,
    objective: Objective,
    parameters: &GradientBoosting,
    seed: u64,
    threads: usize,
) -> Trained {
    let columns = bin_columns(data.matrix, parameters.max_bins, threads);
    let usable: Vec<usize> = (0..columns.len())
        .filter(|c| columns[*c].splits())
        .collect();
    let grower = Grower {
        columns: &columns,
        limits: Limits {
            min_rows: parameters.min_rows_in_leaf.clamp(1, u32::MAX as usize) as u32,
            l2: parameters.l2,
        },
        max_leaves: parameters.max_leaves,
        learning_rate: parameters.learning_rate,
        threads,
    };
    let base_score = objective.base_score(data.labels, data.weights);
    let mut rng = Rng::new(seed);
    let mut learner = Learner::new(data, objective, base_score, threads);
    let mut watched = test.map(|test| Watched::new(test, objective, base_score, threads));
    let mut trees = Vec::with_capacity(parameters.rounds);
    for _ in 0..parameters.rounds {
        learner.take_slopes();
        let chosen = choose(&usable, parameters.feature_fraction, &mut rng);
        let grown = grower.grow(&learner.slopes, &chosen);
        grown.add_to(&mut learner.scores);
        if let Some(watched) = &mut watched {
            watched.add(&grown.tree);
        }
        trees.push(grown.tree);
        let curve = watched.as_ref().map_or(&[][..], |watched| &watched.curve);
        if let Some(best) = stop_at(curve, parameters.early_stopping) {
            trees.truncate(best);
            break;
        }
    }
    learner.take_slopes();
    Trained {
        booster: Booster {
            objective,
            features: data.matrix.width(),
            base_score,
            trees,
        },
        curve: Curve {
            train: learner.curve,
            test: watched.map(|watched| watched.curve).unwrap_or_default(),
        },
    }
}

/// The best round so far, when `patience` rounds after it were no better.
fn stop_at(curve: &[f64], patience: usize) -> Option<usize> {
    if patience == 0 || curve.is_empty() {
        return None;
    }
    let best = best_round(curve);
    (curve.len() - 1 - best >= patience).then_some(best.max(1))
}

/// The first round of the lowest loss; a curve's first entry is before any round.
pub fn best_round(curve: &[f64]) -> usize {
    let mut best = 0;
    for (round, loss) in curve.iter().enumerate() {
        if *loss < curve[best] {
            best = round;
        }
    }
    best
}

/// The columns that the next tree may use, ascending.
fn choose(usable: &[usize], fraction: f64, rng: &mut Rng) -> Vec<usize> {
    if fraction >= 1.0 {
        return usable.to_vec();
    }
    let count = (usable.len() as f64 * fraction).ceil() as usize;
    let chosen = rng.choose(usable.len(), count.clamp(1, usable.len().max(1)));
    chosen.into_iter().map(|i| usable[i]).collect()
}

/// The training rows' scores and slopes.
struct Learner<'a> {
    labels: &'a [f64],
    weights: Option<&'a [f64]>,
    objective: Objective,
    threads: usize,
    scores: Vec<f64>,
    slopes: Vec<Slope>,
    curve: Vec<f64>,
}

impl<'a> Learner<'a> {
    fn new(data: Labelled<'a>, objective: Objective, base_score: f64, threads: usize) -> Self {
        Self {
            labels: data.labels,
            weights: data.weights,
            objective,
            threads,
            scores: vec![base_score; data.labels.len()],
            slopes: vec![Slope::default(); data.labels.len()],
            curve: Vec::new(),
        }
    }

    /// Computes the slopes at the current scores and notes their mean loss.
    fn take_slopes(&mut self) {
        struct Block<'b> {
            scores: &'b [f64],
            labels: &'b [f64],
            slopes: &'b mut [Slope],
            loss: f64,
        }
        let objective = self.objective;
        let mut blocks: Vec<Block<'_>> = self
            .scores
            .chunks(BLOCK)
            .zip(self.labels.chunks(BLOCK))
            .zip(self.slopes.chunks_mut(BLOCK))
            .map(|((scores, labels), slopes)| Block {
                scores,
                labels,
                slopes,
                loss: 0.0,
            })
            .collect();
        threads::for_each(self.threads, &mut blocks, |block| {
            block.loss = objective.slopes(block.scores, block.labels, block.slopes);
        });
        let loss: f64 = blocks.iter().map(|block| block.loss).sum();
        if let Some(weights) = self.weights {
            for (slope, weight) in self.slopes.iter_mut().zip(weights) {
                slope.gradient *= *weight as f32;
                slope.curvature *= *weight as f32;
            }
        }
        self.curve.push(loss / self.labels.len() as f64);
    }
}

/// Rows that are scored along the way but never learnt from.
struct Watched<'a> {
    labels: &'a [f64],
    objective: Objective,
    threads: usize,
    width: usize,
    rows: Vec<f64>,
    scores: Vec<f64>,
    curve: Vec<f64>,
}

impl<'a> Watched<'a> {
    fn new(data: Labelled<'a>, objective: Objective, base_score: f64, threads: usize) -> Self {
        let mut watched = Self {
            labels: data.labels,
            objective,
            threads,
            width: data.matrix.width(),
            rows: data.matrix.row_major(),
            scores: vec![base_score; data.labels.len()],
            curve: Vec::new(),
        };
        watched.note();
        watched
    }

    fn add(&mut self, tree: &Tree) {
        let width = self.width;
        let mut blocks: Vec<(&mut [f64], &[f64])> = self
            .scores
            .chunks_mut(BLOCK)
            .zip(self.rows.chunks(BLOCK * width))
            .collect();
        threads::for_each(self.threads, &mut blocks, |(scores, rows)| {
            for (score, row) in scores.iter_mut().zip(rows.chunks_exact(width)) {
                *score += tree.value(row);
            }
        });
        self.note();
    }

    fn note(&mut self) {
        let loss: f64 = self
            .scores
            .chunks(BLOCK)
            .zip(self.labels.chunks(BLOCK))
            .map(|(scores, labels)| self.objective.loss(scores, labels))
            .sum();
        self.curve.push(loss / self.labels.len() as f64);
    }
}
