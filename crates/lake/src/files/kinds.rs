//! The types of columns of texts, which texts are of which, and arrays of them. DuckDB finds the same in
//! a CSV file.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};

use crate::functions::read_moment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Whole,
    Huge,
    Double,
    Time,
    Date(Form),
    Timestamp,
    /// A timestamp whose date is not written as in ISO 8601, to the second.
    Moment(Form),
    /// By a format of `strptime`.
    DateBy(Arc<str>),
    MomentBy(Arc<str>),
    /// A timestamp with its offset, or of UTC.
    Instant,
    Text,
}

/// What a column is looked at for, in DuckDB's order: the first that all of its values can have is its type.
pub(super) const CANDIDATES: [Kind; 18] = [
    Kind::Boolean,
    Kind::Whole,
    Kind::Huge,
    Kind::Double,
    Kind::Time,
    Kind::Date(short(Order::Ymd)),
    Kind::Date(ISO),
    Kind::Date(short(Order::Dmy)),
    Kind::Date(long(Order::Dmy)),
    Kind::Date(short(Order::Mdy)),
    Kind::Date(long(Order::Mdy)),
    Kind::Moment(short(Order::Ymd)),
    Kind::Timestamp,
    Kind::Moment(short(Order::Dmy)),
    Kind::Moment(long(Order::Dmy)),
    Kind::Moment(short(Order::Mdy)),
    Kind::Moment(long(Order::Mdy)),
    Kind::Instant,
];

const fn long(order: Order) -> Form {
    let is_short = false;
    Form { order, is_short }
}

const fn short(order: Order) -> Form {
    let is_short = true;
    Form { order, is_short }
}

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub order: Order,
    /// Whether the year has two digits rather than four.
    pub is_short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ymd,
    Mdy,
    Dmy,
}

pub(super) const ISO: Form = Form {
    order: Order::Ymd,
    is_short: false,
};

impl Kind {
    pub(super) fn data_type(&self) -> DataType {
        let timestamp = |zone| DataType::Timestamp(TimeUnit::Microsecond, zone);
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Huge => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Date(_) | Self::DateBy(_) => DataType::Date32,
            Self::Timestamp | Self::Moment(_) | Self::MomentBy(_) => timestamp(None),
            Self::Instant => timestamp(Some("UTC".into())),
            Self::Text => DataType::Utf8,
        }
    }

    pub(super) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Boolean => boolean(text).is_some(),
            Self::Whole => whole(text).is_some(),
            Self::Huge => huge(text).is_some(),
            Self::Double => double(text).is_some(),
            Self::Time => is_time(text),
            Self::Date(form) => date(text, *form).is_some(),
            Self::Moment(form) => moment(text, *form).is_some(),
            Self::DateBy(format) => date_by(text, format).is_some(),
            Self::MomentBy(format) => read_moment(text, format).is_some(),
            Self::Timestamp => timestamp(text).is_some_and(|(_, zone)| zone.is_none()),
            Self::Instant => timestamp(text).is_some(),
            Self::Text => true,
        }
    }

    pub(super) fn builder(&self) -> Builder {
        match self {
            Self::Boolean => Builder::Boolean(BooleanBuilder::new()),
            Self::Whole => Builder::Whole(Int64Builder::new()),
            Self::Huge => Builder::Huge(Decimal128Builder::new().with_data_type(self.data_type())),
            Self::Double => Builder::Double(Float64Builder::new()),
            Self::Time => Builder::Time(Time64MicrosecondBuilder::new()),
            Self::Date(form) => Builder::Date(Date32Builder::new(), *form),
            Self::Moment(form) => Builder::Moment(TimestampMicrosecondBuilder::new(), *form),
            Self::DateBy(format) => Builder::DateBy(Date32Builder::new(), Arc::clone(format)),
            Self::MomentBy(format) => {
                Builder::MomentBy(TimestampMicrosecondBuilder::new(), Arc::clone(format))
            }
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
    Date(Date32Builder, Form),
    Moment(TimestampMicrosecondBuilder, Form),
    DateBy(Date32Builder, Arc<str>),
    MomentBy(TimestampMicrosecondBuilder, Arc<str>),
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
            Self::Date(builder, form) => parsed!(builder, |text| date(text, *form)),
            Self::Moment(builder, form) => parsed!(builder, |text| moment(text, *form)),
            Self::DateBy(builder, format) => parsed!(builder, |text| date_by(text, format)),
            Self::MomentBy(builder, format) => parsed!(builder, |text| read_moment(text, format)),
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
            Self::Date(builder, _) | Self::DateBy(builder, _) => Arc::new(builder.finish()),
            Self::Moment(builder, _) | Self::MomentBy(builder, _) | Self::Timestamp(builder) => {
                Arc::new(builder.finish())
            }
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
pub(super) fn date(text: &str, form: Form) -> Option<i32> {
    let mut parts = text.trim().split(['-', '/', '.']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match form.order {
        Order::Ymd => (first, second, third),
        Order::Mdy => (third, first, second),
        Order::Dmy => (third, second, first),
    };
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let plain = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok())?
    };
    let year = match form.is_short {
        true => number(year, 2..=2).map(|year| year + if year < 69 { 2000 } else { 1900 }),
        false => number(year, 4..=4),
    };
    let year = i32::try_from(year?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(month, 1..=2)?, number(day, 1..=2)?)?;
    Some(date.num_days_from_ce() - EPOCH)
}

fn date_by(text: &str, format: &str) -> Option<i32> {
    let days = read_moment(text, format)?.div_euclid(DAY);
    i32::try_from(days).ok()
}

/// 1970-01-01 in days of the common era.
const EPOCH: i32 = 719_163;

/// Minutes have two digits where no seconds follow.
fn is_time(text: &str) -> bool {
    let is_written = match text.split_once(':') {
        Some((_, minutes)) => minutes.contains(':') || minutes.len() == 2,
        None => false,
    };
    is_written && text.trim() == text && time(text).is_some()
}

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

/// Microseconds since 1970. As in DuckDB, months stand first where the clock has twelve hours, and only there.
fn moment(text: &str, form: Form) -> Option<i64> {
    let (day, clock) = text.trim().split_once(' ')?;
    let day = i64::from(date(day, form)?) * DAY;
    let clock = match form.order {
        Order::Mdy => {
            let (clock, half) = clock.split_once(' ')?;
            let (hour, rest) = clock.split_once(':')?;
            let hour: u32 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
            let later = match half.to_ascii_lowercase().as_str() {
                "am" => 0,
                "pm" => 12,
                _ => return None,
            };
            format!("{}:{rest}", hour % 12 + later)
        }
        _ => clock.to_owned(),
    };
    let to_the_second = clock.split(':').count() == 3 && !clock.contains('.');
    to_the_second.then(|| time(&clock))?.map(|time| day + time)
}

const DAY: i64 = 86_400_000_000;

/// Microseconds since 1970 by the clock of the text, and its offset in microseconds.
pub(super) fn timestamp(text: &str) -> Option<(i64, Option<i64>)> {
    let text = text.trim();
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let day = i64::from(date(day, ISO)?) * DAY;
    // The name of the zone alone makes no instant.
    let clock = clock.trim().trim_end_matches(" UTC");
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
