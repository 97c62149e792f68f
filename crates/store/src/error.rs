//! Why the store did not do what it was asked: the asker's slip, or trouble of its own.

use std::fmt;

use forebay_core::Diagnostic;

/// All but the last name the thing and leave the store as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no such thing.
    NotFound(String),
    /// The name is taken.
    Exists(String),
    /// The request itself is wrong: a limit, a name, a filter, a state.
    Invalid(String),
    /// A filter or an order that cannot be read, or asks for what is not there; the place is in
    /// characters from one, and the message names it too.
    Misread { message: String, at: usize },
    /// The disk, another process, or a bug.
    Failed(Diagnostic),
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn misread(at: usize, message: impl Into<String>) -> Self {
        Self::Misread {
            message: message.into(),
            at,
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound(message) | Error::Exists(message) | Error::Invalid(message) => {
                f.write_str(message)
            }
            Error::Misread { message, .. } => f.write_str(message),
            Error::Failed(diagnostic) => diagnostic.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        match error {
            Error::Failed(diagnostic) => diagnostic,
            other => Diagnostic::error(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Failed(crate::connection::trouble("the metadata store", &error))
    }
}
