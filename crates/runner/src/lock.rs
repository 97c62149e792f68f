//! One writer a project: a file lock that the operating system lets go when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_core::Diagnostic;
use serde::{Deserialize, Serialize};

/// Held as long as it lives.
#[derive(Debug)]
pub struct ProjectLock {
    // Dropping the file lets the lock go.
    _file: File,
}

/// Who holds the lock, as the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub command: String,
    pub since: String,
}

/// Takes the lock of the project, waiting up to `patience` for another process.
///
/// `waiting` is called once, with the holder, when there is somebody to wait for.
pub async fn acquire(
    state: &Path,
    me: &Holder,
    patience: Duration,
    waiting: impl Fn(&str),
) -> Result<ProjectLock, Diagnostic> {
    let path = state.join("lock");
    let mut file = open(state, &path)?;
    let deadline = tokio::time::Instant::now() + patience;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => {
                let text = format!("cannot lock {}: {error}", path.display());
                return Err(Diagnostic::environment(text));
            }
            Err(TryLockError::WouldBlock) => {
                let holder = describe(&mut file);
                if tokio::time::Instant::now() >= deadline {
                    return Err(busy(&holder));
                }
                if !told {
                    waiting(&holder);
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    sign(&mut file, me).map_err(|error| {
        Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
    })?;
    Ok(ProjectLock { _file: file })
}

fn open(state: &Path, path: &PathBuf) -> Result<File, Diagnostic> {
    let opened = std::fs::create_dir_all(state).and_then(|()| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    });
    opened.map_err(|error| {
        Diagnostic::environment(format!("cannot open {}: {error}", path.display()))
            .hint("the project folder must be writable: Forebay keeps its tables in .forebay/")
    })
}

fn sign(file: &mut File, me: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::json!(me).to_string().as_bytes())
}

fn describe(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read
        .ok()
        .and_then(|_| serde_json::from_str::<Holder>(&text).ok())
    {
        Some(h) => format!(
            "`forebay {}` (process {}, since {})",
            h.command, h.pid, h.since
        ),
        None => "another Forebay process".to_owned(),
    }
}

fn busy(holder: &str) -> Diagnostic {
    Diagnostic::environment(format!("the project is held by {holder}"))
        .hint("wait until it is done, or give `--lock-timeout` more time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(command: &str) -> Holder {
        Holder {
            pid: 7,
            command: command.into(),
            since: "2013-01-01T00:00:00Z".into(),
        }
    }

    #[tokio::test]
    async fn the_second_waits_and_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = acquire(folder.path(), &me("build"), Duration::ZERO, |_| {})
            .await
            .unwrap();
        let told = std::sync::Mutex::new(String::new());
        let second = acquire(
            folder.path(),
            &me("run"),
            Duration::from_millis(250),
            |holder| {
                *told.lock().unwrap() = holder.to_owned();
            },
        )
        .await;
        let error = second.unwrap_err();
        assert!(
            error.message.contains("`forebay build` (process 7"),
            "{error}"
        );
        assert!(told.lock().unwrap().contains("forebay build"));
        drop(first);
        acquire(folder.path(), &me("run"), Duration::ZERO, |_| {})
            .await
            .unwrap();
    }
}
