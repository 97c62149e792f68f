//! Rows with their truth and a model's answers.

use std::collections::BTreeMap;

use forebay_core::ml::{Judging, Task};

use crate::metrics::{self, clusters, multiclass, regression};
use crate::model::Answers;

#[derive(Clone, Debug, PartialEq)]
pub enum Scored {
    Binary {
        labels: Vec<bool>,
        scores: Vec<f64>,
    },
    Multiclass {
        labels: Vec<usize>,
        /// By row, the probability of each class.
        shares: Vec<Vec<f64>>,
    },
    Regression {
        labels: Vec<f64>,
        answers: Vec<f64>,
    },
    Clusters {
        /// By row, its cluster and the squared distance to the centre.
        nearest: Vec<(u32, f64)>,
    },
}

impl Scored {
    /// The one number of each row; None where the answer is more than that.
    pub fn numbers(&self) -> Option<&[f64]> {
        match self {
            Scored::Binary { scores, .. } => Some(scores),
            Scored::Regression { answers, .. } => Some(answers),
            Scored::Multiclass { .. } | Scored::Clusters { .. } => None,
        }
    }

    /// The answers must be those of a model of the task.
    pub fn new(task: Task, labels: &[f64], answers: Answers) -> Option<Self> {
        Some(match (task, answers) {
            (Task::Binary, Answers::Numbers(scores)) => Scored::Binary {
                labels: labels.iter().map(|label| *label == 1.0).collect(),
                scores,
            },
            (Task::Regression, Answers::Numbers(answers)) => Scored::Regression {
                labels: labels.to_vec(),
                answers,
            },
            (Task::Multiclass, Answers::Classes(classes)) => Scored::Multiclass {
                labels: labels.iter().map(|label| *label as usize).collect(),
                shares: (0..labels.len())
                    .map(|row| classes.iter().map(|class| class[row]).collect())
                    .collect(),
            },
            (Task::Clusters, Answers::Clusters(nearest)) => Scored::Clusters { nearest },
            _ => return None,
        })
    }

    pub fn task(&self) -> Task {
        match self {
            Scored::Binary { .. } => Task::Binary,
            Scored::Multiclass { .. } => Task::Multiclass,
            Scored::Regression { .. } => Task::Regression,
            Scored::Clusters { .. } => Task::Clusters,
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Scored::Binary { labels, .. } => labels.len(),
            Scored::Multiclass { labels, .. } => labels.len(),
            Scored::Regression { labels, .. } => labels.len(),
            Scored::Clusters { nearest } => nearest.len(),
        }
    }

    /// Some rows, as often as they are named.
    pub fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row].clone()).collect()
        }
        match self {
            Scored::Binary { labels, scores } => Scored::Binary {
                labels: pick(labels, rows),
                scores: pick(scores, rows),
            },
            Scored::Multiclass { labels, shares } => Scored::Multiclass {
                labels: pick(labels, rows),
                shares: pick(shares, rows),
            },
            Scored::Regression { labels, answers } => Scored::Regression {
                labels: pick(labels, rows),
                answers: pick(answers, rows),
            },
            Scored::Clusters { nearest } => Scored::Clusters {
                nearest: pick(nearest, rows),
            },
        }
    }

    /// An order of the rows in which resamples are quickly judged: by score, where scores are ranked.
    pub fn order(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.rows()).collect();
        if let Scored::Binary { scores, .. } = self {
            rows.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        }
        rows
    }

    /// Every metric of the task by name; at least one row.
    pub fn metrics(&self, judging: &Judging) -> BTreeMap<String, f64> {
        match self {
            Scored::Binary { labels, scores } => {
                let mut found = metrics::all(labels, scores, judging.threshold);
                if let Some(costs) = judging.costs {
                    let confusion = metrics::Confusion::at(labels, scores, judging.threshold);
                    found.insert("cost".to_owned(), confusion.cost(costs));
                }
                found
            }
            Scored::Multiclass { labels, shares } => multiclass::all(labels, shares),
            Scored::Regression { labels, answers } => regression::all(labels, answers),
            Scored::Clusters { nearest } => clusters::all(nearest),
        }
    }
}
