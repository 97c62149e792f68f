//! A file of JSON that is read whole, and changed by one at a time, of this process or another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use forebay_core::Diagnostic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

pub(super) struct Kept<T> {
    path: PathBuf,
    /// What was read, and the file's time and length then.
    read: Mutex<Option<(Stamp, Arc<T>)>>,
    /// Where the file system has no locks, changes of this process wait here at least.
    changing: Mutex<()>,
}

type Stamp = (SystemTime, u64);

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    kept: T,
}

impl<T: Serialize + DeserializeOwned + Default> Kept<T> {
    pub(super) fn new(folder: &Path, file: &str) -> Self {
        Self {
            path: folder.join(file),
            read: Mutex::default(),
            changing: Mutex::default(),
        }
    }

    /// Another program may have changed the file: it is looked at each time.
    pub(super) fn read(&self) -> Result<Arc<T>, Diagnostic> {
        let stamp = match fs::metadata(&self.path) {
            Ok(found) => (
                found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                found.len(),
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(self.fault("read", &error)),
        };
        let mut read = lock(&self.read);
        match &*read {
            Some((before, known)) if *before == stamp => Ok(Arc::clone(known)),
            _ => {
                let known = Arc::new(self.load()?);
                *read = Some((stamp, Arc::clone(&known)));
                Ok(known)
            }
        }
    }

    /// Nobody else changes the file meanwhile. After an error it is as it was.
    pub(super) fn change<R>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, Diagnostic>,
    ) -> Result<R, Diagnostic> {
        let _changing = lock(&self.changing);
        let beside = self.path.with_extension("lock");
        let locked = File::create(beside).map_err(|error| self.fault("lock", &error))?;
        match locked.lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                return Err(self.fault("lock", &error));
            }
            _ => {}
        }
        let mut kept = self.load()?;
        let result = change(&mut kept)?;
        self.store(kept)?;
        *lock(&self.read) = None;
        Ok(result)
    }

    fn load(&self) -> Result<T, Diagnostic> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(self.fault("read", &error)),
        };
        let read: Versioned<T> = serde_json::from_str(&text).map_err(|error| {
            Diagnostic::environment(format!("{}: {error}", self.path.display()))
        })?;
        match read.version <= VERSION {
            true => Ok(read.kept),
            false => Err(Diagnostic::environment(format!(
                "{} was written by a newer version of this program",
                self.path.display()
            ))),
        }
    }

    /// The file is replaced at one moment.
    fn store(&self, kept: T) -> Result<(), Diagnostic> {
        let version = VERSION;
        let text = serde_json::to_string_pretty(&Versioned { version, kept })
            .map_err(|error| Diagnostic::internal(error.to_string()))?;
        // Two of one process may write at once where the file system knows no locks.
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .path
            .with_extension(format!("{}-{number}.tmp", std::process::id()));
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|error| self.fault("write", &error))
    }

    fn fault(&self, doing: &str, error: &io::Error) -> Diagnostic {
        Diagnostic::environment(format!("cannot {doing} {}: {error}", self.path.display()))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
