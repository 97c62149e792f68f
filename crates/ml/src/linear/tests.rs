//! What linear models must do, on data whose answer is known.

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch, StringArray};
use forebay_core::ml::{KMeans, Regression};

use super::*;
use crate::encode::Encoder;
use crate::gbdt::Matrix;
use crate::rng::Rng;

fn encoded(columns: Vec<(&str, arrow::array::ArrayRef)>, labels: &[f64]) -> (Encoder, Matrix) {
    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = [RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()];
    let encoder = Encoder::fit(&rows, &names, labels).unwrap();
    let matrix = encoder.matrix(&rows).unwrap();
    (encoder, matrix)
}

fn plain(l2: f64) -> Regression {
    Regression {
        l2,
        ..Regression::default()
    }
}

#[test]
fn a_line_is_found() {
    let x: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101)).collect();
    let y: Vec<f64> = x.iter().map(|x| 3.0 * x - 7.0).collect();
    let (encoder, matrix) = encoded(vec![("x", Arc::new(Float64Array::from(x)))], &y);
    let model = Linear::fit(&encoder, &matrix, &y, None, Link::Identity, &plain(0.0), 2);
    for (found, wanted) in model.predict_all(&matrix).iter().zip(&y) {
        assert!((found - wanted).abs() < 1e-5, "{found} {wanted}");
    }
}

/// Without penalty, the logistic fit of one category is its share.
#[test]
fn a_category_gets_its_share_and_a_strange_one_the_base() {
    let names: Vec<&str> = (0..400)
        .map(|i| if i % 4 == 0 { "rare" } else { "often" })
        .collect();
    let y: Vec<f64> = (0..400)
        .map(|i| f64::from(u8::from(if i % 4 == 0 { i % 8 == 0 } else { i % 3 == 0 })))
        .collect();
    let (encoder, matrix) = encoded(vec![("c", Arc::new(StringArray::from(names.clone())))], &y);
    let model = Linear::fit(&encoder, &matrix, &y, None, Link::Logistic, &plain(1e-6), 1);
    let share = |name: &str| {
        let rows: Vec<f64> = names
            .iter()
            .zip(&y)
            .filter(|(n, _)| **n == name)
            .map(|(_, y)| *y)
            .collect();
        rows.iter().sum::<f64>() / rows.len() as f64
    };
    let found = model.predict_all(&matrix);
    assert!((found[0] - share("rare")).abs() < 1e-3);
    assert!((found[1] - share("often")).abs() < 1e-3);
}

#[test]
fn missing_numbers_have_a_say_of_their_own() {
    let x = Float64Array::from(
        (0..300)
            .map(|i| (i % 3 != 0).then_some(f64::from(i % 5)))
            .collect::<Vec<_>>(),
    );
    let y: Vec<f64> = (0..300)
        .map(|i| f64::from(u8::from(i % 3 == 0 && i % 2 == 0)))
        .collect();
    let (encoder, matrix) = encoded(vec![("x", Arc::new(x))], &y);
    let model = Linear::fit(&encoder, &matrix, &y, None, Link::Logistic, &plain(0.01), 1);
    let found = model.predict_all(&matrix);
    assert!(
        found[0] > 0.45 && found[1] < 0.05,
        "{} {}",
        found[0],
        found[1]
    );
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut rng = Rng::new(1);
    let x: Vec<f64> = (0..10_000).map(|_| rng.uniform()).collect();
    let y: Vec<f64> = x
        .iter()
        .map(|x| f64::from(u8::from(rng.uniform() < *x)))
        .collect();
    let (encoder, matrix) = encoded(vec![("x", Arc::new(Float64Array::from(x)))], &y);
    let fit = |threads| {
        let linear = Linear::fit(
            &encoder,
            &matrix,
            &y,
            None,
            Link::Logistic,
            &plain(1.0),
            threads,
        );
        let clusters = Clusters::fit(&encoder, &matrix, &KMeans::default(), 3, threads);
        (linear, clusters)
    };
    assert_eq!(fit(1), fit(4));
}

#[test]
fn three_heaps_are_three_clusters() {
    let mut rng = Rng::new(5);
    let heap = |i: usize| [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0)][i % 3];
    let (a, b): (Vec<f64>, Vec<f64>) = (0..300)
        .map(|i| (heap(i).0 + rng.uniform(), heap(i).1 + rng.uniform()))
        .unzip();
    let (encoder, matrix) = encoded(
        vec![
            ("a", Arc::new(Float64Array::from(a))),
            ("b", Arc::new(Float64Array::from(b))),
        ],
        &[0.0; 300],
    );
    let parameters = KMeans {
        clusters: 3,
        ..KMeans::default()
    };
    let of = Clusters::fit(&encoder, &matrix, &parameters, 0, 1).nearest_all(&matrix);
    for i in 3..300 {
        assert_eq!(of[i].0, of[i % 3].0, "row {i}");
    }
    assert!(of[0].0 != of[1].0 && of[1].0 != of[2].0 && of[0].0 != of[2].0);
}
