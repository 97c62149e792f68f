//! What a CSV file is like, from its first rows: what divides its fields, whether it has a header, and the
//! types of its columns. As many rows count as DuckDB looks at; what comes later must be of the types found.

use std::path::Path;

use arrow::datatypes::DataType;
use forebay_core::{Diagnostic, Location};

use super::kinds::{CANDIDATES, Kind};
use super::names;
use super::paths::{reader, unreadable};
use crate::csv::{Marks, Record, Records};

/// Rows that are looked at.
pub(super) const SAMPLE: usize = 20_480;

/// Rows that are looked at together.
const CHUNK: usize = 2048;

const DELIMITERS: [u8; 4] = [b',', b'|', b';', b'\t'];

/// What was said about the file, so that it is not to be found out.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub delimiter: Option<u8>,
    pub quote: Option<Option<u8>>,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
    pub header: Option<bool>,
    /// How all dates are written, and all timestamps.
    pub dates: Option<Kind>,
    pub timestamps: Option<Kind>,
    pub nulls: Vec<String>,
    pub skip: usize,
    pub all_text: bool,
    /// Rows by which the types are found.
    pub sample: usize,
    /// Rows that cannot be read are left out.
    pub passes_over_broken: bool,
    /// Rows may lack fields.
    pub pads: bool,
    pub normalizes_names: bool,
    pub is_packed: Option<bool>,
}

impl Said {
    pub(super) fn is_null(&self, text: &str) -> bool {
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }

    /// The types that there may be, the first of which that all values can have is the column's: DuckDB's order. Each way
    /// to write a date is one.
    fn candidates(&self) -> Vec<Kind> {
        let is_date = |kind: &Kind| matches!(kind, Kind::Date(_));
        let is_timestamp = |kind: &Kind| matches!(kind, Kind::Timestamp | Kind::Moment(_));
        let mut all = Vec::new();
        for kind in CANDIDATES {
            let said = match &kind {
                kind if is_date(kind) => &self.dates,
                kind if is_timestamp(kind) => &self.timestamps,
                _ => &None,
            };
            match said {
                Some(said) if all.contains(said) => {}
                Some(said) => all.push(said.clone()),
                None => all.push(kind),
            }
        }
        all
    }
}

#[derive(Clone, Debug)]
pub(super) struct Sniffed {
    pub marks: Marks,
    pub has_header: bool,
    pub names: Vec<String>,
    pub found: Vec<Found>,
}

/// The types that all values of a column can have.
#[derive(Clone, Debug)]
pub(super) struct Found {
    possible: Vec<Kind>,
    seen: bool,
    /// What divides the parts of the first value, if it is a date.
    divider: Option<char>,
}

impl Found {
    fn nothing(said: &Said) -> Self {
        Self {
            possible: said.candidates(),
            seen: false,
            divider: None,
        }
    }

    fn observe(&mut self, text: &str) {
        self.seen = true;
        self.possible.retain(|kind| kind.accepts(text));
    }

    /// A value of the first rows. As in DuckDB, a column that begins with a date has no timestamps in them, nor dates
    /// that are written with another sign: it is one of texts.
    fn observe_early(&mut self, text: &str) {
        let is_first = !self.seen;
        self.observe(text);
        let is_date = |kind: &Kind| kind.data_type() == DataType::Date32;
        let is_date = self.possible.iter().any(is_date);
        let divider = text
            .chars()
            .find(|letter| matches!(letter, '-' | '/' | '.'));
        match self.divider {
            None if is_first && is_date => self.divider = divider,
            Some(first) if !is_date || (first != '-' && divider != self.divider) => {
                self.possible.clear();
            }
            _ => {}
        }
    }

    pub(super) fn merge(&mut self, other: &Found) {
        if other.seen {
            self.seen = true;
            self.possible.retain(|kind| other.possible.contains(kind));
        }
    }

    fn possible(&self) -> impl Iterator<Item = &Kind> {
        self.possible.iter().filter(|_| self.seen)
    }

    fn plain(&self) -> &Kind {
        self.possible().next().unwrap_or(&Kind::Text)
    }
}

/// The type of each column. As in DuckDB the dates of a file are written in one way, which its first column of dates
/// says, and so are its timestamps: what is written in another is text.
pub(super) fn kinds(found: &[Found], said: &Said) -> Vec<Kind> {
    let (mut dates, mut timestamps) = (None, None);
    let of = |found: &Found| {
        let kind = found.possible().find(|kind| match kind {
            Kind::Date(_) => dates.as_ref().is_none_or(|dates| dates == *kind),
            Kind::Timestamp | Kind::Moment(_) => timestamps.as_ref().is_none_or(|one| one == *kind),
            _ => true,
        });
        match kind {
            Some(Kind::Date(_)) => dates = kind.cloned(),
            Some(Kind::Timestamp | Kind::Moment(_)) => timestamps = kind.cloned(),
            _ => {}
        }
        kind.cloned().unwrap_or(Kind::Text)
    };
    match said.all_text {
        true => vec![Kind::Text; found.len()],
        false => found.iter().map(of).collect(),
    }
}

pub(super) fn sniff(file: &Path, said: &Said) -> Result<Sniffed, Diagnostic> {
    let marks = marks(file, said)?;
    let rows = sample(file, marks, said)?;
    let width = match said.pads {
        true => rows.iter().map(Vec::len).max().unwrap_or(0),
        false => rows.first().map_or(0, Vec::len),
    };
    let mut below = vec![Found::nothing(said); width];
    for (at, row) in rows.iter().enumerate().skip(1) {
        let observe_one = match at < CHUNK {
            true => Found::observe_early,
            false => Found::observe,
        };
        observe(
            &mut below,
            row.iter().map(String::as_str),
            said,
            observe_one,
        );
    }
    let mut first = rows.first().cloned().unwrap_or_default();
    let has_header = match said.header {
        Some(header) => header,
        None => is_header(&first, &below),
    };
    first.resize(width, String::new());
    let names = match has_header {
        _ if width == 0 => vec!["column0".to_owned()],
        true => names::of_header(&first, said.normalizes_names),
        false => (0..width).map(|at| format!("column{at}")).collect(),
    };
    if !has_header {
        let first = first.iter().map(String::as_str);
        observe(&mut below, first, said, Found::observe);
    }
    if rows.len() > SAMPLE && said.sample > SAMPLE {
        observe_rest(file, marks, said, &mut below)?;
    }
    below.resize(names.len(), Found::nothing(said));
    Ok(Sniffed {
        marks,
        has_header,
        names,
        found: below,
    })
}

fn observe<'a>(
    found: &mut [Found],
    row: impl Iterator<Item = &'a str>,
    said: &Said,
    observe_one: fn(&mut Found, &str),
) {
    for (text, found) in row.zip(found) {
        if !said.is_null(text) {
            observe_one(found, text);
        }
    }
}

/// The rows behind the sample, as far as they are to be looked at.
fn observe_rest(
    file: &Path,
    marks: Marks,
    said: &Said,
    found: &mut [Found],
) -> Result<(), Diagnostic> {
    each_row(file, marks, said, |at, record| {
        if at > SAMPLE {
            let row = (0..record.len()).map(|field| record.get(field));
            observe(found, row, said, Found::observe);
        }
        at < said.sample
    })
}

/// The first row is one if it does not fit to the columns below it, or if all of them are texts. Alone it
/// is one if it holds nothing but texts.
fn is_header(first: &[String], below: &[Found]) -> bool {
    if below.iter().all(|found| !found.seen) {
        let is_text = |text: &String| !CANDIDATES.iter().any(|kind| kind.accepts(text));
        return first.iter().all(is_text);
    }
    let typed: Vec<(&String, &Kind)> = first
        .iter()
        .zip(below)
        .map(|(text, found)| (text, found.plain()))
        .filter(|(_, kind)| **kind != Kind::Text)
        .collect();
    typed.is_empty() || typed.iter().any(|(text, kind)| !kind.accepts(text))
}

/// How the text is divided: the first of the ways by which every row has the same number of fields, the more the better.
fn marks(file: &Path, said: &Said) -> Result<Marks, Diagnostic> {
    let mut uneven = None;
    for way in ways(said) {
        let mut best = None;
        let delimiters = said.delimiter.map_or(DELIMITERS.to_vec(), |one| vec![one]);
        let mut has_uneven = false;
        for delimiter in &delimiters {
            let marks = Marks {
                delimiter: *delimiter,
                ..way
            };
            let rows = sample(file, marks, said)?;
            match width(&rows, said) {
                Ok(width) if width > best.map_or(1, |(best, _)| best) => {
                    best = Some((width, marks))
                }
                Ok(_) => {}
                Err(at) => {
                    has_uneven = true;
                    uneven = uneven.or(Some((at, marks)));
                }
            }
        }
        match best {
            Some((_, marks)) => return Ok(marks),
            // One column.
            None if !has_uneven => {
                let delimiter = delimiters[0];
                return Ok(Marks { delimiter, ..way });
            }
            None => {}
        }
    }
    match (uneven, said.delimiter) {
        // The row itself tells what is wrong with it.
        (Some((_, marks)), Some(_)) => Ok(marks),
        (Some((at, _)), None) => Err(Diagnostic::error(format!(
            "row {} has another number of fields than the first",
            at + 1
        ))
        .at(Location::file(file))
        .hint("say what divides them: delim = ';'")
        .hint(
            "null_padding = true fills rows that are short, ignore_errors = true leaves them out",
        )),
        (None, delimiter) => Ok(Marks::with(delimiter.unwrap_or(DELIMITERS[0]))),
    }
}

/// Quotes, escapes and comments as they are said, or that there may be.
fn ways(said: &Said) -> Vec<Marks> {
    let quotes = match (said.quote, said.escape) {
        (None, None) => vec![
            (Some(b'"'), b'"'),
            (Some(b'"'), b'\\'),
            (Some(b'\''), b'\''),
        ],
        (None, Some(escape)) => vec![(Some(b'"'), escape)],
        (Some(None), _) => vec![(None, b'"')],
        (Some(Some(quote)), None) => vec![(Some(quote), quote), (Some(quote), b'\\')],
        (Some(quote), Some(escape)) => vec![(quote, escape)],
    };
    let comments = match said.comment {
        Some(comment) => vec![Some(comment)],
        None => vec![None, Some(b'#')],
    };
    let ways = comments.iter().flat_map(|comment| {
        quotes.iter().map(|(quote, escape)| Marks {
            quote: *quote,
            escape: *escape,
            comment: *comment,
            ..Marks::with(DELIMITERS[0])
        })
    });
    ways.collect()
}

/// How many fields a row has. Else a row that has another number of them, or that is broken.
fn width(rows: &[Vec<String>], said: &Said) -> Result<usize, usize> {
    let first = rows.first().map_or(0, Vec::len);
    let other = |row: &Vec<String>| match said.pads {
        true => row.is_empty(),
        false => row.len() != first,
    };
    let uneven = rows.iter().filter(|row| other(row)).count();
    match rows.iter().position(other) {
        Some(_) if said.passes_over_broken && uneven * 2 < rows.len() => Ok(first),
        Some(at) => Err(at),
        None if said.pads => Ok(rows.iter().map(Vec::len).max().unwrap_or(0)),
        None => Ok(first),
    }
}

/// The first rows. One that is broken has no fields.
fn sample(file: &Path, marks: Marks, said: &Said) -> Result<Vec<Vec<String>>, Diagnostic> {
    let mut rows = Vec::new();
    each_row(file, marks, said, |at, record| {
        let fields = (0..record.len()).map(|field| record.get(field).to_owned());
        rows.push(fields.collect());
        at < SAMPLE
    })?;
    Ok(rows)
}

/// Reads rows with their numbers from zero, until no more are wanted.
fn each_row(
    file: &Path,
    marks: Marks,
    said: &Said,
    mut row: impl FnMut(usize, &Record) -> bool,
) -> Result<(), Diagnostic> {
    let mut records = Records::new(reader(file, said.is_packed)?, marks);
    let mut record = Record::default();
    let mut at = 0;
    loop {
        let more = records.read(&mut record);
        if !more.map_err(|error| unreadable(file, &error))? {
            return Ok(());
        }
        at += 1;
        if at > said.skip && !row(at - said.skip - 1, &record) {
            return Ok(());
        }
    }
}
