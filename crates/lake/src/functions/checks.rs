//! What statements check while they run.

use arrow::array::BooleanArray;
use forebay_core::Diagnostic;

use super::function::{Function, Takes, boolean, lenient};
use crate::dialect::problem;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    // A row of the table, if it is one, and how many rows of the source would change it.
    names: &["at_most_once"],
    takes: &[Takes::Int],
    count: (2, 2),
    gives: boolean,
    run: |arrays| {
        lenient::<BooleanArray, _>(arrays, |row| {
            let is_new = row.is_null(0);
            match is_new || row.is_null(1) || row.int(1) <= 1 {
                true => Ok(Some(true)),
                false => Err(twice(row.int(1))),
            }
        })
    },
}];

fn twice(times: i64) -> datafusion::error::DataFusionError {
    problem(
        Diagnostic::error(format!(
            "a row would be changed {times} times by one statement: which of the new values to keep is not known"
        ))
        .hint("make the rows that change it unique by what they are joined on"),
    )
}
