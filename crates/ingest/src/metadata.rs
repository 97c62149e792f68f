//! The columns that say of every row where it came from.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{DateTime, Utc};

/// File, relative to the project folder.
pub const FILE: &str = "_file";
/// Line of the file, from one.
pub const LINE: &str = "_line";
/// When the load began.
pub const LOADED_AT: &str = "_loaded_at";
/// Names the file's content: the first 16 hexadecimal digits of its SHA-256.
pub const LOAD_ID: &str = "_load_id";

/// Why a held row is held.
pub const HELD_REASON: &str = "_held_reason";
/// The column whose value broke the rule, where it is one column's.
pub const HELD_COLUMN: &str = "_held_column";
/// The value as the file has it.
pub const HELD_VALUE: &str = "_held_value";
/// The row as the file has it.
pub const RAW: &str = "_raw";

const RESERVED: [&str; 8] = [
    FILE,
    LINE,
    LOADED_AT,
    LOAD_ID,
    HELD_REASON,
    HELD_COLUMN,
    HELD_VALUE,
    RAW,
];

/// Whether no column of a file may have that name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// The fields of every loaded row, after those of the file.
pub fn fields() -> Vec<Field> {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        Field::new(FILE, DataType::Utf8, true),
        Field::new(LINE, DataType::Int64, true),
        Field::new(LOADED_AT, utc, true),
        Field::new(LOAD_ID, DataType::Utf8, true),
    ]
}

/// The fields that a held row has before all others.
pub fn held_fields() -> Vec<Field> {
    [HELD_REASON, HELD_COLUMN, HELD_VALUE, RAW]
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect()
}

/// The values of [`fields`] for rows of one file.
pub fn columns(path: &str, load_id: &str, now: DateTime<Utc>, lines: Int64Array) -> Vec<ArrayRef> {
    let rows = lines.values().len();
    let text = |value: &str| StringArray::from_iter_values(std::iter::repeat_n(value, rows));
    let now = TimestampMicrosecondArray::from_value(now.timestamp_micros(), rows);
    vec![
        Arc::new(text(path)),
        Arc::new(lines),
        Arc::new(now.with_timezone("UTC")),
        Arc::new(text(load_id)),
    ]
}
