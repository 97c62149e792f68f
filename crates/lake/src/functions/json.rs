//! Functions of JSON: texts of a type of their own.

use std::cell::RefCell;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{
    Function, Row, Takes, boolean, int, json, jsons, strict, strict_lists, text, texts,
};
use super::json_checked::{checked, is_json};
use super::json_made::written;
use super::json_many::type_of;
use super::json_text::{
    Of, Step, find, is_valid, items, joined, jsonb, members, minified, normal, path, unquoted,
};
use crate::types::Dialect;

pub(super) const FUNCTIONS: &[Function] = &[
    // `json -> step`
    Function {
        names: &[
            "json_extract",
            "json_extract_path",
            "jsonb_extract_path",
            "json_get",
        ],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 32),
        gives: json,
        run: |arrays| parts::<StringArray, _>(arrays, Of::Last, |json| Some(minified(json))),
    },
    // `json ->> step`
    Function {
        names: &[
            "json_extract_string",
            "json_extract_path_text",
            "jsonb_extract_path_text",
        ],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 32),
        gives: text,
        run: |arrays| parts::<StringArray, _>(arrays, Of::Last, plain),
    },
    // Nothing where the path leads to an object or an array.
    Function {
        names: &["json_value"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            parts::<StringArray, _>(arrays, Of::First, |json| {
                let is_plain = !json.starts_with(['{', '[']) && json != "null";
                is_plain.then(|| minified(json))
            })
        },
    },
    Function {
        names: &["json_exists"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 2),
        gives: boolean,
        run: |arrays| {
            let paths = Paths::default();
            strict::<BooleanArray, _>(arrays, |row| {
                Ok(Some(paths.part(row, Of::First)?.is_some()))
            })
        },
    },
    Function {
        names: &["json_array_length", "jsonb_array_length"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (1, 2),
        gives: int,
        run: |arrays| {
            parts::<Int64Array, _>(arrays, Of::First, |json| Some(items(json).len() as i64))
        },
    },
    Function {
        names: &["json_typeof", "jsonb_typeof"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            parts::<StringArray, _>(arrays, Of::First, |json| {
                Some(match json.as_bytes()[0] {
                    b'{' => "object",
                    b'[' => "array",
                    b'"' => "string",
                    b't' | b'f' => "boolean",
                    b'n' => "null",
                    _ => "number",
                })
            })
        },
    },
    Function {
        names: &["json_keys"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (1, 2),
        gives: texts,
        run: |arrays| {
            lists(arrays, |json| {
                let keys = members(json).into_iter();
                keys.map(|(key, _)| Some(unquoted(key))).collect()
            })
        },
    },
    // The keys of an object, or the places in a list, and what stands there: the rows of `json_each`.
    Function {
        names: &["json_each_keys"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (1, 2),
        gives: texts,
        run: |arrays| {
            lists(arrays, |json| {
                let keys = entries(json).into_iter();
                keys.map(|(key, _)| Some(key)).collect()
            })
        },
    },
    Function {
        names: &["json_each_values"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (1, 2),
        gives: jsons,
        run: |arrays| {
            lists(arrays, |json| {
                let values = entries(json).into_iter();
                values.map(|(_, value)| Some(value)).collect()
            })
        },
    },
    Function {
        names: &["json_each_texts"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: texts,
        run: |arrays| {
            lists(arrays, |json| {
                let values = entries(json).into_iter();
                values.map(|(_, value)| shown(&value)).collect()
            })
        },
    },
    Function {
        names: &["json_items"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: jsons,
        run: |arrays| {
            lists(arrays, |json| {
                let items = items(json).into_iter();
                items.map(|item| Some(minified(item))).collect()
            })
        },
    },
    Function {
        names: &["json_item_texts"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: texts,
        run: |arrays| lists(arrays, |json| items(json).into_iter().map(shown).collect()),
    },
    Function {
        names: &["jsonb_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(jsonb(valid(row.text(0))?)))),
    },
    Function {
        names: &["jsonb_concat"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let (left, right) = (valid(row.text(0))?, valid(row.text(1))?);
                Ok(Some(joined(left, right)))
            })
        },
    },
    Function {
        names: &["json", "json_minify"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: json,
        run: |arrays| parts::<StringArray, _>(arrays, Of::First, |json| Some(minified(json))),
    },
];

pub(super) const POSTGRES: &[Function] = &[
    // A cast to JSON: texts are read, and other values written.
    Function {
        names: &["json_of"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| match read_or_written(row, is_valid)? {
                Some(json) => Ok(Some(json)),
                None => no_json(row.text(0)),
            })
        },
    },
    Function {
        names: &["try_json_of"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| read_or_written(row, is_valid)),
    },
];

pub(super) const DUCKDB: &[Function] = &[
    // A cast to JSON: texts are read, and other values written.
    Function {
        names: &["json_of"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| match read_or_written(row, is_json)? {
                Some(json) => Ok(Some(json)),
                None => checked(row.text(0)).map(|_| None),
            })
        },
    },
    Function {
        names: &["try_json_of"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| read_or_written(row, is_json)),
    },
    Function {
        names: &["json_valid"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: boolean,
        run: |arrays| strict::<BooleanArray, _>(arrays, |row| Ok(Some(is_json(row.text(0))))),
    },
    Function {
        names: &["json_type"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (1, 2),
        gives: text,
        run: |arrays| parts::<StringArray, _>(arrays, Of::First, |json| Some(type_of(json))),
    },
    // As PostgreSQL's, with numbers and texts written as DuckDB writes them.
    Function {
        names: &["json_normal"],
        takes: &[Takes::JsonText],
        count: (1, 1),
        gives: json,
        run: |arrays| parts::<StringArray, _>(arrays, Of::First, |json| Some(normal(json))),
    },
    Function {
        names: &["json_normal_part"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 32),
        gives: json,
        run: |arrays| parts::<StringArray, _>(arrays, Of::First, |json| Some(normal(json))),
    },
    Function {
        names: &["json_normal_text"],
        takes: &[Takes::JsonText, Takes::Any],
        count: (2, 32),
        gives: text,
        run: |arrays| {
            parts::<StringArray, _>(arrays, Of::First, |json| match json {
                "null" => None,
                json if json.starts_with('"') => Some(unquoted(json)),
                json => Some(normal(json)),
            })
        },
    },
];

/// A text that is JSON, or any other value as JSON. None: the text is none.
fn read_or_written(row: Row<'_>, is_json: fn(&str) -> bool) -> Result<Option<String>> {
    match row.array(0).data_type() {
        DataType::Utf8 => Ok(Some(row.text(0).to_owned()).filter(|text| is_json(text))),
        _ => written(row.array(0), row.at(), Dialect::DuckDb).map(Some),
    }
}

/// Of PostgreSQL.
fn valid(json: &str) -> Result<&str> {
    match is_valid(json) {
        true => Ok(json),
        false => no_json(json),
    }
}

fn no_json<T>(text: &str) -> Result<T> {
    exec_err!(
        "this is no JSON: {}",
        text.chars().take(60).collect::<String>()
    )
}

/// A value of JSON as text, without the quotes of a string.
fn plain(json: &str) -> Option<String> {
    match json {
        "null" => None,
        json if json.starts_with('"') => Some(unquoted(json)),
        json => Some(minified(json)),
    }
}

/// What is made of the part of the first argument that the others lead to.
fn parts<A, T>(arrays: &[ArrayRef], of: Of, made: impl Fn(&str) -> Option<T>) -> Result<ArrayRef>
where
    A: Array + FromIterator<Option<T>> + 'static,
{
    let paths = Paths::default();
    strict::<A, T>(arrays, |row| Ok(paths.part(row, of)?.and_then(&made)))
}

/// As [`parts`], a list of each.
fn lists(arrays: &[ArrayRef], made: impl Fn(&str) -> Vec<Option<String>>) -> Result<ArrayRef> {
    let paths = Paths::default();
    strict_lists(arrays, |row| Ok(paths.part(row, Of::First)?.map(&made)))
}

/// A value without quotes; none: it is null.
fn shown(json: &str) -> Option<String> {
    (json != "null").then(|| unquoted(json))
}

/// Paths that were read already: most often all rows have one.
#[derive(Default)]
struct Paths(RefCell<Vec<(String, Vec<Step>)>>);

impl Paths {
    /// The part of the first argument that the others lead to.
    fn part<'a>(&self, row: Row<'a>, of: Of) -> Result<Option<&'a str>> {
        let mut json = row.text(0).trim();
        for argument in 1..row.len() {
            let array = row.array(argument);
            let found = match array.data_type() {
                DataType::Utf8 => self.find(json, argument, row.text(argument), of)?,
                kind if kind.is_integer() => {
                    let at = arrow::compute::cast(&array.slice(row.at(), 1), &DataType::Int64)?;
                    let at = at.as_primitive::<Int64Type>().value(0);
                    find(json, &[Step::At(at)], of)
                }
                _ => self.find(json, argument, &row.written(argument)?, of)?,
            };
            let Some(found) = found else {
                return Ok(None);
            };
            json = found;
        }
        Ok(Some(json))
    }

    fn find<'a>(
        &self,
        json: &'a str,
        argument: usize,
        text: &str,
        of: Of,
    ) -> Result<Option<&'a str>> {
        let mut known = self.0.borrow_mut();
        if known.len() < argument {
            known.resize(argument, Default::default());
        }
        let known = &mut known[argument - 1];
        if known.1.is_empty() || known.0 != text {
            let steps = path(text)?;
            if steps.iter().any(Step::is_wild) {
                return exec_err!(
                    "a path into JSON that leads to many values is to be written out in json_extract, -> or ->>"
                );
            }
            *known = (text.to_owned(), steps);
        }
        Ok(find(json, &known.1, of))
    }
}

fn entries(json: &str) -> Vec<(String, String)> {
    match json.starts_with('[') {
        true => {
            let items = items(json).into_iter().enumerate();
            items
                .map(|(at, item)| (at.to_string(), normal(item)))
                .collect()
        }
        false => {
            let members = members(json).into_iter();
            members
                .map(|(key, value)| (unquoted(key), normal(value)))
                .collect()
        }
    }
}
