//! Texts in the form in which the engine reads them: moments, and doubles on their way to a decimal.

use arrow::array::StringArray;

use super::function::{Function, Takes, strict, text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["moment_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| strict::<StringArray, _>(arrays, |row| Ok(Some(moment(row.text(0))))),
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
fn moment(text: &str) -> String {
    moment_parts(text).unwrap_or_else(|| text.to_owned())
}

fn moment_parts(text: &str) -> Option<String> {
    let text = text.trim();
    if text == "epoch" {
        return Some("1970-01-01 00:00:00".to_owned());
    }
    let (day, clock) = match text.split_once([' ', 'T']) {
        Some((day, clock)) => (day, Some(clock.trim_start())),
        None => (text, None),
    };
    let separator = if day.contains('/') { '/' } else { '-' };
    let mut parts = day.split(separator);
    let (year, month, date) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let is_date = is_number(year, 4..=4) && is_number(month, 1..=2) && is_number(date, 1..=2);
    if !is_date || parts.next().is_some() {
        return None;
    }
    let day = format!("{year}-{month:0>2}-{date:0>2}");
    let Some(clock) = clock else {
        return Some(day);
    };
    // The clock ends where an offset or the name of a zone begins.
    let end = clock.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
    let (clock, zone) = clock.split_at(end.unwrap_or(clock.len()));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    if !is_number(hour, 1..=2) || !is_number(minute, 2..=2) {
        return None;
    }
    let second = parts.next().unwrap_or("00");
    Some(format!("{day} {hour:0>2}:{minute}:{second}{zone}"))
}

/// Without an exponent.
fn digits(double: f64) -> String {
    if !double.is_finite() {
        return double.to_string();
    }
    let rounded: f64 = format!("{double:.14e}").parse().unwrap_or(double);
    format!("{rounded}")
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
            ("2024-01-05 noon", "2024-01-05 noon"),
        ] {
            assert_eq!(moment(given), made);
        }
    }

    #[test]
    fn doubles_have_fifteen_digits() {
        assert_eq!(digits(1.255), "1.255");
        assert_eq!(digits(0.1 + 0.2), "0.3");
        assert_eq!(digits(1e20), "100000000000000000000");
        assert_eq!(digits(123456789.255), "123456789.255");
    }
}
