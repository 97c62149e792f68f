//! Typed reading of CSV files into Arrow batches: for source files and for seeds.
//!
//! Strict where leniency would lose data without a word: a quote that is never closed, text after
//! a closing quote, a row of another length, bytes that are not UTF-8 and a value that is not of
//! its column's type are [`Problem`]s with line, column and value. What happens then is the
//! caller's choice; the rest of the file stays readable.

mod column;
mod guess;
mod kind;
mod reader;
mod record;

pub use guess::Guess;
pub use kind::ColumnType;
pub(crate) use record::{Marks, Record, Records};

pub use reader::{Chunk, Column, CsvFile, CsvOptions, CsvRows, Problem};
