//! Lists of numbers as vectors: products, distances and angles.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::error::Result;
use forebay_core::Diagnostic;

use super::function::{Function, Takes, strict};
use crate::dialect::problem;

type Measure = fn(&[f64], &[f64]) -> Option<f64>;

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &[
            "list_dot_product",
            "list_inner_product",
            "array_dot_product",
            "array_inner_product",
        ],
        run: |arrays| measured(arrays, |a, b| Some(dot(a, b))),
        ..OF_TWO
    },
    Function {
        names: &[
            "list_negative_inner_product",
            "list_negative_dot_product",
            "array_negative_inner_product",
            "array_negative_dot_product",
        ],
        run: |arrays| measured(arrays, |a, b| Some(-dot(a, b))),
        ..OF_TWO
    },
    Function {
        names: &["list_distance", "array_distance"],
        run: |arrays| {
            measured(arrays, |a, b| {
                let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
                Some(squares.sum::<f64>().sqrt())
            })
        },
        ..OF_TWO
    },
    Function {
        names: &["list_cosine_similarity", "array_cosine_similarity"],
        run: |arrays| measured(arrays, cosine),
        ..OF_TWO
    },
    Function {
        names: &["list_cosine_distance", "array_cosine_distance"],
        run: |arrays| measured(arrays, |a, b| cosine(a, b).map(|of| 1.0 - of)),
        ..OF_TWO
    },
];

const OF_TWO: Function = Function {
    names: &[],
    takes: &[Takes::Any, Takes::Any],
    count: (2, 2),
    gives,
    run: |_| unreachable!("each has its own"),
};

fn gives(given: &[DataType]) -> DataType {
    let is_real = |of: &DataType| matches!(of, DataType::List(item) if item.data_type() == &DataType::Float32);
    match given.iter().all(is_real) {
        true => DataType::Float32,
        false => DataType::Float64,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let similar = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    (!a.is_empty()).then(|| similar.clamp(-1.0, 1.0))
}

fn measured(arrays: &[ArrayRef], measure: Measure) -> Result<ArrayRef> {
    let given: Vec<DataType> = arrays.iter().map(|a| a.data_type().clone()).collect();
    let doubles = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    let lists = [cast(&arrays[0], &doubles)?, cast(&arrays[1], &doubles)?];
    let found = strict::<Float64Array, _>(&lists, |row| {
        let items = |at: usize| numbers(&lists[at].as_list::<i32>().value(row.at()));
        let (a, b) = (items(0)?, items(1)?);
        match a.len() == b.len() {
            true => Ok(measure(&a, &b)),
            false => Err(problem(Diagnostic::error(format!(
                "lists of {} and of {} numbers are compared: they have to be as long as each other",
                a.len(),
                b.len()
            )))),
        }
    })?;
    Ok(cast(&found, &gives(&given))?)
}

fn numbers(items: &ArrayRef) -> Result<Vec<f64>> {
    match items.null_count() {
        0 => Ok(items.as_primitive::<Float64Type>().values().to_vec()),
        _ => Err(problem(Diagnostic::error(
            "a list that is compared as a vector has a null",
        ))),
    }
}
