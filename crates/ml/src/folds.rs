//! Cutting rows into those that train and those that judge, the same way for the same rows and seed.

use std::collections::BTreeMap;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::ml::Split;
use forebay_core::{Diagnostic, digest, suggest};

use crate::rng::Rng;

/// Row numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// Holds out a share of the rows: the last ones where the split is by time (rows come in its order),
/// whole groups, or any.
pub fn hold_out(
    batches: &[RecordBatch],
    split: &Split,
    share: f64,
    seed: u64,
) -> Result<Cut, Diagnostic> {
    let rows = count(batches);
    let (test, train) = match split {
        Split::Time { .. } => {
            let first = rows - (rows as f64 * share).round() as usize;
            (0..rows).partition(|row| *row >= first)
        }
        Split::Group { .. } | Split::Random { .. } => {
            let places = places(batches, split, seed)?;
            (0..rows).partition(|row| places[*row] < share)
        }
    };
    Ok(Cut { train, test })
}

/// Cross-validation: every fold judges once what the others train. By time a fold is judged by a
/// model of the rows before it, so that the first rows only train.
pub fn folds(
    batches: &[RecordBatch],
    split: &Split,
    folds: usize,
    seed: u64,
) -> Result<Vec<Cut>, Diagnostic> {
    let rows = count(batches);
    if let Split::Time { .. } = split {
        let bound = |fold: usize| rows * fold / (folds + 1);
        let cut = |fold: usize| Cut {
            train: (0..bound(fold)).collect(),
            test: (bound(fold)..bound(fold + 1)).collect(),
        };
        return Ok((1..=folds).map(cut).collect());
    }
    let places = places(batches, split, seed ^ 0x5EED)?;
    let fold_of = |row: &usize| (places[*row] * folds as f64) as usize;
    let cut = |fold: usize| {
        let (test, train) = (0..rows).partition(|row| fold_of(row) == fold);
        Cut { train, test }
    };
    Ok((0..folds).map(cut).collect())
}

/// Some rows, in the order given.
pub fn take(batches: &[RecordBatch], rows: &[usize]) -> Result<Vec<RecordBatch>, Diagnostic> {
    let Some(first) = batches.first() else {
        return Ok(Vec::new());
    };
    let failed = |error| Diagnostic::internal(format!("cannot choose rows: {error}"));
    let all = concat_batches(&first.schema(), batches).map_err(failed)?;
    let indices = UInt64Array::from_iter_values(rows.iter().map(|row| *row as u64));
    Ok(vec![take_record_batch(&all, &indices).map_err(failed)?])
}

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// A number in [0, 1) for each row, by its group or its number.
fn places(batches: &[RecordBatch], split: &Split, seed: u64) -> Result<Vec<f64>, Diagnostic> {
    let Split::Group { group, .. } = split else {
        let mut rng = Rng::new(seed);
        return Ok((0..count(batches)).map(|_| rng.uniform()).collect());
    };
    let mut known: BTreeMap<String, f64> = BTreeMap::new();
    let mut places = Vec::with_capacity(count(batches));
    for batch in batches {
        for text in texts(batch, group)? {
            places.push(
                *known
                    .entry(text)
                    .or_insert_with_key(|text| place(text, seed)),
            );
        }
    }
    Ok(places)
}

/// By the group's name alone: a group stays on its side when others come or go.
fn place(group: &str, seed: u64) -> f64 {
    let hash = digest::hex(format!("{seed}/{group}").as_bytes());
    let seed = u64::from_str_radix(&hash[..16], 16).unwrap_or_default();
    Rng::new(seed).uniform()
}

/// A column's values as text; null is the empty one.
pub fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<String>, Diagnostic> {
    let column = batch.column_by_name(name).ok_or_else(|| {
        let schema = batch.schema();
        let known = schema.fields().iter().map(|field| field.name().as_str());
        Diagnostic::error(format!("the training set has no column '{name}'"))
            .maybe_hint(suggest::nearest(name, known))
    })?;
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).map_err(|error| {
        Diagnostic::error(format!("column '{name}' cannot be shown as text: {error}"))
    })?;
    Ok((0..batch.num_rows())
        .map(|row| formatter.value(row).to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;

    fn rows() -> Vec<RecordBatch> {
        let group = |i: usize| ["a", "b", "c", "d", "e", "f", "g"][i * i % 7];
        let groups = |range: std::ops::Range<usize>| {
            let column = StringArray::from_iter_values(range.map(group));
            RecordBatch::try_from_iter([("g", Arc::new(column) as _)]).unwrap()
        };
        vec![groups(0..600), groups(600..1_000)]
    }

    fn by_time() -> Split {
        Split::Time {
            column: "t".into(),
            at: String::new(),
        }
    }

    #[test]
    fn every_row_is_on_one_side() {
        for split in [
            by_time(),
            Split::Group {
                group: "g".into(),
                test: 0.3,
            },
            Split::Random { test: 0.3 },
        ] {
            let cut = hold_out(&rows(), &split, 0.3, 7).unwrap();
            let mut all = [cut.train.clone(), cut.test.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..1_000).collect::<Vec<_>>());
            assert_eq!(cut, hold_out(&rows(), &split, 0.3, 7).unwrap());
        }
        let random = hold_out(&rows(), &Split::Random { test: 0.3 }, 0.3, 7).unwrap();
        assert!(
            (250..350).contains(&random.test.len()),
            "{}",
            random.test.len()
        );
    }

    #[test]
    fn by_time_nothing_trains_that_comes_after_what_judges() {
        let cut = hold_out(&rows(), &by_time(), 0.25, 0).unwrap();
        assert_eq!(
            (cut.train.last(), cut.test.first()),
            (Some(&749), Some(&750))
        );
        for cut in folds(&rows(), &by_time(), 4, 0).unwrap() {
            assert_eq!(cut.test.len(), 200);
            assert!(cut.train.last() < cut.test.first());
        }
    }

    #[test]
    fn a_group_is_never_cut() {
        let split = Split::Group {
            group: "g".into(),
            test: 0.5,
        };
        let names: Vec<String> = rows().iter().flat_map(|b| texts(b, "g").unwrap()).collect();
        let cuts = folds(&rows(), &split, 3, 1).unwrap();
        assert_eq!(cuts.iter().map(|cut| cut.test.len()).sum::<usize>(), 1_000);
        for cut in cuts {
            let of = |rows: &[usize]| {
                rows.iter()
                    .map(|r| &names[*r])
                    .collect::<std::collections::BTreeSet<_>>()
            };
            assert!(of(&cut.train).is_disjoint(&of(&cut.test)));
        }
    }

    #[test]
    fn an_unknown_group_column_is_named() {
        let split = Split::Group {
            group: "gg".into(),
            test: 0.5,
        };
        let error = hold_out(&rows(), &split, 0.5, 1).unwrap_err();
        assert_eq!(error.message, "the training set has no column 'gg'");
    }
}
