//! How good a model is, from what its training wrote down: parts of a run's page and of a model's card.

use askama::Template;

use super::render;
use crate::chart::{Axis, Mark, Plot, share_bar};
use crate::markup::Markup;
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "evaluation.html")]
pub struct Evaluation {
    pub metrics: Vec<MetricRow>,
    pub gates: Vec<Gate>,
    pub train_rows: Option<u64>,
    pub test_rows: Option<u64>,
    /// `(false positive rate, true positive rate)` from (0, 0) to (1, 1), on the test rows.
    pub roc: Vec<(f64, f64)>,
    pub calibration: Vec<CalibrationBin>,
    /// By boosting round.
    pub loss: Vec<LossPoint>,
    pub confusion: Option<Confusion>,
    /// Features with their share of the total gain, the greatest first.
    pub importance: Vec<(String, f64)>,
    /// The version that was champion when this was judged.
    pub champion: Option<u64>,
    /// Shuffled features with how much worse the metric gets, the greatest first.
    pub permutation: Vec<(String, f64)>,
    /// The metric that the permutation is of.
    pub permuted: String,
    /// Of a label of several classes: their names, and test rows by truth, then by answer.
    pub classes: Vec<String>,
    pub class_confusion: Vec<Vec<u64>>,
    pub thresholds: Vec<ThresholdRow>,
    /// Inference services of the model, with the score from which each answers yes.
    pub served: Vec<(String, f64)>,
    /// Columns whose values part the test rows.
    pub slices: Vec<SliceGroup>,
    /// Metrics by fold of a cross-validation.
    pub folds: Vec<(String, Vec<Option<f64>>)>,
}

/// What a threshold would give on the test rows.
#[derive(Clone, Copy, Debug)]
pub struct ThresholdRow {
    pub threshold: f64,
    /// Share answered with yes.
    pub yes: f64,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    /// Mean cost a row.
    pub cost: Option<f64>,
    /// It is the one in use.
    pub used: bool,
}

/// The test rows by one column's values.
#[derive(Clone, Debug, Default)]
pub struct SliceGroup {
    pub column: String,
    pub metrics: Vec<String>,
    /// Value, rows, the metrics in their order.
    pub rows: Vec<(String, u64, Vec<Option<f64>>)>,
}

#[derive(Clone, Debug)]
pub struct MetricRow {
    pub name: String,
    pub train: Option<f64>,
    pub test: Option<f64>,
    /// Of the version that was champion before, on the same rows.
    pub champion: Option<f64>,
    /// 95 % confidence intervals of the value on test rows, and of the change.
    pub interval: Option<(f64, f64)>,
    pub change: Option<(f64, f64)>,
}

impl MetricRow {
    fn difference(&self) -> Option<String> {
        Some(format::change(self.test? - self.champion?))
    }

    fn range(pair: Option<(f64, f64)>, shown: fn(f64) -> String) -> Option<String> {
        let (low, high) = pair?;
        Some(format!("{} to {}", shown(low), shown(high)))
    }

    fn interval(&self) -> Option<String> {
        Self::range(self.interval, format::metric)
    }

    fn change(&self) -> Option<String> {
        Self::range(self.change, format::change)
    }
}

/// A rule that the model had to pass.
#[derive(Clone, Debug)]
pub struct Gate {
    /// As written: `roc_auc >= champion - 0.005`.
    pub rule: String,
    pub passed: bool,
    /// What it compared: `0.7231 >= 0.7181`.
    pub found: String,
}

/// Rows whose predicted probability falls into one bin.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationBin {
    pub predicted: f64,
    pub observed: f64,
    pub rows: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct LossPoint {
    pub round: u64,
    pub train: Option<f64>,
    pub test: Option<f64>,
}

/// Rows of a cell, their share, and how dark the cell is.
type Cell = (String, String, usize);

/// Test rows by truth and answer.
#[derive(Clone, Copy, Debug)]
pub struct Confusion {
    pub threshold: f64,
    pub true_positives: u64,
    pub false_positives: u64,
    pub true_negatives: u64,
    pub false_negatives: u64,
}

impl Confusion {
    /// `n` of all rows, and a class for how dark the cell is.
    fn cell(&self, n: u64) -> Cell {
        let total =
            self.true_positives + self.false_positives + self.true_negatives + self.false_negatives;
        let share = n as f64 / total.max(1) as f64;
        (
            format::count(n),
            format::percent(share),
            (share * 5.0).ceil().min(5.0) as usize,
        )
    }

    /// Rows of the table: what is true, then answered yes and answered no.
    fn rows(&self) -> [(&'static str, [Cell; 2]); 2] {
        [
            (
                "is yes",
                [
                    self.cell(self.true_positives),
                    self.cell(self.false_negatives),
                ],
            ),
            (
                "is no",
                [
                    self.cell(self.false_positives),
                    self.cell(self.true_negatives),
                ],
            ),
        ]
    }

    fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }

    fn recall(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_negatives) as f64
    }
}

impl Evaluation {
    pub(crate) fn shown(&self) -> Markup {
        render(self)
    }

    fn plots(&self) -> Vec<Markup> {
        [self.roc_plot(), self.calibration_plot(), self.loss_plot()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn roc_plot(&self) -> Option<Markup> {
        if self.roc.is_empty() {
            return None;
        }
        let auc = self
            .metrics
            .iter()
            .find(|m| m.name == "roc_auc")
            .and_then(|m| m.test);
        let area = auc.map_or(String::new(), |auc| {
            format!(", area {}", format::metric(auc))
        });
        let plot = Plot {
            title: format!("ROC curve{area}"),
            description: "True positive rate over false positive rate on the test rows".to_owned(),
            x: Axis::between("false positive rate", 0.0, 1.0),
            y: Axis::between("true positive rate", 0.0, 1.0),
            marks: vec![
                guide("chance"),
                Mark::Line {
                    class: "a",
                    label: "test rows".to_owned(),
                    points: self.roc.clone(),
                },
            ],
        };
        Some(plot.figure())
    }

    fn calibration_plot(&self) -> Option<Markup> {
        let most = self.calibration.iter().map(|bin| bin.rows).max()?;
        let dot = |bin: &CalibrationBin| {
            let (predicted, observed) = (
                format::percent(bin.predicted),
                format::percent(bin.observed),
            );
            let rows = format::counted(bin.rows, "row", "rows");
            let says = format!("{rows}: predicted {predicted}, true {observed}");
            (
                bin.predicted,
                bin.observed,
                bin.rows as f64 / most.max(1) as f64,
                says,
            )
        };
        let line = self
            .calibration
            .iter()
            .map(|bin| (bin.predicted, bin.observed));
        let plot = Plot {
            title: "Calibration".to_owned(),
            description: "Share that is true over the predicted probability, on the test rows"
                .to_owned(),
            x: Axis::between("predicted probability", 0.0, 1.0),
            y: Axis::between("share that is true", 0.0, 1.0),
            marks: vec![
                guide("perfect"),
                Mark::Line {
                    class: "a",
                    label: String::new(),
                    points: line.collect(),
                },
                Mark::Dots {
                    class: "a",
                    label: "test rows, sized by count".to_owned(),
                    points: self.calibration.iter().map(dot).collect(),
                },
            ],
        };
        Some(plot.figure())
    }

    fn loss_plot(&self) -> Option<Markup> {
        let last = self.loss.last()?.round;
        let curve = |value: fn(&LossPoint) -> Option<f64>| {
            self.loss
                .iter()
                .filter_map(move |p| Some((p.round as f64, value(p)?)))
        };
        let (train, test): (Vec<_>, Vec<_>) =
            (curve(|p| p.train).collect(), curve(|p| p.test).collect());
        let values: Vec<f64> = train.iter().chain(&test).map(|p| p.1).collect();
        let mut marks = vec![Mark::Line {
            class: "b",
            label: "training rows".to_owned(),
            points: train,
        }];
        if !test.is_empty() {
            marks.push(Mark::Line {
                class: "a",
                label: "test rows".to_owned(),
                points: test,
            });
        }
        let plot = Plot {
            title: "Log loss by round".to_owned(),
            description: "Log loss after each boosting round; lower is better".to_owned(),
            x: Axis::between("round", 0.0, last as f64),
            y: Axis::over("log loss", values),
            marks,
        };
        Some(plot.figure())
    }

    /// Services that answer at another threshold than the one of the confusion.
    fn elsewhere(&self) -> Vec<(&str, String)> {
        let judged = self
            .confusion
            .map_or(f64::NAN, |confusion| confusion.threshold);
        let differs = |(_, at): &&(String, f64)| (at - judged).abs() > 1e-9;
        let other = self.served.iter().filter(differs);
        other
            .map(|(name, at)| (name.as_str(), format::number(*at)))
            .collect()
    }

    fn has_train(&self) -> bool {
        self.metrics.iter().any(|metric| metric.train.is_some())
    }

    fn has_champion(&self) -> bool {
        self.metrics.iter().any(|metric| metric.champion.is_some())
    }

    fn has_costs(&self) -> bool {
        self.thresholds.iter().any(|row| row.cost.is_some())
    }

    fn permutation_rows(&self) -> Vec<(&str, String, Markup)> {
        let most = self
            .permutation
            .iter()
            .map(|(_, drop)| *drop)
            .fold(f64::MIN_POSITIVE, f64::max);
        self.permutation
            .iter()
            .map(|(name, drop)| {
                let text = format::metric(*drop);
                let bar = share_bar(drop / most, &text);
                (name.as_str(), text, bar)
            })
            .collect()
    }

    /// A row of the confusion of classes: its name, and rows with how dark each cell is.
    fn class_rows(&self) -> Vec<(&str, Vec<(String, usize)>)> {
        let heat = |n: u64, all: u64| (n as f64 / all.max(1) as f64 * 5.0).ceil().min(5.0) as usize;
        self.classes
            .iter()
            .zip(&self.class_confusion)
            .map(|(name, row)| {
                let all = row.iter().sum();
                (
                    name.as_str(),
                    row.iter()
                        .map(|n| (format::count(*n), heat(*n, all)))
                        .collect(),
                )
            })
            .collect()
    }

    /// Feature, its share as text, its bar relative to the greatest.
    fn importance_rows(&self) -> Vec<(&str, String, Markup)> {
        let most = self
            .importance
            .first()
            .map_or(1.0, |(_, share)| share.max(f64::MIN_POSITIVE));
        self.importance
            .iter()
            .map(|(name, share)| {
                let text = format::percent(*share);
                let bar = share_bar(share / most, &text);
                (name.as_str(), text, bar)
            })
            .collect()
    }
}

fn guide(label: &str) -> Mark {
    Mark::Guide {
        label: label.to_owned(),
        from: (0.0, 0.0),
        to: (1.0, 1.0),
    }
}
