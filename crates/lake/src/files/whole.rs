//! Files as rows: their names (`glob`), or their contents (`read_text`, `read_blob`).

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use forebay_core::{Diagnostic, Location, quote};

use super::Opened;
use super::paths::{FilePath, unreadable};
use super::settings::Settings;
use crate::engine::{from_arrow, from_engine};

pub(super) fn names(files: &[FilePath], settings: Settings) -> Result<Opened, Diagnostic> {
    settings.end()?;
    table(vec![("file", name_column(files))])
}

pub(super) fn contents(
    files: &[FilePath],
    settings: Settings,
    as_text: bool,
) -> Result<Opened, Diagnostic> {
    settings.end()?;
    let (mut contents, mut changed) = (Vec::new(), Vec::new());
    for file in files {
        let of = |error| unreadable(&file.path, &error);
        contents.push(std::fs::read(&file.path).map_err(of)?);
        let at = std::fs::metadata(&file.path).and_then(|of| of.modified());
        let since = at.map_err(of)?.duration_since(UNIX_EPOCH).ok();
        // To the second, as in DuckDB.
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
        changed.push(seconds.map(|seconds| seconds * 1_000_000));
    }
    let sizes = contents.iter().map(|bytes| bytes.len() as i64);
    let sizes: ArrayRef = Arc::new(Int64Array::from_iter_values(sizes));
    let content: ArrayRef = match as_text {
        true => Arc::new(texts(files, contents)?),
        false => Arc::new(BinaryArray::from_iter_values(contents)),
    };
    let changed = TimestampMicrosecondArray::from(changed).with_timezone("UTC");
    table(vec![
        ("filename", name_column(files)),
        ("content", content),
        ("size", sizes),
        ("last_modified", Arc::new(changed)),
    ])
}

fn texts(files: &[FilePath], contents: Vec<Vec<u8>>) -> Result<StringArray, Diagnostic> {
    let each = files.iter().zip(contents).map(|(file, bytes)| {
        String::from_utf8(bytes).map_err(|_| {
            Diagnostic::error("the file is no text in UTF-8")
                .at(Location::file(&file.path))
                .hint("read_blob() reads it as bytes")
        })
    });
    let each = each.collect::<Result<Vec<_>, _>>()?;
    Ok(StringArray::from(each))
}

fn name_column(files: &[FilePath]) -> ArrayRef {
    let names = files.iter().map(|file| &file.name);
    Arc::new(StringArray::from_iter_values(names))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Opened, Diagnostic> {
    let names = columns.iter().map(|(name, _)| quote(name)).collect();
    let rows = RecordBatch::try_from_iter(columns).map_err(from_arrow)?;
    let rows = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(from_engine)?;
    Ok(Opened::new(Arc::new(rows), names))
}
