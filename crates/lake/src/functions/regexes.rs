//! Functions of regular expressions.

use arrow::array::{BooleanArray, StringArray};
use datafusion::error::Result;

use super::function::{Function, Row, Takes, boolean, strict, strict_lists, text, texts};
use super::patterns::{Options, compiled, replacement};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["regexp_replace"],
        takes: &[Takes::Text],
        count: (3, 4),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| replace(row).map(Some)),
    },
    Function {
        names: &[
            "regexp_split_to_array",
            "string_split_regex",
            "str_split_regex",
        ],
        takes: &[Takes::Text],
        count: (2, 3),
        gives: texts,
        run: |arrays| strict_lists(arrays, |row| split(row).map(Some)),
    },
    Function {
        names: &["regexp_full_match"],
        takes: &[Takes::Text],
        count: (2, 3),
        gives: boolean,
        run: |arrays| {
            strict::<BooleanArray, _>(arrays, |row| {
                let whole = format!("^(?:{})$", row.text(1));
                let options = Options::parse(row.text_or(2, ""))?;
                Ok(Some(compiled(&whole, options)?.is_match(row.text(0))))
            })
        },
    },
    Function {
        names: &["regexp_extract"],
        takes: &[Takes::Text, Takes::Text, Takes::Int, Takes::Text],
        count: (2, 4),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| extract(row).map(Some)),
    },
    Function {
        names: &["regexp_extract_all"],
        takes: &[Takes::Text, Takes::Text, Takes::Int, Takes::Text],
        count: (2, 4),
        gives: texts,
        run: |arrays| strict_lists(arrays, |row| extract_all(row).map(Some)),
    },
    Function {
        names: &["regexp_match"],
        takes: &[Takes::Text],
        count: (2, 3),
        gives: texts,
        run: |arrays| strict_lists(arrays, groups),
    },
    Function {
        names: &["regexp_substr"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, first_group),
    },
    Function {
        names: &["regexp_escape"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(escaped(row.text(0))))),
    },
];

/// With a backslash before all of ASCII that is no letter, digit or underscore, as DuckDB has it.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && letter != '_' {
            made.push('\\');
        }
        made.push(letter);
    }
    made
}

/// In PostgreSQL it gives rows, which are refused.
pub(super) const DUCKDB: &[Function] = &[Function {
    names: &["regexp_matches"],
    takes: &[Takes::Text],
    count: (2, 3),
    gives: boolean,
    run: |arrays| {
        strict::<BooleanArray, _>(arrays, |row| {
            let options = Options::parse(row.text_or(2, ""))?;
            Ok(Some(compiled(row.text(1), options)?.is_match(row.text(0))))
        })
    },
}];

fn replace(row: Row<'_>) -> Result<String> {
    let options = Options::parse(row.text_or(3, ""))?;
    let regex = compiled(row.text(1), options)?;
    let by = replacement(row.text(2));
    let replaced = match options.all {
        true => regex.replace_all(row.text(0), by.as_str()),
        false => regex.replace(row.text(0), by.as_str()),
    };
    Ok(replaced.into_owned())
}

fn split(row: Row<'_>) -> Result<Vec<Option<String>>> {
    let regex = compiled(row.text(1), Options::parse(row.text_or(2, ""))?)?;
    if row.text(1).is_empty() && !row.text(0).is_empty() {
        let letters = row.text(0).chars();
        return Ok(letters.map(|letter| Some(letter.to_string())).collect());
    }
    Ok(regex
        .split(row.text(0))
        .map(|part| Some(part.to_owned()))
        .collect())
}

/// The group of the first match; an empty text where nothing matches.
fn extract(row: Row<'_>) -> Result<String> {
    let regex = compiled(row.text(1), Options::parse(row.text_or(3, ""))?)?;
    let group = usize::try_from(row.int_or(2, 0)).unwrap_or_default();
    let found = regex.captures(row.text(0));
    let found = found.and_then(|found| found.get(group).map(|m| m.as_str().to_owned()));
    Ok(found.unwrap_or_default())
}

fn extract_all(row: Row<'_>) -> Result<Vec<Option<String>>> {
    let regex = compiled(row.text(1), Options::parse(row.text_or(3, ""))?)?;
    let group = usize::try_from(row.int_or(2, 0)).unwrap_or_default();
    let text = |found: regex::Captures<'_>| {
        Some(
            found
                .get(group)
                .map_or_else(String::new, |m| m.as_str().to_owned()),
        )
    };
    Ok(regex.captures_iter(row.text(0)).map(text).collect())
}

/// The groups of the first match, or the match where the pattern has none.
fn groups(row: Row<'_>) -> Result<Option<Vec<Option<String>>>> {
    let regex = compiled(row.text(1), Options::parse(row.text_or(2, ""))?)?;
    let skipped = usize::from(regex.captures_len() > 1);
    let found = regex.captures(row.text(0));
    Ok(found.map(|found| {
        let groups = found.iter().skip(skipped);
        groups
            .map(|group| group.map(|m| m.as_str().to_owned()))
            .collect()
    }))
}

/// As `substring(text from pattern)`: the first group, or the match where the pattern has none.
fn first_group(row: Row<'_>) -> Result<Option<String>> {
    Ok(groups(row)?.and_then(|groups| groups.into_iter().next().flatten()))
}

/// The pattern of SQL's `SIMILAR TO` as a regular expression: `%` and `_` are any text and letter.
pub(crate) fn similar(pattern: &str, escape: Option<char>) -> String {
    let mut made = String::from("^(?s:");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            e if Some(e) == escape => {
                if let Some(next) = letters.next() {
                    made.push_str(&regex::escape(&next.to_string()));
                }
            }
            '%' => made.push_str(".*"),
            '_' => made.push('.'),
            '.' | '^' | '$' => made.extend(['\\', letter]),
            other => made.push(other),
        }
    }
    made.push_str(")$");
    made
}
