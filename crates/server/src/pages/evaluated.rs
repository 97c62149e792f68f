//! How good a run's model is, from the files that its training left: those of every version are
//! shown, so whatever one lacks is left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forebay_core::{Diagnostic, Graph, Node, Spec};
use forebay_ml::gates::GateResult;
use forebay_store::{Run, Store};
use forebay_ui::page::{
    CalibrationBin, Confusion, Evaluation, Gate, LossPoint, MetricRow, SliceGroup, ThresholdRow,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

type Metrics = BTreeMap<String, f64>;

/// `evaluation.json`
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Found {
    train_rows: Option<u64>,
    test_rows: Option<u64>,
    metrics: Metrics,
    train_metrics: Metrics,
    intervals: BTreeMap<String, Interval>,
    folds: Vec<Metrics>,
    threshold: f64,
    confusion: Option<Counts>,
    classes: Vec<String>,
    class_confusion: Vec<Vec<u64>>,
    roc: Vec<RocPoint>,
    calibration: Vec<Bin>,
    thresholds: Vec<Threshold>,
    slices: Vec<Slice>,
    permutation: Vec<Permutation>,
    champion: Option<Champion>,
    rounds: Vec<Round>,
}

#[derive(Clone, Copy, Deserialize)]
struct Interval {
    lower: f64,
    upper: f64,
}

impl Interval {
    fn ends(&self) -> (f64, f64) {
        (self.lower, self.upper)
    }
}

#[derive(Deserialize)]
struct Counts {
    true_positives: u64,
    false_positives: u64,
    true_negatives: u64,
    false_negatives: u64,
}

#[derive(Deserialize)]
struct RocPoint {
    false_positive_rate: f64,
    true_positive_rate: f64,
}

#[derive(Deserialize)]
struct Bin {
    predicted: f64,
    observed: f64,
    rows: u64,
}

#[derive(Deserialize)]
struct Threshold {
    threshold: f64,
    yes: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    cost: Option<f64>,
}

#[derive(Deserialize)]
struct Slice {
    column: String,
    value: String,
    rows: u64,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Permutation {
    feature: String,
    drop: f64,
    metric: String,
}

#[derive(Deserialize)]
struct Champion {
    version: u64,
    metrics: Metrics,
    #[serde(default)]
    differences: BTreeMap<String, Interval>,
}

#[derive(Deserialize)]
struct Round {
    train: f64,
    test: f64,
}

/// `importance.json`
#[derive(Deserialize)]
struct Gain {
    feature: String,
    gain: f64,
}

/// Metrics that slices are told by, where they are known.
const TOLD: [&str; 6] = ["roc_auc", "log_loss", "f1", "accuracy", "rmse", "mae"];

/// None where the run's folder has no evaluation.
pub fn evaluation(
    store: &Store,
    run: &Run,
    folder: &Path,
) -> Result<Option<Evaluation>, Diagnostic> {
    let Some(found) = read::<Found>(folder, "evaluation.json") else {
        return Ok(None);
    };
    Ok(Some(Evaluation {
        gates: gates(store, run)?,
        importance: importance(folder),
        metrics: metrics(&found),
        train_rows: found.train_rows,
        test_rows: found.test_rows,
        roc: found
            .roc
            .iter()
            .map(|p| (p.false_positive_rate, p.true_positive_rate))
            .collect(),
        calibration: found.calibration.iter().map(bin).collect(),
        loss: (1..).zip(&found.rounds).map(loss).collect(),
        confusion: found
            .confusion
            .as_ref()
            .map(|counts| confusion(counts, found.threshold)),
        champion: found.champion.as_ref().map(|champion| champion.version),
        permuted: found
            .permutation
            .first()
            .map(|p| p.metric.clone())
            .unwrap_or_default(),
        permutation: found
            .permutation
            .iter()
            .map(|p| (p.feature.clone(), p.drop))
            .collect(),
        thresholds: thresholds(&found),
        served: Vec::new(),
        slices: slices(&found.slices),
        folds: folds(&found.folds),
        classes: found.classes,
        class_confusion: found.class_confusion,
    }))
}

/// Inference services of the model, with the score from which each answers yes.
pub fn served(graph: &Graph, model: &str) -> Vec<(String, f64)> {
    let threshold = |node: &Node| match &node.spec {
        Spec::InferenceService(service) if service.model == model => {
            Some((node.name.clone(), service.threshold.parse().ok()?))
        }
        _ => None,
    };
    graph.nodes.values().filter_map(threshold).collect()
}

fn metrics(found: &Found) -> Vec<MetricRow> {
    let champion = found.champion.as_ref();
    let row = |(name, value): (&String, &f64)| MetricRow {
        name: name.clone(),
        train: found.train_metrics.get(name).copied(),
        test: Some(*value),
        champion: champion.and_then(|champion| champion.metrics.get(name).copied()),
        interval: found.intervals.get(name).map(Interval::ends),
        change: champion.and_then(|champion| champion.differences.get(name).map(Interval::ends)),
    };
    found.metrics.iter().map(row).collect()
}

fn bin(bin: &Bin) -> CalibrationBin {
    CalibrationBin {
        predicted: bin.predicted,
        observed: bin.observed,
        rows: bin.rows,
    }
}

fn loss((round, loss): (u64, &Round)) -> LossPoint {
    LossPoint {
        round,
        train: Some(loss.train),
        test: Some(loss.test),
    }
}

fn confusion(counts: &Counts, threshold: f64) -> Confusion {
    Confusion {
        threshold,
        true_positives: counts.true_positives,
        false_positives: counts.false_positives,
        true_negatives: counts.true_negatives,
        false_negatives: counts.false_negatives,
    }
}

fn thresholds(found: &Found) -> Vec<ThresholdRow> {
    let row = |at: &Threshold| ThresholdRow {
        threshold: at.threshold,
        yes: at.yes,
        precision: at.precision,
        recall: at.recall,
        f1: at.f1,
        cost: at.cost,
        used: (at.threshold - found.threshold).abs() < 1e-9,
    };
    found.thresholds.iter().map(row).collect()
}

fn slices(found: &[Slice]) -> Vec<SliceGroup> {
    let mut groups: Vec<SliceGroup> = Vec::new();
    for slice in found {
        if groups
            .last()
            .is_none_or(|group| group.column != slice.column)
        {
            let all = found.iter().filter(|other| other.column == slice.column);
            let has = |name: &&&str| all.clone().any(|other| other.metrics.contains_key(**name));
            groups.push(SliceGroup {
                column: slice.column.clone(),
                metrics: TOLD
                    .iter()
                    .filter(has)
                    .take(3)
                    .map(|name| (*name).to_owned())
                    .collect(),
                rows: Vec::new(),
            });
        }
        let Some(group) = groups.last_mut() else {
            continue;
        };
        let values = group
            .metrics
            .iter()
            .map(|name| slice.metrics.get(name).copied());
        let row = (slice.value.clone(), slice.rows, values.collect());
        group.rows.push(row);
    }
    groups
}

fn folds(found: &[Metrics]) -> Vec<(String, Vec<Option<f64>>)> {
    let names: std::collections::BTreeSet<&String> =
        found.iter().flat_map(BTreeMap::keys).collect();
    let row = |name: &String| {
        (
            name.clone(),
            found.iter().map(|fold| fold.get(name).copied()).collect(),
        )
    };
    names.into_iter().map(row).collect()
}

/// Gates as they came out when the run was registered or refused.
fn gates(store: &Store, run: &Run) -> Result<Vec<Gate>, Diagnostic> {
    let Some(invocation) = &run.invocation_id else {
        return Ok(Vec::new());
    };
    let found = store.node_runs(invocation)?.into_iter().find(|node_run| {
        node_run.details["run_id"] == run.id.as_str() && node_run.details["gates"].is_array()
    });
    let results: Vec<GateResult> = found
        .and_then(|found| serde_json::from_value(found.details["gates"].clone()).ok())
        .unwrap_or_default();
    let gate = |result: GateResult| Gate {
        found: match (result.left, result.right, result.note) {
            (_, _, Some(note)) => note,
            (Some(left), Some(right), None) => format!("{left:.4} against {right:.4}"),
            (Some(left), None, None) => format!("{left:.4}"),
            (None, ..) => "not known".to_owned(),
        },
        rule: result.expression,
        passed: result.passed,
    };
    Ok(results.into_iter().map(gate).collect())
}

fn importance(folder: &Path) -> Vec<(String, f64)> {
    let found: Vec<Gain> = read(folder, "importance.json").unwrap_or_default();
    let total: f64 = found.iter().map(|gain| gain.gain).sum();
    let share = |gain: &Gain| {
        (
            gain.feature.clone(),
            gain.gain / total.max(f64::MIN_POSITIVE),
        )
    };
    found.iter().map(share).collect()
}

/// None where the run left no such file.
pub fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Option<T> {
    serde_json::from_slice(&std::fs::read(within(folder, name)?).ok()?).ok()
}

/// A file in a run's own folder. What a script laid there may be a link, which is not followed out of it.
pub fn within(folder: &Path, name: &str) -> Option<PathBuf> {
    let found = folder.join(name).canonicalize().ok()?;
    (found.starts_with(folder) && found.is_file()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_a_runs_folder_shows_nothing_from_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let run = root.join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(root.join("secret.json"), "{}").unwrap();
        std::fs::write(run.join("importance.json"), "[]").unwrap();
        std::os::unix::fs::symlink(root.join("secret.json"), run.join("evaluation.json")).unwrap();
        assert_eq!(within(&run, "evaluation.json"), None);
        assert!(read::<Found>(&run, "evaluation.json").is_none());
        assert!(read::<Vec<Gain>>(&run, "importance.json").is_some());
    }
}
