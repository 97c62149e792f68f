//! Lengths of time that are read and multiplied as PostgreSQL does: the fraction of a month is days of
//! thirtieths, that of a day is time.

use arrow::array::{IntervalMonthDayNanoArray, StringArray};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::function::{Function, Takes, strict, text};

const DAY: f64 = 86_400e6;

fn interval(_: &[DataType]) -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["interval_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: text,
        run: |arrays| {
            strict::<StringArray, _>(arrays, |row| {
                Ok(Some(
                    canonical(row.text(0)).unwrap_or_else(|| row.text(0).to_owned()),
                ))
            })
        },
    },
    Function {
        names: &["interval_by"],
        takes: &[Takes::Moment, Takes::Double],
        count: (2, 2),
        gives: interval,
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                by(row.interval(0), row.double(1)).map(Some)
            })
        },
    },
    Function {
        names: &["make_interval"],
        takes: &[Takes::Double],
        count: (1, 7),
        gives: interval,
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                let part = |at| if at < row.len() { row.double(at) } else { 0.0 };
                let months = part(0) * 12.0 + part(1);
                let days = part(2) * 7.0 + part(3);
                let micros = part(4) * 3600e6 + part(5) * 60e6 + part(6) * 1e6;
                Length {
                    months,
                    days,
                    micros,
                }
                .interval()
                .map(Some)
            })
        },
    },
    Function {
        names: &["justify_days"],
        takes: &[Takes::Moment],
        count: (1, 1),
        gives: interval,
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                let of = row.interval(0);
                let (months, days) = (of.months + of.days / 30, of.days % 30);
                Ok(Some(IntervalMonthDayNano::new(
                    months,
                    days,
                    of.nanoseconds,
                )))
            })
        },
    },
    Function {
        names: &["justify_hours"],
        takes: &[Takes::Moment],
        count: (1, 1),
        gives: interval,
        run: |arrays| {
            strict::<IntervalMonthDayNanoArray, _>(arrays, |row| {
                let of = row.interval(0);
                let day = 86_400_000_000_000;
                let days = of.days + (of.nanoseconds / day) as i32;
                Ok(Some(IntervalMonthDayNano::new(
                    of.months,
                    days,
                    of.nanoseconds % day,
                )))
            })
        },
    },
];

fn by(of: IntervalMonthDayNano, times: f64) -> Result<IntervalMonthDayNano> {
    if !times.is_finite() {
        return exec_err!("an interval cannot be multiplied or divided by that");
    }
    let length = Length {
        months: f64::from(of.months) * times,
        days: f64::from(of.days) * times,
        micros: (of.nanoseconds / 1_000) as f64 * times,
    };
    length.interval()
}

/// Months, days and microseconds, each with a fraction.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    months: f64,
    days: f64,
    micros: f64,
}

impl Length {
    /// With each fraction in the next smaller unit.
    fn settled(self) -> (f64, f64, f64) {
        let months = nearly(self.months);
        let days = nearly(self.days.trunc() + (self.months - months) * 30.0);
        let days_left =
            self.days.fract() + self.days.trunc() + (self.months - months) * 30.0 - days;
        (months, days, (self.micros + days_left * DAY).round())
    }

    fn interval(self) -> Result<IntervalMonthDayNano> {
        let (months, days, micros) = self.settled();
        let narrow = |part: f64| (part.abs() <= f64::from(i32::MAX)).then_some(part as i32);
        match (narrow(months), narrow(days), micros.abs() < 9e15) {
            (Some(months), Some(days), true) => Ok(IntervalMonthDayNano::new(
                months,
                days,
                micros as i64 * 1_000,
            )),
            _ => Err(exec_datafusion_err!("the interval becomes too long")),
        }
    }

    fn negated(self) -> Self {
        Self {
            months: -self.months,
            days: -self.days,
            micros: -self.micros,
        }
    }

    fn add(&mut self, number: f64, unit: &str) -> Option<()> {
        match unit {
            "ms" | "us" | "s" => {}
            _ => return self.add_long(number, unit.strip_suffix('s').unwrap_or(unit)),
        }
        self.micros += match unit {
            "ms" => number * 1e3,
            "us" => number,
            _ => number * 1e6,
        };
        Some(())
    }

    fn add_long(&mut self, number: f64, unit: &str) -> Option<()> {
        match unit {
            "millennium" | "millennia" => self.months += number * 12_000.0,
            "century" | "centurie" => self.months += number * 1_200.0,
            "decade" => self.months += number * 120.0,
            "year" | "yr" | "y" => self.months += number * 12.0,
            "quarter" => self.months += number * 3.0,
            "month" | "mon" => self.months += number,
            "week" | "w" => self.days += number * 7.0,
            "day" | "d" => self.days += number,
            "hour" | "hr" | "h" => self.micros += number * 3600e6,
            "minute" | "min" | "m" => self.micros += number * 60e6,
            "second" | "sec" => self.micros += number * 1e6,
            "millisecond" | "msec" => self.micros += number * 1e3,
            "microsecond" | "usec" => self.micros += number,
            _ => return None,
        }
        Some(())
    }
}

/// The whole part, where what is left of a number that was multiplied is no rounding error.
fn nearly(number: f64) -> f64 {
    let whole = match (number - number.round()).abs() < 1e-9 {
        true => number.round(),
        false => number.trunc(),
    };
    // No zero with a sign.
    whole + 0.0
}

/// The interval in months, days and seconds, as the engine reads it. None: it is of no form known here.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let (months, days, micros) = read(text)?.settled();
    let sign = if micros < 0.0 { "-" } else { "" };
    let (seconds, rest) = ((micros.abs() / 1e6).trunc(), micros.abs() % 1e6);
    Some(format!(
        "{months:.0} months {days:.0} days {sign}{seconds:.0}.{rest:06.0} seconds"
    ))
}

fn read(text: &str) -> Option<Length> {
    let text = text.trim().to_lowercase();
    if let Some(iso) = text.strip_prefix('p') {
        return read_iso(iso);
    }
    let (text, ago) = match text.strip_suffix(" ago") {
        Some(text) => (text.to_owned(), true),
        None => (text, false),
    };
    let mut length = Length::default();
    let mut words = words(&text).into_iter().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            length.micros += clock(&word)?;
        } else if let Some((years, months)) = years_and_months(&word) {
            length.months += years * 12.0 + months;
        } else {
            let number: f64 = word.parse().ok()?;
            match words.next() {
                Some(unit) if unit.contains(':') => {
                    length.days += number;
                    length.micros += clock(&unit)?;
                }
                Some(unit) => length.add(number, &unit)?,
                None => length.micros += number * 1e6,
            }
        }
    }
    Some(if ago { length.negated() } else { length })
}

/// Numbers and units, also where no space is between them: `3days`.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split_whitespace().filter(|part| *part != "@") {
        let unit = part.find(|c: char| c.is_alphabetic());
        match unit {
            Some(at @ 1..) if !matches!(&part[..at], "+" | "-") => {
                words.push(part[..at].to_owned());
                words.push(part[at..].to_owned());
            }
            _ => match words.last_mut() {
                // A sign that stands alone.
                Some(last) if last == "-" || last == "+" => last.push_str(part),
                _ => words.push(part.to_owned()),
            },
        }
    }
    words
}

/// `-3:04:05.5` in microseconds.
fn clock(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1.0, text),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split(':');
    let mut number = || {
        parts
            .next()
            .map_or(Some(0.0), |part| part.parse::<f64>().ok())
    };
    let (hours, minutes, seconds) = (number()?, number()?, number()?);
    Some(sign * (hours * 3600.0 + minutes * 60.0 + seconds) * 1e6)
}

/// `1-2`.
fn years_and_months(text: &str) -> Option<(f64, f64)> {
    let (years, months) = text.split_once('-')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let both = is_number(years) && is_number(months);
    both.then(|| Some((years.parse().ok()?, months.parse().ok()?)))?
}

/// `1Y2M3DT4H5M6S`.
fn read_iso(text: &str) -> Option<Length> {
    let mut length = Length::default();
    let (mut number, mut is_time) = (String::new(), false);
    for letter in text.chars() {
        match letter {
            't' => is_time = true,
            '0'..='9' | '.' | '-' | '+' => number.push(letter),
            unit => {
                let unit = match (unit, is_time) {
                    ('y', false) => "year",
                    ('m', false) => "month",
                    ('w', false) => "week",
                    ('d', false) => "day",
                    ('h', true) => "hour",
                    ('m', true) => "minute",
                    ('s', true) => "second",
                    _ => return None,
                };
                length.add(std::mem::take(&mut number).parse().ok()?, unit)?;
            }
        }
    }
    number.is_empty().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_in_the_forms_of_postgresql() {
        for (given, made) in [
            ("1 day", "0 months 1 days 0.000000 seconds"),
            ("1 quarter", "3 months 0 days 0.000000 seconds"),
            (
                "1 month 2 days 03:04:05.5",
                "1 months 2 days 11045.500000 seconds",
            ),
            ("-3 hours", "0 months 0 days -10800.000000 seconds"),
            ("- 3 hours", "0 months 0 days -10800.000000 seconds"),
            ("1 day ago", "0 months -1 days 0.000000 seconds"),
            ("1-2", "14 months 0 days 0.000000 seconds"),
            ("3 4:05:06", "0 months 3 days 14706.000000 seconds"),
            ("P1Y2M3DT4H5M6S", "14 months 3 days 14706.000000 seconds"),
            ("1.5 months", "1 months 15 days 0.000000 seconds"),
            ("1.5 days", "0 months 1 days 43200.000000 seconds"),
            ("3days", "0 months 3 days 0.000000 seconds"),
            ("5", "0 months 0 days 5.000000 seconds"),
            ("100 milliseconds", "0 months 0 days 0.100000 seconds"),
            ("7 us", "0 months 0 days 0.000007 seconds"),
            ("7 ms", "0 months 0 days 0.007000 seconds"),
            ("2 centuries", "2400 months 0 days 0.000000 seconds"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(made), "{given}");
        }
        for other in ["", "day", "1 fortnight", "1 day x", "P1X"] {
            assert_eq!(canonical(other), None, "{other}");
        }
    }

    #[test]
    fn a_fraction_goes_into_the_next_smaller_unit() {
        let month = IntervalMonthDayNano::new(1, 0, 0);
        assert_eq!(by(month, 0.5).unwrap(), IntervalMonthDayNano::new(0, 15, 0));
        let day = IntervalMonthDayNano::new(0, 1, 0);
        let half = IntervalMonthDayNano::new(0, 0, 43_200_000_000_000);
        assert_eq!(by(day, 0.5).unwrap(), half);
        assert_eq!(
            by(month, -0.1).unwrap(),
            IntervalMonthDayNano::new(0, -3, 0)
        );
    }
}
