//! Every figure of an evaluation, computed once more by scikit-learn and NumPy from the same answers.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use forebay_core::ml::{Costs, Judging, Regression, Trainer};
use forebay_testkit::python;
use serde_json::{Value, json};

use crate::judge::Scored;
use crate::samples::{PACKAGES, boosting, input, rows};
use crate::train::{ToBeat, TrainingInput, train, write_artifacts};

/// Writes the run's artifacts, and beside them the test rows with the answers of model and champion.
fn prepare(folder: &Path, input: &TrainingInput) {
    let trained = train(input).unwrap();
    write_artifacts(folder, &trained, input).unwrap();
    let model = &trained.model;
    let rows = &input.test[0];
    let numbers = model.features.matrix(std::slice::from_ref(rows)).unwrap();
    let columns = (0..)
        .zip(model.feature_names())
        .map(|(index, name)| match name {
            "origin" => (name.to_owned(), texts(rows, name)),
            name => (name.to_owned(), json!(numbers.column(index))),
        });
    let champion = input.champion.as_ref().map(|found| &found.model);
    let given = json!({
        "rows": columns.collect::<serde_json::Map<_, _>>(),
        "label": label(rows, &input.label),
        "answers": answers(model, input),
        "champion": champion.map(|model| answers(model, input)),
        "costs": input.judging.costs,
    });
    std::fs::write(folder.join("judged.json"), given.to_string()).unwrap();
}

fn texts(rows: &RecordBatch, name: &str) -> Value {
    let column = rows.column_by_name(name).unwrap();
    json!(column.as_string::<i32>().iter().collect::<Vec<_>>())
}

fn label(rows: &RecordBatch, name: &str) -> Value {
    let column = rows.column_by_name(name).unwrap();
    if let Some(flags) = column.as_boolean_opt() {
        return json!(flags.iter().collect::<Vec<_>>());
    }
    match column.as_primitive_opt::<Float64Type>() {
        Some(numbers) => json!(numbers.values().to_vec()),
        None => texts(rows, name),
    }
}

/// A number a row; of several classes the probability of each.
fn answers(model: &crate::model::Model, input: &TrainingInput) -> Value {
    let labels = vec![0.0; crate::train::rows(&input.test)];
    let answers = model.answers(&input.test).unwrap();
    match Scored::new(model.task, &labels, answers).unwrap() {
        Scored::Binary { scores, .. } => json!(scores),
        Scored::Regression { answers, .. } => json!(answers),
        Scored::Multiclass { shares, .. } => json!(shares),
        Scored::Clusters { .. } => json!(null),
    }
}

#[test]
fn every_figure_is_that_of_scikit_learn() {
    let champion = |label: &str, trainer: Trainer| ToBeat {
        version: 3,
        run_id: "r".to_owned(),
        model: train(&input(label, trainer)).unwrap().model,
    };
    let judged = |label: &str, other: Option<Trainer>| {
        let mut input = input(label, boosting());
        input.judging = Judging {
            slices: vec!["origin".to_owned()],
            costs: (label == "is_late").then_some(Costs {
                false_positive: 1.0,
                false_negative: 5.0,
            }),
            threshold: 0.3,
            resamples: 500,
            folds: 0,
        };
        input.champion = other.map(|trainer| champion(label, trainer));
        input
    };
    let linear = Regression::default();
    let cases = [
        judged("is_late", Some(Trainer::LogisticRegression(linear.clone()))),
        judged("delay", Some(Trainer::LinearRegression(linear))),
        judged("sky", None),
    ];
    assert_eq!(rows(2).num_rows(), crate::train::rows(&cases[0].test));
    let folder = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for case in &cases {
        let place = folder.path().join(&case.label);
        prepare(&place, case);
        folders.push(place.to_str().unwrap().to_owned());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge.py");
    let arguments: Vec<&str> = folders.iter().map(String::as_str).collect();
    let said = python::environment(PACKAGES).run(&script, &arguments);
    assert!(said.ends_with("all good\n"), "{said}");
}
