//! What a run gives, and what it refuses.

use arrow::array::{BooleanArray, Date32Array, Int64Array, StringArray};
use arrow::compute::cast;
use forebay_core::ml::GradientBoosting;

use super::*;

/// Flights whose lateness follows the wind, and more so at one airport.
fn flights(rows: i64, shift: i64) -> RecordBatch {
    let wind = |i: i64| ((i * 7_919 + shift) % 40) as f64;
    let origin = |i: i64| ["EWR", "JFK", "LGA"][(i % 3) as usize];
    let late =
        |i: i64| wind(i) + f64::from(u8::from(i % 3 == 0)) * 10.0 + (i * 31 % 17) as f64 > 35.0;
    let wind_or_gap = |i: i64| (i % 11 != 0).then(|| wind(i));
    RecordBatch::try_from_iter_with_nullable([
        (
            "wind",
            Arc::new((0..rows).map(wind_or_gap).collect::<Float64Array>()) as ArrayRef,
            true,
        ),
        (
            "origin",
            Arc::new(StringArray::from_iter_values((0..rows).map(origin))) as _,
            true,
        ),
        (
            "score",
            Arc::new(Int64Array::from_iter_values(0..rows)) as _,
            true,
        ),
        (
            "is_late",
            Arc::new((0..rows).map(|i| Some(late(i))).collect::<BooleanArray>()) as _,
            true,
        ),
    ])
    .unwrap()
}

fn input() -> TrainingInput {
    TrainingInput {
        train: vec![flights(500, 0), flights(400, 3)],
        test: vec![flights(300, 11)],
        label: "is_late".to_owned(),
        features: vec!["wind".to_owned(), "origin".to_owned()],
        trainer: Trainer::GradientBoosting(GradientBoosting {
            rounds: 10,
            max_leaves: 6,
            ..GradientBoosting::default()
        }),
        split: Split::Random { test: 0.25 },
        judging: Judging {
            resamples: 20,
            ..Judging::default()
        },
        seed: 1,
        champion: None,
        training_hash: "abc".to_owned(),
    }
}

fn problem(change: impl Fn(&mut TrainingInput)) -> String {
    let mut input = input();
    change(&mut input);
    train(&input).unwrap_err().message
}

/// Replaces a column of all batches.
fn replace(batches: &mut [RecordBatch], name: &str, column: impl Fn(usize) -> ArrayRef) {
    for batch in batches {
        let columns = batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect::<Vec<_>>();
        let pairs = columns
            .into_iter()
            .zip(batch.columns().to_vec())
            .map(|(known, old)| {
                let array = if known == name {
                    column(batch.num_rows())
                } else {
                    old
                };
                (known, array, true)
            });
        *batch = RecordBatch::try_from_iter_with_nullable(pairs).unwrap();
    }
}

#[test]
fn learns_judges_and_profiles() {
    let trained = train(&input()).unwrap();
    let evaluation = &trained.evaluation;
    assert_eq!((evaluation.train_rows, evaluation.test_rows), (900, 300));
    assert!(
        evaluation.metrics["roc_auc"] > 0.9,
        "{:?}",
        evaluation.metrics
    );
    assert!(
        evaluation
            .metrics
            .keys()
            .map(String::as_str)
            .eq(crate::metrics::NAMES)
    );
    assert_eq!(evaluation.rounds.len(), 10);
    assert!((evaluation.rounds[9].test - evaluation.metrics["log_loss"]).abs() < 1e-12);
    assert_eq!(trained.importance[0].feature, "wind");
    let reference = &trained.reference;
    let names: Vec<&str> = reference.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["wind", "origin", "score"]);
    // The rows' own column of that name is not the model's score.
    let profile::Values::Numbers(score) = &reference.column("score").unwrap().values else {
        panic!("scores are numbers");
    };
    assert!(score.max < 1.0);
}

#[test]
fn the_same_input_gives_the_same_run() {
    let (one, two) = (train(&input()).unwrap(), train(&input()).unwrap());
    assert_eq!(one.model, two.model);
    assert_eq!(one.evaluation, two.evaluation);
}

#[test]
fn artifacts_read_back() {
    let place = tempfile::tempdir().unwrap();
    let trained = train(&input()).unwrap();
    write_artifacts(place.path(), &trained, &input()).unwrap();
    let model = Model::read(&place.path().join("model")).unwrap();
    assert_eq!(model, trained.model);
    let profile = profile::read(&place.path().join("profile.json")).unwrap();
    assert_eq!(profile, trained.reference);
    let text = std::fs::read(place.path().join("evaluation.json")).unwrap();
    let evaluation: Evaluation = serde_json::from_slice(&text).unwrap();
    assert_eq!(evaluation, trained.evaluation);
    let mut names: Vec<_> = std::fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "evaluation.json",
            "importance.json",
            "model",
            "profile.json"
        ]
    );
}

#[test]
fn what_cannot_be_learnt_from_is_explained() {
    let all_true = |rows| Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef;
    let days = |rows| Arc::new(Date32Array::from(vec![7; rows])) as ArrayRef;
    let nulls = |rows| Arc::new(Float64Array::from(vec![None; rows])) as ArrayRef;
    let twos = |rows| Arc::new(Int64Array::from(vec![2; rows])) as ArrayRef;
    assert_eq!(problem(|i| i.train.clear()), "there are no training rows");
    assert_eq!(problem(|i| i.test.clear()), "there are no test rows");
    assert_eq!(
        problem(|i| replace(&mut i.train, "is_late", all_true)),
        "label 'is_late' is true in all 900 training rows: there is nothing to tell apart"
    );
    assert_eq!(
        problem(|i| replace(&mut i.train, "is_late", days)),
        "label 'is_late' has type Date32"
    );
    assert_eq!(
        problem(|i| replace(&mut i.test, "is_late", twos)),
        "label 'is_late' has the value 2 in the test rows"
    );
    assert!(problem(|i| replace(&mut i.train, "is_late", nulls)).contains("is null in"));
    assert_eq!(
        problem(|i| {
            replace(&mut i.train, "wind", nulls);
            replace(&mut i.train, "origin", nulls);
        }),
        "every feature is null in all training rows"
    );
    assert_eq!(
        problem(|i| i.features.clear()),
        "the training job has no features"
    );
    assert!(problem(|i| i.label = "late".to_owned()).contains("lack the label column 'late'"));
    let rate = Trainer::GradientBoosting(GradientBoosting {
        learning_rate: 0.0,
        ..Default::default()
    });
    assert_eq!(
        problem(|i| i.trainer = rate.clone()),
        "trainer parameter learning_rate is 0; it must be above 0, at most 1"
    );
}

#[test]
fn a_label_of_zeros_and_ones_is_as_good_as_a_boolean() {
    let mut numeric = input();
    for batches in [&mut numeric.train, &mut numeric.test] {
        for batch in batches {
            let booleans = batch.column_by_name("is_late").unwrap().clone();
            let numbers = cast(&booleans, &DataType::Int64).unwrap();
            replace(std::slice::from_mut(batch), "is_late", |_| numbers.clone());
        }
    }
    assert_eq!(
        train(&numeric).unwrap().model,
        train(&input()).unwrap().model
    );
}

#[test]
fn a_trial_may_be_judged_by_its_folds() {
    let input = input();
    let target = Target::of(&input.trainer, &input.label, &input.train).unwrap();
    let held_out = for_trials(&input, 1.0, 0).unwrap();
    assert_eq!(rows(&held_out.train) + rows(&held_out.test), 900);
    let folded = for_trials(&input, 0.5, 3).unwrap();
    assert_eq!((rows(&folded.train), rows(&folded.test)), (450, 0));
    let found = try_out(&folded, &target, 1).unwrap();

    let mut whole = input.clone();
    (whole.train, whole.judging.folds) = (folded.train.clone(), 3);
    let folds = train(&whole).unwrap().evaluation.folds;
    let mean = folds.iter().map(|fold| fold["roc_auc"]).sum::<f64>() / 3.0;
    assert_eq!((folds.len(), found["roc_auc"]), (3, mean));
}
