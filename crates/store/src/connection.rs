//! The one connection, its settings, and errors as the user should read them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use forebay_core::Diagnostic;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::migration;

/// A handle on the metadata database. Clones share the connection.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    path: Arc<PathBuf>,
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
        Self::prepare(connection, path)
    }

    /// A database that lives as long as the handle: for tests.
    pub fn in_memory() -> Result<Self, Diagnostic> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(|error| describe(path, &error))?;
        Self::prepare(connection, path)
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self, Diagnostic> {
        let settings = |connection: &Connection| -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // A commit survives the death of the process; only a power cut can lose the last ones.
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_update(None, "foreign_keys", "on")
        };
        settings(&connection).map_err(|error| describe(path, &error))?;
        migration::run(&mut connection, path)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            path: Arc::new(path.to_owned()),
        })
    }

    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Diagnostic> {
        query(&self.lock()).map_err(|error| describe(&self.path, &error))
    }

    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Diagnostic> {
        let mut connection = self.lock();
        let run = || {
            // Immediate: two processes queue for the write lock instead of failing half-way.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| describe(&self.path, &error))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in another thread rolled its transaction back; the connection is still good.
        self.connection
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

pub(crate) fn describe(path: &Path, error: &rusqlite::Error) -> Diagnostic {
    let diagnostic = Diagnostic::environment(format!(
        "the metadata store {} could not be used: {error}",
        path.display()
    ));
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
