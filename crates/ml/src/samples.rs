//! What tests train on that hold models against Python's libraries.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use forebay_core::ml::{GradientBoosting, Judging, Split, Trainer};

use crate::rng::Rng;
use crate::train::TrainingInput;

/// Of the environment that those tests share.
pub const PACKAGES: &[&str] = &[
    "mlflow-skinny==3.17.2",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "scikit-learn==1.9.1",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
];

const ROWS: usize = 400;

/// Numbers, booleans and texts, each missing at times; labels of all kinds.
pub fn rows(seed: u64) -> RecordBatch {
    let mut rng = Rng::new(seed);
    let wind: Vec<f64> = (0..ROWS).map(|_| 40.0 * rng.uniform()).collect();
    let place: Vec<usize> = (0..ROWS).map(|_| rng.below(4)).collect();
    let raw: Vec<f64> = (0..ROWS)
        .map(|i| wind[i] + 10.0 * place[i] as f64 + 20.0 * rng.uniform())
        .collect();
    let kind = |raw: f64| ["calm", "middling", "wild"][(raw / 35.0).min(2.0) as usize];
    let column = |name, values: ArrayRef| (name, values, true);
    RecordBatch::try_from_iter_with_nullable([
        column(
            "wind speed",
            Arc::new(Float64Array::from_iter(
                (0..ROWS).map(|i| (i % 9 != 0).then_some(wind[i])),
            )),
        ),
        column(
            "rain",
            Arc::new(BooleanArray::from_iter(
                (0..ROWS).map(|i| (i % 5 != 0).then_some(i % 3 == 0)),
            )),
        ),
        column(
            "origin",
            Arc::new(StringArray::from_iter((0..ROWS).map(|i| {
                (i % 11 != 0).then_some(["EWR", "JFK", "LGA", "Zürich"][place[i]])
            }))),
        ),
        column(
            "is_late",
            Arc::new(BooleanArray::from_iter(raw.iter().map(|r| Some(*r > 40.0)))),
        ),
        column(
            "delay",
            Arc::new(Float64Array::from_iter_values(raw.iter().copied())),
        ),
        column(
            "sky",
            Arc::new(StringArray::from_iter_values(raw.iter().map(|r| kind(*r)))),
        ),
    ])
    .unwrap()
}

pub fn input(label: &str, trainer: Trainer) -> TrainingInput {
    TrainingInput {
        train: vec![rows(1)],
        test: vec![rows(2)],
        label: label.to_owned(),
        features: ["wind speed", "rain", "origin"].map(str::to_owned).to_vec(),
        trainer,
        split: Split::Random { test: 0.2 },
        judging: Judging {
            resamples: 0,
            ..Judging::default()
        },
        seed: 0,
        training_hash: "abc".to_owned(),
        champion: None,
    }
}

pub fn boosting() -> Trainer {
    Trainer::GradientBoosting(GradientBoosting {
        rounds: 30,
        max_leaves: 8,
        ..GradientBoosting::default()
    })
}
