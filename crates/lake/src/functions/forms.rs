//! Texts in the form in which the engine reads them: moments, and doubles on their way to a decimal.

use arrow::array::{Array, StringArray, new_null_array};
use arrow::datatypes::DataType;
use chrono::NaiveDate;
use datafusion::common::exec_err;

use super::function::{Function, Takes, lenient, strict, text};
use crate::engine::sql_type;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["zoned_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(moment(row.text(0), false)))),
    },
    // Without the time zone, which a timestamp without one does not heed.
    Function {
        names: &["local_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(local(&moment(row.text(0), false)))))
        },
    },
    // As PostgreSQL reads dates: months by their names, and before the day.
    Function {
        names: &["any_zoned_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(moment(row.text(0), true)))),
    },
    Function {
        names: &["any_local_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(local(&moment(row.text(0), true)))))
        },
    },
    Function {
        names: &["time_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(time(row.text(0))))),
    },
    Function {
        names: &["error"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: |_| DataType::Null,
        run: |arrays| {
            lenient::<StringArray, String>(arrays, |row| match row.is_null(0) {
                true => Ok(None),
                false => exec_err!("{}", row.text(0)),
            })
            .map(|nulls| new_null_array(&DataType::Null, nulls.len()))
        },
    },
    // Nulls, on their way to a type to which no value is cast.
    Function {
        names: &["no_value"],
        takes: &[Takes::Any, Takes::Text],
        count: (2, 2),
        gives: text,
        run: |arrays| {
            lenient::<StringArray, String>(arrays, |row| match row.is_null(0) {
                true => Ok(None),
                false => exec_err!(
                    "a value of type {} cannot be cast to {}",
                    sql_type(row.array(0).data_type()),
                    row.text(1)
                ),
            })
        },
    },
    Function {
        names: &["uuid_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| match uuid(row.text(0)) {
                Some(uuid) => Ok(Some(uuid)),
                None => exec_err!("Cannot cast string '{}' to a uuid", row.text(0)),
            })
        },
    },
    Function {
        names: &["try_uuid_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(uuid(row.text(0)))),
    },
    // The words that DuckDB takes for a truth value.
    Function {
        names: &["truth_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(truth(row.text(0))))),
    },
    // Of a number, without `_` between its digits, and with none of an exponent.
    Function {
        names: &["plain_number"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(plain(row.text(0))))),
    },
    // As `plain_number` where `_` is no part of a number, as in PostgreSQL.
    Function {
        names: &["number_without_exponent"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| Ok(Some(without_exponent(row.text(0)))))
        },
    },
    // The fifteen digits that PostgreSQL makes a decimal of.
    Function {
        names: &["fifteen_digits"],
        takes: &[Takes::Double],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(digits(row.double(0))))),
    },
];

/// `2024/1/5 10:00` as `2024-01-05 10:00:00`. What is of another form stays as it is.
fn moment(text: &str, any: bool) -> String {
    let known = moment_parts(text).or_else(|| any.then(|| named_month(text)).flatten());
    // The engine would read `20240105`, which DuckDB does not.
    let is_compact = !any && text.trim().bytes().take(8).all(|b| b.is_ascii_digit());
    known.unwrap_or_else(|| match is_compact {
        true => format!("{text} (year-month-day)"),
        false => text.to_owned(),
    })
}

/// A moment without its time zone.
pub(super) fn local_moment(text: &str) -> String {
    local(&moment(text, false))
}

/// A moment whose text says of no time zone. None: it says of one, or is none.
pub(super) fn without_zone(text: &str) -> Option<String> {
    let found = moment_parts(text).filter(|_| text.trim() != "epoch")?;
    (local(&found) == found).then_some(found)
}

/// Without what stands behind the clock.
fn local(moment: &str) -> String {
    let clock = moment.find(' ').filter(|at| *at == 10).map(|at| at + 1);
    let is_clock = |c: char| c.is_ascii_digit() || c == ':' || c == '.';
    match clock.and_then(|from| Some(from + moment[from..].find(|c| !is_clock(c))?)) {
        Some(end) => moment[..end].to_owned(),
        None => moment.to_owned(),
    }
}

fn moment_parts(text: &str) -> Option<String> {
    let text = text.trim();
    if text == "epoch" {
        return Some("1970-01-01 00:00:00".to_owned());
    }
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, clock)) => (day, Some(clock.trim_start())),
        None => (text, None),
    };
    let separator = if day.contains('/') { '/' } else { '-' };
    let mut parts = day.split(separator);
    let (year, month, date) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = is_number(year, 4..=6) && is_number(month, 1..=2) && is_number(date, 1..=2);
    if !is_date || parts.next().is_some() {
        return None;
    }
    let is_before_christ = matches!(time, Some("(BC)" | "BC"));
    let year = match (is_before_christ, year.len()) {
        (true, _) => format!("-{:0>4}", year.parse::<u32>().ok()?.checked_sub(1)?),
        (false, 4) => year.to_owned(),
        (false, _) => format!("+{year}"),
    };
    let day = format!("{year}-{month:0>2}-{date:0>2}");
    match time.filter(|_| !is_before_christ) {
        Some(time) => clock(&day, time),
        None => Some(day),
    }
}

/// The clock of a text, with two digits each and without what is behind it. What is no clock stays, but for a mark
/// that the engine does not read over.
pub(super) fn time(text: &str) -> String {
    let known = || {
        let text = text.trim();
        let clock_alone = text
            .split_once([' ', 'T'])
            .filter(|(day, _)| day.contains('-'));
        let written = clock_alone.map_or(text, |(_, clock)| clock.trim_start());
        let day = clock("2000-01-01", written)?;
        local(&day).strip_prefix("2000-01-01 ").map(str::to_owned)
    };
    known().unwrap_or_else(|| format!("{text} (hour:minute:second)"))
}

fn is_number(part: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
}

/// The day with its time, whose seconds may be left out. The hour 24 is the next day's first.
fn clock(day: &str, time: &str) -> Option<String> {
    // The clock ends where an offset or the name of a zone begins.
    let end = time.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
    let (clock, zone) = time.split_at(end.unwrap_or(time.len()));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    if !is_number(hour, 1..=2) || !is_number(minute, 1..=2) {
        return None;
    }
    let second = parts.next().unwrap_or("00");
    let second = match second.find('.').unwrap_or(second.len()) {
        1 => format!("0{second}"),
        _ => second.to_owned(),
    };
    let is_midnight = hour == "24" && minute == "00" && second.bytes().all(|b| b"0.".contains(&b));
    if is_midnight {
        let next = day.parse::<NaiveDate>().ok()?.succ_opt()?;
        return Some(format!("{next} 00:00:00{zone}"));
    }
    Some(format!("{day} {hour:0>2}:{minute:0>2}:{second}{zone}"))
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// `January 8, 1999`, `8-Jan-1999 10:00`, `1/8/1999`.
fn named_month(text: &str) -> Option<String> {
    let text = text.trim();
    let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/');
    let mut rest = text;
    let mut parts = Vec::new();
    while parts.len() < 3 {
        rest = rest.trim_start_matches(is_separator);
        let end = rest.find(is_separator).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    let month = |part: &str| {
        let short = part.get(..3)?.to_lowercase();
        let is_name = part.chars().all(char::is_alphabetic);
        Some(MONTHS.iter().position(|name| is_name && *name == short)? + 1)
    };
    let (year, month, day) = match parts.as_slice() {
        [m, d, y] if month(m).is_some() => (*y, month(m)?, *d),
        [d, m, y] if month(m).is_some() && d.len() <= 2 => (*y, month(m)?, *d),
        [y, m, d] if month(m).is_some() => (*y, month(m)?, *d),
        [m, d, y] if text.contains('/') && is_number(m, 1..=2) => (*y, m.parse().ok()?, *d),
        _ => return None,
    };
    if !is_number(year, 4..=4) || !is_number(day, 1..=2) {
        return None;
    }
    let day = format!("{year}-{month:02}-{day:0>2}");
    match rest.trim_start() {
        "" => Some(day),
        time => clock(&day, time),
    }
}

pub(super) fn truth(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => "true".to_owned(),
        "false" | "f" | "no" | "n" | "0" => "false".to_owned(),
        _ => format!("{text} (true or false)"),
    }
}

pub(super) fn plain(text: &str) -> String {
    match text.contains('_') {
        true => without_exponent(&ungrouped(text)),
        false => without_exponent(text),
    }
}

/// `1e3` as 1000. What is no number stays as it is.
pub fn without_exponent(text: &str) -> String {
    match text.trim().parse::<f64>() {
        Ok(number) if text.contains(['e', 'E']) && number.is_finite() => number.to_string(),
        _ => text.to_owned(),
    }
}

/// `1_000` as 1000. What has `_` elsewhere stays as it is.
pub(super) fn ungrouped(text: &str) -> String {
    let is_digit = |at: Option<usize>| {
        let letter = at.and_then(|at| text.as_bytes().get(at));
        letter.is_some_and(u8::is_ascii_digit)
    };
    let is_between = |(at, letter): (usize, char)| {
        letter != '_' || is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))
    };
    match text.char_indices().all(is_between) {
        true => text.replace('_', ""),
        false => text.to_owned(),
    }
}

/// Without an exponent.
fn digits(double: f64) -> String {
    if !double.is_finite() {
        return double.to_string();
    }
    let rounded: f64 = format!("{double:.14e}").parse().unwrap_or(double);
    format!("{rounded}")
}

/// With small letters and dashes, however it is written.
fn uuid(text: &str) -> Option<String> {
    let text = text.trim();
    let inside = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let digits = inside.unwrap_or(text).replace('-', "");
    let uuid = uuid::Uuid::try_parse(&digits).ok()?;
    Some(uuid.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_get_the_parts_that_the_engine_wants() {
        for (given, made) in [
            ("2024-01-05 10:00", "2024-01-05 10:00:00"),
            ("2024/1/5", "2024-01-05"),
            ("2024-01-05T1:02:03.5Z", "2024-01-05 01:02:03.5Z"),
            ("2024-01-05 10:00+02", "2024-01-05 10:00:00+02"),
            ("2024-01-05 10:00:00", "2024-01-05 10:00:00"),
            ("yesterday", "yesterday"),
            ("01/02/2024", "01/02/2024"),
            ("20240105", "20240105 (year-month-day)"),
            ("2024-01-05 noon", "2024-01-05 noon"),
            ("12024-01-05", "+12024-01-05"),
            ("0044-03-15 (BC)", "-0043-03-15"),
        ] {
            assert_eq!(moment(given, false), made);
        }
    }

    #[test]
    fn a_time_has_hours_and_minutes() {
        for (given, made) in [
            ("10:11", "10:11:00"),
            (" 1:2:3.5 ", "01:02:03.5"),
            ("2024-01-05 10:11:12", "10:11:12"),
            ("10:11:12+02", "10:11:12"),
            ("10", "10 (hour:minute:second)"),
            ("-1:00", "-1:00 (hour:minute:second)"),
        ] {
            assert_eq!(time(given), made);
        }
    }

    #[test]
    fn months_have_names_and_stand_before_the_day_in_postgresql() {
        for (given, made) in [
            ("January 8, 1999", "1999-01-08"),
            ("8-Jan-1999 10:00", "1999-01-08 10:00:00"),
            ("1999-Jan-08", "1999-01-08"),
            ("1/8/1999", "1999-01-08"),
            ("8 Smarch 1999", "8 Smarch 1999"),
        ] {
            assert_eq!(moment(given, true), made);
        }
        assert_eq!(moment("1/8/1999", false), "1/8/1999");
    }

    #[test]
    fn a_timestamp_without_a_zone_heeds_none() {
        assert_eq!(local("2024-01-05 10:00:00.5+02"), "2024-01-05 10:00:00.5");
        assert_eq!(local("2024-01-05 10:00:00 UTC"), "2024-01-05 10:00:00");
        assert_eq!(local("2024-01-05"), "2024-01-05");
        assert_eq!(moment("2024-12-31 24:00", false), "2025-01-01 00:00:00");
    }

    #[test]
    fn doubles_have_fifteen_digits() {
        assert_eq!(digits(1.255), "1.255");
        assert_eq!(digits(0.1 + 0.2), "0.3");
        assert_eq!(digits(1e20), "100000000000000000000");
        assert_eq!(digits(123456789.255), "123456789.255");
    }
}
