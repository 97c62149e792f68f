//! When a number of failures is a warning or an error: dbt's `warn_if`, `error_if` and `severity`.

use forebay_core::Severity;
use serde::{Deserialize, Serialize};

/// How a data test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pass,
    Warn,
    Fail,
}

/// The verdict over what the thresholds answered. A test of severity `warn` never fails.
pub fn judge(severity: Severity, should_warn: bool, should_error: bool) -> Status {
    match severity {
        Severity::Error if should_error => Status::Fail,
        _ if should_warn => Status::Warn,
        _ => Status::Pass,
    }
}

/// What a threshold answers for a number of failures, without asking the engine: `None` where it is
/// more than a comparison with a whole number, as `between 1 and 5` is.
pub fn answer(threshold: &str, failures: i64) -> Option<bool> {
    let threshold = spaced(threshold);
    let (operator, operand) = threshold.split_once(' ')?;
    let operand: i64 = operand.parse().ok()?;
    Some(match operator {
        "=" => failures == operand,
        "!=" | "<>" => failures != operand,
        "<" => failures < operand,
        "<=" => failures <= operand,
        ">" => failures > operand,
        ">=" => failures >= operand,
        _ => return None,
    })
}

/// A threshold as a sentence has it: `!=0` becomes `!= 0`.
pub fn spaced(threshold: &str) -> String {
    let threshold = threshold.trim();
    let operator = threshold
        .find(|c: char| !matches!(c, '<' | '>' | '=' | '!'))
        .unwrap_or(threshold.len());
    let (operator, operand) = threshold.split_at(operator);
    format!("{operator} {}", operand.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_and_thresholds_as_dbt_judges_them() {
        let error = |warn, error| judge(Severity::Error, warn, error);
        assert_eq!(error(true, true), Status::Fail);
        assert_eq!(error(true, false), Status::Warn);
        assert_eq!(error(false, false), Status::Pass);
        // Only error_if speaks for an error: warn_if may be the stricter of the two.
        assert_eq!(error(false, true), Status::Fail);
        assert_eq!(judge(Severity::Warning, true, true), Status::Warn);
        assert_eq!(judge(Severity::Warning, false, true), Status::Pass);
    }

    #[test]
    fn a_comparison_with_a_whole_number_is_answered_and_nothing_else() {
        assert_eq!(answer("!= 0", 0), Some(false));
        assert_eq!(answer("<>0", 1), Some(true));
        assert_eq!(answer(">10", 10), Some(false));
        assert_eq!(answer(">= 10", 10), Some(true));
        assert_eq!(answer("< -1", -2), Some(true));
        assert_eq!(answer("between 1 and 5", 3), None);
        assert_eq!(answer("> 0.5", 1), None);
        assert_eq!(answer("> 0 and 1 = 1", 1), None);
    }

    #[test]
    fn thresholds_read_as_sentences() {
        assert_eq!(spaced("!=0"), "!= 0");
        assert_eq!(spaced(">= 10"), ">= 10");
        assert_eq!(spaced("between 1 and 5"), "between 1 and 5");
    }
}
