//! Values as JSON. Decimals keep their digits in PostgreSQL, and moments are written as the standard has them; DuckDB
//! writes both as it writes texts, and decimals as the shortest number.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{Function, Row, Takes, json, lenient, strict};
use super::json_text::{is_valid, minified, number_text, quoted};
use super::writing::one_in;
use crate::engine::is_tuple;
use crate::types::Dialect;

pub(super) const DUCKDB: &[Function] = &[
    Function {
        run: |arrays| objects(arrays, Dialect::DuckDb),
        ..OBJECT
    },
    Function {
        run: |arrays| lists(arrays, Dialect::DuckDb),
        ..LIST
    },
    Function {
        run: |arrays| values(arrays, Dialect::DuckDb),
        ..VALUE
    },
];

pub(super) const POSTGRES: &[Function] = &[
    Function {
        run: |arrays| objects(arrays, Dialect::Postgres),
        ..OBJECT
    },
    Function {
        run: |arrays| lists(arrays, Dialect::Postgres),
        ..LIST
    },
    Function {
        run: |arrays| values(arrays, Dialect::Postgres),
        ..VALUE
    },
];

const OBJECT: Function = Function {
    names: &["json_object", "json_build_object", "jsonb_build_object"],
    takes: &[Takes::Json],
    count: (0, 128),
    gives: json,
    run: |arrays| objects(arrays, Dialect::DuckDb),
};

const LIST: Function = Function {
    names: &["json_array", "json_build_array", "jsonb_build_array"],
    takes: &[Takes::Json],
    count: (0, 128),
    gives: json,
    run: |arrays| lists(arrays, Dialect::DuckDb),
};

const VALUE: Function = Function {
    names: &[
        "to_json",
        "to_jsonb",
        "row_to_json",
        "array_to_json",
        "json_quote",
    ],
    takes: &[Takes::Json],
    count: (1, 1),
    gives: json,
    run: |arrays| values(arrays, Dialect::DuckDb),
};

fn objects(arrays: &[ArrayRef], dialect: Dialect) -> Result<ArrayRef> {
    lenient::<StringArray, _>(arrays, |row| object(row, dialect).map(Some))
}

fn lists(arrays: &[ArrayRef], dialect: Dialect) -> Result<ArrayRef> {
    lenient::<StringArray, _>(arrays, |row| {
        let items = (0..row.len()).map(|at| written(row.array(at), row.at(), dialect));
        let items = items.collect::<Result<Vec<_>>>()?;
        Ok(Some(format!("[{}]", items.join(","))))
    })
}

fn values(arrays: &[ArrayRef], dialect: Dialect) -> Result<ArrayRef> {
    strict::<StringArray, _>(arrays, |row| {
        written(row.array(0), row.at(), dialect).map(Some)
    })
}

fn object(row: Row<'_>, dialect: Dialect) -> Result<String> {
    if row.len() % 2 == 1 {
        return exec_err!("an object of JSON needs a value for each key");
    }
    let mut members = Vec::new();
    for at in (0..row.len()).step_by(2) {
        if row.is_null(at) {
            return exec_err!("a key of JSON cannot be null");
        }
        let value = written(row.array(at + 1), row.at(), dialect)?;
        members.push(format!("{}:{value}", quoted(&row.written(at)?)));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// The value as JSON.
pub(super) fn written(array: &ArrayRef, at: usize, dialect: Dialect) -> Result<String> {
    if array.data_type() == &DataType::Null || array.is_null(at) {
        return Ok("null".to_owned());
    }
    let list = |items: &ArrayRef| {
        let items = (0..items.len()).map(|at| written(items, at, dialect));
        let items = items.collect::<Result<Vec<_>>>()?;
        Ok(format!("[{}]", items.join(",")))
    };
    let text = || one_in(array, at, dialect);
    match (array.data_type(), dialect) {
        (DataType::List(_), _) => list(&array.as_list::<i32>().value(at)),
        (DataType::LargeList(_), _) => list(&array.as_list::<i64>().value(at)),
        (DataType::Struct(fields), Dialect::DuckDb) if is_tuple(fields) => {
            let columns = array.as_struct().columns().iter();
            let items = columns.map(|column| written(column, at, dialect));
            Ok(format!(
                "[{}]",
                items.collect::<Result<Vec<_>>>()?.join(",")
            ))
        }
        (DataType::Struct(fields), _) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let member = |(field, column): (&arrow::datatypes::FieldRef, &ArrayRef)| {
                let value = written(column, at, dialect)?;
                Ok(format!("{}:{value}", quoted(field.name())))
            };
            let members = columns.map(member).collect::<Result<Vec<_>>>()?;
            Ok(format!("{{{}}}", members.join(",")))
        }
        (DataType::Map(..), _) => {
            let entry = array.as_map().value(at);
            let member = |row| {
                let key = one_in(entry.column(0), row, dialect)?;
                let value = written(entry.column(1), row, dialect)?;
                Ok(format!("{}:{value}", quoted(&key)))
            };
            let members = (0..entry.len()).map(member).collect::<Result<Vec<_>>>()?;
            Ok(format!("{{{}}}", members.join(",")))
        }
        // What is no JSON came to be of its type beside some, as in `coalesce(j, 'none')`.
        (DataType::LargeUtf8, _) if is_valid(array.as_string::<i64>().value(at)) => {
            Ok(minified(array.as_string::<i64>().value(at)))
        }
        (kind, dialect) if kind.is_floating() => {
            let number = arrow::compute::cast(&array.slice(at, 1), &DataType::Float64)?;
            let number = number.as_primitive::<Float64Type>().value(0);
            match dialect {
                Dialect::Postgres if number.is_finite() => text(),
                Dialect::Postgres => Ok(quoted(&text()?)),
                Dialect::DuckDb => Ok(number_text(number)),
            }
        }
        (DataType::Decimal128(_, 1..), Dialect::DuckDb) => {
            let text = text()?;
            let short = text.trim_end_matches('0');
            Ok(match short.ends_with('.') {
                true => format!("{short}0"),
                false => short.to_owned(),
            })
        }
        (DataType::Timestamp(_, zone), Dialect::Postgres) => {
            let moment = text()?.replacen(' ', "T", 1);
            Ok(quoted(&match zone {
                Some(_) => format!("{moment}:00"),
                None => moment,
            }))
        }
        (kind, _) if kind.is_numeric() || kind == &DataType::Boolean => text(),
        _ => Ok(quoted(&text()?)),
    }
}
