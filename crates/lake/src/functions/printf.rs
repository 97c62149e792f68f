//! Text with values set in: `printf`, and `format` with `{}` or, but in DuckDB, `%s`.

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::function::{Function, Row, Takes, lenient, text};
use super::text::{ident, literal};
use crate::types::Dialect;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    names: &["printf"],
    takes: &[Takes::Text, Takes::Any],
    count: (1, 64),
    gives: text,
    run: |arrays| of_values(arrays, |row| percents(row, false)),
}];

pub(super) const DUCKDB: &[Function] = &[Function {
    names: &["format"],
    takes: &[Takes::Text, Takes::Any],
    count: (1, 64),
    gives: text,
    run: |arrays| of_values(arrays, braces),
}];

pub(super) const POSTGRES: &[Function] = &[Function {
    names: &["format"],
    takes: &[Takes::Text, Takes::Any],
    count: (1, 64),
    gives: text,
    run: |arrays| {
        lenient::<StringArray, _>(arrays, |row| {
            if row.is_null(0) {
                return Ok(None);
            }
            // DuckDB's form has braces, PostgreSQL's percent signs.
            match row.text(0).contains('{') {
                true if has_null(&row) => Ok(None),
                true => braces(row).map(Some),
                false => percents(row, true).map(Some),
            }
        })
    },
}];

/// Null where one of them is.
fn of_values(arrays: &[ArrayRef], written: fn(Row<'_>) -> Result<String>) -> Result<ArrayRef> {
    lenient::<StringArray, _>(arrays, |row| match has_null(&row) {
        true => Ok(None),
        false => written(row).map(Some),
    })
}

fn has_null(row: &Row<'_>) -> bool {
    (0..row.len()).any(|argument| row.is_null(argument))
}

/// How a value is to be written.
#[derive(Debug, Default)]
struct Spec {
    fill: char,
    align: char,
    width: usize,
    precision: Option<usize>,
    kind: char,
    grouped: bool,
    signed: bool,
}

/// `{}`, `{1}`, `{:>5}`, `{:.2f}`, `{:05d}`, `{:,}`.
fn braces(row: Row<'_>) -> Result<String> {
    let (mut out, mut rest, mut next) = (String::new(), row.text(0), 1);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = &rest[at..];
        if doubled.starts_with("{{") || doubled.starts_with("}}") {
            out.push_str(&doubled[..1]);
            rest = &doubled[2..];
            continue;
        }
        let Some((field, after)) = doubled[1..]
            .split_once('}')
            .filter(|_| doubled.starts_with('{'))
        else {
            return exec_err!("format(): a brace is not closed in '{}'", row.text(0));
        };
        let (place, spec) = field.split_once(':').unwrap_or((field, ""));
        let argument = match place {
            "" => next,
            place => place
                .parse::<usize>()
                .map_or(usize::MAX, |n| n.saturating_add(1)),
        };
        next = argument.saturating_add(1);
        let spec = spec_of(spec)?;
        out.push_str(&match as_double(row, argument, &spec) {
            Some(double) => aligned(grouped(double, &spec), &spec, true),
            None => set(row, argument, &spec)?,
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A decimal is a double to `{}`: `1.50` is written as 1.5.
fn as_double(row: Row<'_>, argument: usize, spec: &Spec) -> Option<String> {
    let array = (argument < row.len()).then(|| row.array(argument))?;
    let is_plain = spec.kind == ' ' && spec.precision.is_none();
    let is_decimal = matches!(array.data_type(), DataType::Decimal128(..));
    if !is_plain || !is_decimal || row.is_null(argument) {
        return None;
    }
    let number: f64 = row.written(argument).ok()?.parse().ok()?;
    Some(super::writing::double(number, Dialect::DuckDb))
}

fn spec_of(text: &str) -> Result<Spec> {
    let mut spec = Spec {
        fill: ' ',
        ..Spec::default()
    };
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    let aligns = |c: Option<&char>| c.is_some_and(|c| "<>^".contains(*c));
    if aligns(letters.get(1)) {
        (spec.fill, spec.align, at) = (letters[0], letters[1], 2);
    } else if aligns(letters.first()) {
        (spec.align, at) = (letters[0], 1);
    }
    if letters.get(at) == Some(&'+') {
        (spec.signed, at) = (true, at + 1);
    }
    if letters.get(at) == Some(&'0') {
        (spec.fill, spec.align, at) = ('0', '=', at + 1);
    }
    let rest: String = letters[at..].iter().collect();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (width, rest) = rest.split_at(digits(&rest));
    spec.width = width.parse().unwrap_or(0);
    let rest = match rest.strip_prefix([',', '_', '\'']) {
        Some(rest) => {
            spec.grouped = true;
            rest
        }
        None => rest,
    };
    let rest = match rest.strip_prefix('.') {
        Some(rest) => {
            let (precision, rest) = rest.split_at(digits(rest));
            spec.precision = precision.parse().ok();
            rest
        }
        None => rest,
    };
    spec.kind = rest.chars().next().unwrap_or(' ');
    match rest.chars().count() {
        0 | 1 => Ok(spec),
        _ => exec_err!("format() does not know '{text}'"),
    }
}

/// `%s`, `%d`, `%05.2f`, `%-5s`, `%2$s`; `%I` and `%L` where identifiers and literals are known.
fn percents(row: Row<'_>, quotes: bool) -> Result<String> {
    let (mut out, mut rest, mut next) = (String::new(), row.text(0), 1);
    while let Some((before, field)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = field.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let Some(end) = field.find(|c: char| c.is_alphabetic()) else {
            return exec_err!("'{}' has a % without a letter", row.text(0));
        };
        let (flags, letter) = (&field[..end], field[end..].chars().next().unwrap_or('s'));
        rest = &field[end + letter.len_utf8()..];
        let (argument, flags) = match flags.split_once('$') {
            Some((place, flags)) => (place.parse().unwrap_or(usize::MAX), flags),
            None => (next, flags),
        };
        next = argument.saturating_add(1);
        out.push_str(&one(row, argument, flags, letter, quotes)?);
    }
    out.push_str(rest);
    Ok(out)
}

fn one(row: Row<'_>, argument: usize, flags: &str, letter: char, quotes: bool) -> Result<String> {
    let known = if quotes { "sIL" } else { "sdiufFeEgxXoc" };
    if !known.contains(letter) {
        return exec_err!("'{}': %{letter} is not known", row.text(0));
    }
    let left = flags.contains('-');
    let digits = flags.trim_start_matches(['-', '+', ' ', '#']);
    let mut spec = match digits.strip_prefix('0') {
        Some(width) if !left => spec_of(&format!("0{width}"))?,
        _ => spec_of(digits)?,
    };
    if spec.align != '=' {
        (spec.fill, spec.align) = (' ', if left { '<' } else { '>' });
    }
    spec.signed = flags.contains('+');
    spec.kind = match letter {
        'i' | 'u' => 'd',
        other => other,
    };
    set(row, argument, &spec)
}

fn set(row: Row<'_>, argument: usize, spec: &Spec) -> Result<String> {
    if argument >= row.len() {
        return exec_err!("'{}' asks for more values than are given", row.text(0));
    }
    let value = match (row.is_null(argument), spec.kind) {
        (true, 'L') => "NULL".to_owned(),
        (true, _) => String::new(),
        (false, _) => row.written(argument)?,
    };
    let number = || value.parse::<f64>();
    let text = match spec.kind {
        'I' => ident(&value),
        'L' if row.is_null(argument) => value,
        'L' => literal(&value),
        'f' | 'F' => match number() {
            Ok(number) => grouped(format!("{number:.*}", spec.precision.unwrap_or(6)), spec),
            Err(_) => return exec_err!("'{value}' is no number to write by '{}'", row.text(0)),
        },
        'x' | 'X' | 'o' | 'b' | 'd' => match (value.parse::<i64>(), spec.kind) {
            (Ok(number), 'x') => format!("{number:x}"),
            (Ok(number), 'X') => format!("{number:X}"),
            (Ok(number), 'o') => format!("{number:o}"),
            (Ok(number), 'b') => format!("{number:b}"),
            (Ok(_), _) => grouped(value, spec),
            (Err(_), _) => {
                return exec_err!("'{value}' is no whole number to write by '{}'", row.text(0));
            }
        },
        ' ' | 's' => {
            let text = grouped(value, spec);
            match spec.precision {
                Some(most) => text.chars().take(most).collect(),
                None => text,
            }
        }
        other => return exec_err!("a value is not written by '{other}' here"),
    };
    Ok(aligned(
        text,
        spec,
        row.array(argument).data_type().is_numeric(),
    ))
}

/// With commas between thousands, where they are asked for.
fn grouped(text: String, spec: &Spec) -> String {
    let signed = match spec.signed && !text.starts_with('-') {
        true => format!("+{text}"),
        false => text,
    };
    if !spec.grouped {
        return signed;
    }
    let (whole, part) = signed
        .split_once('.')
        .map_or((signed.as_str(), None), |(w, p)| (w, Some(p)));
    let mut out = String::new();
    let count = whole.len();
    for (at, digit) in whole.char_indices() {
        let left = count - at;
        if at > 0 && left % 3 == 0 && whole.as_bytes()[at - 1].is_ascii_digit() {
            out.push(',');
        }
        out.push(digit);
    }
    part.map_or(out.clone(), |part| format!("{out}.{part}"))
}

fn aligned(text: String, spec: &Spec, is_number: bool) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    let fill = |count: usize| spec.fill.to_string().repeat(count);
    match spec.align {
        '=' => {
            let signs = usize::from(text.starts_with(['-', '+']));
            format!("{}{}{}", &text[..signs], fill(missing), &text[signs..])
        }
        '>' => fill(missing) + &text,
        '^' => fill(missing / 2) + &text + &fill(missing - missing / 2),
        '<' => text + &fill(missing),
        _ if is_number => fill(missing) + &text,
        _ => text + &fill(missing),
    }
}
