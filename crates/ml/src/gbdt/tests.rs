//! What a booster must do, on data whose answer is known.

use forebay_core::ml::GradientBoosting;

use super::bins::bin_columns;
use super::grow::Grower;
use super::objective::Slope;
use super::split::Limits;
use super::*;
use crate::rng::Rng;

fn matrix(columns: Vec<Vec<f64>>) -> Matrix {
    let mut matrix = Matrix::new(columns[0].len());
    columns.into_iter().for_each(|column| matrix.push(column));
    matrix
}

/// Uniform numbers in [0, 1).
fn uniform(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Five columns, every ninth value missing; the label leans on the first three.
fn sample(rows: usize, seed: u64) -> (Matrix, Vec<f64>) {
    let mut rng = Rng::new(seed);
    let columns: Vec<Vec<f64>> = (0..5)
        .map(|_| (0..rows).map(|_| uniform(&mut rng)).collect())
        .collect();
    let labels = (0..rows)
        .map(|i| {
            let lean = columns[0][i] + columns[1][i] * columns[2][i];
            f64::from(u8::from(uniform(&mut rng) < lean / 2.0))
        })
        .collect();
    let columns = columns.into_iter().map(|mut column| {
        column
            .iter_mut()
            .step_by(9)
            .for_each(|value| *value = f64::NAN);
        column
    });
    (matrix(columns.collect()), labels)
}

fn small() -> GradientBoosting {
    GradientBoosting {
        rounds: 8,
        max_leaves: 8,
        ..GradientBoosting::default()
    }
}

fn fit(
    data: &(Matrix, Vec<f64>),
    parameters: &GradientBoosting,
    seed: u64,
    threads: usize,
) -> Trained {
    let data = Labelled {
        matrix: &data.0,
        labels: &data.1,
        weights: None,
    };
    train(data, None, Objective::Logistic, parameters, seed, threads)
}

#[test]
fn one_full_step_of_squared_error_gives_each_group_its_mean() {
    let x = vec![1.0, 1.0, 2.0, 2.0, f64::NAN, f64::NAN];
    let y = [10.0, 12.0, 20.0, 22.0, 40.0, 42.0];
    let parameters = GradientBoosting {
        rounds: 1,
        learning_rate: 1.0,
        max_leaves: 3,
        min_rows_in_leaf: 1,
        ..GradientBoosting::default()
    };
    let x = matrix(vec![x]);
    let data = Labelled {
        matrix: &x,
        labels: &y,
        weights: None,
    };
    let booster = train(data, None, Objective::SquaredError, &parameters, 0, 1).booster;
    for (value, expected) in [
        (1.0, 11.0),
        (0.0, 11.0),
        (2.0, 21.0),
        (9.0, 21.0),
        (f64::NAN, 41.0),
    ] {
        assert!(
            (booster.predict(&[value]) - expected).abs() < 1e-5,
            "{value}"
        );
    }
}

#[test]
fn a_missing_value_unknown_in_training_joins_the_larger_side() {
    let x = matrix(vec![(0..100).map(f64::from).collect()]);
    let y: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i >= 30))).collect();
    let parameters = GradientBoosting {
        max_leaves: 2,
        rounds: 1,
        ..small()
    };
    let booster = fit(&(x, y), &parameters, 0, 1).booster;
    assert_eq!(booster.trees[0].nodes[0].threshold, 29.5);
    assert_eq!(booster.predict(&[f64::NAN]), booster.predict(&[99.0]));
}

/// The first split against a search over every cut of the raw values.
#[test]
fn the_first_split_is_the_best_of_all() {
    let (x, y) = sample(250, 3);
    let limits = Limits {
        min_rows: 20,
        l2: 1.5,
    };
    let slopes: Vec<Slope> = y
        .iter()
        .map(|label| Slope {
            gradient: (0.5 - label) as f32,
            curvature: 0.25,
        })
        .collect();
    let columns = bin_columns(&x, 255, 1);
    let grower = Grower {
        columns: &columns,
        limits,
        max_leaves: 2,
        learning_rate: 1.0,
        threads: 1,
    };
    let grown = grower.grow(&slopes, &[0, 1, 2, 3, 4]);
    let best = best_by_hand(&x, &slopes, limits);
    let gain = grown.tree.nodes[0].gain;
    assert!((gain - best).abs() < 1e-9 * best, "{gain} {best}");
}

fn best_by_hand(x: &Matrix, slopes: &[Slope], limits: Limits) -> f64 {
    let score = |rows: &[usize]| {
        let g: f64 = rows.iter().map(|r| f64::from(slopes[*r].gradient)).sum();
        let h: f64 = rows.iter().map(|r| f64::from(slopes[*r].curvature)).sum();
        g * g / (h + limits.l2)
    };
    let all: Vec<usize> = (0..x.rows()).collect();
    let mut best = 0.0_f64;
    let cuts = (0..x.width()).flat_map(|c| x.column(c).iter().map(move |cut| (c, *cut)));
    for (column, cut) in cuts.filter(|(_, cut)| !cut.is_nan()) {
        for missing_left in [false, true] {
            let (left, right): (Vec<usize>, Vec<usize>) = all.iter().partition(|row| {
                let value = x.column(column)[**row];
                value <= cut || (missing_left && value.is_nan())
            });
            let enough = limits.min_rows as usize;
            if left.len() >= enough && right.len() >= enough {
                best = best.max(score(&left) + score(&right) - score(&all));
            }
        }
    }
    best
}

#[test]
fn threads_change_no_bit_and_the_seed_decides() {
    let data = sample(30_000, 5);
    let parameters = GradientBoosting {
        rounds: 4,
        feature_fraction: 0.6,
        ..small()
    };
    let one = fit(&data, &parameters, 7, 1);
    for threads in [2, 3, 16] {
        let many = fit(&data, &parameters, 7, threads);
        assert_eq!(one.booster, many.booster);
        assert_eq!(one.curve, many.curve);
    }
    assert_ne!(one.booster, fit(&data, &parameters, 8, 1).booster);
}

#[test]
fn a_row_alone_scores_as_it_does_among_others() {
    let data = sample(500, 9);
    let booster = fit(&data, &small(), 0, 1).booster;
    let all = booster.predict_all(&data.0);
    let mut row = [0.0; 5];
    for (index, score) in all.iter().enumerate() {
        data.0.read_row(index, &mut row);
        assert_eq!(booster.predict(&row).to_bits(), score.to_bits());
        assert!((0.0..=1.0).contains(score));
    }
}

#[test]
fn the_curve_is_the_mean_loss_and_falls_in_training() {
    let (data, other) = (sample(3_000, 1), sample(1_000, 2));
    let test = Labelled {
        matrix: &other.0,
        labels: &other.1,
        weights: None,
    };
    let labelled = Labelled {
        matrix: &data.0,
        labels: &data.1,
        weights: None,
    };
    let trained = train(labelled, Some(test), Objective::Logistic, &small(), 0, 2);
    assert!(trained.curve.train.windows(2).all(|pair| pair[1] < pair[0]));
    assert_eq!(trained.curve.test.len(), 9);
    let scores = trained.booster.predict_all(&other.0);
    let loss =
        |(score, label): (&f64, &f64)| -(label * score.ln() + (1.0 - label) * (1.0 - score).ln());
    let mean = scores.iter().zip(&other.1).map(loss).sum::<f64>() / 1_000.0;
    assert!((mean - trained.curve.test[8]).abs() < 1e-12);
}

#[test]
fn limits_of_leaves_and_rows_hold() {
    let data = sample(2_000, 4);
    let parameters = GradientBoosting {
        max_leaves: 13,
        min_rows_in_leaf: 50,
        ..small()
    };
    for tree in fit(&data, &parameters, 0, 1).booster.trees {
        assert!(tree.leaves.len() <= 13);
        assert!(tree.leaf_rows.iter().all(|rows| *rows >= 50));
        assert_eq!(tree.leaf_rows.iter().sum::<u32>(), 2_000);
        assert_eq!(tree.check(5), Ok(()));
    }
}

#[test]
fn columns_that_say_nothing_give_the_base_rate() {
    let x = matrix(vec![vec![7.0; 40], vec![f64::NAN; 40]]);
    let y: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
    let booster = fit(&(x, y), &small(), 0, 1).booster;
    assert!((booster.predict(&[1.0, 2.0]) - 0.25).abs() < 1e-6);
    assert_eq!(booster.gains(), [0.0, 0.0]);
}

#[test]
fn a_tree_that_leads_nowhere_is_refused() {
    let good = fit(&sample(500, 6), &small(), 0, 1).booster.trees.remove(0);
    let spoil = |change: fn(&mut Tree)| {
        let mut tree = good.clone();
        change(&mut tree);
        tree.check(5)
    };
    assert!(spoil(|tree| tree.nodes[1].left = 1).is_err());
    assert!(spoil(|tree| tree.nodes[0].right = 999).is_err());
    assert!(spoil(|tree| tree.nodes[0].left = -999).is_err());
    assert!(spoil(|tree| tree.nodes[0].feature = 5).is_err());
    assert!(spoil(|tree| tree.leaves.truncate(1)).is_err());
    assert!(spoil(|_| ()).is_ok());
}
