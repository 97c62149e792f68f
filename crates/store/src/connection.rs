//! The connections, their settings, and errors as the user should read them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use forebay_core::Diagnostic;
use regex::Regex;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Error;
use crate::migration;

/// A handle on the metadata database. Clones share its connections.
///
/// One connection writes; others, opened as they are needed, read beside it: a long search holds
/// up no write.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    writer: Mutex<Connection>,
    /// Idle ones.
    readers: Mutex<Vec<Connection>>,
    /// None in memory, where the writer is the only connection there can be.
    path: Option<PathBuf>,
}

impl Store {
    /// Opens the database, creating or migrating it as needed.
    pub fn open(path: &Path) -> Result<Self, Diagnostic> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                Diagnostic::environment(format!("cannot create {}: {error}", folder.display()))
            })?;
        }
        let connection = Connection::open(path).map_err(|error| describe(path, &error))?;
        Self::prepare(connection, Some(path))
    }

    /// A database that lives as long as the handle: for tests.
    pub fn in_memory() -> Result<Self, Diagnostic> {
        let connection = Connection::open_in_memory();
        let connection = connection.map_err(|error| describe(Path::new(":memory:"), &error))?;
        Self::prepare(connection, None)
    }

    fn prepare(mut connection: Connection, path: Option<&Path>) -> Result<Self, Diagnostic> {
        let named = path.unwrap_or(Path::new(":memory:"));
        let settings = |connection: &Connection| -> rusqlite::Result<()> {
            common(connection)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // A commit survives the death of the process; only a power cut can lose the last ones.
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_update(None, "foreign_keys", "on")
        };
        settings(&connection).map_err(|error| describe(named, &error))?;
        migration::run(&mut connection, named)?;
        let shared = Shared {
            writer: Mutex::new(connection),
            readers: Mutex::new(Vec::new()),
            path: path.map(Path::to_owned),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Diagnostic> {
        Ok(self.ask(|connection| Ok(query(connection)?))?)
    }

    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Diagnostic> {
        Ok(self.change(|transaction| Ok(change(transaction)?))?)
    }

    /// Reads in one transaction: all that the query sees is of one moment.
    pub(crate) fn ask<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.shared.path.is_none() {
            return query(&lock(&self.shared.writer));
        }
        let mut connection = self.reader()?;
        let transaction = connection.transaction()?;
        let answer = query(&transaction)?;
        drop(transaction);
        lock(&self.shared.readers).push(connection);
        Ok(answer)
    }

    /// Changes in one transaction: all of it is kept, or, after an error, none.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = lock(&self.shared.writer);
        // Immediate: two processes queue for the write lock instead of failing half-way.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = change(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Does what no transaction may have around it, while nothing else writes through this handle.
    pub(crate) fn exclusive<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        work(&mut lock(&self.shared.writer))
    }

    fn reader(&self) -> Result<Connection, Error> {
        if let Some(idle) = lock(&self.shared.readers).pop() {
            return Ok(idle);
        }
        let path = self.shared.path.as_deref().unwrap_or(Path::new(":memory:"));
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            common(&connection)?;
            connection.pragma_update(None, "query_only", "on")?;
            Ok(connection)
        };
        open().map_err(|error| Error::Failed(describe(path, &error)))
    }
}

fn common(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    connection.create_scalar_function(
        "regexp",
        2,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        regexp,
    )?;
    connection.busy_timeout(Duration::from_secs(10))
}

/// `text regexp pattern`. The pattern is compiled once a statement.
fn regexp(call: &Context<'_>) -> rusqlite::Result<bool> {
    let pattern = call.get_or_create_aux(0, |pattern| -> Result<_, BoxError> {
        Ok(Regex::new(pattern.as_str()?)?)
    })?;
    Ok(call
        .get_raw(1)
        .as_str_or_null()?
        .is_some_and(|text| pattern.is_match(text)))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A panic in another thread rolled its transaction back; what it held is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(crate) fn describe(path: &Path, error: &rusqlite::Error) -> Diagnostic {
    trouble(&format!("the metadata store {}", path.display()), error)
}

pub(crate) fn trouble(store: &str, error: &rusqlite::Error) -> Diagnostic {
    let diagnostic = Diagnostic::environment(format!("{store} could not be used: {error}"));
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy) => {
            diagnostic.hint("another process is writing to it; try again when it is done")
        }
        Some(rusqlite::ErrorCode::NotADatabase) => {
            diagnostic.hint("the file is no SQLite database; check `metadata` in forebay.yml")
        }
        _ => diagnostic,
    }
}
