//! The types of columns of texts, which texts are of which, and arrays of them. DuckDB finds the same in
//! a CSV file; where it would guess the order of a date's parts, we ask.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Whole,
    Huge,
    Double,
    Time,
    Date(Order),
    Timestamp,
    /// A timestamp with its offset.
    Instant,
    Text,
}

/// Of a date's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ymd,
    Mdy,
    Dmy,
}

impl Kind {
    pub(super) fn data_type(self) -> DataType {
        let timestamp = |zone| DataType::Timestamp(TimeUnit::Microsecond, zone);
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Huge => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Date(_) => DataType::Date32,
            Self::Timestamp => timestamp(None),
            Self::Instant => timestamp(Some("UTC".into())),
            Self::Text => DataType::Utf8,
        }
    }

    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Boolean => boolean(text).is_some(),
            Self::Whole => whole(text).is_some(),
            Self::Huge => huge(text).is_some(),
            Self::Double => double(text).is_some(),
            Self::Time => time(text).is_some(),
            Self::Date(order) => date(text, order).is_some(),
            Self::Timestamp => timestamp(text).is_some_and(|(_, zone)| zone.is_none()),
            Self::Instant => timestamp(text).is_some_and(|(_, zone)| zone.is_some()),
            Self::Text => true,
        }
    }

    pub(super) fn builder(self) -> Builder {
        match self {
            Self::Boolean => Builder::Boolean(BooleanBuilder::new()),
            Self::Whole => Builder::Whole(Int64Builder::new()),
            Self::Huge => Builder::Huge(Decimal128Builder::new().with_data_type(self.data_type())),
            Self::Double => Builder::Double(Float64Builder::new()),
            Self::Time => Builder::Time(Time64MicrosecondBuilder::new()),
            Self::Date(order) => Builder::Date(Date32Builder::new(), order),
            Self::Timestamp | Self::Instant => Builder::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(self.data_type()),
            ),
            Self::Text => Builder::Text(StringBuilder::new()),
        }
    }
}

pub(super) enum Builder {
    Boolean(BooleanBuilder),
    Whole(Int64Builder),
    Huge(Decimal128Builder),
    Double(Float64Builder),
    Time(Time64MicrosecondBuilder),
    Date(Date32Builder, Order),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Builder {
    /// Appends the value of the text, null for none. False: it is not of the type.
    pub(super) fn append(&mut self, text: Option<&str>) -> bool {
        macro_rules! parsed {
            ($builder:expr, $parse:expr) => {{
                let value = text.map($parse);
                $builder.append_option(value.flatten());
                value.is_none_or(|value| value.is_some())
            }};
        }
        match self {
            Self::Boolean(builder) => parsed!(builder, boolean),
            Self::Whole(builder) => parsed!(builder, whole),
            Self::Huge(builder) => parsed!(builder, huge),
            Self::Double(builder) => parsed!(builder, double),
            Self::Time(builder) => parsed!(builder, time),
            Self::Date(builder, order) => parsed!(builder, |text| date(text, *order)),
            Self::Timestamp(builder) => {
                parsed!(builder, |text| timestamp(text)
                    .map(|(local, zone)| local - zone.unwrap_or(0)))
            }
            Self::Text(builder) => {
                builder.append_option(text);
                true
            }
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Whole(builder) => Arc::new(builder.finish()),
            Self::Huge(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Date(builder, _) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is(["true", "t", "yes"]), is(["false", "f", "no"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Digits with a sign or none. What begins with a zero is a code, and a plus no number.
fn digits(text: &str) -> Option<&str> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let is_code = digits.len() > 1 && digits[0] == b'0';
    let is_whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (is_whole && !is_code).then_some(text)
}

fn whole(text: &str) -> Option<i64> {
    digits(text)?.parse().ok()
}

fn huge(text: &str) -> Option<i128> {
    let number = digits(text)?;
    (number.trim_start_matches('-').len() <= 38).then(|| number.parse().ok())?
}

fn double(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_code = unsigned.len() > 1 && unsigned.starts_with('0') && {
        let second = unsigned.as_bytes()[1];
        second.is_ascii_digit()
    };
    let plain = unsigned
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match plain && !is_code && !unsigned.starts_with(['+', '-']) {
        true => text.parse().ok(),
        false if text.eq_ignore_ascii_case("nan") => Some(f64::NAN),
        false => None,
    }
}

/// Days since 1970.
pub(super) fn date(text: &str, order: Order) -> Option<i32> {
    let mut parts = text.trim().split(['-', '/', '.']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match order {
        Order::Ymd => (first, second, third),
        Order::Mdy => (third, first, second),
        Order::Dmy => (third, second, first),
    };
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let plain = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok())?
    };
    let year = i32::try_from(number(year, 4..=4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(month, 1..=2)?, number(day, 1..=2)?)?;
    Some(date.num_days_from_ce() - EPOCH)
}

/// 1970-01-01 in days of the common era.
const EPOCH: i32 = 719_163;

/// Microseconds of a day.
pub(super) fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let mut parts = clock.split(':').map(|part| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<i64>().ok())?
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next();
    if parts.next().is_some() || (second.is_none() && !fraction.is_empty()) {
        return None;
    }
    let second = second.map_or(Some(0), |second| second)?;
    let fits = hour < 24 && minute < 60 && second < 60;
    let micros = match fraction.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("{fraction:0<6}")[..6].parse::<i64>().ok()?,
        false => return None,
    };
    fits.then(|| ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Microseconds since 1970 by the clock of the text, and its offset in microseconds.
pub(super) fn timestamp(text: &str) -> Option<(i64, Option<i64>)> {
    let text = text.trim();
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let day = i64::from(date(day, Order::Ymd)?) * 86_400_000_000;
    let clock = clock.trim();
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((day + time(clock)?, Some(0)));
    }
    let Some(at) = clock.rfind(['+', '-']) else {
        return Some((day + time(clock)?, None));
    };
    let sign = if clock[at..].starts_with('-') { -1 } else { 1 };
    let offset = &clock[at + 1..];
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 4 => offset.split_at(2),
        None => (offset, "0"),
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = sign * (hours * 60 + minutes) * 60_000_000;
    Some((day + time(&clock[..at])?, Some(offset)))
}

/// Numbers between separators, as dates have them, in any order and length.
pub(super) fn is_like_date(text: &str) -> bool {
    let text = text.trim();
    let (day, clock) = text.split_once(' ').unwrap_or((text, ""));
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_clock = clock.is_empty() || clock.contains(':');
    let sizes = parts.iter().all(|part| matches!(part.len(), 1 | 2 | 4));
    parts.len() == 3 && parts.iter().all(is_number) && sizes && is_clock
}
