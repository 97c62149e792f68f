//! Permutation importance: how much worse a model gets when it is lied to about one feature
//! (Breiman 2001; Fisher, Rudin and Dominici 2019).

use forebay_core::ml::{Judging, Task};
use serde::{Deserialize, Serialize};

use super::Scored;
use crate::gbdt::Matrix;
use crate::metrics;
use crate::model::Model;
use crate::rng::Rng;
use crate::{threads, trainer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Permutation {
    pub feature: String,
    /// By how much the metric gets worse, in its own unit; below 0 where chance made it better.
    pub drop: f64,
    /// The metric that the drop is of.
    pub metric: String,
}

/// Rows beyond this change the third digit at most.
const MOST_ROWS: usize = 20_000;

/// Of each feature, most first. `labels` are those of the matrix's rows.
pub fn permutation(
    model: &Model,
    matrix: &Matrix,
    labels: &[f64],
    judging: &Judging,
    seed: u64,
) -> Vec<Permutation> {
    let (task, names) = (model.task, model.feature_names().collect::<Vec<_>>());
    let metric = match task {
        Task::Binary => "roc_auc",
        task => task.main_metric(),
    };
    let rows = match matrix.rows() > MOST_ROWS {
        true => Rng::new(seed).choose(matrix.rows(), MOST_ROWS),
        false => (0..matrix.rows()).collect(),
    };
    let labels: Vec<f64> = rows.iter().map(|row| labels[*row]).collect();
    let judged = |shuffled: Option<usize>| {
        let matrix = some(matrix, &rows, shuffled, seed);
        let scored = Scored::new(task, &labels, model.predictor.answers(&matrix))?;
        scored.metrics(judging).get(metric).copied()
    };
    let Some(whole) = judged(None) else {
        return Vec::new();
    };
    let sign = if metrics::lower_is_better(metric) {
        -1.0
    } else {
        1.0
    };
    let mut drops: Vec<(usize, Option<f64>)> = (0..names.len()).map(|i| (i, None)).collect();
    threads::for_each(trainer::threads(), &mut drops, |(feature, drop)| {
        *drop = judged(Some(*feature)).map(|lied| sign * (whole - lied));
    });
    let mut found: Vec<Permutation> = drops
        .into_iter()
        .filter_map(|(feature, drop)| {
            Some(Permutation {
                feature: names[feature].to_owned(),
                drop: drop?,
                metric: metric.to_owned(),
            })
        })
        .collect();
    found.sort_by(|a, b| b.drop.total_cmp(&a.drop));
    found
}

/// The rows, one column shuffled among them.
fn some(matrix: &Matrix, rows: &[usize], shuffled: Option<usize>, seed: u64) -> Matrix {
    let mut part = Matrix::new(rows.len());
    for index in 0..matrix.width() {
        let column = matrix.column(index);
        let mut values: Vec<f64> = rows.iter().map(|row| column[*row]).collect();
        if shuffled == Some(index) {
            let mut rng = Rng::new(seed ^ (index as u64 + 1));
            for place in (1..values.len()).rev() {
                values.swap(place, rng.below(place + 1));
            }
        }
        part.push(values);
    }
    part
}
