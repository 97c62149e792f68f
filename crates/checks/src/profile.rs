//! Profiles: what the values of columns look like, small enough to keep and to compare later.
//!
//! A numeric column is kept as at most [`MOST_STEPS`] runs of its sorted values, each with its ends
//! and its rows. Up to that many distinct values the profile is exact; beyond, the rows at or below
//! any number are known to within one run, at most 0.4 % of the rows, and mostly far better.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use forebay_core::{Diagnostic, suggest};
use serde::{Deserialize, Serialize};

const FORMAT: u32 = 1;
/// Runs kept of a numeric column.
pub const MOST_STEPS: usize = 500;
/// Categories kept by name; the rarest beyond are counted together.
pub const MOST_CATEGORIES: usize = 1_000;

/// Profiles of some columns over the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub format: u32,
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub name: String,
    /// Null, not a number, or infinite.
    pub missing: u64,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Values {
    /// No row has a value.
    Nothing,
    Numbers(Numbers),
    /// Text, and booleans as `true` and `false`.
    Categories(Categories),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    pub mean: f64,
    /// Of the population: the root of the mean squared distance from the mean.
    pub std: f64,
    pub min: f64,
    pub max: f64,
    /// Ascending, none empty.
    pub steps: Vec<Step>,
}

/// A run of sorted values: smallest, largest, how many rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(f64, f64, u64)", into = "(f64, f64, u64)")]
pub struct Step {
    pub low: f64,
    pub high: f64,
    pub rows: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Categories {
    /// Most frequent first, equals by name.
    pub top: Vec<(String, u64)>,
    /// Rows of all other categories.
    pub other: u64,
}

impl From<(f64, f64, u64)> for Step {
    fn from((low, high, rows): (f64, f64, u64)) -> Self {
        Self { low, high, rows }
    }
}

impl From<Step> for (f64, f64, u64) {
    fn from(step: Step) -> Self {
        (step.low, step.high, step.rows)
    }
}

impl Profile {
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Numbers {
    /// Rows with a value at or below `at`; within a run, as if its values were spread evenly.
    pub fn rows_up_to(&self, at: f64) -> f64 {
        let mut below = 0.0;
        for step in &self.steps {
            if at >= step.high {
                below += step.rows as f64;
            } else if at >= step.low {
                return below + step.rows as f64 * (at - step.low) / (step.high - step.low);
            } else {
                break;
            }
        }
        below
    }
}

/// Profiles the named columns.
///
/// # Errors
/// The user's, for a column that is not there or of a type that has no profile (times, lists).
pub fn build(batches: &[RecordBatch], columns: &[String]) -> Result<Profile, Diagnostic> {
    Ok(Profile {
        format: FORMAT,
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        columns: columns
            .iter()
            .map(|name| column(batches, name))
            .collect::<Result<_, _>>()?,
    })
}

/// Reads a profile that was written as JSON.
pub fn read(path: &Path) -> Result<Profile, Diagnostic> {
    let text = std::fs::read(path).map_err(|error| {
        Diagnostic::environment(format!("cannot read {}: {error}", path.display()))
            .hint("the run's artifacts are gone; train again")
    })?;
    let damaged = |error: serde_json::Error| {
        Diagnostic::environment(format!("{} is damaged: {error}", path.display()))
    };
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format != u64::from(FORMAT) => Err(Diagnostic::error(format!(
            "{} has format {format}; this Forebay reads format {FORMAT}",
            path.display()
        ))),
        _ => serde_json::from_value(value).map_err(damaged),
    }
}

fn column(batches: &[RecordBatch], name: &str) -> Result<ColumnProfile, Diagnostic> {
    let mut gathered = Gathered::Nothing;
    let mut rows = 0;
    for batch in batches {
        let column = batch.column_by_name(name).ok_or_else(|| {
            let schema = batch.schema();
            let known = schema.fields().iter().map(|field| field.name().as_str());
            Diagnostic::error(format!("the rows to profile lack the column '{name}'"))
                .maybe_hint(suggest::nearest(name, known))
        })?;
        rows += column.len() as u64;
        gathered.add(name, column)?;
    }
    let (present, values) = gathered.finish();
    Ok(ColumnProfile {
        name: name.to_owned(),
        missing: rows - present,
        values,
    })
}

/// The values of one column as they come in.
enum Gathered {
    Nothing,
    Numbers(Vec<f64>),
    Categories(BTreeMap<String, u64>),
}

impl Gathered {
    fn add(&mut self, name: &str, column: &ArrayRef) -> Result<(), Diagnostic> {
        if column.null_count() == column.len() || column.data_type().is_null() {
            return Ok(());
        }
        let numeric = column.data_type().is_numeric();
        let target = if numeric {
            DataType::Float64
        } else {
            DataType::Utf8
        };
        if let Gathered::Nothing = self {
            *self = match numeric {
                true => Gathered::Numbers(Vec::new()),
                false => Gathered::Categories(BTreeMap::new()),
            };
        }
        if column.data_type().is_temporal() || column.data_type().is_nested() {
            return Err(Diagnostic::error(format!(
                "column '{name}' has type {}, which has no profile",
                column.data_type()
            )));
        }
        let values = cast(column, &target).map_err(|error| {
            Diagnostic::error(format!("column '{name}' cannot be profiled: {error}"))
        })?;
        match self {
            Gathered::Numbers(numbers) if numeric => {
                let present = values.as_primitive::<Float64Type>().iter().flatten();
                numbers.extend(present.filter(|value| value.is_finite()));
            }
            Gathered::Categories(counts) if !numeric => {
                for text in values.as_string::<i32>().iter().flatten() {
                    match counts.get_mut(text) {
                        Some(count) => *count += 1,
                        None => drop(counts.insert(text.to_owned(), 1)),
                    }
                }
            }
            _ => {
                return Err(Diagnostic::error(format!(
                    "column '{name}' is a number in some rows and text in others"
                )));
            }
        }
        Ok(())
    }

    /// How many rows have a value, and their profile.
    fn finish(self) -> (u64, Values) {
        match self {
            Gathered::Nothing => (0, Values::Nothing),
            Gathered::Numbers(numbers) if numbers.is_empty() => (0, Values::Nothing),
            Gathered::Numbers(numbers) => {
                (numbers.len() as u64, Values::Numbers(summarise(numbers)))
            }
            Gathered::Categories(counts) => {
                let rows = counts.values().sum();
                (rows, Values::Categories(rank(counts)))
            }
        }
    }
}

fn summarise(mut numbers: Vec<f64>) -> Numbers {
    let rows = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / rows;
    let variance = numbers
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / rows;
    numbers.sort_unstable_by(f64::total_cmp);
    Numbers {
        mean,
        std: variance.sqrt(),
        min: numbers[0],
        max: numbers[numbers.len() - 1],
        steps: steps(&numbers),
    }
}

/// Runs of the sorted numbers: one a distinct value where they are few; else of about equal size,
/// with a run to itself for each value that fills one.
fn steps(sorted: &[f64]) -> Vec<Step> {
    let distinct: Vec<Step> = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| Step {
            low: run[0],
            high: run[0],
            rows: run.len() as u64,
        })
        .collect();
    if distinct.len() <= MOST_STEPS {
        return distinct;
    }
    // A run closes when it is full or meets a value that fills one: at most twice as many runs as
    // full ones, so that half of the runs' number is the share to fill.
    let full = (sorted.len() as u64).div_ceil(MOST_STEPS as u64 / 2);
    let mut steps: Vec<Step> = Vec::new();
    for value in distinct {
        match steps.last_mut() {
            Some(last) if last.rows + value.rows <= full => {
                last.high = value.high;
                last.rows += value.rows;
            }
            _ => steps.push(value),
        }
    }
    steps
}

fn rank(counts: BTreeMap<String, u64>) -> Categories {
    let mut top: Vec<(String, u64)> = counts.into_iter().collect();
    // The map gave them by name, and the sort keeps that order among equals.
    top.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let rest = top.split_off(top.len().min(MOST_CATEGORIES));
    Categories {
        top,
        other: rest.iter().map(|(_, rows)| rows).sum(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int32Array, StringArray};

    use super::*;

    fn profile(column: ArrayRef) -> ColumnProfile {
        let batch = RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap();
        // Cut in two: a profile does not see where batches end.
        let middle = batch.num_rows() / 2;
        let batches = [
            batch.slice(0, middle),
            batch.slice(middle, batch.num_rows() - middle),
        ];
        build(&batches, &["x".to_owned()])
            .unwrap()
            .columns
            .remove(0)
    }

    fn numbers(values: Vec<f64>) -> Numbers {
        match profile(Arc::new(Float64Array::from(values))).values {
            Values::Numbers(numbers) => numbers,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn few_numbers_are_kept_exactly() {
        let column = profile(Arc::new(Int32Array::from(vec![
            Some(2),
            None,
            Some(1),
            Some(2),
        ])));
        assert_eq!(column.missing, 1);
        let Values::Numbers(found) = column.values else {
            panic!()
        };
        assert_eq!((found.min, found.max), (1.0, 2.0));
        assert!((found.mean - 5.0 / 3.0).abs() < 1e-15);
        assert!((found.std - (2.0_f64 / 9.0).sqrt()).abs() < 1e-15);
        assert_eq!(found.steps.len(), 2);
        assert_eq!(
            [0.5, 1.0, 1.9, 2.0].map(|at| found.rows_up_to(at)),
            [0.0, 1.0, 1.0, 3.0]
        );
    }

    #[test]
    fn many_numbers_are_kept_closely() {
        let values: Vec<f64> = (0..40_000)
            .map(|i| (f64::from(i) / 40_000.0).powi(3))
            .collect();
        let found = numbers(values.clone());
        assert!(found.steps.len() <= MOST_STEPS);
        for at in [1e-9, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99999] {
            let exact = values.iter().filter(|value| **value <= at).count() as f64;
            assert!((found.rows_up_to(at) - exact).abs() <= 80.0, "{at}");
        }
    }

    #[test]
    fn a_frequent_number_among_many_stays_exact() {
        let mut values = vec![0.5; 30_000];
        values.extend((0..10_000).map(|i| f64::from(i) / 10_000.0));
        let found = numbers(values);
        assert!(found.steps.len() <= MOST_STEPS);
        assert!(found.rows_up_to(0.5 - 1e-12) <= 5_001.0);
        assert!((found.rows_up_to(0.5) - 35_001.0).abs() < 1.0);
    }

    #[test]
    fn what_is_no_number_is_missing() {
        let values = vec![Some(f64::NAN), Some(f64::INFINITY), None];
        let column = profile(Arc::new(Float64Array::from(values)));
        assert_eq!((column.missing, column.values), (3, Values::Nothing));
    }

    #[test]
    fn categories_are_counted_most_frequent_first() {
        let column = profile(Arc::new(StringArray::from(vec![
            Some("b"),
            Some("a"),
            None,
            Some("c"),
            Some("c"),
        ])));
        let Values::Categories(found) = column.values else {
            panic!()
        };
        let top: Vec<(&str, u64)> = found.top.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        assert_eq!((top, found.other), (vec![("c", 2), ("a", 1), ("b", 1)], 0));
        let column = profile(Arc::new(BooleanArray::from(vec![true, false, true])));
        let Values::Categories(found) = column.values else {
            panic!()
        };
        assert_eq!(found.top[0], ("true".to_owned(), 2));
        let names = (0..1_500).map(|i| format!("k{i}"));
        let column = profile(Arc::new(StringArray::from_iter_values(names)));
        let Values::Categories(found) = column.values else {
            panic!()
        };
        assert_eq!((found.top.len(), found.other), (1_000, 500));
    }

    #[test]
    fn a_profile_reads_back_as_it_was_and_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.json");
        let column: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 1e-300, 0.1 + 0.2]));
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let profile = build(&[batch], &["x".to_owned()]).unwrap();
        std::fs::write(&path, serde_json::to_vec(&profile).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), profile);
        std::fs::write(&path, br#"{"format": 9}"#).unwrap();
        assert!(read(&path).unwrap_err().message.contains("has format 9"));
        std::fs::write(&path, b"{").unwrap();
        assert!(read(&path).unwrap_err().message.contains("is damaged"));
    }
}
