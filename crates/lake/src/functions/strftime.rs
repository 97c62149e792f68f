//! Dates written and read by formats of C's `strftime`, as DuckDB has them.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::common::exec_err;
use datafusion::error::Result;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The moment by the format; of an instant, with the offset and the name of its zone.
pub(super) fn write(at: &NaiveDateTime, format: &str, zone: Option<[&str; 2]>) -> Result<String> {
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let code = letters.next();
        let part = match code {
            Some('-') => letters.next().and_then(|code| unpadded(at, code)),
            Some(code) => padded(at, code, zone),
            None => None,
        };
        match part {
            Some(part) => text.push_str(&part),
            None => return exec_err!("strftime() knows no format '%{}'", code.unwrap_or(' ')),
        }
    }
    Ok(text)
}

fn hour12(at: &NaiveDateTime) -> u32 {
    at.hour12().1
}

fn unpadded(at: &NaiveDateTime, code: char) -> Option<String> {
    Some(match code {
        'd' => at.day(),
        'm' => at.month(),
        'y' => at.year().rem_euclid(100) as u32,
        'H' => at.hour(),
        'I' => hour12(at),
        'M' => at.minute(),
        'S' => at.second(),
        'j' => at.ordinal(),
        _ => return None,
    })
    .map(|number: u32| number.to_string())
}

fn padded(at: &NaiveDateTime, code: char, zone: Option<[&str; 2]>) -> Option<String> {
    let month = MONTHS[at.month0() as usize];
    let day = DAYS[at.weekday().num_days_from_sunday() as usize];
    let two = |number: u32| format!("{number:02}");
    let week = |first: u32| {
        two((at.ordinal0() + 7 - (at.weekday().num_days_from_sunday() + 7 - first) % 7) / 7)
    };
    let nanos = at.nanosecond() % 1_000_000_000;
    Some(match code {
        'a' => day[..3].to_owned(),
        'A' => day.to_owned(),
        'w' => at.weekday().num_days_from_sunday().to_string(),
        'u' => at.weekday().number_from_monday().to_string(),
        'd' => two(at.day()),
        'b' | 'h' => month[..3].to_owned(),
        'B' => month.to_owned(),
        'm' => two(at.month()),
        'y' => two(at.year().rem_euclid(100) as u32),
        'Y' => format!("{:04}", at.year()),
        'G' => format!("{:04}", at.iso_week().year()),
        'V' => two(at.iso_week().week()),
        'U' => week(0),
        'W' => week(1),
        'H' => two(at.hour()),
        'I' => two(hour12(at)),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'M' => two(at.minute()),
        'S' => two(at.second()),
        'f' => format!("{:06}", nanos / 1_000),
        'g' => format!("{:03}", nanos / 1_000_000),
        'z' => zone.map_or("+00", |[offset, _]| offset).to_owned(),
        'Z' => zone.map_or("", |[_, name]| name).to_owned(),
        'j' => format!("{:03}", at.ordinal()),
        'c' => write(at, "%Y-%m-%d %H:%M:%S", zone).ok()?,
        'x' => write(at, "%Y-%m-%d", zone).ok()?,
        'X' => write(at, "%H:%M:%S", zone).ok()?,
        '%' => "%".to_owned(),
        _ => return None,
    })
}

/// What was read, piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub year: i32,
    pub month: u32,
    pub day: u32,
    pub ordinal: Option<u32>,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub micro: u32,
    pub afternoon: Option<bool>,
    /// Seconds east of Greenwich.
    pub offset: i64,
}

impl Read {
    pub(super) fn new(year: i32) -> Self {
        Self {
            year,
            month: 1,
            day: 1,
            ordinal: None,
            hour: 0,
            minute: 0,
            second: 0,
            micro: 0,
            afternoon: None,
            offset: 0,
        }
    }

    /// Microseconds since 1970. None: there is no such day or time.
    pub(super) fn micros(&self) -> Option<i64> {
        let day = match self.ordinal {
            Some(ordinal) => NaiveDate::from_yo_opt(self.year, ordinal)?,
            None => NaiveDate::from_ymd_opt(self.year, self.month, self.day)?,
        };
        let hour = match self.afternoon {
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let time = NaiveTime::from_hms_micro_opt(hour, self.minute, self.second, self.micro)?;
        Some(day.and_time(time).and_utc().timestamp_micros() - self.offset * 1_000_000)
    }
}

/// The moment that the text means by the format. None: it does not have that form.
pub(crate) fn read(text: &str, format: &str) -> Option<i64> {
    let mut read = Read::new(1900);
    let mut rest = text.trim_start();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            rest = rest.trim_start();
        } else if letter != '%' {
            rest = rest.strip_prefix(letter)?;
        } else {
            let code = match letters.next()? {
                '-' => letters.next()?,
                code => code,
            };
            rest = read_one(&mut read, code, rest)?;
        }
    }
    match rest.trim_end().is_empty() {
        true => read.micros(),
        false => None,
    }
}

fn read_one<'a>(read: &mut Read, code: char, rest: &'a str) -> Option<&'a str> {
    let (number, after) = match code {
        'Y' | 'G' => digits(rest, 4)?,
        'j' | 'g' => digits(rest, 3)?,
        'f' => return fraction(read, rest),
        'a' | 'A' => return name(rest, &DAYS).map(|(_, rest)| rest),
        'b' | 'B' | 'h' => {
            let (at, rest) = name(rest, &MONTHS)?;
            read.month = at as u32 + 1;
            return Some(rest);
        }
        'p' => {
            let (at, rest) = name(rest, &["AM", "PM"])?;
            read.afternoon = Some(at == 1);
            return Some(rest);
        }
        'z' => return offset(read, rest),
        'Z' => {
            return rest
                .strip_prefix("UTC")
                .or(rest.strip_prefix("Z"))
                .or(Some(rest));
        }
        '%' => return rest.strip_prefix('%'),
        'x' | 'F' => return sequence(read, "Y-m-d", rest),
        'X' | 'T' => return sequence(read, "H:M:S", rest),
        'c' => return sequence(read, "Y-m-d H:M:S", rest),
        _ => digits(rest, 2)?,
    };
    match code {
        'Y' => read.year = number as i32,
        'y' => read.year = number as i32 + if number < 69 { 2000 } else { 1900 },
        'm' => read.month = number,
        'd' => read.day = number,
        'j' => read.ordinal = Some(number),
        'H' | 'I' => read.hour = number,
        'M' => read.minute = number,
        'S' => read.second = number,
        'g' => read.micro = number * 1_000,
        _ => return None,
    }
    Some(after)
}

fn sequence<'a>(read: &mut Read, codes: &str, mut rest: &'a str) -> Option<&'a str> {
    for code in codes.chars() {
        rest = match code.is_alphabetic() {
            true => read_one(read, code, rest)?,
            false => rest.strip_prefix(code)?,
        };
    }
    Some(rest)
}

pub(super) fn digits(text: &str, most: usize) -> Option<(u32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (number, rest) = text.split_at(count);
    Some((number.parse().ok()?, rest))
}

pub(super) fn fraction<'a>(read: &mut Read, text: &'a str) -> Option<&'a str> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(count);
    let micros: String = number.chars().chain("000000".chars()).take(6).collect();
    read.micro = micros.parse().ok().filter(|_| count > 0)?;
    Some(rest)
}

/// The place of the name that the text begins with, in full or by its first three letters.
pub(super) fn name<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let begins = |name: &str| {
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let found = |(at, name): (usize, &&str)| {
        let short = &name[..name.len().min(3)];
        let taken = [*name, short].into_iter().find(|name| begins(name))?;
        Some((at, &text[taken.len()..]))
    };
    names.iter().enumerate().find_map(found)
}

pub(super) fn offset<'a>(read: &mut Read, text: &'a str) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some(rest);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = digits(rest, 2).unwrap_or((0, rest));
    read.offset = sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60);
    Some(rest)
}
