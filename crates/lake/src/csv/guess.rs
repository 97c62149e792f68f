//! Infers the type of a column from all of its values.

use super::kind::ColumnType;

/// From the narrowest to the widest.
const CANDIDATES: [ColumnType; 5] = [
    ColumnType::Boolean,
    ColumnType::Int64,
    ColumnType::Float64,
    ColumnType::Date,
    ColumnType::Timestamp,
];

/// The types that all values seen so far can be read as.
///
/// Every value counts, not the first few: a type inferred so never fails on a row further down.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    possible: u8,
    seen: bool,
    keep_codes: bool,
}

impl Guess {
    /// With `keep_codes`, digits with a leading zero are text: `00501` is a code, and as a number
    /// it would lose its zeros.
    pub fn new(keep_codes: bool) -> Self {
        Self {
            possible: (1 << CANDIDATES.len()) - 1,
            seen: false,
            keep_codes,
        }
    }

    /// Takes in one value that is not null.
    pub fn observe(&mut self, text: &str) {
        self.seen = true;
        for (i, kind) in CANDIDATES.iter().enumerate() {
            let bit = 1 << i;
            if self.possible & bit != 0 && !self.fits(*kind, text) {
                self.possible &= !bit;
            }
        }
    }

    fn fits(&self, kind: ColumnType, text: &str) -> bool {
        let number = matches!(kind, ColumnType::Int64 | ColumnType::Float64);
        if number && self.keep_codes && is_code(text) {
            return false;
        }
        // Digits that no 64-bit integer holds are an identifier: as a float they would be rounded.
        let digits = kind == ColumnType::Float64 && text.bytes().all(|b| b.is_ascii_digit());
        kind.accepts(text) && (!digits || ColumnType::Int64.accepts(text))
    }

    /// The narrowest type of all values; None when there was no value to infer from.
    pub fn kind(&self) -> Option<ColumnType> {
        let narrowest = (0..CANDIDATES.len()).find(|i| self.possible & (1 << i) != 0);
        let kind = narrowest.map_or(ColumnType::String, |i| CANDIDATES[i]);
        self.seen.then_some(kind)
    }
}

fn is_code(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['-', '+']).as_bytes();
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(values: &[&str]) -> Option<&'static str> {
        let mut guess = Guess::new(true);
        values.iter().for_each(|value| guess.observe(value));
        guess.kind().map(ColumnType::name)
    }

    #[test]
    fn the_narrowest_type_that_all_values_have() {
        assert_eq!(guess(&[]), None);
        assert_eq!(guess(&["1", "-2"]), Some("int64"));
        assert_eq!(guess(&["1", "2.5"]), Some("float64"));
        assert_eq!(guess(&["true", "False"]), Some("boolean"));
        assert_eq!(guess(&["true", "1"]), Some("string"));
        assert_eq!(guess(&["2013-01-01"]), Some("date"));
        assert_eq!(
            guess(&["2013-01-01", "2013-01-01T10:00:00Z"]),
            Some("timestamp")
        );
        assert_eq!(guess(&["1", "one"]), Some("string"));
    }

    #[test]
    fn codes_and_long_identifiers_stay_text() {
        assert_eq!(guess(&["00501", "10001"]), Some("string"));
        assert_eq!(guess(&["0", "0.5"]), Some("float64"));
        assert_eq!(guess(&["12345678901234567890"]), Some("string"));
        let mut lenient = Guess::new(false);
        lenient.observe("007");
        assert_eq!(lenient.kind(), Some(ColumnType::Int64));
    }
}
