//! Parts of the path of a file, as DuckDB takes it apart, and the size of a file in words.

use arrow::array::StringArray;
use datafusion::common::plan_err;
use datafusion::error::Result;

use super::function::{Function, Row, Takes, strict, strict_lists, text, texts};

pub(super) const DUCKDB: &[Function] = &[
    // The last part, whole or without what follows its last point.
    Function {
        names: &["parse_filename"],
        takes: &[Takes::Text, Takes::Text, Takes::Text],
        count: (1, 3),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let (is_bare, by) = match row.len() {
                    2 if !matches!(row.text(1), "true" | "false") => (false, row.text(1)),
                    _ => (
                        row.text_or(1, "false") == "true",
                        row.text_or(2, "both_slash"),
                    ),
                };
                let name = row
                    .text(0)
                    .rsplit(separators(by)?)
                    .next()
                    .unwrap_or_default();
                let bare = name.rsplit_once('.').map_or(name, |(bare, _)| bare);
                Ok(Some(if is_bare { bare } else { name }.to_owned()))
            })
        },
    },
    // All parts; that of the root is its slash.
    Function {
        names: &["parse_path"],
        takes: &[Takes::Text, Takes::Text],
        count: (1, 2),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| {
                let parts = parts(row)?.into_iter();
                Ok(Some(parts.map(|part| Some(part.to_owned())).collect()))
            })
        },
    },
    // The first part, where it is not the file itself.
    Function {
        names: &["parse_dirname"],
        takes: &[Takes::Text, Takes::Text],
        count: (1, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let parts = parts(row)?;
                let first = parts.first().filter(|_| parts.len() > 1);
                Ok(Some(
                    first.map_or_else(String::new, |&first| first.to_owned()),
                ))
            })
        },
    },
    // All but the last part.
    Function {
        names: &["parse_dirpath"],
        takes: &[Takes::Text, Takes::Text],
        count: (1, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let by = separators(row.text_or(1, "both_slash"))?;
                let path = row.text(0);
                let parent = path.rfind(by).map_or("", |at| &path[..at]);
                let is_root = path.len() == 1 && path.starts_with(by);
                Ok(Some(if is_root { path } else { parent }.to_owned()))
            })
        },
    },
    // 16000 bytes are 15.6 KiB: thousands of 1024.
    Function {
        names: &["format_bytes", "formatreadablesize", "pg_size_pretty"],
        takes: &[Takes::Int],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
            strict::<StringArray, _>(arrays, |row| Ok(Some(size(row.int(0), 1024, units))))
        },
    },
    Function {
        names: &["formatreadabledecimalsize"],
        takes: &[Takes::Int],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
            strict::<StringArray, _>(arrays, |row| Ok(Some(size(row.int(0), 1000, units))))
        },
    },
];

fn separators(name: &str) -> Result<&'static [char]> {
    match name {
        "both_slash" => Ok(&['/', '\\']),
        "system" | "forward_slash" => Ok(&['/']),
        "backslash" => Ok(&['\\']),
        other => plan_err!(
            "'{other}' is no separator of paths: both_slash, forward_slash, backslash and system are"
        ),
    }
}

fn parts(row: Row<'_>) -> Result<Vec<&str>> {
    let by = separators(row.text_or(1, "both_slash"))?;
    let path = row.text(0);
    let root = path.starts_with(by).then(|| &path[..1]);
    let parts = path.split(by).filter(|part| !part.is_empty());
    Ok(root.into_iter().chain(parts).collect())
}

/// With one digit, which is cut.
fn size(bytes: i64, thousand: u64, units: [&str; 6]) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    let bytes = bytes.unsigned_abs();
    if bytes < thousand {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        return format!("{sign}{bytes} {unit}");
    }
    let (mut unit, mut at) = (u128::from(thousand), 0);
    while u128::from(bytes) >= unit * u128::from(thousand) && at + 1 < units.len() {
        (unit, at) = (unit * u128::from(thousand), at + 1);
    }
    let tenths = u128::from(bytes) * 10 / unit;
    format!("{sign}{}.{} {}", tenths / 10, tenths % 10, units[at])
}
