//! The problems of one file as one error: the first of them, and how many there are.

use forebay_core::{Diagnostic, Location, Relation};

/// As many as a person reads.
const SHOWN: usize = 10;

/// Problems that make a load fail.
#[derive(Default)]
pub struct Problems {
    count: usize,
    first: Vec<(u64, u32, String)>,
    /// Rows that could not be read are among them, not only broken expectations.
    unreadable: bool,
}

impl Problems {
    pub fn push(&mut self, line: u64, character: u32, text: String, unreadable: bool) {
        self.count += 1;
        self.unreadable |= unreadable;
        if self.first.len() < SHOWN {
            self.first.push((line, character, text));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Ok when there are none.
    pub fn into_result(self, path: &str, relation: &Relation) -> Result<(), Diagnostic> {
        let Some((line, character, text)) = self.first.first() else {
            return Ok(());
        };
        let at = Location::new(path, u32::try_from(*line).unwrap_or(u32::MAX), *character);
        let message = match self.count {
            1 => format!("{text}; nothing was loaded into {relation}"),
            n => format!(
                "{n} problems; nothing was loaded into {relation}{}",
                self.list()
            ),
        };
        let error = Diagnostic::error(message).at(at);
        Err(match self.unreadable {
            true => error.hint("`on_bad_row: hold` sets such rows aside and loads the others"),
            false => error.hint("`on_fail: hold` sets such rows aside and loads the others"),
        })
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (line, _, problem) in &self.first {
            text.push_str(&format!("\n    line {line}: {problem}"));
        }
        if self.count > SHOWN {
            text.push_str(&format!("\n    and {} more", self.count - SHOWN));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_shown_and_all_are_counted() {
        let relation = Relation::new("raw", "weather");
        let mut problems = Problems::default();
        assert!(Problems::default().into_result("w.csv", &relation).is_ok());
        for line in 2..14 {
            problems.push(
                line,
                3,
                format!("temp: 'x{line}' is not of type float64"),
                true,
            );
        }
        let error = problems.into_result("w.csv", &relation).unwrap_err();
        assert!(
            error
                .message
                .starts_with("12 problems; nothing was loaded into raw.weather")
        );
        assert!(error.message.contains("\n    line 11: temp: 'x11'"));
        assert!(error.message.ends_with("and 2 more"));
        assert_eq!(error.location, Some(Location::new("w.csv", 2, 3)));
    }
}
