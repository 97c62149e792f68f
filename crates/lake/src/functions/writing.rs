//! Values as text, as PostgreSQL and DuckDB write them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float32Type, Float64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};
use datafusion::error::Result;
use forebay_core::Diagnostic;

use crate::engine::{from_engine, is_tuple};
use crate::types::Dialect;

/// The column as text.
pub(crate) fn write(array: &ArrayRef, dialect: Dialect) -> Result<ArrayRef> {
    let array = &settled(array)?;
    let written = (0..array.len()).map(|at| match array.is_null(at) {
        true => Ok(None),
        false => value(array, at, dialect).map(Some),
    });
    Ok(Arc::new(written.collect::<Result<StringArray>>()?))
}

/// One value as DuckDB writes it.
pub(super) fn one(array: &ArrayRef, at: usize) -> Result<String> {
    one_in(array, at, Dialect::DuckDb)
}

pub(super) fn one_in(array: &ArrayRef, at: usize, dialect: Dialect) -> Result<String> {
    value(&settled(&array.slice(at, 1))?, 0, dialect)
}

/// In microseconds, and of one kind of interval.
fn settled(array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Interval(_) => DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano),
        _ => return Ok(Arc::clone(array)),
    };
    Ok(arrow::compute::cast(array, &wanted)?)
}

/// Lengths of time in DuckDB's words.
pub fn lengths(array: &ArrayRef) -> std::result::Result<Vec<Option<String>>, Diagnostic> {
    let array = settled(array).map_err(from_engine)?;
    let text = |at| {
        array
            .is_valid(at)
            .then(|| interval(length(&array, at), Dialect::DuckDb))
    };
    Ok((0..array.len()).map(text).collect())
}

/// A length of time, that of a difference of timestamps too.
pub(super) fn length(array: &ArrayRef, at: usize) -> IntervalMonthDayNano {
    match array.data_type() {
        DataType::Duration(_) => {
            let micros = array.as_primitive::<DurationMicrosecondType>().value(at);
            let (days, rest) = (micros / 86_400_000_000, micros % 86_400_000_000);
            IntervalMonthDayNano::new(0, days as i32, rest * 1_000)
        }
        _ => array.as_primitive::<IntervalMonthDayNanoType>().value(at),
    }
}

fn value(array: &ArrayRef, at: usize, dialect: Dialect) -> Result<String> {
    Ok(match array.data_type() {
        DataType::Float64 => double(array.as_primitive::<Float64Type>().value(at), dialect),
        DataType::Float32 => single(array.as_primitive::<Float32Type>().value(at), dialect),
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(at)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(at);
            let offset = if zone.is_some() { "+00" } else { "" };
            format!("{}{offset}", timestamp(micros))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            clock(array.as_primitive::<Time64MicrosecondType>().value(at))
        }
        DataType::Interval(_) | DataType::Duration(_) => interval(length(array, at), dialect),
        DataType::List(_) => list(&array.as_list::<i32>().value(at), dialect)?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(at), dialect)?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(at), dialect)?,
        DataType::Struct(_) if dialect == Dialect::Postgres => record(array, at)?,
        DataType::Binary if dialect == Dialect::Postgres => {
            let bytes = array.as_binary::<i32>().value(at);
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{digits}")
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(at);
            bytes
                .iter()
                .map(|byte| match byte {
                    b'\\' | b'\'' | b'"' | ..b' ' | 127.. => format!("\\x{byte:02X}"),
                    letter => char::from(*letter).to_string(),
                })
                .collect()
        }
        DataType::Struct(fields) if is_tuple(fields) => {
            let columns = array.as_struct().columns().iter();
            let parts = columns.map(|column| item(column, at, dialect));
            format!("({})", parts.collect::<Result<Vec<_>>>()?.join(", "))
        }
        DataType::Struct(fields) => {
            let mut parts = Vec::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                parts.push(format!(
                    "'{}': {}",
                    field.name(),
                    item(column, at, dialect)?
                ));
            }
            format!("{{{}}}", parts.join(", "))
        }
        DataType::Map(..) => {
            let entry = array.as_map().value(at);
            let mut parts = Vec::new();
            for row in 0..entry.len() {
                let key = item(entry.column(0), row, dialect)?;
                parts.push(format!("{key}={}", item(entry.column(1), row, dialect)?));
            }
            format!("{{{}}}", parts.join(", "))
        }
        _ => array_value_to_string(array, at)?,
    })
}

/// `(1,"a b",)`: nothing stands for null.
fn record(array: &ArrayRef, at: usize) -> Result<String> {
    let part = |column: &ArrayRef| {
        if column.data_type() == &DataType::Null || column.is_null(at) {
            return Ok(String::new());
        }
        let text = nested(column, at)?;
        let special = |c: char| ",()\"\\".contains(c) || c.is_whitespace();
        Ok(match text.is_empty() || text.contains(special) {
            true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\"")),
            false => text,
        })
    };
    let parts = array.as_struct().columns().iter().map(part);
    Ok(format!(
        "({})",
        parts.collect::<Result<Vec<_>>>()?.join(",")
    ))
}

/// A value inside of another, as PostgreSQL writes it: the first letter of a truth value.
fn nested(array: &ArrayRef, at: usize) -> Result<String> {
    match array.data_type() {
        DataType::Boolean => {
            let letter = if array.as_boolean().value(at) {
                "t"
            } else {
                "f"
            };
            Ok(letter.to_owned())
        }
        _ => value(&settled(array)?, at, Dialect::Postgres),
    }
}

fn list(items: &ArrayRef, dialect: Dialect) -> Result<String> {
    let is_json = items.data_type() == &DataType::LargeUtf8 && dialect == Dialect::DuckDb;
    let items = (0..items.len()).map(|at| match is_json && items.is_valid(at) {
        true => value(items, at, dialect),
        false => item(items, at, dialect),
    });
    let items = items.collect::<Result<Vec<_>>>()?;
    Ok(match dialect {
        Dialect::DuckDb => format!("[{}]", items.join(", ")),
        Dialect::Postgres => format!("{{{}}}", items.join(",")),
    })
}

/// A value inside of another. DuckDB puts texts that would be misread into quotes.
fn item(array: &ArrayRef, at: usize, dialect: Dialect) -> Result<String> {
    if array.data_type() == &DataType::Null || array.is_null(at) {
        return Ok("NULL".to_owned());
    }
    let text = match dialect {
        Dialect::DuckDb => value(&settled(array)?, at, dialect)?,
        Dialect::Postgres => nested(array, at)?,
    };
    let special = |c: char| match dialect {
        Dialect::DuckDb => ",[]{}()'\"\\=:".contains(c),
        Dialect::Postgres => ",{}\"\\".contains(c) || c.is_whitespace(),
    };
    let is_record = matches!(
        (array.data_type(), dialect),
        (DataType::Struct(_), Dialect::Postgres)
    );
    let is_text = is_record || !array.data_type().is_nested();
    let misread = text.trim() != text
        || text.is_empty()
        || text.contains(special)
        || text.eq_ignore_ascii_case("null");
    Ok(match (is_text && misread, dialect) {
        (false, _) => text,
        (true, Dialect::DuckDb) => {
            format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        (true, Dialect::Postgres) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
    })
}

pub(super) fn double(value: f64, dialect: Dialect) -> String {
    let mut plain = format!("{value:?}");
    if dialect == Dialect::DuckDb {
        to_even(value, &mut plain);
    }
    plain_or_exponent(value, &plain, &format!("{value:e}"), 16, dialect)
}

fn single(value: f32, dialect: Dialect) -> String {
    let (mut plain, exponent) = (format!("{value:?}"), format!("{value:e}"));
    if dialect == Dialect::DuckDb {
        to_exact(value, &mut plain);
    }
    plain_or_exponent(value.into(), &plain, &exponent, 6, dialect)
}

/// Of two shortest texts that are equally near, DuckDB writes that with an even digit. Only of large numbers there are
/// two: the whole of one has a digit more, a five.
fn to_even(value: f64, shortest: &mut String) {
    const MANY: f64 = (1_u64 << 33) as f64;
    if value.abs() < MANY || shortest.len() < 17 {
        return;
    }
    let whole = format!("{value:.20}");
    let whole = whole.trim_end_matches('0');
    if let Some(cut) = whole.strip_suffix('5')
        && cut.len() == shortest.len()
        && cut.ends_with(['0', '2', '4', '6', '8'])
    {
        *shortest = cut.to_owned();
    }
}

/// Where two shortest texts of a number of 32 bits are equally near, or the shortest is as near to the next number,
/// DuckDB writes the whole of it.
pub fn to_exact(value: f32, shortest: &mut String) {
    const FRACTIONS: f32 = 1024.0;
    const ALL_WHOLE: f32 = (1 << 24) as f32;
    const NO_EXPONENT: f32 = 1e16;
    if !(FRACTIONS..NO_EXPONENT).contains(&value.abs()) {
        return;
    }
    if value.abs() < ALL_WHOLE {
        let whole = f64::from(value).to_string();
        if whole.len() == shortest.len() + 1 && whole.ends_with('5') {
            *shortest = whole;
        }
        return;
    }
    let next = f32::from_bits(value.to_bits() + 1);
    let (whole, next) = (value as i64, next as i64);
    let written = shortest.trim_end_matches(".0").parse::<i64>();
    if written.is_ok_and(|written| 2 * (written - whole).abs() == (next - whole).abs()) {
        *shortest = format!("{whole}.0");
    }
}

/// The shortest digits that mean the number; very large and small ones with an exponent of two digits.
fn plain_or_exponent(
    value: f64,
    plain: &str,
    exponent: &str,
    digits: i32,
    dialect: Dialect,
) -> String {
    let (of_exponent, most) = match dialect {
        _ if value.is_nan() || value.is_infinite() => return unusual(value, dialect).to_owned(),
        Dialect::DuckDb => (exponent, 16),
        Dialect::Postgres => (exponent, digits.min(15)),
    };
    let (mantissa, power) = of_exponent.split_once('e').unwrap_or((of_exponent, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if value != 0.0 && !(-4..most).contains(&power) {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", power.abs());
    }
    let plain = match plain.contains('e') {
        true => format!("{value:.1}"),
        false => plain.to_owned(),
    };
    match dialect {
        Dialect::DuckDb => plain,
        Dialect::Postgres => plain.strip_suffix(".0").unwrap_or(&plain).to_owned(),
    }
}

fn unusual(value: f64, dialect: Dialect) -> &'static str {
    match (dialect, value.is_nan(), value > 0.0) {
        (Dialect::DuckDb, true, _) => "nan",
        (Dialect::DuckDb, false, true) => "inf",
        (Dialect::DuckDb, false, false) => "-inf",
        (Dialect::Postgres, true, _) => "NaN",
        (Dialect::Postgres, false, true) => "Infinity",
        (Dialect::Postgres, false, false) => "-Infinity",
    }
}

fn date(days: i32) -> String {
    let epoch = NaiveDate::default();
    match epoch.checked_add_signed(TimeDelta::days(days.into())) {
        Some(date) => year_and(
            date.year(),
            &format!("{:02}-{:02}", date.month(), date.day()),
        ),
        None => format!("{days} days from 1970-01-01"),
    }
}

fn year_and(year: i32, rest: &str) -> String {
    match year {
        1.. => format!("{year:04}-{rest}"),
        _ => format!("{:04}-{rest} (BC)", 1 - year),
    }
}

pub(super) fn timestamp(micros: i64) -> String {
    let Some(at) = DateTime::from_timestamp_micros(micros) else {
        return format!("{micros} microseconds from 1970-01-01");
    };
    let mut text = format!(
        "{:02}-{:02} {:02}:{:02}:{:02}",
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let fraction = micros.rem_euclid(1_000_000);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    year_and(at.year(), &text)
}

/// `1 year 2 months 3 days 04:05:06`.
fn interval(interval: IntervalMonthDayNano, dialect: Dialect) -> String {
    let (month, minus_one) = match dialect {
        Dialect::DuckDb => ("month", -1),
        Dialect::Postgres => ("mon", 1),
    };
    let mut parts = Vec::new();
    let mut push = |count: i32, one: &str| {
        if count != 0 {
            let s = if count == 1 || count == minus_one {
                ""
            } else {
                "s"
            };
            parts.push(format!("{count} {one}{s}"));
        }
    };
    push(interval.months / 12, "year");
    push(interval.months % 12, month);
    push(interval.days, "day");
    let micros = interval.nanoseconds / 1_000;
    if micros != 0 || parts.is_empty() {
        parts.push(clock(micros));
    }
    parts.join(" ")
}

/// `04:05:06.7`
fn clock(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{sign}{:02}:{:02}:{:02}", clock.0, clock.1, clock.2);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}
