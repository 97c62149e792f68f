//! PostgreSQL's formats: `to_char` of dates and numbers, `to_date` and `to_timestamp`.

use chrono::{Datelike, NaiveDateTime, Timelike};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::dates::julian;
use super::strftime::{DAYS, MONTHS, Read, digits, fraction, name, offset};

/// Patterns, longer ones first where one begins another.
const PATTERNS: &[&str] = &[
    "HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF6", "FF3", "Y,YYY", "YYYY",
    "YYY", "YY", "Y", "IYYY", "IYY", "IY", "IDDD", "ID", "IW", "I", "MONTH", "MON", "MM", "DAY",
    "DDD", "DD", "DY", "D", "WW", "W", "CC", "J", "Q", "RM", "AM", "PM", "A.M.", "P.M.", "BC",
    "AD", "TZH", "TZM", "TZ", "OF",
];

enum Piece<'a> {
    /// The pattern, its letters as written, and whether it is not padded.
    Pattern(&'static str, &'a str, bool),
    Text(&'a str),
    /// `th`, of the number before it.
    Ordinal(&'a str),
}

fn pieces(format: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut compact) = (format, false);
    while let Some(letter) = rest.chars().next() {
        let begins = |p: &&&str| rest.get(..p.len()).is_some_and(|s| is_of(s, p));
        if rest.get(..2).is_some_and(|s| s.eq_ignore_ascii_case("fm")) {
            (rest, compact) = (&rest[2..], true);
        } else if let Some(name) = rest.strip_prefix("TM") {
            // Names in the words of the language, which is English.
            (rest, compact) = (name, true);
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            pieces.push(Piece::Text(&quoted[..end]));
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else if let Some(pattern) = PATTERNS.iter().find(begins) {
            let (letters, after) = rest.split_at(pattern.len());
            pieces.push(Piece::Pattern(pattern, letters, compact));
            let ordinal = after.get(..2).filter(|s| *s == "th" || *s == "TH");
            pieces.extend(ordinal.map(Piece::Ordinal));
            (rest, compact) = (&after[ordinal.map_or(0, str::len)..], false);
        } else {
            let (text, after) = rest.split_at(letter.len_utf8());
            pieces.push(Piece::Text(text));
            rest = after;
        }
    }
    pieces
}

/// Whether the letters are the pattern's: all of them large or all small, and of names the first may be large alone.
fn is_of(letters: &str, pattern: &str) -> bool {
    let is_name = matches!(pattern, "MONTH" | "MON" | "DAY" | "DY");
    let capitalised =
        || letters[..1] == pattern[..1] && letters[1..] == pattern[1..].to_lowercase();
    letters == pattern || letters == pattern.to_lowercase() || (is_name && capitalised())
}

/// The moment by the format.
pub(super) fn write(at: &NaiveDateTime, format: &str) -> Result<String> {
    let mut text = String::new();
    for piece in pieces(format) {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Ordinal(letters) => {
                let ending = ending(&text);
                text.push_str(&match letters {
                    "TH" => ending.to_uppercase(),
                    _ => ending.to_owned(),
                });
            }
            Piece::Pattern(pattern, letters, compact) => {
                text.push_str(&written(at, pattern, letters, compact)?);
            }
        }
    }
    Ok(text)
}

/// Of the number that the text ends with: 1st, 2nd, 3rd, 11th.
fn ending(text: &str) -> &'static str {
    let mut digits = text.bytes().rev();
    match (digits.next(), digits.next()) {
        (_, Some(b'1')) => "th",
        (Some(b'1'), _) => "st",
        (Some(b'2'), _) => "nd",
        (Some(b'3'), _) => "rd",
        _ => "th",
    }
}

fn written(at: &NaiveDateTime, pattern: &str, letters: &str, compact: bool) -> Result<String> {
    let padded = |number: i64, width: usize| match compact {
        true => number.to_string(),
        false => format!("{number:0width$}"),
    };
    let named = |name: &str, width: usize| {
        let name = cased(name, letters);
        match compact {
            true => name,
            false => format!("{name:width$}"),
        }
    };
    let year = i64::from(at.year());
    let iso_year = i64::from(at.iso_week().year());
    let day_of_year = i64::from(at.ordinal());
    let month = MONTHS[at.month0() as usize];
    let day = DAYS[at.weekday().num_days_from_sunday() as usize];
    let micros = i64::from(at.nanosecond() % 1_000_000_000 / 1_000);
    let of_day = i64::from(at.num_seconds_from_midnight());
    Ok(match pattern {
        "HH24" => padded(at.hour().into(), 2),
        "HH12" | "HH" => padded(at.hour12().1.into(), 2),
        "MI" => padded(at.minute().into(), 2),
        "SSSSS" | "SSSS" => of_day.to_string(),
        "SS" => padded(at.second().into(), 2),
        "MS" | "FF3" => padded(micros / 1_000, 3),
        "US" | "FF6" => padded(micros, 6),
        "Y,YYY" => format!("{},{:03}", year / 1000, year % 1000),
        "YYYY" => padded(year, 4),
        "YYY" => padded(year % 1000, 3),
        "YY" => padded(year % 100, 2),
        "Y" => (year % 10).to_string(),
        "IYYY" => padded(iso_year, 4),
        "IYY" => padded(iso_year % 1000, 3),
        "IY" => padded(iso_year % 100, 2),
        "I" => (iso_year % 10).to_string(),
        "IDDD" => {
            let week = i64::from(at.iso_week().week() - 1);
            padded(week * 7 + i64::from(at.weekday().number_from_monday()), 3)
        }
        "ID" => at.weekday().number_from_monday().to_string(),
        "IW" => padded(at.iso_week().week().into(), 2),
        "MONTH" => named(month, 9),
        "MON" => named(&month[..3], 3),
        "MM" => padded(at.month().into(), 2),
        "DAY" => named(day, 9),
        "DDD" => padded(day_of_year, 3),
        "DD" => padded(at.day().into(), 2),
        "DY" => named(&day[..3], 3),
        "D" => (at.weekday().num_days_from_sunday() + 1).to_string(),
        "WW" => padded((day_of_year - 1) / 7 + 1, 2),
        "W" => ((at.day() - 1) / 7 + 1).to_string(),
        "CC" => padded((year + 99) / 100, 2),
        "J" => format!("{:.0}", julian(at)),
        "Q" => at.quarter().to_string(),
        "AM" | "PM" => cased(if at.hour() < 12 { "AM" } else { "PM" }, letters),
        "A.M." | "P.M." => cased(if at.hour() < 12 { "A.M." } else { "P.M." }, letters),
        "BC" | "AD" => cased(if year > 0 { "AD" } else { "BC" }, letters),
        "TZ" => cased("UTC", letters),
        "TZH" | "OF" => "+00".to_owned(),
        "TZM" => "00".to_owned(),
        other => return exec_err!("to_char() does not write '{other}'"),
    })
}

/// In capitals where the pattern's first two letters are, small where its first is.
fn cased(name: &str, pattern: &str) -> String {
    let mut letters = pattern.chars().filter(|c| c.is_alphabetic());
    let upper = |c: Option<char>| c.is_some_and(char::is_uppercase);
    match (upper(letters.next()), upper(letters.next())) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.to_owned(),
        (false, _) => name.to_lowercase(),
    }
}

/// Microseconds since 1970 of the text, which has the form of the format.
pub(super) fn read(text: &str, format: &str) -> Result<i64> {
    match moment(text, format) {
        Some(micros) => Ok(micros),
        None => exec_err!("'{text}' is no date of the form '{format}'"),
    }
}

fn moment(text: &str, format: &str) -> Option<i64> {
    let mut read = Read::new(1);
    let mut rest = text.trim_start();
    let pieces = pieces(format);
    for (at, piece) in pieces.iter().enumerate() {
        rest = match piece {
            // Any separator stands for any other.
            Piece::Text(plain) => {
                let separates = |c: char| !c.is_alphanumeric();
                match plain.chars().all(separates) {
                    true => rest.trim_start_matches(|c: char| separates(c) && c != '+'),
                    false => rest.get(plain.len()..)?,
                }
            }
            // The two letters behind the number.
            Piece::Ordinal(_) => rest.get(2..)?,
            Piece::Pattern(pattern, ..) => {
                let next = pieces.get(at + 1);
                let is_open = !matches!(next, Some(Piece::Pattern(..)));
                read_one(&mut read, pattern, rest.trim_start(), is_open)?
            }
        };
    }
    read.micros()
}

fn read_one<'a>(read: &mut Read, pattern: &str, rest: &'a str, is_open: bool) -> Option<&'a str> {
    let width = match pattern {
        "MONTH" | "MON" => {
            let (at, rest) = name(rest, &MONTHS)?;
            read.month = at as u32 + 1;
            return Some(rest);
        }
        "DAY" | "DY" => return name(rest, &DAYS).map(|(_, rest)| rest),
        "AM" | "PM" | "A.M." | "P.M." => {
            let names = ["AM", "PM", "A.M.", "P.M."];
            let (at, rest) = name(rest, &names)?;
            read.afternoon = Some(at % 2 == 1);
            return Some(rest);
        }
        "MS" | "US" | "FF3" | "FF6" => return fraction(read, rest),
        "TZ" | "OF" | "TZH" => return offset(read, rest),
        "YYYY" => 4,
        "YYY" | "DDD" => 3,
        _ => 2,
    };
    // A year of more digits is read where nothing follows it at once.
    let (number, after) = digits(
        rest,
        if is_open && pattern == "YYYY" {
            6
        } else {
            width
        },
    )?;
    match pattern {
        "YYYY" => read.year = number as i32,
        "YY" => read.year = number as i32 + if number < 70 { 2000 } else { 1900 },
        "MM" => read.month = number,
        "DD" => read.day = number,
        "DDD" => read.ordinal = Some(number),
        "HH24" | "HH12" | "HH" => read.hour = number,
        "MI" => read.minute = number,
        "SS" => read.second = number,
        _ => return None,
    }
    Some(after)
}

/// A number by a format of `9`, `0`, `.`, `,`, `FM` and `S` in front.
pub(super) fn number(text: &str, format: &str) -> Result<String> {
    let compact = format
        .get(..2)
        .is_some_and(|s| s.eq_ignore_ascii_case("fm"));
    let shape = if compact { &format[2..] } else { format };
    let shape = shape.to_uppercase().replace(['G', 'D'], "?");
    if shape.is_empty() || !shape.chars().all(|c| "90.,".contains(c)) {
        return exec_err!("to_char() of a number knows 9, 0, ',', '.' and FM, not '{format}'");
    }
    let (whole_shape, part_shape) = shape.split_once('.').unwrap_or((&shape, ""));
    let scale = part_shape.chars().filter(|c| *c != ',').count();
    let (negative, whole, part) = rounded(text, scale)?;
    let places = whole_shape.chars().filter(|c| *c != ',').count();
    if whole.trim_start_matches('0').len() > places {
        let filled: String = whole_shape.replace(['9', '0'], "#");
        let point = if part_shape.is_empty() {
            String::new()
        } else {
            format!(".{}", "#".repeat(scale))
        };
        return Ok(format!(" {filled}{point}"));
    }
    let first_zero = whole_shape.find('0').unwrap_or(whole_shape.len());
    let padded = format!("{:0>places$}", whole.trim_start_matches('0'));
    let (mut out, mut digits, mut begun) = (String::new(), padded.chars(), false);
    for (at, place) in whole_shape.char_indices() {
        if place == ',' {
            out.push(if begun { ',' } else { ' ' });
            continue;
        }
        let digit = digits.next().unwrap_or('0');
        begun |= digit != '0' || at >= first_zero;
        out.push(if begun { digit } else { ' ' });
    }
    if !begun && part_shape.is_empty() {
        out.pop();
        out.push('0');
    }
    let sign_at = out.len() - out.trim_start().len();
    out.insert(sign_at, if negative { '-' } else { ' ' });
    if !part_shape.is_empty() {
        let kept = part_shape.rfind('0').map_or(0, |at| at + 1);
        let mut part = part;
        while compact && part.len() > kept && part.ends_with('0') {
            part.pop();
        }
        out.push('.');
        out.push_str(&part);
    }
    Ok(if compact { out.replace(' ', "") } else { out })
}

/// Sign, whole digits and so many digits after the point, halves rounded away from zero.
fn rounded(text: &str, scale: usize) -> Result<(bool, String, String)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let exact = match digits.contains(['e', 'E']) {
        true => format!("{:.20}", digits.parse::<f64>().unwrap_or(f64::NAN)),
        false => digits.to_owned(),
    };
    let (whole, part) = exact.split_once('.').unwrap_or((&exact, ""));
    if !whole
        .bytes()
        .chain(part.bytes())
        .all(|b| b.is_ascii_digit())
    {
        return exec_err!("to_char() cannot write {text} by a format of digits");
    }
    let kept: String = part
        .chars()
        .chain(std::iter::repeat('0'))
        .take(scale)
        .collect();
    let up = part
        .as_bytes()
        .get(scale)
        .is_some_and(|digit| *digit >= b'5');
    let all: i128 = format!("0{whole}{kept}").parse().unwrap_or(i128::MAX - 1);
    let all = format!("{:0>width$}", all + i128::from(up), width = scale + 1);
    let (whole, part) = all.split_at(all.len() - scale);
    let is_zero = all.bytes().all(|b| b == b'0');
    Ok((negative && !is_zero, whole.to_owned(), part.to_owned()))
}
