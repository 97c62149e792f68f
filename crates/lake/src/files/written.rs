//! Texts of a JSON file that are dates, times, moments or UUIDs, by the forms that DuckDB tries for JSON, which are not
//! those of CSV: `4-4-2` is a date, `2024/01/02` is none.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{NaiveDate, NaiveTime, Timelike};
use uuid::Uuid;

/// What the texts of a place may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    may_be: [bool; KINDS.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Date,
    Timestamp,
    Time,
    Instant,
    Uuid,
}

const KINDS: [Kind; 5] = [
    Kind::Date,
    Kind::Timestamp,
    Kind::Time,
    Kind::Instant,
    Kind::Uuid,
];

impl Written {
    /// Of no text yet.
    pub(super) fn any() -> Self {
        let may_be = [true; KINDS.len()];
        Self { may_be }
    }

    /// Of texts that stay what they are.
    pub(super) fn text() -> Self {
        let may_be = [false; KINDS.len()];
        Self { may_be }
    }

    pub(super) fn observe(&mut self, text: &str) {
        for (may_be, kind) in self.may_be.iter_mut().zip(KINDS) {
            *may_be = *may_be && kind.plain(text).is_some();
        }
    }

    /// Of these texts and those.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (own, other) in self.may_be.iter_mut().zip(other.may_be) {
            *own &= other;
        }
        self
    }

    /// What they all are; none: texts.
    pub(super) fn kind(self) -> Option<Kind> {
        let known = self.may_be.iter().position(|may_be| *may_be);
        known.map(|at| KINDS[at])
    }
}

impl Kind {
    pub(super) fn data_type(self) -> DataType {
        let unit = TimeUnit::Microsecond;
        match self {
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(unit, None),
            Self::Time => DataType::Time64(unit),
            Self::Instant => DataType::Timestamp(unit, Some("UTC".into())),
            Self::Uuid => DataType::Utf8,
        }
    }

    /// The text in the one form that the engine reads; none: it is none of the kind.
    pub(super) fn plain(self, text: &str) -> Option<String> {
        match self {
            Self::Date => date(text.trim()).map(|date| date.to_string()),
            Self::Timestamp => timestamp(text.trim()),
            Self::Time => time(text).map(|time| time.to_string()),
            Self::Instant => instant(text),
            Self::Uuid => uuid(text),
        }
    }
}

/// A number of so many digits at most.
fn number(text: &str, digits: usize) -> Option<u32> {
    let plain = text.len() <= digits && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// A year of one or two digits is of the century around 2000.
fn year(text: &str) -> Option<i32> {
    let year = number(text, 4)? as i32;
    Some(match text.len() {
        1 | 2 if year < 69 => 2000 + year,
        1 | 2 => 1900 + year,
        _ => year,
    })
}

/// Year, month and day; else day, month and year; else month, day and year.
fn date(text: &str) -> Option<NaiveDate> {
    let parts = parts(text)?;
    [[0, 1, 2], [2, 1, 0], [2, 0, 1]]
        .into_iter()
        .find_map(|order| ordered(parts, order))
}

fn parts(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.split('-');
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

/// `order`: where the year is, the month and the day.
fn ordered(parts: [&str; 3], order: [usize; 3]) -> Option<NaiveDate> {
    let [y, m, d] = order.map(|at| parts[at]);
    NaiveDate::from_ymd_opt(year(y)?, number(m, 2)?, number(d, 2)?)
}

/// Hours, minutes and seconds, and digits behind a point.
fn clock(text: &str) -> Option<(NaiveTime, &str)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let mut parts = whole.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}")[..6].parse().ok()?;
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some((time, fraction))
}

/// A fraction of a second stands behind a year of four digits and a space alone; months stand first where the clock has
/// twelve hours.
fn timestamp(text: &str) -> Option<String> {
    let at = text.find([' ', 'T'])?;
    let (day, hours) = (&text[..at], &text[at + 1..]);
    let parts = parts(day)?;
    let moment = |day: NaiveDate, time: NaiveTime| format!("{day}T{time}");
    if let Some((hours, half)) = hours.split_once(' ') {
        let (time, fraction) = clock(hours)?;
        let later = match half.to_ascii_lowercase().as_str() {
            "am" => 0,
            "pm" => 12,
            _ => return None,
        };
        let fits = (1..=12).contains(&time.hour()) && fraction.is_empty();
        let time = time.with_hour(time.hour() % 12 + later);
        return fits.then(|| Some(moment(ordered(parts, [2, 0, 1])?, time?)))?;
    }
    let (time, fraction) = clock(hours)?;
    let is_iso = parts[0].len() == 4;
    let is_plain = fraction.is_empty() && (is_iso || text.as_bytes()[at] == b' ');
    let is_exact = is_iso && fraction.len() <= 6 && text.as_bytes()[at] == b' ';
    let day = ordered(parts, [0, 1, 2]).or_else(|| ordered(parts, [2, 1, 0]));
    (is_plain || is_exact).then(|| Some(moment(day?, time)))?
}

/// Minutes have two digits where no seconds follow.
fn time(text: &str) -> Option<NaiveTime> {
    match text.split_once(':')? {
        (_, minutes) if minutes.contains(':') => Some(clock(text)?.0),
        (_, minutes) if minutes.len() == 2 => Some(clock(&format!("{text}:00"))?.0),
        _ => None,
    }
}

/// With `Z` or the hours that the clock is ahead.
fn instant(text: &str) -> Option<String> {
    let (day, hours) = text.split_once(['T', ' '])?;
    let at = hours.find(['Z', '+', '-'])?;
    let (hours, zone) = hours.split_at(at);
    let digits = zone.replacen(':', "", 1);
    let is_zone = zone == "Z"
        || matches!(digits.len(), 3 | 5) && digits[1..].bytes().all(|b| b.is_ascii_digit());
    let parts = parts(day).filter(|parts| parts[0].len() == 4 && is_zone)?;
    let (day, time) = (ordered(parts, [0, 1, 2])?, time(hours)?);
    Some(format!("{day}T{time}{zone}"))
}

fn uuid(text: &str) -> Option<String> {
    let is_whole = text.len() == uuid::fmt::Hyphenated::LENGTH;
    let uuid = is_whole.then(|| Uuid::try_parse(text).ok())??;
    Some(uuid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(text: &str) -> Option<Kind> {
        let mut written = Written::any();
        written.observe(text);
        written.kind()
    }

    #[test]
    fn a_text_is_of_the_kind_that_duckdb_finds_in_json() {
        for (text, kind, plain) in [
            ("4-4-2", Kind::Date, "2004-04-02"),
            ("69-1-1", Kind::Date, "1969-01-01"),
            ("1-2-2024", Kind::Date, "2024-02-01"),
            ("12-25-24", Kind::Date, "2024-12-25"),
            ("24-02-30", Kind::Date, "2030-02-24"),
            (" 2024-01-02 ", Kind::Date, "2024-01-02"),
            ("2024-01-02 3:4:5", Kind::Timestamp, "2024-01-02T03:04:05"),
            (
                "2024-01-02T03:04:05",
                Kind::Timestamp,
                "2024-01-02T03:04:05",
            ),
            (
                "2024-01-02 03:04:05.5",
                Kind::Timestamp,
                "2024-01-02T03:04:05.500",
            ),
            (
                "02-01-2024 03:04:05",
                Kind::Timestamp,
                "2024-01-02T03:04:05",
            ),
            (
                "12-25-2024 12:04:05 AM",
                Kind::Timestamp,
                "2024-12-25T00:04:05",
            ),
            ("7:05", Kind::Time, "07:05:00"),
            ("1:2:3", Kind::Time, "01:02:03"),
            ("2024-01-02T03:04Z", Kind::Instant, "2024-01-02T03:04:00Z"),
            (
                "2024-01-02 03:04:05.123456789+02:00",
                Kind::Instant,
                "2024-01-02T03:04:05.123456+02:00",
            ),
            (
                "F47AC10B-58CC-4372-A567-0E02B2C3D479",
                Kind::Uuid,
                "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            ),
        ] {
            assert_eq!(kind_of(text), Some(kind), "{text}");
            assert_eq!(kind.plain(text).as_deref(), Some(plain), "{text}");
        }
    }

    #[test]
    fn what_is_written_otherwise_is_a_text() {
        for text in [
            "",
            "x",
            "5",
            "2024/01/02",
            "2024-13-01",
            "0-0-0",
            "2024-01",
            "4-4-2Z",
            "07:5",
            "7:5",
            "10:30 ",
            "25:00",
            "10:05+02",
            "2024-01-02 03:04",
            "2024-01-02 03:04:05.",
            "2024-01-02 03:04:05.1234567",
            "2024-01-02T03:04:05.123",
            "2024-01-02 03:04:05 UTC",
            "2024-01-02T03:04:05z",
            "12-25-2024 13:04:05 PM",
            "f47ac10b58cc4372a5670e02b2c3d479",
            "é-1-1",
        ] {
            assert_eq!(kind_of(text), None, "{text}");
        }
    }
}
