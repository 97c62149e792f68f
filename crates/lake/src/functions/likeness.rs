//! How alike two texts are, byte by byte, as DuckDB compares them.

use std::collections::BTreeSet;

use arrow::array::{Float64Array, Int64Array};
use datafusion::common::exec_err;

use super::function::{Function, Row, Takes, double, int, strict};

const TWO_TEXTS: &[Takes] = &[Takes::Text, Takes::Text];

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["jaro_similarity"],
        takes: TWO_TEXTS,
        count: (2, 2),
        gives: double,
        run: |arrays| strict::<Float64Array, _>(arrays, |row| Ok(Some(jaro(row)))),
    },
    Function {
        names: &["jaro_winkler_similarity"],
        takes: TWO_TEXTS,
        count: (2, 2),
        gives: double,
        run: |arrays| strict::<Float64Array, _>(arrays, |row| Ok(Some(jaro_winkler(row)))),
    },
    // The letters that both have, of all that one of them has.
    Function {
        names: &["jaccard"],
        takes: TWO_TEXTS,
        count: (2, 2),
        gives: double,
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| {
                let [one, other] = [0, 1].map(|at| row.text(at).bytes().collect::<BTreeSet<u8>>());
                if one.is_empty() || other.is_empty() {
                    return exec_err!("jaccard() of an empty text means nothing");
                }
                let both = one.intersection(&other).count() as f64;
                Ok(Some(both / one.union(&other).count() as f64))
            })
        },
    },
    Function {
        names: &["hamming", "mismatches"],
        takes: TWO_TEXTS,
        count: (2, 2),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                let (one, other) = (row.text(0), row.text(1));
                match strsim::generic_hamming(one.as_bytes(), other.as_bytes()) {
                    Ok(different) => Ok(Some(different as i64)),
                    Err(_) => {
                        exec_err!("hamming() takes texts of one length, not '{one}', '{other}'")
                    }
                }
            })
        },
    },
    Function {
        names: &["damerau_levenshtein"],
        takes: TWO_TEXTS,
        count: (2, 2),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                let (one, other) = (row.text(0).as_bytes(), row.text(1).as_bytes());
                Ok(Some(strsim::generic_damerau_levenshtein(one, other) as i64))
            })
        },
    },
];

/// Two empty texts have nothing alike.
fn jaro(row: Row<'_>) -> f64 {
    let bytes = [0, 1].map(|at| Bytes(row.text(at).as_bytes()));
    match bytes[0].0.is_empty() {
        true => 0.0,
        false => strsim::generic_jaro(&bytes[0], &bytes[1]),
    }
}

fn jaro_winkler(row: Row<'_>) -> f64 {
    let bytes = [0, 1].map(|at| Bytes(row.text(at).as_bytes()));
    match bytes[0].0.is_empty() {
        true => 0.0,
        false => strsim::generic_jaro_winkler(&bytes[0], &bytes[1]),
    }
}

/// Bytes that can be gone through again and again.
struct Bytes<'a>(&'a [u8]);

impl<'a> IntoIterator for &Bytes<'a> {
    type Item = &'a u8;
    type IntoIter = std::slice::Iter<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
