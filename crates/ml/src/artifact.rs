//! Files of a run, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use forebay_core::Diagnostic;
use serde::Serialize;

/// Writes a value as JSON: first beside the path, then moved into place once it is on the disk.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Diagnostic> {
    let text = serde_json::to_vec(value).map_err(|error| {
        Diagnostic::internal(format!("cannot encode {}: {error}", path.display()))
    })?;
    let partial = path.with_extension("json.partial");
    write_synced(&partial, &text)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_parent(path))
        .map_err(|error| cannot_write(path, &error))
}

/// Puts a folder with these files at the path, in place of one that is there.
pub fn write_folder(path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), Diagnostic> {
    let partial = path.with_extension("partial");
    let write = || {
        remove(&partial)?;
        fs::create_dir_all(&partial)?;
        for (name, bytes) in files {
            let file = partial.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            write_synced(&file, bytes)?;
        }
        File::open(&partial)?.sync_all()?;
        // A folder cannot be renamed over one that has files: for a moment there is none.
        remove(path)?;
        fs::rename(&partial, path)?;
        sync_parent(path)
    };
    write().map_err(|error| cannot_write(path, &error))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a rename last.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
}
