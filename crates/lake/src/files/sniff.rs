//! What a CSV file is like, from its first rows: what divides its fields, whether it has a header, and the
//! types of its columns. As many rows count as DuckDB looks at; what comes later must be of the types found.

use std::path::Path;

use forebay_core::{Diagnostic, Location};

use super::kinds::{Kind, Order, is_like_date};
use super::paths::{reader, unreadable};
use crate::csv::{Record, Records};

/// Rows that are looked at.
const SAMPLE: usize = 20_480;

const DELIMITERS: [u8; 4] = [b',', b'|', b';', b'\t'];

/// What was said about the file, so that it is not to be found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub delimiter: Option<u8>,
    pub header: Option<bool>,
    pub order: Option<Order>,
    pub nulls: Vec<String>,
    pub skip: usize,
    pub all_text: bool,
}

impl Said {
    pub(super) fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Sniffed {
    pub delimiter: u8,
    pub has_header: bool,
    pub names: Vec<String>,
    pub found: Vec<Found>,
}

/// The types that all values of a column can have.
#[derive(Clone, Debug)]
pub(super) struct Found {
    possible: [bool; CANDIDATES.len()],
    seen: bool,
    like_dates: bool,
    example: String,
}

const CANDIDATES: [Kind; 10] = [
    Kind::Boolean,
    Kind::Whole,
    Kind::Huge,
    Kind::Double,
    Kind::Time,
    Kind::Date(Order::Ymd),
    Kind::Date(Order::Mdy),
    Kind::Date(Order::Dmy),
    Kind::Timestamp,
    Kind::Instant,
];

impl Default for Found {
    fn default() -> Self {
        Self {
            possible: [true; CANDIDATES.len()],
            seen: false,
            like_dates: true,
            example: String::new(),
        }
    }
}

impl Found {
    fn observe(&mut self, text: &str) {
        if !self.seen {
            self.example = text.to_owned();
        }
        self.seen = true;
        self.like_dates &= is_like_date(text);
        for (kind, possible) in CANDIDATES.iter().zip(&mut self.possible) {
            *possible = *possible && kind.accepts(text);
        }
    }

    fn has(&self, kind: Kind) -> bool {
        self.seen
            && CANDIDATES
                .iter()
                .zip(&self.possible)
                .any(|(c, p)| *c == kind && *p)
    }

    /// Both orders of day and month are possible, and none of the others.
    fn is_ambiguous(&self) -> bool {
        self.has(MONTH_FIRST) && self.has(DAY_FIRST)
    }

    fn order(&self) -> Option<Order> {
        match (self.has(MONTH_FIRST), self.has(DAY_FIRST)) {
            (true, false) => Some(Order::Mdy),
            (false, true) => Some(Order::Dmy),
            _ => None,
        }
    }

    pub(super) fn merge(&mut self, other: &Found) {
        if !other.seen {
            return;
        }
        if !self.seen {
            self.example.clone_from(&other.example);
        }
        self.seen = true;
        self.like_dates &= other.like_dates;
        for (possible, other) in self.possible.iter_mut().zip(&other.possible) {
            *possible = *possible && *other;
        }
    }

    fn plain(&self) -> Kind {
        let first = CANDIDATES.iter().zip(&self.possible).find(|(_, p)| **p);
        match first {
            Some((kind, _)) if self.seen => *kind,
            _ => Kind::Text,
        }
    }
}

const MONTH_FIRST: Kind = Kind::Date(Order::Mdy);
const DAY_FIRST: Kind = Kind::Date(Order::Dmy);

/// The type of each column. The order of day and month is one for the file.
pub(super) fn kinds(
    file: &Path,
    names: &[String],
    found: &[Found],
    said: &Said,
) -> Result<Vec<Result<Kind, Diagnostic>>, Diagnostic> {
    let order = said.order.or_else(|| found.iter().find_map(Found::order));
    let unclear = |name: &str, found: &Found, why: &str| {
        let message = format!(
            "column '{name}' has dates such as '{}', {why}",
            found.example
        );
        Diagnostic::error(message)
            .at(Location::file(file))
            .hint("say it: dateformat = '%d/%m/%Y' or '%m/%d/%Y'")
            .hint(format!(
                "or read it as text: types = {{'{name}': 'varchar'}}"
            ))
    };
    let kind = |(name, found): (&String, &Found)| {
        if said.all_text {
            return Ok(Kind::Text);
        }
        if found.is_ambiguous() && !found.has(Kind::Date(Order::Ymd)) {
            return match order {
                Some(order) => Ok(Kind::Date(order)),
                None => Err(unclear(
                    name,
                    found,
                    "of which day and month are not told apart",
                )),
            };
        }
        match found.plain() {
            Kind::Text if found.seen && found.like_dates => {
                Err(unclear(name, found, "whose form is not read"))
            }
            kind => Ok(kind),
        }
    };
    Ok(names.iter().zip(found).map(kind).collect())
}

pub(super) fn sniff(file: &Path, said: &Said) -> Result<Sniffed, Diagnostic> {
    let delimiter = match said.delimiter {
        Some(delimiter) => delimiter,
        None => delimiter(file, said)?,
    };
    let rows = sample(file, delimiter, said)?;
    let width = rows.first().map_or(0, Vec::len);
    let of = |rows: &[Vec<String>]| {
        let mut found = vec![Found::default(); width];
        for row in rows {
            let values = row.iter().zip(&mut found);
            values
                .filter(|(text, _)| !said.is_null(text))
                .for_each(|(text, found)| found.observe(text));
        }
        found
    };
    let below = of(rows.get(1..).unwrap_or_default());
    let first = rows.first().cloned().unwrap_or_default();
    let has_header = match said.header {
        Some(header) => header,
        None => is_header(&first, &below),
    };
    let names = match has_header {
        true => names(&first),
        false => (0..width).map(|at| format!("column{at}")).collect(),
    };
    Ok(Sniffed {
        delimiter,
        has_header,
        names,
        found: if has_header { below } else { of(&rows) },
    })
}

/// The first row is one if it does not fit to the columns below it, or if all of them are texts. Alone it
/// is one if it holds nothing but texts.
fn is_header(first: &[String], below: &[Found]) -> bool {
    if below.iter().all(|found| !found.seen) {
        let is_text = |text: &String| !CANDIDATES.iter().any(|kind| kind.accepts(text));
        return first.iter().all(is_text);
    }
    let typed: Vec<(&String, Kind)> = first
        .iter()
        .zip(below)
        .map(|(text, found)| (text, found.plain()))
        .filter(|(_, kind)| *kind != Kind::Text)
        .collect();
    typed.is_empty() || typed.iter().any(|(text, kind)| !kind.accepts(text))
}

/// Names without one are numbered, and those that occur again.
fn names(first: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in first.iter().enumerate() {
        let name = match name.trim() {
            "" => format!("column{at}"),
            name => name.to_owned(),
        };
        let mut unique = name.clone();
        let mut count = 0;
        while names
            .iter()
            .any(|taken| taken.eq_ignore_ascii_case(&unique))
        {
            count += 1;
            unique = format!("{name}_{count}");
        }
        names.push(unique);
    }
    names
}

/// The one that gives every row the same number of fields, the more the better.
fn delimiter(file: &Path, said: &Said) -> Result<u8, Diagnostic> {
    let mut best = (1, DELIMITERS[0]);
    let mut uneven = None;
    for delimiter in DELIMITERS {
        let rows = sample(file, delimiter, said)?;
        let width = rows.first().map_or(0, Vec::len);
        let same = rows.iter().all(|row| row.len() == width);
        if same && width > best.0 {
            best = (width, delimiter);
        } else if !same && width > 1 {
            uneven = rows.iter().position(|row| row.len() != width).or(uneven);
        }
    }
    match uneven {
        Some(at) if best.0 == 1 => Err(Diagnostic::error(format!(
            "row {} has another number of fields than the first",
            at + 1
        ))
        .at(Location::file(file))
        .hint("say what divides them: delim = ';'")),
        _ => Ok(best.1),
    }
}

fn sample(file: &Path, delimiter: u8, said: &Said) -> Result<Vec<Vec<String>>, Diagnostic> {
    let mut records = Records::new(reader(file)?, delimiter);
    let mut record = Record::default();
    let mut rows = Vec::new();
    let mut skipped = 0;
    while rows.len() <= SAMPLE {
        let more = records.read(&mut record);
        if !more.map_err(|error| unreadable(file, &error))? {
            break;
        }
        if skipped < said.skip {
            skipped += 1;
            continue;
        }
        rows.push(
            (0..record.len())
                .map(|at| record.get(at).to_owned())
                .collect(),
        );
    }
    Ok(rows)
}
