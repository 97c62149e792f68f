//! The folder that one open lake spills into. It is locked while the lake lives, so that the next
//! lake can tell a dead one's leftovers from a living one's files and remove them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use forebay_core::Diagnostic;

const LOCK: &str = ".lock";

/// A locked folder of its own below the spill folder; removed when dropped.
pub(crate) struct SpillFolder {
    path: PathBuf,
    _lock: File,
}

impl SpillFolder {
    pub(crate) fn create(parent: &Path) -> Result<Self, Diagnostic> {
        let path = parent.join(format!("lake-{}", uuid::Uuid::new_v4().simple()));
        Self::try_create(parent, &path).map_err(|error| {
            Diagnostic::environment(format!(
                "cannot create the spill folder {}: {error}",
                path.display()
            ))
        })
    }

    fn try_create(parent: &Path, path: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_leftovers(parent);
        fs::create_dir(path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // Nothing depends on it: what stays behind is removed by the next lake.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders whose owner is gone. Best effort: it costs only disk space when it fails.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with("lake-");
        if ours && is_abandoned(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// A folder without a lock file may be one that is being created right now: it stays.
fn is_abandoned(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_owners_folder_is_removed_and_a_living_ones_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = SpillFolder::create(parent.path()).unwrap();
        let dead = parent.path().join("lake-dead");
        fs::create_dir(&dead).unwrap();
        File::create(dead.join(LOCK)).unwrap();
        fs::write(dead.join("spilled.arrow"), "rows").unwrap();

        let second = SpillFolder::create(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(living.path().exists());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
    }
}
