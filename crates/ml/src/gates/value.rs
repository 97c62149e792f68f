//! What the terms of a gate are worth.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, suggest};

use super::parse::{Side, Term, Value};
use crate::judge::{Evaluation, Interval};
use crate::metrics;

/// What gates are held against.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub evaluation: &'a Evaluation,
    /// Metrics of the version that holds the alias, on the same rows where it could score them.
    pub champion: Option<&'a BTreeMap<String, f64>>,
}

/// Smaller slices are chance.
const FEWEST_ROWS: u64 = 30;

type Found = Result<Option<f64>, Diagnostic>;

impl Side {
    /// None where a term is not defined on these rows.
    pub fn value(&self, known: &Known<'_>, metric: Option<&str>) -> Found {
        let mut sum = Some(0.0);
        for (factor, term) in &self.0 {
            let value = match term {
                Term::One => Some(1.0),
                Term::Value(Value::Champion(_) | Value::GainLower(_) | Value::GainUpper(_))
                    if known.champion.is_none() =>
                {
                    None
                }
                Term::Value(value) => value.of(known, metric)?,
            };
            sum = sum.zip(value).map(|(sum, value)| sum + factor * value);
        }
        Ok(sum)
    }
}

impl Value {
    fn of(&self, known: &Known<'_>, metric: Option<&str>) -> Found {
        let found = known.evaluation;
        match self {
            Value::Metric(name) => of_metrics(&found.metrics, name, found, "the run"),
            Value::Train(name) => {
                of_metrics(&found.train_metrics, name, found, "the training rows")
            }
            Value::Lower(name) => {
                interval(&found.intervals, name, found).map(|i| i.map(|i| i.lower))
            }
            Value::Upper(name) => {
                interval(&found.intervals, name, found).map(|i| i.map(|i| i.upper))
            }
            Value::Folds(name) => folds(found, name),
            Value::Slice {
                column,
                value,
                metric,
            } => slice(found, column, value, metric),
            Value::Worst { column, metric } => worst(found, column, metric),
            Value::Threshold { at, metric } => threshold(found, *at, metric),
            Value::Importance(feature) => importance(found, feature),
            Value::Champion(name) => {
                let name = name.as_deref().or(metric);
                let name = name.ok_or_else(|| {
                    Diagnostic::error("'champion' follows no metric")
                        .hint("name it: champion.roc_auc")
                })?;
                let empty = BTreeMap::new();
                of_metrics(
                    known.champion.unwrap_or(&empty),
                    name,
                    found,
                    "the champion",
                )
            }
            Value::GainLower(name) => gain(found, name).map(|i| i.map(|i| i.lower)),
            Value::GainUpper(name) => gain(found, name).map(|i| i.map(|i| i.upper)),
        }
    }
}

/// An error where no such metric exists; None where it exists and is not defined here.
fn of_metrics(
    metrics: &BTreeMap<String, f64>,
    name: &str,
    found: &Evaluation,
    whose: &str,
) -> Found {
    match metrics.get(name) {
        Some(value) => Ok(Some(*value)),
        None if metrics::names(found.task).contains(&name) && !metrics.is_empty() => Ok(None),
        None => Err(unknown(
            format!("{whose} has no metric '{name}'"),
            name,
            metrics.keys(),
        )),
    }
}

fn unknown<'a>(message: String, name: &str, known: impl Iterator<Item = &'a String>) -> Diagnostic {
    let names: Vec<&str> = known.map(String::as_str).collect();
    Diagnostic::error(message)
        .maybe_hint(suggest::nearest(name, names.iter().copied()))
        .hint(match names.is_empty() {
            true => "there are none".to_owned(),
            false => format!("valid: {}", names.join(", ")),
        })
}

fn interval(
    intervals: &BTreeMap<String, Interval>,
    name: &str,
    found: &Evaluation,
) -> Result<Option<Interval>, Diagnostic> {
    match intervals.get(name) {
        Some(interval) => Ok(Some(*interval)),
        None if intervals.is_empty() => Err(Diagnostic::error("there are no intervals")
            .hint("set `resamples` of `evaluate` above 0")),
        None if metrics::names(found.task).contains(&name) => Ok(None),
        None => Err(unknown(
            format!("the run has no metric '{name}'"),
            name,
            intervals.keys(),
        )),
    }
}

fn folds(found: &Evaluation, name: &str) -> Found {
    if found.folds.is_empty() {
        return Err(Diagnostic::error("there are no folds")
            .hint("set `cross_validation` of `evaluate` to 2 or more"));
    }
    let mut sum = Some(0.0);
    for fold in &found.folds {
        let value = of_metrics(fold, name, found, "a fold")?;
        sum = sum.zip(value).map(|(sum, value)| sum + value);
    }
    Ok(sum.map(|sum| sum / found.folds.len() as f64))
}

fn slice(found: &Evaluation, column: &str, value: &str, metric: &str) -> Found {
    check_column(found, column)?;
    let slice = found
        .slices
        .iter()
        .find(|s| s.column == column && s.value == value);
    match slice {
        Some(slice) => of_metrics(&slice.metrics, metric, found, "the slice"),
        // No such rows today: nothing says that the model is good for them.
        None => Ok(None),
    }
}

fn worst(found: &Evaluation, column: &str, metric: &str) -> Found {
    check_column(found, column)?;
    let better_low = metrics::lower_is_better(metric);
    let mut worst: Option<f64> = None;
    for slice in &found.slices {
        if slice.column != column || slice.rows < FEWEST_ROWS {
            continue;
        }
        let Some(value) = of_metrics(&slice.metrics, metric, found, "a slice")? else {
            continue;
        };
        worst = Some(match worst {
            Some(worst) if better_low => worst.max(value),
            Some(worst) => worst.min(value),
            None => value,
        });
    }
    Ok(worst)
}

fn check_column(found: &Evaluation, column: &str) -> Result<(), Diagnostic> {
    if found.slices.iter().any(|slice| slice.column == column) {
        return Ok(());
    }
    let columns = found.slices.iter().map(|slice| slice.column.as_str());
    Err(
        Diagnostic::error(format!("there are no slices by '{column}'"))
            .maybe_hint(suggest::nearest(column, columns))
            .hint("name the column in `slices` of `evaluate`"),
    )
}

fn threshold(found: &Evaluation, at: f64, metric: &str) -> Found {
    let nearest = found.thresholds.iter().min_by(|a, b| {
        (a.threshold - at)
            .abs()
            .total_cmp(&(b.threshold - at).abs())
    });
    let row = nearest
        .filter(|row| (row.threshold - at).abs() < 1e-9)
        .ok_or_else(|| {
            Diagnostic::error(format!("there is no threshold {at}"))
                .hint("a binary label has thresholds 0.05, 0.1, 0.15 and so on up to 0.95")
        })?;
    match metric {
        "yes" => Ok(Some(row.yes)),
        "precision" => Ok(Some(row.precision)),
        "recall" => Ok(Some(row.recall)),
        "f1" => Ok(Some(row.f1)),
        "accuracy" => Ok(Some(row.accuracy)),
        "cost" => row.cost.map(Some).ok_or_else(|| {
            Diagnostic::error("there are no costs").hint("set `costs` of `evaluate`")
        }),
        other => Err(Diagnostic::error(format!("a threshold has no '{other}'"))
            .hint("it has yes, precision, recall, f1, accuracy and cost")),
    }
}

fn importance(found: &Evaluation, feature: &str) -> Found {
    let known = found
        .permutation
        .iter()
        .find(|known| known.feature == feature);
    match known {
        Some(known) => Ok(Some(known.drop)),
        None => Err(unknown(
            format!("no feature '{feature}' was shuffled"),
            feature,
            found.permutation.iter().map(|known| &known.feature),
        )),
    }
}

fn gain(found: &Evaluation, name: &str) -> Result<Option<Interval>, Diagnostic> {
    let champion = found.champion.as_ref();
    let Some(champion) = champion else {
        return Ok(None);
    };
    interval(&champion.differences, name, found)
}
