//! Gradient boosting of a binary label, a number, or several classes (one booster against the rest
//! for each).

use forebay_core::Diagnostic;
use forebay_core::ml::{GradientBoosting, Task};

use super::{Encoded, Rows, Wanted, order_by, row_weights};
use crate::encode::Encoder;
use crate::folds;
use crate::gbdt::{self, Curve, Labelled, Matrix, Objective};
use crate::model::Predictor;

pub fn fit(
    parameters: &GradientBoosting,
    wanted: &Wanted<'_>,
    rows: &Rows,
    data: &Encoded<'_>,
    watched: Option<&Rows>,
) -> Result<(Predictor, Curve), Diagnostic> {
    check(parameters)?;
    let watched = match watched {
        Some(rows) => Some((data.encoder.matrix(&rows.batches)?, &rows.labels)),
        None => None,
    };
    let watched = watched
        .as_ref()
        .map(|(matrix, labels)| (matrix, &labels[..]));
    let stopping = match parameters.early_stopping {
        0 => None,
        _ => Some(Stopping::new(parameters, wanted, rows)?),
    };
    let one = |labels: &[f64], watched: Option<(&Matrix, &[f64])>, class: Option<f64>| {
        let objective = match wanted.task {
            Task::Regression => Objective::SquaredError,
            _ => Objective::Logistic,
        };
        let mut parameters = parameters.clone();
        if let Some(stopping) = &stopping {
            parameters.rounds = stopping.rounds(&parameters, wanted, objective, class);
        }
        parameters.early_stopping = 0;
        let weights = match objective {
            Objective::Logistic => row_weights(parameters.class_weights, labels),
            Objective::SquaredError => None,
        };
        let rows = Labelled {
            matrix: data.matrix,
            labels,
            weights: weights.as_deref(),
        };
        let watched = watched.map(|(matrix, labels)| Labelled {
            matrix,
            labels,
            weights: None,
        });
        let (seed, threads) = (wanted.seed, wanted.threads);
        gbdt::train(rows, watched, objective, &parameters, seed, threads)
    };
    if wanted.task != Task::Multiclass {
        let trained = one(data.labels, watched, None);
        return Ok((Predictor::Trees(trained.booster), trained.curve));
    }
    let boosters = (0..wanted.classes).map(|class| {
        let class = class as f64;
        one(&against_rest(data.labels, class), None, Some(class)).booster
    });
    let boosters = boosters.collect();
    Ok((Predictor::ClassTrees { boosters }, Curve::default()))
}

fn against_rest(labels: &[f64], class: f64) -> Vec<f64> {
    let of_class = |label: &f64| f64::from(u8::from(*label == class));
    labels.iter().map(of_class).collect()
}

/// Training rows cut in two, to find how many rounds are enough. The model is then trained on all
/// training rows with that many.
struct Stopping {
    fit: (Matrix, Vec<f64>),
    held: (Matrix, Vec<f64>),
}

impl Stopping {
    fn new(
        parameters: &GradientBoosting,
        wanted: &Wanted<'_>,
        rows: &Rows,
    ) -> Result<Self, Diagnostic> {
        let (split, share) = (wanted.split, parameters.validation);
        let cut = folds::hold_out(&rows.batches, split, share, wanted.seed)?;
        if cut.train.is_empty() || cut.test.is_empty() {
            return Err(Diagnostic::error(
                "there are too few training rows to hold some out for early stopping",
            ));
        }
        let (fit, held) = (rows.take(&cut.train)?, rows.take(&cut.test)?);
        // The order of categories may not know the labels of what is held out.
        let order = order_by(wanted, &fit.labels);
        let encoder = Encoder::fit(&fit.batches, wanted.features, &order)?;
        let side = |rows: Rows| Ok((encoder.matrix(&rows.batches)?, rows.labels));
        Ok::<_, Diagnostic>(Self {
            fit: side(fit)?,
            held: side(held)?,
        })
    }

    fn rounds(
        &self,
        parameters: &GradientBoosting,
        wanted: &Wanted<'_>,
        objective: Objective,
        class: Option<f64>,
    ) -> usize {
        let labels = |labels: &[f64]| match class {
            Some(class) => against_rest(labels, class),
            None => labels.to_vec(),
        };
        let (fit, held) = (labels(&self.fit.1), labels(&self.held.1));
        let weights = match objective {
            Objective::Logistic => row_weights(parameters.class_weights, &fit),
            Objective::SquaredError => None,
        };
        let rows = Labelled {
            matrix: &self.fit.0,
            labels: &fit,
            weights: weights.as_deref(),
        };
        let held = Labelled {
            matrix: &self.held.0,
            labels: &held,
            weights: None,
        };
        let (seed, threads) = (wanted.seed, wanted.threads);
        let trained = gbdt::train(rows, Some(held), objective, parameters, seed, threads);
        gbdt::best_round(&trained.curve.test).max(1)
    }
}

fn check(p: &GradientBoosting) -> Result<(), Diagnostic> {
    let share = |value: f64| value > 0.0 && value <= 1.0;
    let whole = |value: usize, range: std::ops::RangeInclusive<usize>| range.contains(&value);
    let most_leaves = usize::from(u16::MAX);
    let rules = [
        (
            "rounds",
            p.rounds as f64,
            whole(p.rounds, 1..=100_000),
            "1 to 100000",
        ),
        (
            "learning_rate",
            p.learning_rate,
            share(p.learning_rate),
            "above 0, at most 1",
        ),
        (
            "max_leaves",
            p.max_leaves as f64,
            whole(p.max_leaves, 2..=most_leaves),
            "2 to 65535",
        ),
        (
            "min_rows_in_leaf",
            p.min_rows_in_leaf as f64,
            p.min_rows_in_leaf >= 1,
            "at least 1",
        ),
        ("l2", p.l2, p.l2 >= 0.0 && p.l2.is_finite(), "0 or more"),
        (
            "max_bins",
            p.max_bins as f64,
            whole(p.max_bins, 2..=255),
            "2 to 255",
        ),
        (
            "feature_fraction",
            p.feature_fraction,
            share(p.feature_fraction),
            "above 0, at most 1",
        ),
        (
            "validation",
            p.validation,
            share(p.validation) && p.validation < 1.0,
            "above 0, below 1",
        ),
    ];
    match rules.into_iter().find(|(_, _, holds, _)| !holds) {
        Some((name, value, _, range)) => Err(Diagnostic::error(format!(
            "trainer parameter {name} is {value}; it must be {range}"
        ))),
        None => Ok(()),
    }
}
