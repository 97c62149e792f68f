//! The type of a seed's column, from all of its values, as dbt infers it: `agate`'s types in dbt's order.

use arrow::datatypes::{DataType, TimeUnit};
use forebay_lake::csv::ColumnType;

/// From the first to the last that is tried. Texts fit everything.
const CANDIDATES: [fn(&str) -> bool; 9] = [
    |text| whole(text).is_some_and(|number| i32::try_from(number).is_ok()),
    |text| whole(text).is_some(),
    |text| whole_float(text).is_some_and(|number| number.abs() <= f64::from(i32::MAX)),
    |text| whole_float(text).is_some(),
    is_number,
    is_date,
    is_spaced,
    is_iso,
    |text| ColumnType::Boolean.accepts(text),
];

/// The types that all values so far can be read as: a bit for each candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    possible: u16,
    seen: bool,
}

impl Guess {
    pub fn new() -> Self {
        Self {
            possible: (1 << CANDIDATES.len()) - 1,
            seen: false,
        }
    }

    /// Takes in one value that is not null.
    pub fn observe(&mut self, text: &str) {
        self.seen = true;
        for (at, fits) in CANDIDATES.iter().enumerate() {
            let bit = 1_u16 << at;
            if self.possible & bit != 0 && !fits(text) {
                self.possible &= !bit;
            }
        }
    }

    fn first(&self) -> Option<usize> {
        (0..CANDIDATES.len()).find(|at| self.possible & (1 << at) != 0)
    }

    /// A column without any value is one of integers.
    pub fn data_type(&self) -> DataType {
        match self.first().filter(|_| self.seen) {
            None if !self.seen => DataType::Int32,
            Some(0 | 2) => DataType::Int32,
            Some(1 | 3) => DataType::Int64,
            Some(4) => DataType::Float64,
            Some(5) => DataType::Date32,
            Some(6 | 7) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Some(8) => DataType::Boolean,
            _ => DataType::Utf8,
        }
    }

    /// Whole numbers that are written as others are: `1.0`, `1e5`.
    pub fn is_whole_floats(&self) -> bool {
        self.seen && matches!(self.first(), Some(2 | 3))
    }
}

fn whole(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Of those that a float holds exactly.
fn whole_float(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok().filter(|_| is_number(text))?;
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number)
}

/// Digits that no 64-bit integer holds are an identifier: as a float they would be rounded.
fn is_number(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    ColumnType::Float64.accepts(text) && (!digits || whole(text).is_some())
}

fn is_date(text: &str) -> bool {
    ColumnType::Date.accepts(text)
}

/// `YYYY-MM-DD HH:MM:SS` and nothing behind it.
fn is_spaced(text: &str) -> bool {
    let parts = text.trim().split_once(' ');
    let bare = |time: &str| {
        time.bytes().filter(|b| *b == b':').count() == 2
            && time.bytes().all(|b| b.is_ascii_digit() || b == b':')
    };
    parts.is_some_and(|(_, time)| bare(time)) && ColumnType::Timestamp.accepts(text)
}

/// ISO 8601, which has a `T` between day and time.
fn is_iso(text: &str) -> bool {
    text.trim().contains('T') && ColumnType::Timestamp.accepts(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(values: &[&str]) -> DataType {
        let mut guess = Guess::new();
        values.iter().for_each(|value| guess.observe(value));
        guess.data_type()
    }

    #[test]
    fn the_first_type_that_all_values_have() {
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (values, expected) in [
            (&[][..], DataType::Int32),
            (&["1", "007"], DataType::Int32),
            (&["1", "3000000000"], DataType::Int64),
            (&["12345678901234567890"], DataType::Utf8),
            (&["1", "1e3", "2.0"], DataType::Int32),
            (&["1e10"], DataType::Int64),
            (&["1", "1e3", "2.5"], DataType::Float64),
            (&["2020-1-5", "2020-11-15"], DataType::Date32),
            (&["2020-06-23 3:58:57"], timestamp.clone()),
            (&["2020-01-01T10:00:00.5Z"], timestamp),
            (&["2020-01-01", "2020-01-01 10:00:00"], DataType::Utf8),
            (&["2020-01-01 10:00"], DataType::Utf8),
            (&["2020-01-01 10:00:00.5"], DataType::Utf8),
            (&["2020-01-01 10:00:00+00"], DataType::Utf8),
            (&["True", "false"], DataType::Boolean),
            (&["yes"], DataType::Utf8),
        ] {
            assert_eq!(guess(values), expected, "{values:?}");
        }
    }
}
