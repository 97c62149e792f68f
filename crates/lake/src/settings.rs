//! Settings of a database that change what its queries answer. The time zone of DuckDB's sessions is heeded; others must
//! be what they are anyway.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Expr, Set, Statement, Value};
use forebay_core::Diagnostic;

use crate::functions::canonical_zone;

const TIME_ZONE: &str = "timezone";

/// Those that there is one way for, by their names in DuckDB, with the words for it.
const FIXED: &[(&str, &[&str])] = &[
    ("calendar", &["gregorian"]),
    ("default_collation", &["", "binary", "c"]),
    (
        "default_null_order",
        &["nulls_last", "nulls last", "null last", "last"],
    ),
    ("default_order", &["asc", "ascending"]),
    ("ieee_floating_point_ops", &["true", "1", "on"]),
    ("integer_division", &["false", "0", "off"]),
    (
        "null_order",
        &["nulls_last", "nulls last", "null last", "last"],
    ),
    ("old_implicit_casting", &["false", "0", "off"]),
    ("preserve_identifier_case", &["true", "1", "on"]),
    (
        "scalar_subquery_error_on_multiple_rows",
        &["true", "1", "on"],
    ),
];

/// What a lake was opened with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    zone: Option<Arc<str>>,
}

impl Settings {
    /// # Errors
    /// A setting that would change what queries answer in a way that there is not here.
    pub fn of(given: &[(String, String)]) -> Result<Self, Diagnostic> {
        let mut settings = Self::default();
        for (name, value) in given {
            if !name.eq_ignore_ascii_case(TIME_ZONE) {
                fixed(name, value)?;
                continue;
            }
            let Some(zone) = canonical_zone(value) else {
                let message = format!("there is no time zone '{value}'");
                return Err(Diagnostic::error(message));
            };
            settings.zone = (!is_utc(&zone)).then(|| zone.into());
        }
        Ok(settings)
    }

    /// The time zone of texts and days, where it is not UTC.
    pub fn zone(&self) -> Option<&Arc<str>> {
        self.zone.as_ref()
    }

    /// Whether a statement leaves every setting as it is: one that sets another is refused, as the next query would not
    /// know of it.
    pub fn check(&self, statement: &Statement) -> Result<(), Diagnostic> {
        let Some((name, value)) = assignment(statement) else {
            return Ok(());
        };
        if name != TIME_ZONE {
            return fixed(&name, &value);
        }
        let own = self.zone.as_deref().unwrap_or("UTC");
        let words = ["default", "local"];
        let is_own = value.eq_ignore_ascii_case(own) || (is_utc(&value) && is_utc(own));
        if is_own || words.iter().any(|word| value.eq_ignore_ascii_case(word)) {
            return Ok(());
        }
        let problem = Diagnostic::error(format!(
            "the time zone is {own}, and no statement changes it to '{value}'"
        ));
        Err(problem
            .hint("for the whole project: settings: {TimeZone: ...} in a DuckDB profile's target")
            .hint("in a query: x at time zone '...'"))
    }
}

fn fixed(name: &str, value: &str) -> Result<(), Diagnostic> {
    let known = FIXED
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let is_so = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    match known {
        Some((known, words)) if !is_so(words) => Err(Diagnostic::error(format!(
            "{known} cannot be '{value}': queries would answer otherwise than they can here"
        ))
        .hint(format!("it is always '{}'", words[0]))),
        _ => Ok(()),
    }
}

fn is_utc(zone: &str) -> bool {
    ["utc", "etc/utc", "z", "gmt", "etc/gmt"]
        .iter()
        .any(|utc| zone.eq_ignore_ascii_case(utc))
}

/// `set name = value`, `set time zone value`, `pragma name = value`: the name in small letters.
fn assignment(statement: &Statement) -> Option<(String, String)> {
    match statement {
        Statement::Set(Set::SingleAssignment {
            variable, values, ..
        }) => Some((variable.to_string().to_lowercase(), word(values.first()?))),
        Statement::Set(Set::SetTimeZone { value, .. }) => Some((TIME_ZONE.to_owned(), word(value))),
        Statement::Pragma { name, value, .. } => {
            let value = Expr::Value(value.clone()?);
            Some((name.to_string().to_lowercase(), word(&value)))
        }
        _ => None,
    }
}

fn word(value: &Expr) -> String {
    match value {
        Expr::Value(of) => match &of.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(name) => name.value.clone(),
        other => other.to_string(),
    }
}
