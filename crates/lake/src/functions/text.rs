//! Text functions.

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::function::{Function, Row, Takes, int, lenient, lenient_lists, strict, text, texts};
use super::writing;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["string_split", "str_split", "split"],
        takes: &[Takes::Text, Takes::Text],
        count: (2, 2),
        gives: texts,
        run: |arrays| {
            lenient_lists(arrays, |row| {
                Ok((!row.is_null(0)).then(|| match row.is_null(1) {
                    true => vec![Some(row.text(0).to_owned())],
                    false => split(row.text(0), row.text(1)),
                }))
            })
        },
    },
    // A letter becomes one letter, as in PostgreSQL and DuckDB: `ß` stays.
    Function {
        names: &["upper"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(upper(row.text(0))))),
    },
    Function {
        names: &["lower"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(lower(row.text(0))))),
    },
    Function {
        names: &["quote_ident"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(ident(row.text(0))))),
    },
    Function {
        names: &["quote_literal"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(literal(row.text(0))))),
    },
    // As DuckDB's `substr`: -2 counts from the end.
    Function {
        names: &["substr_from"],
        takes: &[Takes::Text, Takes::Int, Takes::Int],
        count: (2, 3),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let length = row.int_or(2, i64::MAX);
                Ok(Some(from_either_end(row.text(0), row.int(1), length)))
            })
        },
    },
    Function {
        names: &["unicode", "ord"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                let first = row.text(0).chars().next();
                Ok(Some(
                    first.map_or(-1, |letter| i64::from(u32::from(letter))),
                ))
            })
        },
    },
    // DuckDB's `text[2]` and `text[2:3]`.
    Function {
        names: &["letter_at"],
        takes: &[Takes::Text, Takes::Int],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(from_to(row.text(0), row.int(1), row.int(1))))
            })
        },
    },
    Function {
        names: &["letters_between"],
        takes: &[Takes::Text, Takes::Int, Takes::Int],
        count: (3, 3),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(from_to(row.text(0), row.int(1), row.int(2))))
            })
        },
    },
    Function {
        names: &["url_decode"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(url_decode(row.text(0))))),
    },
    Function {
        names: &["url_encode"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(url_encode(row.text(0))))),
    },
];

pub(crate) fn without_accents(text: &str) -> String {
    let letters = text.nfd().filter(|c| !is_combining_mark(*c));
    letters.nfc().collect()
}

pub(super) const DUCKDB: &[Function] = &[
    LEVENSHTEIN,
    SPLIT_PART,
    // As `concat_ws`, of lists too.
    Function {
        names: &["texts_joined"],
        takes: &[Takes::Text, Takes::Any],
        count: (1, usize::MAX),
        gives: text,
        run: |arrays| {
            lenient::<StringArray, _>(arrays, |row| match row.is_null(0) {
                true => Ok(None),
                false => parts(row).map(|parts| Some(parts.join(row.text(0)))),
            })
        },
    },
    UPPER,
    Function {
        names: &["bar"],
        takes: &[Takes::Double],
        count: (3, 4),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let width = if row.len() == 4 { row.double(3) } else { 80.0 };
                bar(row.double(0), (row.double(1), row.double(2)), width).map(Some)
            })
        },
    },
    Function {
        names: &["strip_accents"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(without_accents(row.text(0)))))
        },
    },
    Function {
        names: &["nfc_normalize"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(row.text(0).nfc().collect::<String>()))
            })
        },
    },
    // What is seen as one letter stays one: marks, and the parts of an emoji.
    Function {
        names: &["reverse"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(row.text(0).graphemes(true).rev().collect::<String>()))
            })
        },
    },
    Function {
        names: &["btrim", "trim"],
        run: |arrays| trimmed(arrays, true, true),
        ..TRIM
    },
    Function {
        names: &["ltrim"],
        run: |arrays| trimmed(arrays, true, false),
        ..TRIM
    },
    Function {
        names: &["rtrim"],
        run: |arrays| trimmed(arrays, false, true),
        ..TRIM
    },
];

/// As wide as the value's part of the way, in eighths of a letter, with spaces up to the width.
fn bar(value: f64, (from, to): (f64, f64), width: f64) -> Result<String> {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if !(1.0..=1000.0).contains(&width) {
        return exec_err!("bar() has a width from 1 to 1000");
    }
    let filled = match value {
        value if value.is_nan() || value < from => 0.0,
        value if value > to => width,
        value => width * (value - from) / (to - from),
    };
    let eighths = (filled * 8.0) as usize;
    let drawn = "█".repeat(eighths / 8) + PARTS[eighths % 8];
    let width = width as usize;
    Ok(format!("{drawn:<width$}"))
}

/// What is behind the first argument, and not null.
fn parts(row: Row<'_>) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    for argument in (1..row.len()).filter(|argument| !row.is_null(*argument)) {
        match row.array(argument).data_type() {
            DataType::List(_) => {
                let items = row.array(argument).as_list::<i32>().value(row.at());
                let held = (0..items.len()).filter(|at| items.is_valid(*at));
                for at in held {
                    parts.push(writing::one(&items, at)?);
                }
            }
            _ => parts.push(row.written(argument)?),
        }
    }
    Ok(parts)
}

/// There is a large `ß`.
const UPPER: Function = Function {
    names: &["upper"],
    takes: &[Takes::Text],
    count: (1, 1),
    gives: text,
    run: |arrays| {
        strict::<StringArray, _>(arrays, |row| Ok(Some(upper(row.text(0)).replace('ß', "ẞ"))))
    },
};

const TRIM: Function = Function {
    names: &[],
    takes: &[Takes::Text, Takes::Text],
    count: (1, 2),
    gives: text,
    run: |_| {
        Ok(arrow::array::new_empty_array(
            &arrow::datatypes::DataType::Utf8,
        ))
    },
};

/// Without the letters of the second text at its ends, or without spaces of any width.
fn trimmed(arrays: &[ArrayRef], at_start: bool, at_end: bool) -> Result<ArrayRef> {
    strict::<StringArray, _>(arrays, |row| {
        let letters = (row.len() > 1).then(|| row.text(1));
        let is_gone = |letter: char| match letters {
            Some(letters) => letters.contains(letter),
            None => SPACES.contains(&letter) || ('\u{2000}'..='\u{200a}').contains(&letter),
        };
        let mut text = row.text(0);
        if at_start {
            text = text.trim_start_matches(is_gone);
        }
        if at_end {
            text = text.trim_end_matches(is_gone);
        }
        Ok(Some(text.to_owned()))
    })
}

/// The separators of Unicode's category Zs, but those from U+2000 to U+200A.
const SPACES: [char; 6] = [
    ' ', '\u{a0}', '\u{1680}', '\u{202f}', '\u{205f}', '\u{3000}',
];

/// Of bytes.
const LEVENSHTEIN: Function = Function {
    names: &["levenshtein", "editdist3"],
    takes: &[Takes::Text, Takes::Text],
    count: (2, 2),
    gives: int,
    run: |arrays| {
        strict::<Int64Array, _>(arrays, |row| {
            let (one, other) = (row.text(0).as_bytes(), row.text(1).as_bytes());
            Ok(Some(distance(one, other)))
        })
    },
};

/// How many bytes have to be put in, left out or changed to make one of the other.
fn distance(one: &[u8], other: &[u8]) -> i64 {
    let mut row: Vec<i64> = (0..=other.len() as i64).collect();
    for (at, byte) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = at as i64 + 1;
        for (column, against) in other.iter().enumerate() {
            let changed = before + i64::from(byte != against);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

const SPLIT_PART: Function = Function {
    names: &["split_part"],
    takes: &[Takes::Text, Takes::Text, Takes::Int],
    count: (3, 3),
    gives: text,
    run: |arrays| {
        strict::<StringArray, _>(arrays, |row| {
            Ok(Some(part(row.text(0), row.text(1), row.int(2))))
        })
    },
};

/// The part at a place, from the end where it is below zero. Nothing stands at place 0.
fn part(text: &str, by: &str, place: i64) -> String {
    let parts = split(text, by);
    let at = match place {
        1.. => usize::try_from(place - 1).ok(),
        _ => parts.len().checked_sub(place.unsigned_abs() as usize),
    };
    let found = at.and_then(|at| parts.into_iter().nth(at)).flatten();
    found.unwrap_or_default()
}

fn split(text: &str, by: &str) -> Vec<Option<String>> {
    match by.is_empty() {
        true if text.is_empty() => vec![Some(String::new())],
        true => text.chars().map(|c| Some(c.to_string())).collect(),
        false => text.split(by).map(|part| Some(part.to_owned())).collect(),
    }
}

fn upper(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_ascii_uppercase(),
        false => text.chars().map(|c| only(c.to_uppercase(), c)).collect(),
    }
}

fn lower(text: &str) -> String {
    let lower = |c: char| match c {
        'İ' => 'i',
        c => only(c.to_lowercase(), c),
    };
    match text.is_ascii() {
        true => text.to_ascii_lowercase(),
        false => text.chars().map(lower).collect(),
    }
}

/// The one letter, or the other where there are several.
fn only(mut letters: impl Iterator<Item = char>, otherwise: char) -> char {
    match (letters.next(), letters.next()) {
        (Some(one), None) => one,
        _ => otherwise,
    }
}

/// In quotes where it needs them.
/// Words of PostgreSQL's grammar that are no plain names.
const WORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean \
    both case cast char character check coalesce collate collation column concurrently constraint create \
    cross current_catalog current_date current_role current_schema current_time current_timestamp \
    current_user dec decimal default deferrable desc distinct do else end except exists extract false \
    fetch float for foreign freeze from full grant greatest group grouping having ilike in initially \
    inner inout int integer intersect interval into is isnull join lateral leading least left like limit \
    localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric \
    offset on only or order out outer overlaps overlay placing position precision primary real \
    references returning right row select session_user setof similar smallint some substring symmetric \
    table tablesample then time timestamp to trailing treat trim true union unique user using values \
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists \
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

pub(super) fn ident(name: &str) -> String {
    let first = name.chars().next();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = name.chars().all(plain) && first.is_some_and(|c| !c.is_ascii_digit());
    match is_plain && !WORDS.split_whitespace().any(|word| word == name) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// PostgreSQL reads a backslash as one where it is escaped.
pub(super) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// What is no escape stays as it is.
fn url_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = match (first, behind.get(..2)) {
            (b'%', Some(digits)) if digits.iter().all(u8::is_ascii_hexdigit) => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).ok()
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &behind[2..]
        } else {
            behind
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn url_encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let encode = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The letters from one place to another, from the end where a place is below zero.
fn from_to(text: &str, from: i64, to: i64) -> String {
    let count = text.chars().count() as i64;
    let place = |at: i64| if at < 0 { count + at + 1 } else { at };
    let (from, to) = (place(from).max(1), place(to).min(count));
    let taken = text.chars().skip((from - 1) as usize);
    taken.take((to - from + 1).max(0) as usize).collect()
}

fn from_either_end(text: &str, start: i64, length: i64) -> String {
    let count = text.chars().count() as i64;
    let start = match start {
        // A place before the first character takes one of the length, as in PostgreSQL.
        0 => -1,
        s if s < 0 => count + s,
        s => s - 1,
    };
    let (start, end) = match length {
        l if l < 0 => (start.saturating_add(l), start),
        l => (start, start.saturating_add(l)),
    };
    let (start, end) = (start.clamp(0, count), end.clamp(0, count));
    let taken = text.chars().skip(start as usize);
    taken.take((end - start).max(0) as usize).collect()
}
