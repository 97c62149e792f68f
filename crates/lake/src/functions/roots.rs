//! Roots, powers and logarithms in DuckDB: what has no answer is infinite or not a number, where PostgreSQL has an error.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{binary, unary};
use arrow::datatypes::Float64Type;
use datafusion::error::Result;

use super::function::{Function, Takes, double};

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["sqrt"],
        run: |arrays| of_one(arrays, f64::sqrt),
        ..OF_ONE
    },
    Function {
        names: &["ln"],
        run: |arrays| of_one(arrays, f64::ln),
        ..OF_ONE
    },
    Function {
        names: &["log2"],
        run: |arrays| of_one(arrays, f64::log2),
        ..OF_ONE
    },
    Function {
        names: &["log10"],
        run: |arrays| of_one(arrays, f64::log10),
        ..OF_ONE
    },
    Function {
        names: &["power", "pow"],
        takes: &[Takes::Double, Takes::Double],
        count: (2, 2),
        gives: double,
        run: |arrays| {
            let of = |at: usize| arrays[at].as_primitive::<Float64Type>();
            let powers = binary::<_, _, _, Float64Type>(of(0), of(1), f64::powf)?;
            Ok(Arc::new(powers))
        },
    },
];

const OF_ONE: Function = Function {
    names: &[],
    takes: &[Takes::Double],
    count: (1, 1),
    gives: double,
    run: |arrays| of_one(arrays, |number| number),
};

fn of_one(arrays: &[ArrayRef], answer: fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = arrays[0].as_primitive::<Float64Type>();
    Ok(Arc::new(unary::<_, _, Float64Type>(numbers, answer)))
}
