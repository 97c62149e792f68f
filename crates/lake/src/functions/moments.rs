//! Dates and timestamps made, written, read and moved to time zones.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, IntervalMonthDayNanoArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType,
    TimeUnit,
};
use chrono::{Datelike, NaiveDateTime, Offset, TimeZone};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::dates::{midnight, moment, zoned_as};
use super::function::{Function, Row, Takes, int, strict, text, timestamp};
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
        run: |arrays| {
            strict::<TimestampMicrosecondArray, _>(arrays, |row| {
                match strftime::read(row.text(0), row.text(1)) {
                    Some(micros) => Ok(Some(micros)),
                    None => exec_err!("'{}' is no date of the form '{}'", row.text(0), row.text(1)),
                }
            })
        },
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
            _ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        },
        run: |arrays| match arrays[1].data_type() {
            DataType::Timestamp(_, Some(_)) => {
                strict::<TimestampMicrosecondArray, _>(arrays, |row| local(row).map(Some))
            }
            _ => {
                let instants =
                    strict::<TimestampMicrosecondArray, _>(arrays, |row| instant(row).map(Some))?;
                let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
                Ok(zoned_as(instants, &utc))
            }
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
        count: (2, 2),
        gives: |given| given[1].clone(),
        run: |arrays| {
            let interval = cast(&arrays[0], &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let of = arrays[1].data_type();
            let starts = strict::<TimestampMicrosecondArray, _>(
                &[interval, Arc::clone(&arrays[1])],
                |row| bucket(row).map(Some),
            )?;
            match of {
                DataType::Date32 => Ok(cast(&starts, of)?),
                _ => Ok(zoned_as(starts, of)),
            }
        },
    },
];

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

/// The instant at which clocks of the zone show that. Of two the later, as in PostgreSQL; times that clocks skip are
/// read by the offset before.
fn instant(row: Row<'_>) -> Result<i64> {
    let (zone, at) = (zone(row.text(0))?, moment(row.micros(1))?);
    let found = zone.from_local_datetime(&at).latest();
    let offset = match found {
        Some(found) => found.offset().fix(),
        None => zone
            .offset_from_utc_datetime(&(at - chrono::TimeDelta::hours(24)))
            .fix(),
    };
    Ok(row.micros(1) - i64::from(offset.local_minus_utc()) * 1_000_000)
}

/// The start of the interval's repetition that the moment is in: months are counted from 2000-01-01,
/// everything else from Monday, 2000-01-03.
fn bucket(row: Row<'_>) -> Result<i64> {
    let width = row
        .array(0)
        .as_primitive::<IntervalMonthDayNanoType>()
        .value(row.at());
    let micros = i64::from(width.days) * DAY + width.nanoseconds / 1_000;
    match (width.months, micros) {
        (1.., 0) => {
            let at: NaiveDateTime = moment(row.micros(1))?;
            let months = (at.year() - 2000) * 12 + at.month0() as i32;
            let start = months.div_euclid(width.months) * width.months;
            let (year, month) = (2000 + start.div_euclid(12), start.rem_euclid(12) as u32 + 1);
            let day = chrono::NaiveDate::from_ymd_opt(year, month, 1);
            day.map(midnight)
                .ok_or_else(|| exec_datafusion_err!("the date is too far away"))
        }
        (0, 1..) => {
            let origin = 10_959 * DAY;
            Ok((row.micros(1) - origin).div_euclid(micros) * micros + origin)
        }
        _ => exec_err!("time_bucket() takes an interval of months, or one of days and time"),
    }
}
