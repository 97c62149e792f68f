//! Paths into JSON that lead to many values, and JSON as the rows of `json_each` and `json_tree`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, ListBuilder};
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::function::{Function, Row, Takes, jsons, strict_lists, texts};
use super::json_text::{Of, Step, find, items, members, normal, path, quoted, unquoted};

const ROW: &[Takes] = &[Takes::JsonText, Takes::Text, Takes::Text];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["json_all"],
        takes: &[Takes::JsonText, Takes::Text],
        count: (2, 2),
        gives: jsons,
        run: |arrays| strict_lists(arrays, |row| all(row, |json| Some(normal(json)))),
    },
    Function {
        names: &["json_all_texts"],
        takes: &[Takes::JsonText, Takes::Text],
        count: (2, 2),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                all(row, |json| match json {
                    "null" => None,
                    json if json.starts_with('"') => Some(unquoted(json)),
                    json => Some(normal(json)),
                })
            })
        },
    },
    // Columns of rows: of JSON, a path, and `each` or `tree`.
    Function {
        names: &["json_row_key"],
        takes: ROW,
        count: (3, 3),
        gives: texts,
        run: |arrays| strict_lists(arrays, |row| column(row, |found| found.key.clone())),
    },
    Function {
        names: &["json_row_value"],
        takes: ROW,
        count: (3, 3),
        gives: jsons,
        run: |arrays| strict_lists(arrays, |row| column(row, |found| Some(normal(found.value)))),
    },
    Function {
        names: &["json_row_type"],
        takes: ROW,
        count: (3, 3),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                column(row, |found| Some(type_of(found.value).to_owned()))
            })
        },
    },
    Function {
        names: &["json_row_atom"],
        takes: ROW,
        count: (3, 3),
        gives: jsons,
        run: |arrays| {
            strict_lists(arrays, |row| {
                column(row, |found| match found.value {
                    "null" => None,
                    json if json.starts_with(['{', '[']) => None,
                    json => Some(normal(json)),
                })
            })
        },
    },
    Function {
        names: &["json_row_id"],
        takes: ROW,
        count: (3, 3),
        gives: ints,
        run: |arrays| numbers(arrays, |found| Some(found.id)),
    },
    Function {
        names: &["json_row_parent"],
        takes: ROW,
        count: (3, 3),
        gives: ints,
        run: |arrays| numbers(arrays, |found| found.parent),
    },
    Function {
        names: &["json_row_fullkey"],
        takes: ROW,
        count: (3, 3),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                column(row, |found| Some(found.full_key.clone()))
            })
        },
    },
    Function {
        names: &["json_row_path"],
        takes: ROW,
        count: (3, 3),
        gives: texts,
        run: |arrays| strict_lists(arrays, |row| column(row, |found| Some(found.path.clone()))),
    },
];

/// Whether the path may lead to many values.
pub(crate) fn is_wild(path: &str) -> bool {
    path.starts_with('$') && (path.contains('*') || path.contains(".."))
}

fn ints(_: &[DataType]) -> DataType {
    DataType::new_list(DataType::Int64, true)
}

/// What DuckDB calls the type of a value.
pub(super) fn type_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "OBJECT",
        Some(b'[') => "ARRAY",
        Some(b'"') => "VARCHAR",
        Some(b't' | b'f') => "BOOLEAN",
        Some(b'n') if json == "null" => "NULL",
        _ if json.contains(['n', 'N']) => "DOUBLE",
        _ if json.contains(['.', 'e', 'E']) => "DOUBLE",
        Some(b'-') => "BIGINT",
        _ => "UBIGINT",
    }
}

/// All that the path leads to.
fn all(
    row: Row<'_>,
    shown: impl Fn(&str) -> Option<String>,
) -> Result<Option<Vec<Option<String>>>> {
    let mut found = Vec::new();
    follow(row.text(0).trim(), &path(row.text(1))?, &mut found);
    Ok(Some(found.into_iter().map(shown).collect()))
}

fn follow<'a>(json: &'a str, steps: &[Step], found: &mut Vec<&'a str>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(json);
        return;
    };
    let values = || members(json).into_iter().map(|(_, value)| value);
    match step {
        Step::EachItem if json.starts_with('[') => {
            items(json)
                .into_iter()
                .for_each(|item| follow(item, rest, found));
        }
        Step::EachValue if json.starts_with('{') => {
            values().for_each(|value| follow(value, rest, found));
        }
        Step::Deep => {
            follow(json, rest, found);
            match json.starts_with('[') {
                true => items(json)
                    .into_iter()
                    .for_each(|item| follow(item, steps, found)),
                false => values().for_each(|value| follow(value, steps, found)),
            }
        }
        Step::EachItem | Step::EachValue => {}
        one => {
            if let Some(json) = find(json, std::slice::from_ref(one), Of::First) {
                follow(json, rest, found);
            }
        }
    }
}

/// A row of `json_each` or `json_tree`.
struct Found<'a> {
    /// None of what the path itself leads to.
    key: Option<String>,
    value: &'a str,
    /// The place among all keys and values of the whole.
    id: i64,
    parent: Option<i64>,
    full_key: String,
    path: String,
}

fn column(
    row: Row<'_>,
    of: impl Fn(&Found<'_>) -> Option<String>,
) -> Result<Option<Vec<Option<String>>>> {
    Ok(Some(rows(row)?.iter().map(of).collect()))
}

fn numbers(arrays: &[ArrayRef], of: impl Fn(&Found<'_>) -> Option<i64>) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in Row::all(arrays) {
        match row.has_null() {
            true => lists.append_null(),
            false => lists.append_value(rows(row)?.iter().map(&of)),
        }
    }
    Ok(Arc::new(lists.finish()))
}

fn rows<'a>(row: Row<'a>) -> Result<Vec<Found<'a>>> {
    let steps = path(row.text(1))?;
    let Some((value, id)) = placed(row.text(0).trim(), &steps) else {
        return Ok(Vec::new());
    };
    let place: String = std::iter::once("$".to_owned())
        .chain(steps.iter().map(written))
        .collect();
    let is_tree = row.text(2) == "tree";
    let mut found = Vec::new();
    if is_tree || !value.starts_with(['{', '[']) {
        found.push(Found {
            key: None,
            value,
            id,
            parent: None,
            full_key: place.clone(),
            path: place.clone(),
        });
    }
    inside(value, id, &place, is_tree, &mut found);
    Ok(found)
}

/// The members or items of a value, each followed by its own where they are a tree.
fn inside<'a>(value: &'a str, id: i64, place: &str, is_tree: bool, found: &mut Vec<Found<'a>>) {
    let mut next = id + 1;
    for part in parts(value) {
        let at = next + i64::from(part.has_key);
        next = at + size(part.value);
        let full_key = format!("{place}{}", part.step());
        found.push(Found {
            key: Some(part.key),
            value: part.value,
            id: at,
            parent: is_tree.then_some(id),
            full_key: full_key.clone(),
            path: place.to_owned(),
        });
        if is_tree {
            inside(part.value, at, &full_key, true, found);
        }
    }
}

struct Part<'a> {
    key: String,
    value: &'a str,
    has_key: bool,
}

impl Part<'_> {
    /// As a path goes on to it.
    fn step(&self) -> String {
        match self.has_key {
            true => written(&Step::Key(self.key.clone())),
            false => format!("[{}]", self.key),
        }
    }
}

fn parts(json: &str) -> Vec<Part<'_>> {
    match json.starts_with('[') {
        true => {
            let items = items(json).into_iter().enumerate();
            let part = |(at, value): (usize, _)| Part {
                key: at.to_string(),
                value,
                has_key: false,
            };
            items.map(part).collect()
        }
        false => {
            let members = members(json).into_iter();
            let part = |(key, value)| Part {
                key: unquoted(key),
                value,
                has_key: true,
            };
            members.map(part).collect()
        }
    }
}

fn written(step: &Step) -> String {
    let is_plain = |key: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !key.is_empty() && key.chars().all(is_part)
    };
    match step {
        Step::Key(key) if is_plain(key) => format!(".{key}"),
        Step::Key(key) => format!(".{}", quoted(key)),
        Step::At(at) => format!("[{at}]"),
        Step::EachItem => "[*]".to_owned(),
        Step::EachValue => ".*".to_owned(),
        Step::Deep => ".".to_owned(),
    }
}

/// How many keys and values are in it, itself counted.
fn size(json: &str) -> i64 {
    let parts = parts(json).into_iter();
    1 + parts
        .map(|part| i64::from(part.has_key) + size(part.value))
        .sum::<i64>()
}

/// The value that the steps lead to, with its place among all keys and values.
fn placed<'a>(json: &'a str, steps: &[Step]) -> Option<(&'a str, i64)> {
    let (mut value, mut id) = (json, 0);
    for step in steps {
        let wanted = find(value, std::slice::from_ref(step), Of::First)?;
        let mut next = id + 1;
        let at = parts(value).into_iter().find_map(|part| {
            let at = next + i64::from(part.has_key);
            next = at + size(part.value);
            std::ptr::eq(part.value, wanted).then_some(at)
        });
        (value, id) = (wanted, at?);
    }
    Some((value, id))
}
