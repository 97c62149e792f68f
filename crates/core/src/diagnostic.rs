//! Problems as values: what happened, to which named thing, where, and what to try.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a file of the project. `line` and `column` count from one; zero means unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Relative to the project folder.
    pub file: PathBuf,
    pub line: u32,
    pub column: u32,
}

impl Location {
    pub fn new(file: impl Into<PathBuf>, line: u32, column: u32) -> Self {
        Self {
            file: file.into(),
            line,
            column,
        }
    }

    /// The file as a whole.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self::new(file, 0, 0)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warning,
    Error,
}

/// Whose fault it is: the three look different to the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The project, the data or the command line.
    #[default]
    User,
    /// The disk, the network, another process.
    Environment,
    /// Ours.
    Internal,
}

/// One problem. The message names the thing; at most two hints say what to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub fault: Fault,
    pub message: String,
    pub location: Option<Location>,
    pub hints: Vec<String>,
    /// The SQL that ` (line 2, column 7)` of the message counts in.
    #[serde(skip)]
    pub sql: Option<Arc<str>>,
    /// The setting of the node that it is about, such as `unique_key` or `column_types.id`: it is told where that is written.
    #[serde(skip)]
    pub setting: Option<Arc<str>>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            fault: Fault::User,
            message: message.into(),
            location: None,
            hints: Vec::new(),
            sql: None,
            setting: None,
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    pub fn environment(message: impl Into<String>) -> Self {
        let mut problem = Self::error(message);
        problem.fault = Fault::Environment;
        problem.message = without_code(problem.message);
        problem
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            fault: Fault::Internal,
            ..Self::error(message)
        }
    }

    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    #[must_use]
    pub fn of_setting(mut self, name: &str) -> Self {
        self.setting = Some(Arc::from(name));
        self
    }

    /// What its message says of lines and columns is of that SQL, unless it is of another.
    #[must_use]
    pub fn within(mut self, sql: &str) -> Self {
        if self.sql.is_none() && self.message.contains("(line ") {
            self.sql = Some(Arc::from(sql));
        }
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the hint only when there is one: `.maybe_hint(suggest::nearest(...))`.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.severity, self.fault) {
            (Severity::Warning, _) => "warning",
            (Severity::Error, Fault::User) => "error",
            (Severity::Error, Fault::Environment) => "environment error",
            (Severity::Error, Fault::Internal) => "internal error",
        };
        write!(f, "{word}: {}", self.message)?;
        if let Some(location) = &self.location {
            write!(f, "\n  --> {location}")?;
        }
        for hint in self.hints.iter().take(2) {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The system's error without the number that the standard library adds: ` (os error 28)`.
fn without_code(message: String) -> String {
    let Some((before, rest)) = message.split_once(" (os error ") else {
        return message;
    };
    match rest.split_once(')') {
        Some((_, after)) => format!("{before}{after}"),
        None => message,
    }
}

/// All problems found at once, sorted by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| a.location.cmp(&b.location));
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
