//! Every kind of model, loaded by the real `mlflow` and scored by the real `onnxruntime`.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use forebay_core::ml::{GradientBoosting, Judging, KMeans, Regression, Split, Task, Trainer};
use forebay_testkit::python;
use serde_json::{Value, json};

use crate::model::Answers;
use crate::rng::Rng;
use crate::train::{TrainingInput, train, write_artifacts};

const ROWS: usize = 400;

/// Numbers, booleans and texts, each missing at times; labels of all kinds.
fn rows(seed: u64) -> RecordBatch {
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

fn input(label: &str, trainer: Trainer) -> TrainingInput {
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

fn boosting() -> Trainer {
    Trainer::GradientBoosting(GradientBoosting {
        rounds: 30,
        max_leaves: 8,
        ..GradientBoosting::default()
    })
}

fn answers(answers: Answers, classes: &[String]) -> Value {
    match answers {
        Answers::Numbers(scores) => json!({"score": scores}),
        Answers::Clusters(nearest) => {
            let (cluster, distance): (Vec<u32>, Vec<f64>) = nearest.into_iter().unzip();
            json!({"cluster": cluster, "squared_distance": distance})
        }
        Answers::Classes(shares) => {
            let named = classes.iter().zip(shares);
            let named =
                named.map(|(class, shares)| (format!("probability_{class}"), json!(shares)));
            Value::Object(named.collect())
        }
    }
}

/// Writes the model's folder with the rows to score and what we answer.
fn prepare(folder: &Path, input: &TrainingInput, task: Task) {
    let trained = train(input).unwrap();
    assert_eq!(trained.model.task, task);
    write_artifacts(folder, &trained, input).unwrap();
    let model = &trained.model;
    let rows = rows(3);
    let matrix = model.features.matrix(std::slice::from_ref(&rows)).unwrap();
    let texts = rows.column_by_name("origin").unwrap();
    let texts: Vec<Option<&str>> = arrow::array::AsArray::as_string::<i32>(texts)
        .iter()
        .collect();
    let columns: serde_json::Map<String, Value> = (0..)
        .zip(model.feature_names())
        .map(|(index, name)| match name {
            "origin" => (name.to_owned(), json!(texts)),
            name => (name.to_owned(), json!(matrix.column(index))),
        })
        .collect();
    let ours = answers(model.answers(&[rows]).unwrap(), &model.classes);
    let asked = json!({"rows": columns, "answers": ours});
    std::fs::write(folder.join("asked.json"), asked.to_string()).unwrap();
}

#[test]
fn mlflow_and_onnxruntime_give_our_scores() {
    let linear = Regression::default();
    let cases = [
        ("is_late", boosting(), Task::Binary),
        ("delay", boosting(), Task::Regression),
        ("sky", boosting(), Task::Multiclass),
        (
            "is_late",
            Trainer::LogisticRegression(linear.clone()),
            Task::Binary,
        ),
        ("delay", Trainer::LinearRegression(linear), Task::Regression),
        ("", Trainer::KMeans(KMeans::default()), Task::Clusters),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for (number, (label, trainer, task)) in cases.into_iter().enumerate() {
        let place = folder.path().join(number.to_string());
        prepare(&place, &input(label, trainer), task);
        folders.push(place.to_str().unwrap().to_owned());
    }
    let mut single = input("delay", boosting());
    single.features = vec!["origin".to_owned()];
    let place = folder.path().join("single");
    prepare(&place, &single, Task::Regression);
    folders.push(place.to_str().unwrap().to_owned());
    let environment = python::environment(&[
        "mlflow-skinny==3.17.2",
        "numpy==2.4.6",
        "pandas==3.1.1",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
    ]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/score.py");
    let arguments: Vec<&str> = folders.iter().map(String::as_str).collect();
    let said = environment.run(&script, &arguments);
    assert!(said.ends_with("all good\n"), "{said}");
}
