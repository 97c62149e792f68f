//! Metrics on parts of the test rows: a model that is good on the whole may be bad for some.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use forebay_core::Diagnostic;
use forebay_core::ml::Judging;
use serde::{Deserialize, Serialize};

use super::{Scored, finite};
use crate::folds;

/// The rows of one value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    pub column: String,
    /// As text; of a number with many values, a range such as `250 to 800`; `null`; `other`.
    pub value: String,
    pub rows: u64,
    pub metrics: BTreeMap<String, f64>,
}

/// Values of a column that get a slice of their own, most frequent first.
const MOST_VALUES: usize = 50;
/// A number with more values than this is cut into quarters.
const MOST_NUMBERS: usize = 20;

/// Slices of the test rows by each of the columns.
pub fn slices(
    columns: &[String],
    batches: &[RecordBatch],
    scored: &Scored,
    judging: &Judging,
) -> Result<Vec<Slice>, Diagnostic> {
    let mut found = Vec::new();
    for column in columns {
        for (value, rows) in by_value(column, batches)? {
            found.push(Slice {
                column: column.clone(),
                value,
                rows: rows.len() as u64,
                metrics: finite(scored.take(&rows).metrics(judging)),
            });
        }
    }
    Ok(found)
}

/// The numbers of the rows that have each value.
fn by_value(name: &str, batches: &[RecordBatch]) -> Result<Vec<(String, Vec<usize>)>, Diagnostic> {
    let mut values: Vec<String> = Vec::new();
    for batch in batches {
        let texts = folds::texts(batch, name)?;
        let column = batch.column_by_name(name);
        let is_null = |row: usize| column.is_some_and(|column| column.is_null(row));
        values.extend(
            texts
                .into_iter()
                .enumerate()
                .map(|(row, text)| match is_null(row) {
                    true => "null".to_owned(),
                    false => text,
                }),
        );
    }
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        rows.entry(value).or_default().push(row);
    }
    if rows.len() > MOST_NUMBERS
        && let Some(numbers) = numbers(name, batches)
    {
        return Ok(quarters(&numbers));
    }
    let mut rows: Vec<(String, Vec<usize>)> = rows
        .into_iter()
        .map(|(value, rows)| (value.to_owned(), rows))
        .collect();
    rows.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    if rows.len() > MOST_VALUES {
        let mut rest: Vec<usize> = rows
            .drain(MOST_VALUES..)
            .flat_map(|(_, rows)| rows)
            .collect();
        rest.sort_unstable();
        rows.push(("other".to_owned(), rest));
    }
    Ok(rows)
}

/// None where the column is not of numbers.
fn numbers(name: &str, batches: &[RecordBatch]) -> Option<Vec<f64>> {
    let mut numbers = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(name)?;
        if !column.data_type().is_numeric() {
            return None;
        }
        let column = cast(column, &DataType::Float64).ok()?;
        let values = column.as_primitive::<Float64Type>();
        numbers.extend(values.iter().map(|value| value.unwrap_or(f64::NAN)));
    }
    Some(numbers)
}

/// Four ranges of about as many rows each, equal numbers together, and those without a number.
fn quarters(numbers: &[f64]) -> Vec<(String, Vec<usize>)> {
    let (mut known, missing): (Vec<usize>, Vec<usize>) =
        (0..numbers.len()).partition(|row| numbers[*row].is_finite());
    known.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
    let mut found: Vec<(String, Vec<usize>)> = Vec::new();
    let mut first = 0;
    for quarter in 1..=4 {
        let mut end = known.len() * quarter / 4;
        while end > first && end < known.len() && numbers[known[end]] == numbers[known[end - 1]] {
            end += 1;
        }
        if end > first {
            let mut rows = known[first..end].to_vec();
            let range = format!("{} to {}", numbers[rows[0]], numbers[rows[rows.len() - 1]]);
            rows.sort_unstable();
            found.push((range, rows));
            first = end;
        }
    }
    if !missing.is_empty() {
        found.push(("null".to_owned(), missing));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray};

    use super::*;

    #[test]
    fn every_row_is_in_one_slice_of_a_column() {
        let texts = StringArray::from_iter((0..200).map(|i| [Some("a"), None, Some("b")][i % 3]));
        let numbers = Float64Array::from_iter((0..200).map(|i| (i % 10 != 0).then_some(i as f64)));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("c", Arc::new(texts) as _, true),
            ("n", Arc::new(numbers) as _, true),
        ])
        .unwrap();
        let scored = Scored::Binary {
            labels: (0..200).map(|i| i % 2 == 0).collect(),
            scores: vec![0.5; 200],
        };
        let columns = ["c".to_owned(), "n".to_owned()];
        let found = slices(&columns, &[batch], &scored, &Judging::default()).unwrap();
        let shown: Vec<(&str, u64)> = found.iter().map(|s| (s.value.as_str(), s.rows)).collect();
        assert_eq!(
            shown,
            [
                ("a", 67),
                ("null", 67),
                ("b", 66),
                ("1 to 49", 45),
                ("51 to 99", 45),
                ("101 to 149", 45),
                ("151 to 199", 45),
                ("null", 20),
            ]
        );
    }
}
