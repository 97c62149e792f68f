//! Every kind of model, loaded by the real `mlflow` and scored by the real `onnxruntime`.

use std::path::Path;

use forebay_core::ml::{KMeans, Regression, Task, Trainer};
use forebay_testkit::python;
use serde_json::{Value, json};

use crate::model::Answers;
use crate::samples::{PACKAGES, boosting, input, rows};
use crate::train::{TrainingInput, train, write_artifacts};

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
    let environment = python::environment(PACKAGES);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/score.py");
    let arguments: Vec<&str> = folders.iter().map(String::as_str).collect();
    let said = environment.run(&script, &arguments);
    assert!(said.ends_with("all good\n"), "{said}");
}
