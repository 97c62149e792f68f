//! Roots, powers and logarithms of doubles. What has no answer is infinite or not a number in DuckDB, and an error in
//! PostgreSQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::{binary, unary};
use arrow::datatypes::Float64Type;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{Function, Takes, double, strict};

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

pub(super) const POSTGRES: &[Function] = &[
    Function {
        names: &["sqrt"],
        run: |arrays| checked(arrays, root),
        ..OF_ONE
    },
    Function {
        names: &["ln"],
        run: |arrays| checked(arrays, |of| logarithm(of).map(f64::ln)),
        ..OF_ONE
    },
    Function {
        names: &["log10"],
        run: |arrays| checked(arrays, |of| logarithm(of).map(f64::log10)),
        ..OF_ONE
    },
    Function {
        names: &["exp"],
        run: |arrays| checked(arrays, |of| within(of.exp(), of.is_finite())),
        ..OF_ONE
    },
    Function {
        names: &["log"],
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| {
                let (base, of) = (logarithm(row.double(0))?, logarithm(row.double(1))?);
                Ok(Some(of.ln() / base.ln()))
            })
        },
        ..OF_TWO
    },
    Function {
        names: &["power", "pow"],
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| power(row.double(0), row.double(1)).map(Some))
        },
        ..OF_TWO
    },
    Function {
        names: &["signum"],
        run: |arrays| {
            checked(arrays, |of| {
                Ok(match of {
                    number if number > 0.0 => 1.0,
                    number if number < 0.0 => -1.0,
                    _ => 0.0,
                })
            })
        },
        ..OF_ONE
    },
];

const OF_TWO: Function = Function {
    names: &[],
    takes: &[Takes::Double, Takes::Double],
    count: (2, 2),
    gives: double,
    run: |arrays| Ok(Arc::clone(&arrays[0])),
};

const OF_ONE: Function = Function {
    names: &[],
    takes: &[Takes::Double],
    count: (1, 1),
    gives: double,
    run: |arrays| of_one(arrays, |number| number),
};

fn of_one(arrays: &[ArrayRef], answer: fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = arrays[0].as_primitive::<Float64Type>();
    // Whatever its sign, what is not a number is the same.
    let one = |number| match answer(number) {
        none if none.is_nan() => f64::NAN,
        answer => answer,
    };
    Ok(Arc::new(unary::<_, _, Float64Type>(numbers, one)))
}

fn checked(arrays: &[ArrayRef], answer: fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    strict::<Float64Array, _>(arrays, |row| answer(row.double(0)).map(Some))
}

fn root(of: f64) -> Result<f64> {
    match of < 0.0 {
        true => exec_err!("cannot take the square root of {of}, which is negative"),
        false => Ok(of.sqrt()),
    }
}

/// The number, which has a logarithm.
fn logarithm(of: f64) -> Result<f64> {
    match of {
        0.0 => exec_err!("cannot take the logarithm of zero"),
        of if of < 0.0 => exec_err!("cannot take the logarithm of {of}, which is negative"),
        of => Ok(of),
    }
}

fn power(of: f64, by: f64) -> Result<f64> {
    match (of, by) {
        (0.0, by) if by < 0.0 => exec_err!("zero raised to the negative power {by} is undefined"),
        (of, by) if of < 0.0 && by.is_finite() && by.fract() != 0.0 => {
            exec_err!("{of} raised to the power {by} is no real number")
        }
        (of, by) => within(of.powf(by), of.is_finite() && by.is_finite()),
    }
}

/// Infinite only where what it is made of is.
fn within(answer: f64, is_made_of_finite: bool) -> Result<f64> {
    match answer.is_infinite() && is_made_of_finite {
        true => exec_err!("the answer is out of the range of double precision"),
        false => Ok(answer),
    }
}
