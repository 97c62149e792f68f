//! Parts of dates, timestamps and lengths of time: `extract`, `date_part`, `date_trunc`, `date_sub`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, IntervalMonthDayNanoArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, Time64MicrosecondType, TimeUnit,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::common::exec_err;
use datafusion::error::Result;
use forebay_core::{Diagnostic, suggest};

use super::function::{Function, Row, Takes, double, int, strict};
use crate::dialect::problem;

const DAY: i64 = 86_400_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["part_number"],
        takes: &[Takes::Text, Takes::Moment],
        count: (2, 2),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                Ok(part(row)?.map(|number| number.floor() as i64))
            })
        },
    },
    Function {
        names: &["part_fraction"],
        takes: &[Takes::Text, Takes::Moment],
        count: (2, 2),
        gives: double,
        run: |arrays| strict::<Float64Array, _>(arrays, part),
    },
    Function {
        names: &["date_trunc", "datetrunc"],
        takes: &[Takes::Text, Takes::Moment],
        count: (2, 2),
        gives: |given| match &given[1] {
            DataType::Timestamp(..) => given[1].clone(),
            DataType::Interval(_) | DataType::Duration(_) => {
                DataType::Interval(IntervalUnit::MonthDayNano)
            }
            _ => DataType::Timestamp(TimeUnit::Microsecond, None),
        },
        run: |arrays| {
            if let DataType::Interval(_) | DataType::Duration(_) = arrays[1].data_type() {
                return strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                    trunc_length(row.text(0), row.interval(1)).map(Some)
                });
            }
            let starts = strict::<TimestampMicrosecondArray, _>(arrays, trunc)?;
            Ok(zoned_as(starts, arrays[1].data_type()))
        },
    },
    Function {
        names: &["date_sub", "datesub"],
        takes: &[Takes::Text, Takes::Timestamp, Takes::Timestamp],
        count: (3, 3),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                whole_parts(row.text(0), row.micros(1), row.micros(2)).map(Some)
            })
        },
    },
];

/// Timestamps of the time zone that the other type has.
pub(super) fn zoned_as(array: ArrayRef, other: &DataType) -> ArrayRef {
    match other {
        DataType::Timestamp(_, Some(zone)) => {
            let array = array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            Arc::new(array.clone().with_timezone(Arc::clone(zone)))
        }
        _ => array,
    }
}

/// Parts of time with their other names, as DuckDB and PostgreSQL have them.
const PARTS: &[(&str, &[&str])] = &[
    (
        "microsecond",
        &["microseconds", "us", "usec", "usecs", "usecond", "useconds"],
    ),
    (
        "millisecond",
        &["milliseconds", "ms", "msec", "msecs", "msecond", "mseconds"],
    ),
    ("second", &["seconds", "s", "sec", "secs"]),
    ("minute", &["minutes", "m", "min", "mins"]),
    ("hour", &["hours", "h", "hr", "hrs"]),
    ("day", &["days", "d", "dayofmonth"]),
    ("week", &["weeks", "w", "weekofyear"]),
    ("month", &["months", "mon", "mons"]),
    ("quarter", &["quarters"]),
    ("year", &["years", "y", "yr", "yrs"]),
    ("decade", &["decades", "dec", "decs"]),
    ("century", &["centuries", "c", "cent"]),
    (
        "millennium",
        &["millenniums", "millennia", "mil", "mils", "millenium"],
    ),
    ("dow", &["dayofweek", "weekday"]),
    ("doy", &["dayofyear"]),
    ("isodow", &[]),
    ("isoyear", &[]),
    ("yearweek", &[]),
    ("epoch", &[]),
    ("era", &[]),
    ("julian", &[]),
    ("timezone", &[]),
    ("timezone_hour", &[]),
    ("timezone_minute", &[]),
];

/// Functions of one argument that give a part: `year(day)`.
pub(crate) const PART_NAMES: &[&str] = &[
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "dayofmonth",
    "week",
    "weekofyear",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "millennium",
    "dayofweek",
    "weekday",
    "dayofyear",
    "isodow",
    "isoyear",
    "yearweek",
    "era",
    "julian",
];

/// The part's one name.
pub(crate) fn part_name(text: &str) -> Option<&'static str> {
    let name = text.to_lowercase();
    let found = PARTS
        .iter()
        .find(|(one, others)| *one == name || others.contains(&name.as_str()));
    found.map(|(one, _)| *one)
}

fn part(row: Row<'_>) -> Result<Option<f64>> {
    let name = known(row.text(0))?;
    let array = row.array(1);
    match array.data_type() {
        DataType::Duration(_) => {
            let micros = array
                .as_primitive::<DurationMicrosecondType>()
                .value(row.at());
            of_length(name, 0, micros / DAY, micros % DAY).map(Some)
        }
        DataType::Interval(_) => {
            let interval = array
                .as_primitive::<IntervalMonthDayNanoType>()
                .value(row.at());
            let (months, days) = (i64::from(interval.months), i64::from(interval.days));
            of_length(name, months, days, interval.nanoseconds / 1_000).map(Some)
        }
        DataType::Time64(_) => {
            let micros = array
                .as_primitive::<Time64MicrosecondType>()
                .value(row.at());
            of_length(name, 0, 0, micros).map(Some)
        }
        _ => of_moment(name, row.micros(1)).map(Some),
    }
}

fn known(text: &str) -> Result<&'static str> {
    part_name(text).ok_or_else(|| unknown(text, "a date or timestamp"))
}

fn unknown(text: &str, of: &str) -> datafusion::error::DataFusionError {
    let names = PARTS.iter().map(|(name, _)| *name);
    problem(
        Diagnostic::error(format!("{of} has no part '{text}'"))
            .maybe_hint(suggest::nearest(&text.to_lowercase(), names)),
    )
}

/// PostgreSQL's fields: a day has no more than what its days say, however many hours there are.
fn of_length(name: &str, months: i64, days: i64, micros: i64) -> Result<f64> {
    let years = months / 12;
    Ok(match name {
        "epoch" => {
            // A year has 365.25 days, the months that are left 30.
            let days = years as f64 * 365.25 + ((months % 12) * 30 + days) as f64;
            days * 86_400.0 + micros as f64 / 1e6
        }
        "microsecond" => (micros % 60_000_000) as f64,
        "millisecond" => (micros % 60_000_000) as f64 / 1e3,
        "second" => (micros % 60_000_000) as f64 / 1e6,
        "minute" => (micros / 60_000_000 % 60) as f64,
        "hour" => (micros / 3_600_000_000) as f64,
        "day" => days as f64,
        "month" => (months % 12) as f64,
        "quarter" => (months % 12 / 3 + 1) as f64,
        "year" => years as f64,
        "decade" => (years / 10) as f64,
        "century" => (years / 100) as f64,
        "millennium" => (years / 1000) as f64,
        other => return Err(unknown(other, "a length of time")),
    })
}

pub(super) fn moment(micros: i64) -> Result<NaiveDateTime> {
    match DateTime::from_timestamp_micros(micros) {
        Some(at) => Ok(at.naive_utc()),
        None => exec_err!("a date so far away cannot be computed with"),
    }
}

fn of_moment(name: &str, micros: i64) -> Result<f64> {
    let at = moment(micros)?;
    let year = i64::from(at.year());
    let in_minute = micros.rem_euclid(60_000_000);
    Ok(match name {
        "epoch" => return Ok(micros as f64 / 1e6),
        "second" => return Ok(in_minute as f64 / 1e6),
        "millisecond" => return Ok(in_minute as f64 / 1e3),
        "julian" => return Ok(julian(&at) + micros.rem_euclid(DAY) as f64 / DAY as f64),
        "microsecond" => in_minute,
        "minute" => at.minute().into(),
        "hour" => at.hour().into(),
        "day" => at.day().into(),
        "week" => at.iso_week().week().into(),
        "month" => at.month().into(),
        "quarter" => at.quarter().into(),
        "year" => year,
        "decade" => year.div_euclid(10),
        "century" => (year + 99).div_euclid(100),
        "millennium" => (year + 999).div_euclid(1000),
        "dow" => at.weekday().num_days_from_sunday().into(),
        "isodow" => at.weekday().number_from_monday().into(),
        "doy" => at.ordinal().into(),
        "isoyear" => at.iso_week().year().into(),
        "yearweek" => i64::from(at.iso_week().year()) * 100 + i64::from(at.iso_week().week()),
        "era" => i64::from(year > 0),
        // All time zones are UTC here.
        _ => 0,
    } as f64)
}

/// The day's number in the Julian period, which began in 4714 BC.
pub(super) fn julian(at: &NaiveDateTime) -> f64 {
    f64::from(at.num_days_from_ce()) + 1_721_425.0
}

/// The start of the part that the moment is in.
fn trunc(row: Row<'_>) -> Result<Option<i64>> {
    let micros = row.micros(1);
    let whole = |unit: i64| Ok(Some(micros - micros.rem_euclid(unit)));
    let at = moment(micros)?;
    let (year, month) = (at.year(), at.month());
    let (year, month) = match row.text(0) {
        "hundred years" => (year.div_euclid(100) * 100, 1),
        "thousand years" => (year.div_euclid(1000) * 1000, 1),
        other => match known(other)? {
            "microsecond" => return whole(1),
            "millisecond" => return whole(1_000),
            "second" => return whole(1_000_000),
            "minute" => return whole(60_000_000),
            "hour" => return whole(3_600_000_000),
            "day" => return whole(DAY),
            "week" => {
                let days = i64::from(at.weekday().num_days_from_monday());
                return Ok(Some(micros - micros.rem_euclid(DAY) - days * DAY));
            }
            "month" => (year, month),
            "quarter" => (year, (month - 1) / 3 * 3 + 1),
            "year" => (year, 1),
            "decade" => (year.div_euclid(10) * 10, 1),
            "century" => ((year - 1).div_euclid(100) * 100 + 1, 1),
            "millennium" => ((year - 1).div_euclid(1000) * 1000 + 1, 1),
            "isoyear" => {
                let year = at.iso_week().year();
                let first = NaiveDate::from_isoywd_opt(year, 1, chrono::Weekday::Mon);
                return Ok(first.map(midnight));
            }
            other => return exec_err!("date_trunc() does not cut at '{other}'"),
        },
    };
    Ok(NaiveDate::from_ymd_opt(year, month, 1).map(midnight))
}

/// Without what is below the part.
fn trunc_length(part: &str, of: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    let months = |unit: i32| Ok(IntervalMonthDayNano::new(of.months / unit * unit, 0, 0));
    let nanos = |unit: i64| {
        let nanos = of.nanoseconds / unit * unit;
        Ok(IntervalMonthDayNano::new(of.months, of.days, nanos))
    };
    match part {
        "hundred years" => return months(1200),
        "thousand years" => return months(12_000),
        _ => {}
    }
    match known(part)? {
        "microsecond" => nanos(1_000),
        "millisecond" => nanos(1_000_000),
        "second" => nanos(1_000_000_000),
        "minute" => nanos(60_000_000_000),
        "hour" => nanos(3_600_000_000_000),
        "day" => Ok(IntervalMonthDayNano::new(of.months, of.days, 0)),
        "month" => months(1),
        "quarter" => months(3),
        "year" => months(12),
        "decade" => months(120),
        "century" => months(1200),
        "millennium" => months(12_000),
        other => exec_err!("date_trunc() does not cut a length of time at '{other}'"),
    }
}

pub(super) fn midnight(day: NaiveDate) -> i64 {
    day.and_time(chrono::NaiveTime::MIN)
        .and_utc()
        .timestamp_micros()
}

/// How many whole parts lie between two moments.
fn whole_parts(text: &str, from: i64, to: i64) -> Result<i64> {
    let of_time = |unit: i64| Ok((to - from) / unit);
    match known(text)? {
        "microsecond" => of_time(1),
        "millisecond" => of_time(1_000),
        "second" => of_time(1_000_000),
        "minute" => of_time(60_000_000),
        "hour" => of_time(3_600_000_000),
        "day" => of_time(DAY),
        "week" => of_time(7 * DAY),
        "month" => whole_months(from, to),
        "quarter" => Ok(whole_months(from, to)? / 3),
        "year" => Ok(whole_months(from, to)? / 12),
        "decade" => Ok(whole_months(from, to)? / 120),
        "century" => Ok(whole_months(from, to)? / 1200),
        other => exec_err!("date_sub() does not count '{other}'"),
    }
}

/// Months between, as calendars count them: from the 31st of January to the 29th of February is one.
fn whole_months(from: i64, to: i64) -> Result<i64> {
    if from > to {
        return Ok(-whole_months(to, from)?);
    }
    let (start, end) = (moment(from)?, moment(to)?);
    let months = |at: &NaiveDateTime| i64::from(at.year()) * 12 + i64::from(at.month0());
    let months = months(&end) - months(&start);
    let last = chrono::Days::new(1);
    let ends_month = end
        .checked_add_days(last)
        .is_some_and(|next| next.day() == 1);
    let time = |at: &NaiveDateTime| at.time();
    let day_reached = end.day() > start.day()
        || (end.day() == start.day() && time(&end) >= time(&start))
        || (ends_month && start.day() >= end.day() && time(&end) >= time(&start));
    Ok(months - i64::from(!day_reached))
}
