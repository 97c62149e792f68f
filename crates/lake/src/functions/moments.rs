//! Dates and timestamps made, written, read and moved to time zones.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, IntervalMonthDayNanoArray, StringArray,
    Time64NanosecondArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType,
    TimeUnit,
};
use chrono::{Datelike, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::dates::{midnight, moment, zoned_as};
use super::function::{Function, Row, Takes, int, strict, text, timestamp};
use super::{forms, strftime, to_char, writing};

const DAY: i64 = 86_400_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["strftime"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            // DuckDB takes the format first, too.
            let arrays =
                match arrays[0].data_type().is_string() && !arrays[1].data_type().is_string() {
                    true => [Arc::clone(&arrays[1]), Arc::clone(&arrays[0])],
                    false => [Arc::clone(&arrays[0]), Arc::clone(&arrays[1])],
                };
            let zone = match arrays[0].data_type() {
                DataType::Timestamp(_, Some(_)) => "+00",
                _ => "",
            };
            let arrays = [
                cast(&arrays[0], &timestamp(&[]))?,
                cast(&arrays[1], &DataType::Utf8)?,
            ];
            strict::<StringArray, _>(&arrays, |row| {
                strftime::write(&moment(row.micros(0))?, row.text(1), zone).map(Some)
            })
        },
    },
    Function {
        names: &["strptime"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: timestamp,
        run: |arrays| strict::<TimestampMicrosecondArray, _>(arrays, |row| read(row).map(Some)),
    },
    Function {
        names: &["try_strptime"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: timestamp,
        run: |arrays| {
            strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                Ok(strftime::read(row.text(0), row.text(1)))
            })
        },
    },
    // By a form with a zone.
    Function {
        names: &["strptime_zoned"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: |_| zoned(),
        run: |arrays| {
            let read = strict::<TimestampMicrosecondArray, _>(arrays, |row| read(row).map(Some))?;
            Ok(zoned_as(read, &zoned()))
        },
    },
    Function {
        names: &["try_strptime_zoned"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: |_| zoned(),
        run: |arrays| {
            let read = strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                Ok(strftime::read(row.text(0), row.text(1)))
            })?;
            Ok(zoned_as(read, &zoned()))
        },
    },
    Function {
        names: &["to_char"],
        takes: &[Takes::Any, Takes::Text],
        count: (2, 2),
        gives: text,
        run: |arrays| match arrays[0].data_type().is_numeric() {
            true => {
                let arrays = [cast(&arrays[0], &DataType::Utf8)?, Arc::clone(&arrays[1])];
                strict::<StringArray, _>(&arrays, |row| {
                    to_char::number(row.text(0), row.text(1)).map(Some)
                })
            }
            false => {
                let arrays = [cast(&arrays[0], &timestamp(&[]))?, Arc::clone(&arrays[1])];
                strict::<StringArray, _>(&arrays, |row| {
                    to_char::write(&moment(row.micros(0))?, row.text(1)).map(Some)
                })
            }
        },
    },
    Function {
        names: &["moment_of"],
        takes: &[Takes::Text],
        count: (2, 2),
        gives: timestamp,
        run: |arrays| {
            strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                to_char::read(row.text(0), row.text(1)).map(Some)
            })
        },
    },
    Function {
        names: &["age"],
        takes: &[Takes::Timestamp],
        count: (2, 2),
        gives: |_| DataType::Interval(IntervalUnit::MonthDayNano),
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                age(row.micros(0), row.micros(1)).map(Some)
            })
        },
    },
    Function {
        names: &["make_timestamp"],
        takes: &[
            Takes::Int,
            Takes::Int,
            Takes::Int,
            Takes::Int,
            Takes::Int,
            Takes::Double,
        ],
        count: (6, 6),
        gives: timestamp,
        run: |arrays| strict::<TimestampMicrosecondArray, _>(arrays, |row| made(row).map(Some)),
    },
    // A day with a time of it.
    Function {
        names: &["day_at"],
        takes: &[Takes::Moment, Takes::Moment],
        count: (2, 2),
        gives: timestamp,
        run: |arrays| {
            let times = arrays[1].as_primitive::<Time64MicrosecondType>();
            strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                Ok(Some(row.micros(0) + times.value(row.at())))
            })
        },
    },
    // A time of the day before or after it, by the hours of a length alone.
    Function {
        names: &["time_after"],
        takes: &[Takes::Moment, Takes::Moment],
        count: (2, 2),
        gives: time,
        run: |arrays| times_away(arrays, 1),
    },
    Function {
        names: &["time_before"],
        takes: &[Takes::Moment, Takes::Moment],
        count: (2, 2),
        gives: time,
        run: |arrays| times_away(arrays, -1),
    },
    Function {
        names: &["epoch_ms"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: epoch_type,
        run: |arrays| epoch(arrays, 1_000),
    },
    Function {
        names: &["epoch_us"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: epoch_type,
        run: |arrays| epoch(arrays, 1),
    },
    Function {
        names: &["epoch_ns"],
        takes: &[Takes::Moment],
        count: (1, 1),
        gives: int,
        run: |arrays| strict::<Int64Array, _>(arrays, |row| Ok(row.micros(0).checked_mul(1_000))),
    },
    // Of seconds, to the nearest microsecond, or of a text.
    Function {
        names: &["to_timestamp"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |_| DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        run: |arrays| {
            let of = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let strictly = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            if !arrays[0].data_type().is_numeric() {
                return Ok(cast_with_options(&arrays[0], &of, &strictly)?);
            }
            let seconds = [cast_with_options(
                &arrays[0],
                &DataType::Float64,
                &strictly,
            )?];
            let moments = strict::<TimestampMicrosecondArray, _>(&seconds, |row| {
                let micros = (row.double(0) * 1e6).round();
                match micros.abs() < 9.2e18 {
                    true => Ok(Some(micros as i64)),
                    false => exec_err!("{:?} seconds are no timestamp", row.double(0)),
                }
            })?;
            Ok(arrow::compute::cast(&moments, &of)?)
        },
    },
    Function {
        names: &["interval_seconds"],
        takes: &[Takes::Double],
        count: (1, 1),
        gives: |_| DataType::Interval(IntervalUnit::MonthDayNano),
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                let nanos = (row.double(0) * 1e6).round() as i64;
                Ok(Some(IntervalMonthDayNano::new(
                    0,
                    0,
                    nanos.saturating_mul(1_000),
                )))
            })
        },
    },
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
                strftime::write(&shown, row.text(2), &offset_text(offset)).map(Some)
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
    Function {
        names: &["rounded_moment"],
        takes: &[Takes::Moment, Takes::Int],
        count: (2, 2),
        gives: |given| given[0].clone(),
        run: |arrays| {
            let rounded = strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                let digits = u32::try_from(row.int(1)).unwrap_or_default();
                let unit = 10_i64.pow(6_u32.saturating_sub(digits));
                Ok((row.micros(0) + unit / 2)
                    .div_euclid(unit)
                    .checked_mul(unit))
            })?;
            Ok(zoned_as(rounded, arrays[0].data_type()))
        },
    },
    Function {
        names: &["time_bucket"],
        takes: &[Takes::Any, Takes::Moment],
        count: (2, 3),
        gives: |given| given[1].clone(),
        run: |arrays| {
            let interval = cast(&arrays[0], &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let of = arrays[1].data_type();
            let arrays: Vec<ArrayRef> = std::iter::once(interval)
                .chain(arrays[1..].iter().cloned())
                .collect();
            let starts =
                strict::<TimestampMicrosecondArray, _>(&arrays, |row| bucket(row).map(Some))?;
            match of {
                DataType::Date32 => Ok(cast(&starts, of)?),
                _ => Ok(zoned_as(starts, of)),
            }
        },
    },
];

/// As the engine reads one.
fn time(_: &[DataType]) -> DataType {
    DataType::Time64(TimeUnit::Nanosecond)
}

fn times_away(arrays: &[ArrayRef], sign: i64) -> Result<ArrayRef> {
    let times = arrays[0].as_primitive::<Time64MicrosecondType>();
    strict::<Time64NanosecondArray, _>(arrays, |row| {
        let away = sign * (row.interval(1).nanoseconds / 1_000 % DAY);
        let time = (times.value(row.at()) + away).rem_euclid(DAY);
        Ok(Some(time * 1_000))
    })
}

fn zoned() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The moment that the text is by the form behind it.
fn read(row: Row<'_>) -> Result<i64> {
    let (text, form) = (row.text(0), row.text(1));
    let found = strftime::read(text, form);
    found.ok_or_else(|| exec_datafusion_err!("'{text}' is no date of the form '{form}'"))
}

fn epoch_type(given: &[DataType]) -> DataType {
    match given[0].is_numeric() {
        true => timestamp(&[]),
        false => DataType::Int64,
    }
}

/// Of a number the moment that is so long after 1970, of a moment that number.
fn epoch(arrays: &[ArrayRef], micros: i64) -> Result<ArrayRef> {
    match arrays[0].data_type().is_numeric() {
        true => {
            let numbers = [cast(&arrays[0], &DataType::Int64)?];
            strict::<TimestampMicrosecondArray, _>(&numbers, |row| {
                Ok(row.int(0).checked_mul(micros))
            })
        }
        false => {
            let moments = [cast(&arrays[0], &timestamp(&[]))?];
            strict::<Int64Array, _>(&moments, |row| {
                let (at, half) = (row.micros(0), micros / 2);
                Ok(Some((at + half * at.signum()) / micros))
            })
        }
    }
}

fn made(row: Row<'_>) -> Result<i64> {
    let part = |at| u32::try_from(row.int(at)).unwrap_or(u32::MAX);
    let year = i32::try_from(row.int(0)).unwrap_or(i32::MAX);
    let day = chrono::NaiveDate::from_ymd_opt(year, part(1), part(2));
    let (hour, minute, second) = (row.int(3), row.int(4), row.double(5));
    let fits =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&second);
    match day.filter(|_| fits) {
        Some(day) => Ok(midnight(day)
            + hour * 3_600_000_000
            + minute * 60_000_000
            + (second * 1e6).round() as i64),
        None => exec_err!("make_timestamp(): there is no such day or time"),
    }
}

/// The time from one moment to another in years, months, days and the rest, as PostgreSQL counts it:
/// a month that has to be taken apart is the earlier moment's.
fn age(later: i64, earlier: i64) -> Result<IntervalMonthDayNano> {
    if later < earlier {
        let age = age(earlier, later)?;
        return Ok(IntervalMonthDayNano::new(
            -age.months,
            -age.days,
            -age.nanoseconds,
        ));
    }
    let (to, from) = (moment(later)?, moment(earlier)?);
    let mut micros = later.rem_euclid(DAY) - earlier.rem_euclid(DAY);
    let mut days = to.day() as i32 - from.day() as i32;
    let mut months = (to.year() - from.year()) * 12 + to.month() as i32 - from.month() as i32;
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    if days < 0 {
        days += i32::from(from.date().num_days_in_month());
        months -= 1;
    }
    Ok(IntervalMonthDayNano::new(months, days, micros * 1_000))
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
    let months = chrono::Months::new(length.months.unsigned_abs());
    let moved = match (i64::from(length.months) * sign) < 0 {
        true => shown.checked_sub_months(months),
        false => shown.checked_add_months(months),
    };
    let days = chrono::TimeDelta::days(i64::from(length.days) * sign);
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
            .offset_from_utc_datetime(&(shown - chrono::TimeDelta::hours(24)))
            .fix(),
    }
}

pub(crate) fn is_zone(name: &str) -> bool {
    zone(name).is_ok()
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
fn with_offset(name: &str, text: &str) -> Result<String> {
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

/// The start of the interval's repetition that the moment is in: months are counted from 2000-01-01,
/// everything else from Monday, 2000-01-03; or both from the moment that is the third argument, or so long after
/// their first.
fn bucket(row: Row<'_>) -> Result<i64> {
    let width = row
        .array(0)
        .as_primitive::<IntervalMonthDayNanoType>()
        .value(row.at());
    let micros = i64::from(width.days) * DAY + width.nanoseconds / 1_000;
    let is_monthly = width.months > 0;
    let (offset, origin) = match row.len() {
        3 if matches!(row.array(2).data_type(), DataType::Interval(_)) => {
            (row.interval(2), first(is_monthly))
        }
        3 => (IntervalMonthDayNano::ZERO, row.micros(2)),
        _ => (IntervalMonthDayNano::ZERO, first(is_monthly)),
    };
    let back = IntervalMonthDayNano::new(-offset.months, -offset.days, -offset.nanoseconds);
    let at = moved(row.micros(1), back)?;
    let start = match (width.months, micros) {
        (1.., 0) => month_bucket(at, origin, width.months)?,
        (0, 1..) => (at - origin).div_euclid(micros) * micros + origin,
        _ => {
            return exec_err!("time_bucket() takes an interval of months, or one of days and time");
        }
    };
    moved(start, offset)
}

fn first(is_monthly: bool) -> i64 {
    let days = if is_monthly { 10_957 } else { 10_959 };
    days * DAY
}

/// Months are counted from that of the origin.
fn month_bucket(at: i64, origin: i64, width: i32) -> Result<i64> {
    let months = |at: i64| -> Result<i32> {
        let at: NaiveDateTime = moment(at)?;
        Ok(at.year() * 12 + at.month0() as i32)
    };
    let origin = months(origin)?;
    let start = (months(at)? - origin).div_euclid(width) * width + origin;
    let (year, month) = (start.div_euclid(12), start.rem_euclid(12) as u32 + 1);
    let day = chrono::NaiveDate::from_ymd_opt(year, month, 1);
    day.map(midnight)
        .ok_or_else(|| exec_datafusion_err!("the date is too far away"))
}

fn moved(at: i64, by: IntervalMonthDayNano) -> Result<i64> {
    let from = moment(at)?;
    let months = chrono::Months::new(by.months.unsigned_abs());
    let moved = match by.months >= 0 {
        true => from.checked_add_months(months),
        false => from.checked_sub_months(months),
    };
    let moved = moved.ok_or_else(|| exec_datafusion_err!("the date is too far away"))?;
    Ok(moved.and_utc().timestamp_micros() + i64::from(by.days) * DAY + by.nanoseconds / 1_000)
}
