//! Lengths of time as the project files write them: `6h`, `30d`, `500ms`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in whole microseconds, written `90s`, `15m`, `6h`, `30d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    micros: i64,
}

const UNITS: &[(&str, i64)] = &[
    ("w", 7 * 86_400_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Span {
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    pub const fn from_secs(seconds: i64) -> Self {
        Self::from_micros(seconds * 1_000_000)
    }

    pub const fn micros(self) -> i64 {
        self.micros
    }

    pub fn secs_f64(self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// As a SQL literal. Months never occur, so that a span is the same length everywhere.
    pub fn sql_interval(self) -> String {
        if self.micros % 1_000_000 == 0 {
            format!("INTERVAL '{} seconds'", self.micros / 1_000_000)
        } else {
            format!("INTERVAL '{} microseconds'", self.micros)
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = UNITS.iter().find(|(name, _)| *name == unit.trim());
        match (number.parse::<i64>(), scale) {
            (Ok(n), Some((_, scale))) => n
                .checked_mul(*scale)
                .map(Self::from_micros)
                .ok_or_else(|| format!("'{text}' is too long a time")),
            _ => Err(format!(
                "'{text}' is not a length of time: write a number and one of w, d, h, m, s, ms (6h, 30d)"
            )),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that divides it, but no weeks: `7d` reads better than `1w`.
        let (unit, scale) = UNITS[1..]
            .iter()
            .find(|(_, scale)| self.micros % scale == 0)
            .expect("one microsecond divides every span");
        write!(f, "{}{unit}", self.micros / scale)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_text() {
        for text in ["6h", "30d", "90s", "500ms", "1d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("2w".parse::<Span>().unwrap().to_string(), "14d");
        assert!("6 parsecs".parse::<Span>().is_err());
        assert!("h".parse::<Span>().is_err());
        assert!("9999999999999w".parse::<Span>().is_err());
    }
}
