//! The types that a column of a CSV file can have, and which texts are of which type.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};

/// Type of a column that is read from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnType {
    Boolean,
    Int64,
    Float64,
    /// `YYYY-MM-DD`; month and day may have one digit.
    Date,
    /// RFC 3339, to the microsecond, kept in UTC. A text without an offset is UTC; month, day and hour may
    /// have one digit.
    Timestamp,
    /// A day and a time that are kept as they are, whatever zone is behind them: what a cast in SQL makes of such a text.
    LocalTimestamp,
    String,
}

const NAMES: &[(ColumnType, &str)] = &[
    (ColumnType::Boolean, "boolean"),
    (ColumnType::Int64, "int64"),
    (ColumnType::Float64, "float64"),
    (ColumnType::Date, "date"),
    (ColumnType::Timestamp, "timestamp"),
    (ColumnType::String, "string"),
];

impl ColumnType {
    /// The type of that name, as `column_types` in an ingest file writes it.
    pub fn parse(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(kind, _)| *kind)
    }

    pub fn name(self) -> &'static str {
        let named = match self {
            ColumnType::LocalTimestamp => ColumnType::Timestamp,
            named => named,
        };
        let found = NAMES.iter().find(|(kind, _)| *kind == named);
        found.map_or("string", |(_, name)| name)
    }

    /// The names of all types.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    pub fn data_type(self) -> DataType {
        match self {
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::Date => DataType::Date32,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            ColumnType::String => DataType::Utf8,
        }
    }

    /// The type whose columns a table stores so; None where no text is read into such a column.
    pub fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::String),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Some(ColumnType::Timestamp),
            other => NAMES
                .iter()
                .map(|(kind, _)| *kind)
                .find(|kind| kind.data_type() == *other),
        }
    }

    /// Whether the text can be read as this type.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            ColumnType::Boolean => boolean(text).is_some(),
            ColumnType::Int64 => int64(text).is_some(),
            ColumnType::Float64 => float64(text).is_some(),
            ColumnType::Date => date(text).is_some(),
            ColumnType::Timestamp => timestamp(text).is_some(),
            ColumnType::LocalTimestamp => local_timestamp(text).is_some(),
            ColumnType::String => true,
        }
    }
}

/// What PostgreSQL and DuckDB read where a column is declared as a truth value; alone, only `true` and
/// `false` say that it is one.
pub fn declared_boolean(text: &str) -> Option<bool> {
    const WORDS: &[(&str, bool)] = &[
        ("true", true),
        ("t", true),
        ("yes", true),
        ("y", true),
        ("on", true),
        ("1", true),
        ("false", false),
        ("f", false),
        ("no", false),
        ("n", false),
        ("off", false),
        ("0", false),
    ];
    let text = text.trim();
    let same = |(word, _): &&(&str, bool)| text.eq_ignore_ascii_case(word);
    WORDS.iter().find(same).map(|(_, value)| *value)
}

pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub fn int64(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// An infinity counts where it is written as one: made of a too long text it would be silent damage.
pub fn float64(text: &str) -> Option<f64> {
    let text = text.trim();
    let value: f64 = text.parse().ok()?;
    let digits = text.contains(|c: char| c.is_ascii_digit());
    (value.is_finite() || !digits).then_some(value)
}

/// Days since 1970.
pub fn date(text: &str) -> Option<i32> {
    let (date, rest) = leading_date(text.trim().as_bytes())?;
    rest.is_empty().then(|| date.num_days_from_ce() - EPOCH)
}

/// Microseconds since 1970. Digits beyond the microsecond are dropped.
pub fn timestamp(text: &str) -> Option<i64> {
    let (local, zone) = day_and_time(text)?;
    Some(local - offset(zone)?)
}

/// The same as the text has it: `+02`, ` UTC` or ` Europe/Berlin` behind it says nothing.
pub fn local_timestamp(text: &str) -> Option<i64> {
    let (local, zone) = day_and_time(text)?;
    let zone = zone.trim_ascii_start();
    let of_name = |b: &u8| b.is_ascii_alphanumeric() || b"_/+-".contains(b);
    let is_name = zone.first().is_some_and(u8::is_ascii_alphabetic) && zone.iter().all(of_name);
    (is_name || offset(zone).is_some()).then_some(local)
}

/// The moment without its zone, and the text of that.
fn day_and_time(text: &str) -> Option<(i64, &[u8])> {
    let (date, rest) = leading_date(text.trim().as_bytes())?;
    let days = i64::from(date.num_days_from_ce() - EPOCH);
    let (time, zone) = match rest {
        [] => (0, rest),
        [b'T' | b't' | b' ', rest @ ..] => time_of_day(rest)?,
        _ => return None,
    };
    Some((days * 86_400_000_000 + time, zone))
}

/// 1970-01-01 in days of the common era.
const EPOCH: i32 = 719_163;

fn leading_date(text: &[u8]) -> Option<(NaiveDate, &[u8])> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = one_or_two(rest.strip_prefix(b"-")?)?;
    let (day, rest) = one_or_two(rest.strip_prefix(b"-")?)?;
    let date = NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32)?;
    Some((date, rest))
}

/// `HH:MM[:SS[.fraction]]` as microseconds, and what follows.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hour, rest) = one_or_two(text)?;
    let (minute, mut rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = digits(after, 2)?;
        if let Some(after) = rest.strip_prefix(b".") {
            (micros, rest) = fraction(after)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
    Some((time, rest))
}

fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let micros = (0..6).fold(0, |sum, i| {
        let digit = if i < length { text[i] - b'0' } else { 0 };
        sum * 10 + i64::from(digit)
    });
    (length > 0).then(|| (micros, &text[length..]))
}

/// `Z`, `+HH:MM`, `-HH` or nothing as microseconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() {
        (0, rest)
    } else {
        digits(rest, 2)?
    };
    let valid = rest.is_empty() && hours < 24 && minutes < 60;
    valid.then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

fn one_or_two(text: &[u8]) -> Option<(i64, &[u8])> {
    digits(text, 2).or_else(|| digits(text, 1))
}

/// A number of exactly that many digits, and what follows.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let value = number.iter().try_fold(0, |sum, b| {
        b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0'))
    })?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc_to_the_microsecond() {
        let at = |text: &str| timestamp(text).map(|n| n - 1_357_034_400_000_000);
        assert_eq!(at("2013-01-01T10:00:00Z"), Some(0));
        assert_eq!(at("2013-01-01 10:00"), Some(0));
        assert_eq!(at("2013-01-01T05:00:00-05:00"), Some(0));
        assert_eq!(at("2013-01-01T15:30:00.25+0530"), Some(250_000));
        assert_eq!(at("2013-01-01T10:00:00.1234567Z"), Some(123_456));
        assert_eq!(timestamp("1969-12-31T23:59:59.5Z"), Some(-500_000));
        assert_eq!(timestamp("2013-1-1 1:00"), timestamp("2013-01-01T01:00Z"));
        for wrong in [
            "2013-02-30",
            "2013-01-01T24:00",
            "13-1-1",
            "10:00",
            "2013-01-01Z",
        ] {
            assert_eq!(timestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_local_timestamp_is_what_its_text_says_without_the_zone() {
        let ten = timestamp("2013-01-01 10:00");
        for zone in [
            "",
            "Z",
            "+02",
            " +02:00",
            "-0530",
            " UTC",
            " Europe/Berlin",
            " z",
        ] {
            let text = format!("2013-01-01 10:00:00{zone}");
            assert_eq!(local_timestamp(&text), ten, "{text}");
        }
        for wrong in [
            "2013-01-01 10:00 !",
            "2013-01-01 10:00 1",
            "2013-01-01 10:00+2",
        ] {
            assert_eq!(local_timestamp(wrong), None, "{wrong}");
        }
        assert_eq!(timestamp("2013-01-01 10:00 UTC"), None);
    }

    #[test]
    fn numbers_are_whole_texts_and_never_overflow() {
        assert_eq!(float64("1e3"), Some(1000.0));
        assert_eq!(float64("1e999"), None);
        assert_eq!(float64("-inf"), Some(f64::NEG_INFINITY));
        assert!(float64("NaN").is_some_and(f64::is_nan));
        assert_eq!(int64(" 7 "), Some(7));
        assert_eq!(int64("9223372036854775808"), None);
        assert_eq!(int64("7.0"), None);
    }

    #[test]
    fn names_and_stored_types_lead_back_to_the_type() {
        for name in ColumnType::names() {
            let kind = ColumnType::parse(name).unwrap();
            assert_eq!(kind.name(), name);
            assert_eq!(ColumnType::of(&kind.data_type()), Some(kind));
        }
        assert_eq!(ColumnType::of(&DataType::Int32), None);
    }
}
