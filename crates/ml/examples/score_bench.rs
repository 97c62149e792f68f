//! Our side of `bench/run.py predict`, in process: scores rows one by one and by the thousand.
//!
//! `score_bench MODEL_FOLDER ROWS`, rows as little-endian doubles. Prints one line of JSON.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use forebay_ml::gbdt::{Booster, Matrix};
use forebay_ml::model::{Model, Predictor};

const BATCH: usize = 1000;
const LEAST: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rows] = &arguments[..] else {
        return Err("usage: score_bench MODEL_FOLDER ROWS".into());
    };
    let Predictor::Trees(booster) = Model::read(Path::new(folder))?.predictor else {
        return Err("the model has no trees".into());
    };
    let rows = read_rows(Path::new(rows), booster.features)?;
    let one = clock(&rows, |row| booster.predict(row.as_slice()));
    let batches: Vec<Matrix> = rows
        .chunks(BATCH)
        .map(|rows| matrix(rows, &booster))
        .collect();
    let batch = clock(&batches, |batch| booster.predict_all(batch));
    let first: Vec<f64> = rows
        .iter()
        .take(100)
        .map(|row| booster.predict(row.as_slice()))
        .collect();
    println!(
        r#"{{"one_row_us": {}, "batch_us_a_row": {}, "first_scores": {first:?}}}"#,
        one * 1e6,
        batch * 1e6 / BATCH as f64,
    );
    Ok(())
}

fn read_rows(path: &Path, width: usize) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (numbers, _) = bytes.as_chunks::<8>();
    let numbers: Vec<f64> = numbers
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .collect();
    Ok(numbers.chunks(width).map(<[f64]>::to_vec).collect())
}

fn matrix(rows: &[Vec<f64>], booster: &Booster) -> Matrix {
    let mut matrix = Matrix::new(rows.len());
    for feature in 0..booster.features {
        matrix.push(rows.iter().map(|row| row[feature]).collect());
    }
    matrix
}

/// Seconds a call, over whole rounds through the parts.
fn clock<P, A>(parts: &[P], score: impl Fn(&P) -> A) -> f64 {
    for part in parts.iter().take(100) {
        black_box(score(part));
    }
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < LEAST {
        for part in parts {
            black_box(score(black_box(part)));
        }
        calls += parts.len();
    }
    start.elapsed().as_secs_f64() / calls as f64
}
