//! Dates and timestamps made, written and read.

use std::sync::Arc;

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
use chrono::{Datelike, NaiveDateTime};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::dates::{midnight, moment, zoned_as};
use super::function::{Function, Row, Takes, int, strict, text, timestamp};
use super::zones::zoned;
use super::{strftime, to_char};

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
                DataType::Timestamp(_, Some(_)) => Some(["+00", "UTC"]),
                _ => None,
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
