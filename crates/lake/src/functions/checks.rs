//! What statements check while they run.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, new_null_array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::{DataFusionError, Result};
use forebay_core::Diagnostic;

use super::function::{Function, Row, Takes, boolean, lenient, text};
use crate::dialect::problem;
use crate::engine::sql_type;

pub(super) const FUNCTIONS: &[Function] = &[
    // The value of the first row, and how many there are.
    Function {
        names: &["only_row"],
        takes: &[Takes::Any, Takes::Int],
        count: (2, 2),
        gives: |given| given[0].clone(),
        run: |arrays| only_row(&arrays[0], &arrays[1]),
    },
    // The comparison of a value with a text that cannot be of its type: an error where there is a value.
    Function {
        names: &["unfit"],
        takes: &[Takes::Any, Takes::Text],
        count: (2, 2),
        gives: boolean,
        run: |arrays| unfit(&arrays[0], &arrays[1]),
    },
    // A text that is one of others: the value of an enum.
    Function {
        names: &["one_of"],
        takes: &[Takes::Text],
        count: (2, usize::MAX),
        gives: text,
        run: |arrays| {
            lenient::<StringArray, _>(arrays, |row| match name_of(&row) {
                None if !row.is_null(0) => Err(no_name(&row)),
                found => Ok(found.map(str::to_owned)),
            })
        },
    },
    Function {
        names: &["one_of_or_null"],
        takes: &[Takes::Text],
        count: (2, usize::MAX),
        gives: text,
        run: |arrays| lenient::<StringArray, _>(arrays, |row| Ok(name_of(&row).map(str::to_owned))),
    },
    Function {
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
    },
];

fn name_of<'a>(row: &Row<'a>) -> Option<&'a str> {
    let value = (!row.is_null(0)).then(|| row.text(0))?;
    (1..row.len())
        .any(|at| row.text(at) == value)
        .then_some(value)
}

fn no_name(row: &Row<'_>) -> DataFusionError {
    let names: Vec<&str> = (1..row.len()).map(|at| row.text(at)).collect();
    problem(Diagnostic::error(format!(
        "'{}' is none of the values of ENUM('{}')",
        row.text(0),
        names.join("', '")
    )))
}

fn unfit(values: &ArrayRef, texts: &ArrayRef) -> Result<ArrayRef> {
    if values.null_count() == values.len() {
        return Ok(new_null_array(&DataType::Boolean, values.len()));
    }
    let text = texts.as_string::<i32>().value(0);
    Err(problem(
        Diagnostic::error(format!(
            "'{text}' is no {}, with which it is compared",
            sql_type(values.data_type())
        ))
        .hint("compare the value as a text: x::varchar"),
    ))
}

fn only_row(values: &ArrayRef, counts: &ArrayRef) -> Result<ArrayRef> {
    let counts = counts.as_primitive::<Int64Type>();
    match counts.iter().flatten().max() {
        Some(2..) => Err(problem(
            Diagnostic::error("a subquery that is one value has more than one row")
                .hint("aggregate it, as max(x), or limit it to one row"),
        )),
        _ => Ok(Arc::clone(values)),
    }
}

fn twice(times: i64) -> datafusion::error::DataFusionError {
    problem(
        Diagnostic::error(format!(
            "a row would be changed {times} times by one statement: which of the new values to keep is not known"
        ))
        .hint("make the rows that change it unique by what they are joined on"),
    )
}
