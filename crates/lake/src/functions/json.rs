//! Functions of JSON: texts of a type of their own.

use arrow::array::{AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{
    Function, Row, Takes, boolean, int, json, jsons, strict, strict_lists, text, texts,
};
use super::json_made::written;
use super::json_many::type_of;
use super::json_text::{
    Step, find, is_valid, items, joined, jsonb, members, minified, normal, path, unquoted,
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
        takes: &[Takes::Text, Takes::Any],
        count: (2, 32),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.map(minified))),
    },
    // `json ->> step`
    Function {
        names: &[
            "json_extract_string",
            "json_extract_path_text",
            "jsonb_extract_path_text",
        ],
        takes: &[Takes::Text, Takes::Any],
        count: (2, 32),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.and_then(plain))),
    },
    // Nothing where the path leads to an object or an array.
    Function {
        names: &["json_value"],
        takes: &[Takes::Text, Takes::Any],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let found = part(row)?.filter(|json| !json.starts_with(['{', '[']));
                Ok(found.filter(|json| *json != "null").map(minified))
            })
        },
    },
    Function {
        names: &["json_exists"],
        takes: &[Takes::Text, Takes::Any],
        count: (2, 2),
        gives: boolean,
        run: |arrays| strict::<BooleanArray, _>(arrays, |row| Ok(Some(part(row)?.is_some()))),
    },
    Function {
        names: &["json_array_length", "jsonb_array_length"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, 2),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                Ok(part(row)?.map(|json| items(json).len() as i64))
            })
        },
    },
    Function {
        names: &["json_typeof", "jsonb_typeof"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(part(row)?.map(|json| match json.as_bytes()[0] {
                    b'{' => "object",
                    b'[' => "array",
                    b'"' => "string",
                    b't' | b'f' => "boolean",
                    b'n' => "null",
                    _ => "number",
                }))
            })
        },
    },
    Function {
        names: &["json_keys"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, 2),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let keys = |json| {
                    members(json)
                        .into_iter()
                        .map(|(key, _)| Some(unquoted(key)))
                };
                Ok(part(row)?.map(|json| keys(json).collect()))
            })
        },
    },
    // The keys of an object, or the places in a list, and what stands there: the rows of `json_each`.
    Function {
        names: &["json_each_keys"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, 2),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let keys = |json| entries(json).into_iter().map(|(key, _)| Some(key));
                Ok(part(row)?.map(|json| keys(json).collect()))
            })
        },
    },
    Function {
        names: &["json_each_values"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, 2),
        gives: jsons,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let values = |json| entries(json).into_iter().map(|(_, value)| Some(value));
                Ok(part(row)?.map(|json| values(json).collect()))
            })
        },
    },
    Function {
        names: &["json_each_texts"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let text = |value: &str| (value != "null").then(|| unquoted(value));
                let values = |json| entries(json).into_iter().map(|(_, value)| text(&value));
                Ok(part(row)?.map(|json| values(json).collect()))
            })
        },
    },
    Function {
        names: &["json_items"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: jsons,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let items = |json| items(json).into_iter().map(|item| Some(minified(item)));
                Ok(part(row)?.map(|json| items(json).collect()))
            })
        },
    },
    Function {
        names: &["json_item_texts"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let items = |json| {
                    items(json)
                        .into_iter()
                        .map(|item| (item != "null").then(|| unquoted(item)))
                };
                Ok(part(row)?.map(|json| items(json).collect()))
            })
        },
    },
    // A cast to JSON: texts are read, and other values written.
    Function {
        names: &["json_of"],
        takes: &[Takes::Json],
        count: (1, 1),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| match read_or_written(row)? {
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
        run: |arrays| strict::<StringArray, _>(arrays, read_or_written),
    },
    Function {
        names: &["jsonb_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(jsonb(checked(row.text(0))?))))
        },
    },
    Function {
        names: &["jsonb_concat"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: json,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let (left, right) = (checked(row.text(0))?, checked(row.text(1))?);
                Ok(Some(joined(left, right)))
            })
        },
    },
    Function {
        names: &["json_valid"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: boolean,
        run: |arrays| strict::<BooleanArray, _>(arrays, |row| Ok(Some(is_valid(row.text(0))))),
    },
    Function {
        names: &["json", "json_minify"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.map(minified))),
    },
];

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["json_type"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, 2),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.map(type_of))),
    },
    // As PostgreSQL's, with numbers and texts written as DuckDB writes them.
    Function {
        names: &["json_normal"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.map(normal))),
    },
    Function {
        names: &["json_normal_part"],
        takes: &[Takes::Text, Takes::Any],
        count: (2, 32),
        gives: json,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(part(row)?.map(normal))),
    },
    Function {
        names: &["json_normal_text"],
        takes: &[Takes::Text, Takes::Any],
        count: (2, 32),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let found = part(row)?.filter(|json| *json != "null");
                Ok(found.map(|json| match json.starts_with('"') {
                    true => unquoted(json),
                    false => normal(json),
                }))
            })
        },
    },
];

/// A text that is JSON, or any other value as JSON. None: the text is none.
fn read_or_written(row: Row<'_>) -> Result<Option<String>> {
    match row.array(0).data_type() {
        DataType::Utf8 => Ok(Some(row.text(0).to_owned()).filter(|text| is_valid(text))),
        _ => written(row.array(0), row.at(), Dialect::DuckDb).map(Some),
    }
}

fn checked(json: &str) -> Result<&str> {
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

/// The part of the first argument that the others lead to.
fn part<'a>(row: Row<'a>) -> Result<Option<&'a str>> {
    let json = row.text(0).trim();
    let whole = json.starts_with(['{', '[', '"']) || is_valid(json);
    if !whole || json.is_empty() {
        return no_json(json);
    }
    let mut steps = Vec::new();
    for argument in 1..row.len() {
        let array = row.array(argument);
        match array.data_type() {
            kind if kind.is_integer() => {
                let places = arrow::compute::cast(array, &DataType::Int64)?;
                let places = places.as_primitive::<arrow::datatypes::Int64Type>();
                steps.push(Step::At(places.value(row.at())));
            }
            _ => steps.extend(path(&row.written(argument)?)?),
        }
    }
    if steps.iter().any(Step::is_wild) {
        return exec_err!(
            "a path into JSON that leads to many values is to be written out in json_extract, -> or ->>"
        );
    }
    Ok(find(json, &steps))
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
