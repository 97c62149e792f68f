//! Splits CSV text into records, and says where a record is broken.

use std::collections::VecDeque;
use std::io::{self, BufRead};

/// Bytes after which a quote that is still open is taken for a stray one. Bounds memory.
const MAX_RECORD: usize = 4 << 20;

/// One record: a line, or several where a quoted field spans them.
#[derive(Debug, Default)]
pub struct Record {
    /// Line of the file that it starts on, from one.
    pub line: u64,
    /// What makes it unreadable, and the byte of `raw` where.
    pub broken: Option<(usize, String)>,
    raw: String,
    /// Texts of the fields in which quotes are doubled.
    unescaped: String,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    /// Byte of `raw` where it begins, its opening quote included.
    at: usize,
    /// Its text within `raw`, or within `unescaped`.
    start: usize,
    end: usize,
    escaped: bool,
}

impl Record {
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn get(&self, index: usize) -> &str {
        let field = self.fields[index];
        let text = if field.escaped {
            &self.unescaped
        } else {
            &self.raw
        };
        &text[field.start..field.end]
    }

    /// The text as the file has it, without the line end.
    pub fn raw(&self) -> &str {
        self.raw.trim_end_matches(['\r', '\n'])
    }

    /// The byte of `raw` where a field begins.
    pub fn offset(&self, index: usize) -> usize {
        self.fields[index].at
    }

    /// Line and column (in characters, from one) of a byte of `raw`.
    pub fn position(&self, offset: usize) -> (u64, u32) {
        let before = &self.raw.as_bytes()[..offset.min(self.raw.len())];
        let line = self.line + before.iter().filter(|b| **b == b'\n').count() as u64;
        let start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |n| n + 1);
        // Bytes that continue a character are not counted: `before` may end inside one.
        let column = before[start..]
            .iter()
            .filter(|b| **b & 0xC0 != 0x80)
            .count();
        (line, column as u32 + 1)
    }

    fn set_text(&mut self, bytes: Vec<u8>, marks: Marks) {
        match String::from_utf8(bytes) {
            Ok(text) => self.raw = text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let byte = error.as_bytes()[at];
                self.raw = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.fields.clear();
                self.broken = Some((at, format!("the byte 0x{byte:02X} is not UTF-8")));
            }
        }
        self.unescape(char::from(marks.escape));
    }

    /// What follows the escape stands for itself.
    fn unescape(&mut self, escape: char) {
        self.unescaped.clear();
        for field in self.fields.iter_mut().filter(|field| field.escaped) {
            let mut letters = self.raw[field.start..field.end].chars();
            field.start = self.unescaped.len();
            while let Some(letter) = letters.next() {
                match letter == escape {
                    true => self.unescaped.extend(letters.next()),
                    false => self.unescaped.push(letter),
                }
            }
            field.end = self.unescaped.len();
        }
    }
}

/// The signs that divide a file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub delimiter: u8,
    /// Around fields. None: a field has what stands between the delimiters.
    pub quote: Option<u8>,
    /// Before a quote within quotes: another quote, or a sign of its own.
    pub escape: u8,
    /// Lines that begin with it are not read.
    pub comment: Option<u8>,
}

impl Marks {
    /// As RFC 4180 has them, but for the delimiter.
    pub fn with(delimiter: u8) -> Self {
        Self {
            delimiter,
            quote: Some(b'"'),
            escape: b'"',
            comment: None,
        }
    }
}

/// The records of a file, one by one.
pub struct Records<R> {
    input: R,
    marks: Marks,
    /// Lines read so far.
    line: u64,
    /// Lines that were read as part of a record that turned out broken.
    ahead: VecDeque<Vec<u8>>,
    /// Blank lines are records too; else they are skipped.
    pub keeps_blank: bool,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R, marks: Marks) -> Self {
        Self {
            input,
            marks,
            line: 0,
            ahead: VecDeque::new(),
            keeps_blank: false,
        }
    }

    /// Reads the next record into `record`; false at the end of the file.
    pub fn read(&mut self, record: &mut Record) -> io::Result<bool> {
        let mut bytes = std::mem::take(&mut record.raw).into_bytes();
        loop {
            bytes.clear();
            if !self.read_line(&mut bytes)? {
                return Ok(false);
            }
            let is_blank = || bytes.iter().all(|b| matches!(b, b'\r' | b'\n'));
            let is_comment =
                self.marks.comment.is_some() && bytes.first() == self.marks.comment.as_ref();
            if !is_comment && (self.keeps_blank || !is_blank()) {
                break;
            }
        }
        record.line = self.line;
        record.broken = None;
        record.fields.clear();
        match self.marks.quote {
            Some(quote) if bytes.contains(&quote) => self.split_quoted(&mut bytes, record)?,
            _ => split_plain(&bytes, self.marks.delimiter, &mut record.fields),
        }
        record.set_text(bytes, self.marks);
        Ok(true)
    }

    /// Appends the next line to `bytes`; false at the end of the file.
    fn read_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let before = bytes.len();
        match self.ahead.pop_front() {
            Some(line) => bytes.extend(line),
            None => {
                self.input.read_until(b'\n', bytes)?;
            }
        }
        if self.line == 0 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        let read = bytes.len() > before;
        self.line += u64::from(read);
        Ok(read)
    }

    /// Takes further lines while a quote is open. A record that stays broken is its first line
    /// alone: the lines after it are read again, as records of their own.
    fn split_quoted(&mut self, bytes: &mut Vec<u8>, record: &mut Record) -> io::Result<()> {
        let first = bytes.len();
        let mut ends = vec![first];
        let mut split = Split::new(self.marks);
        let mut outcome = split.advance(bytes, &mut record.fields);
        while outcome == Outcome::Open && bytes.len() < MAX_RECORD && self.read_line(bytes)? {
            ends.push(bytes.len());
            outcome = split.advance(bytes, &mut record.fields);
        }
        record.broken = match outcome {
            Outcome::Whole => return Ok(()),
            Outcome::Open => Some((split.at, "the quote that opens here is never closed".into())),
            Outcome::AfterQuote(at) => {
                // Beyond the first line it is the field that opened on it which is pointed at.
                let at = if at < first {
                    at
                } else {
                    split.at.min(first - 1)
                };
                Some((at, "text follows the closing quote of a field".into()))
            }
        };
        for range in ends.windows(2).rev() {
            self.ahead.push_front(bytes[range[0]..range[1]].to_vec());
        }
        self.line -= ends.len() as u64 - 1;
        bytes.truncate(first);
        record.fields.clear();
        Ok(())
    }
}

fn split_plain(bytes: &[u8], delimiter: u8, fields: &mut Vec<Field>) {
    let line = match bytes {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        line => line,
    };
    let mut start = 0;
    for part in line.split(|b| *b == delimiter) {
        let end = start + part.len();
        fields.push(Field {
            at: start,
            start,
            end,
            escaped: false,
        });
        start = end + 1;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// Behind an escape that is no quote.
    Escaped,
    /// Behind a quote within a quoted field: the field's end, or the first of two.
    Closed,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Whole,
    Open,
    AfterQuote(usize),
}

/// Where a split with quotes stands, so that it can go on when another line has come.
struct Split {
    marks: Marks,
    state: State,
    /// Bytes seen.
    seen: usize,
    /// Byte where the current field begins.
    at: usize,
    escaped: bool,
}

impl Split {
    fn new(marks: Marks) -> Self {
        Self {
            marks,
            state: State::Start,
            seen: 0,
            at: 0,
            escaped: false,
        }
    }

    fn advance(&mut self, bytes: &[u8], fields: &mut Vec<Field>) -> Outcome {
        let Marks {
            delimiter,
            quote,
            escape,
            ..
        } = self.marks;
        let is_quote = |byte| Some(byte) == quote;
        for i in self.seen..bytes.len() {
            let byte = bytes[i];
            self.state = match (self.state, byte) {
                (State::Quoted, b) if b == escape && !is_quote(b) => {
                    self.escaped = true;
                    State::Escaped
                }
                (State::Quoted, b) if is_quote(b) => State::Closed,
                (State::Quoted | State::Escaped, _) => State::Quoted,
                (State::Start, b) if is_quote(b) => State::Quoted,
                (State::Closed, b) if is_quote(b) && is_quote(escape) => {
                    self.escaped = true;
                    State::Quoted
                }
                (_, b'\n') => break,
                (_, b) if b == delimiter => {
                    self.end_field(bytes, i, fields);
                    State::Start
                }
                (State::Closed, b'\r') if bytes.get(i + 1) == Some(&b'\n') => State::Closed,
                (State::Closed, _) => return Outcome::AfterQuote(i),
                (State::Start | State::Plain, _) => State::Plain,
            };
        }
        self.seen = bytes.len();
        if matches!(self.state, State::Quoted | State::Escaped) {
            return Outcome::Open;
        }
        let line = match bytes {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
            line => line,
        };
        self.end_field(bytes, line.len(), fields);
        Outcome::Whole
    }

    fn end_field(&mut self, bytes: &[u8], end: usize, fields: &mut Vec<Field>) {
        let first = bytes.get(self.at).copied();
        let quoted = first.is_some() && first == self.marks.quote && end > self.at + 1;
        let inset = usize::from(quoted);
        fields.push(Field {
            at: self.at,
            start: self.at + inset,
            end: end - inset,
            escaped: self.escaped,
        });
        self.at = end + 1;
        self.escaped = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<Vec<String>, String>> {
        let mut records = Records::new(text, Marks::with(b','));
        let mut record = Record::default();
        let mut all = Vec::new();
        while records.read(&mut record).unwrap() {
            all.push(match &record.broken {
                None => Ok((0..record.len())
                    .map(|i| record.get(i).to_owned())
                    .collect()),
                Some((at, text)) => {
                    let (line, column) = record.position(*at);
                    Err(format!("{line}:{column} {text}"))
                }
            });
        }
        all
    }

    fn row(fields: &[&str]) -> Result<Vec<String>, String> {
        Ok(fields.iter().map(|f| (*f).to_owned()).collect())
    }

    #[test]
    fn line_ends_byte_order_mark_and_blank_lines() {
        let rows = read(b"\xEF\xBB\xBFa,b\r\n\r\n1,\n\n,2");
        assert_eq!(rows, [row(&["a", "b"]), row(&["1", ""]), row(&["", "2"])]);
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_ends() {
        let rows = read(b"\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n\"\",5\" pipe,x\n");
        assert_eq!(
            rows,
            [
                row(&["a,b", "say \"hi\"", "two\r\nlines"]),
                row(&["", "5\" pipe", "x"]),
            ]
        );
    }

    #[test]
    fn a_stray_quote_costs_one_line_and_no_more() {
        let rows = read(b"1,\"open,2\n3,4\n5,6\n");
        assert_eq!(
            rows,
            [
                Err("1:3 the quote that opens here is never closed".into()),
                row(&["3", "4"]),
                row(&["5", "6"]),
            ]
        );
        // The quote of line two would close that of line one, with text behind it.
        let rows = read(b"1,\"open\n2,\"fine\"\n");
        assert_eq!(
            rows[0].as_ref().unwrap_err(),
            "1:3 text follows the closing quote of a field"
        );
        assert_eq!(rows[1], row(&["2", "fine"]));
        let rows = read(b"1,\"a\"b\n");
        assert_eq!(
            rows,
            [Err("1:6 text follows the closing quote of a field".into())]
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_placed() {
        let rows = read(b"name\nZ\xC3\xBCrich \xE9t\xE9\n");
        assert_eq!(rows[1], Err("2:8 the byte 0xE9 is not UTF-8".into()));
    }

    #[test]
    fn positions_count_characters_and_follow_line_ends() {
        let mut records = Records::new("\"é\nü\",x\n".as_bytes(), Marks::with(b','));
        let mut record = Record::default();
        assert!(records.read(&mut record).unwrap());
        assert_eq!(record.position(record.offset(1)), (2, 4));
    }
}
