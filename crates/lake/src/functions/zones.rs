//! Instants and what the clocks of a time zone show.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{FixedOffset, Months, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::dates::{moment, zoned_as};
use super::function::{Function, Row, Takes, strict, text, timestamp};
use super::{forms, strftime, writing};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["at_time_zone", "timezone"],
        takes: &[Takes::Text, Takes::Moment],
        count: (2, 2),
        gives: |given| match &given[1] {
            DataType::Timestamp(_, Some(_)) => timestamp(&[]),
            _ => zoned(),
        },
        run: |arrays| match arrays[1].data_type() {
            DataType::Timestamp(_, Some(_)) => {
                strict::<TimestampMicrosecondArray, _>(arrays, |row| local(row).map(Some))
            }
            _ => {
                let instants =
                    strict::<TimestampMicrosecondArray, _>(arrays, |row| instant(row).map(Some))?;
                Ok(zoned_as(instants, &zoned()))
            }
        },
    },
    // The time zone of the session: another one is put in its place where there is one.
    Function {
        names: &["session_zone"],
        takes: &[],
        count: (0, 0),
        gives: text,
        run: |_| Ok(Arc::new(StringArray::from(vec!["UTC"]))),
    },
    // So long after an instant, or before it: days and months by the clock of the zone.
    Function {
        names: &["zoned_after"],
        takes: &[Takes::Text, Takes::Moment, Takes::Any, Takes::Int],
        count: (4, 4),
        gives: |_| zoned(),
        run: |arrays| {
            let instants =
                strict::<TimestampMicrosecondArray, _>(arrays, |row| after(row).map(Some))?;
            Ok(zoned_as(instants, &zoned()))
        },
    },
    Function {
        names: &["strftime_in_zone"],
        takes: &[Takes::Text, Takes::Moment, Takes::Text],
        count: (3, 3),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let at = moment(row.micros(1))?;
                let offset = zone(row.text(0))?.offset_from_utc_datetime(&at).fix();
                let shown = moment(local(row)?)?;
                let of_zone = [&*offset_text(offset), row.text(0)];
                strftime::write(&shown, row.text(2), Some(of_zone)).map(Some)
            })
        },
    },
    // An instant as a text by the clock of the zone.
    Function {
        names: &["text_in_zone"],
        takes: &[Takes::Text, Takes::Moment],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                let shown: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![local(row)?]));
                let shown = writing::one(&shown, 0)?;
                let offset = zone(row.text(0))?.offset_from_utc_datetime(&moment(row.micros(1))?);
                Ok(Some(format!("{shown}{}", offset_text(offset.fix()))))
            })
        },
    },
    // A text of a moment that says of no offset, with that of the zone.
    Function {
        names: &["text_with_offset"],
        takes: &[Takes::Text, Takes::Text],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                with_offset(row.text(0), row.text(1)).map(Some)
            })
        },
    },
];

/// An instant.
pub(super) fn zoned() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn zone(name: &str) -> Result<Tz> {
    let name = match name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("z") {
        true => "UTC",
        false => name,
    };
    Tz::from_str(name).map_err(|_| exec_datafusion_err!("there is no time zone '{name}'"))
}

/// What clocks of the zone show at that instant.
fn local(row: Row<'_>) -> Result<i64> {
    let at = moment(row.micros(1))?;
    let offset = zone(row.text(0))?.offset_from_utc_datetime(&at).fix();
    Ok(row.micros(1) + i64::from(offset.local_minus_utc()) * 1_000_000)
}

/// The instant at which clocks of the zone show that.
fn instant(row: Row<'_>) -> Result<i64> {
    let offset = offset_at(&zone(row.text(0))?, moment(row.micros(1))?);
    Ok(row.micros(1) - i64::from(offset.local_minus_utc()) * 1_000_000)
}

fn after(row: Row<'_>) -> Result<i64> {
    let (zone, length, sign) = (zone(row.text(0))?, row.interval(2), row.int(3));
    let exact = sign * (length.nanoseconds / 1_000);
    if length.months == 0 && length.days == 0 {
        return Ok(row.micros(1) + exact);
    }
    let before = zone.offset_from_utc_datetime(&moment(row.micros(1))?).fix();
    let shown = moment(local(row)?)?;
    let months = Months::new(length.months.unsigned_abs());
    let moved = match (i64::from(length.months) * sign) < 0 {
        true => shown.checked_sub_months(months),
        false => shown.checked_add_months(months),
    };
    let days = TimeDelta::days(i64::from(length.days) * sign);
    let moved = moved.and_then(|moved| moved.checked_add_signed(days));
    let Some(moved) = moved else {
        return exec_err!("a date so far away cannot be computed with");
    };
    // Where clocks show a time twice, that of the same offset.
    let offset = match zone.from_local_datetime(&moved).earliest() {
        Some(first) if first.offset().fix() == before => before,
        _ => offset_at(&zone, moved),
    };
    let offset = i64::from(offset.local_minus_utc()) * 1_000_000;
    Ok(moved.and_utc().timestamp_micros() - offset + exact)
}

/// The offset of clocks that show that. Of two the later, as in PostgreSQL; times that clocks skip are read by the offset
/// before.
fn offset_at(zone: &Tz, shown: NaiveDateTime) -> FixedOffset {
    let found = zone.from_local_datetime(&shown).latest();
    match found {
        Some(found) => found.offset().fix(),
        None => zone
            .offset_from_utc_datetime(&(shown - TimeDelta::hours(24)))
            .fix(),
    }
}

/// The zone's own name, whose capitals do not count. An offset is none.
pub(crate) fn canonical_zone(name: &str) -> Option<String> {
    let mut begins = true;
    let titled = name.chars().map(|letter| {
        let capital = begins;
        begins = matches!(letter, '/' | '_' | '-');
        match capital {
            true => letter.to_ascii_uppercase(),
            false => letter.to_ascii_lowercase(),
        }
    });
    let titled: String = titled.collect();
    let mut names = [name.to_owned(), name.to_uppercase(), titled].into_iter();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic());
    names.find(|name| is_name && zone(name).is_ok())
}

/// As DuckDB writes one: `+09`, `-03:30`.
fn offset_text(offset: FixedOffset) -> String {
    let seconds = offset.local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let parts = [3600, 60, 1].map(|unit| seconds.abs() / unit % if unit == 3600 { 24 } else { 60 });
    match parts {
        [hours, 0, 0] => format!("{sign}{hours:02}"),
        [hours, minutes, 0] => format!("{sign}{hours:02}:{minutes:02}"),
        [hours, minutes, seconds] => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// What is no moment, or one with an offset, stays as it is.
pub(crate) fn with_offset(name: &str, text: &str) -> Result<String> {
    const FORMS: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d"];
    let zone = zone(name)?;
    let shown = forms::without_zone(text).and_then(|text| {
        let moment = NaiveDateTime::parse_from_str(&text, FORMS[0]).ok();
        let day = || NaiveDate::parse_from_str(&text, FORMS[1]).ok();
        moment.or_else(|| day()?.and_hms_opt(0, 0, 0))
    });
    Ok(match shown {
        Some(shown) => {
            let offset = offset_text(offset_at(&zone, shown));
            format!("{}{offset}", shown.format(FORMS[0]))
        }
        None => text.to_owned(),
    })
}
