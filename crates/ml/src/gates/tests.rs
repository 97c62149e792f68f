use std::collections::BTreeMap;

use forebay_core::ml::Judging;

use super::*;
use crate::judge::{Evaluation, Interval, Permutation, Scored, Slice};

fn metrics(auc: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("roc_auc".to_owned(), auc), ("log_loss".to_owned(), 0.48)])
}

fn evaluation() -> Evaluation {
    let scored = Scored::Binary {
        labels: vec![true, false, true, false],
        scores: vec![0.9, 0.4, 0.35, 0.1],
    };
    let slice = |value: &str, rows, auc| Slice {
        column: "carrier".to_owned(),
        value: value.to_owned(),
        rows,
        metrics: metrics(auc),
    };
    let judging = Judging {
        resamples: 0,
        ..Judging::default()
    };
    Evaluation {
        metrics: metrics(0.72),
        train_metrics: metrics(0.8),
        folds: vec![metrics(0.7), metrics(0.72)],
        intervals: BTreeMap::from([(
            "roc_auc".to_owned(),
            Interval {
                lower: 0.70,
                upper: 0.74,
            },
        )]),
        slices: vec![
            slice("UA", 900, 0.61),
            slice("B6", 400, 0.69),
            slice("HA", 3, 0.2),
        ],
        permutation: vec![Permutation {
            feature: "wind speed".to_owned(),
            drop: 0.03,
            metric: "roc_auc".to_owned(),
        }],
        ..Evaluation::of(&scored, &judging, 0)
    }
}

fn one(gate: &str, champion: Option<f64>) -> GateResult {
    let (evaluation, champion) = (evaluation(), champion.map(metrics));
    let known = Known {
        evaluation: &evaluation,
        champion: champion.as_ref(),
    };
    evaluate(&[gate.to_owned()], &known).unwrap().remove(0)
}

#[test]
fn compares_with_numbers_and_with_the_champion() {
    for (gate, champion, passed) in [
        ("roc_auc >= 0.72", None, true),
        ("roc_auc > 0.72", None, false),
        ("log_loss<0.5", None, true),
        ("log_loss <= 4.7e-1", None, false),
        ("roc_auc >= champion", Some(0.73), false),
        ("roc_auc >= champion - 0.005", Some(0.724), true),
        ("roc_auc>=champion+0.01", Some(0.715), false),
        ("log_loss <= champion.log_loss", Some(0.9), true),
        ("roc_auc >= 0.9 * champion", Some(0.79), true),
    ] {
        assert_eq!(one(gate, champion).passed, passed, "{gate}");
    }
    let result = one("roc_auc >= champion - 0.005", Some(0.724));
    assert_eq!(
        (result.left, result.right),
        (Some(0.72), Some(0.724 - 0.005))
    );
}

#[test]
fn asks_everything_that_was_evaluated() {
    for (gate, passed) in [
        ("roc_auc.lower >= 0.7", true),
        ("roc_auc.upper - roc_auc.lower < 0.03", false),
        ("train.roc_auc - roc_auc < 0.1", true),
        ("folds.roc_auc > 0.705", true),
        ("slice(carrier='UA').roc_auc >= 0.6", true),
        (
            "slice(carrier='B6').roc_auc - slice(carrier='UA').roc_auc < 0.05",
            false,
        ),
        ("worst(carrier).roc_auc >= 0.61", true),
        ("worst(carrier).roc_auc >= 0.62", false),
        ("threshold(0.35).recall >= 1", true),
        ("importance('wind speed') > 0.01", true),
    ] {
        assert_eq!(one(gate, None).passed, passed, "{gate}");
    }
}

#[test]
fn the_first_model_has_no_champion_to_beat() {
    let result = one("roc_auc >= champion - 0.005", None);
    assert!(result.passed);
    assert_eq!(result.note.as_deref(), Some("there is no champion yet"));
}

#[test]
fn what_is_not_defined_never_passes() {
    for gate in ["f1 >= 0.1", "f1 <= 0.1", "slice(carrier='XX').roc_auc < 1"] {
        let result = one(gate, None);
        assert!(!result.passed, "{gate}");
        assert_eq!(result.note.as_deref(), Some("not defined on these rows"));
    }
}

#[test]
fn a_wrong_gate_is_explained() {
    let evaluation = evaluation();
    let known = Known {
        evaluation: &evaluation,
        champion: None,
    };
    let error = |gate: &str| {
        evaluate(&[gate.to_owned()], &known)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("roc_acu >= 0.7"),
        "error: gate 'roc_acu >= 0.7': the run has no metric 'roc_acu'\n  \
         hint: did you mean 'roc_auc'?\n  hint: valid: log_loss, roc_auc"
    );
    assert!(error("roc_auc 0.7").contains("it has no comparison"));
    assert!(error("roc_auc == 0.7").contains("it has no comparison"));
    assert!(error(">= 0.7").contains("something is missing beside the comparison"));
    assert!(error("roc_auc >= championship.x").contains("'championship' has no 'x'"));
    assert!(error("slice(origin='EWR').roc_auc > 0").contains("there are no slices by 'origin'"));
    assert!(error("threshold(0.33).recall > 0").contains("there is no threshold 0.33"));
    for gate in [
        "roc_auc >= ",
        "roc_auc >= champion *",
        "roc_auc >= champion champion",
        "roc_auc >= 1 -",
        "slice(carrier='UA) > 1",
        "train > 1",
    ] {
        assert!(Gate::parse(gate).is_err(), "{gate}");
    }
}
