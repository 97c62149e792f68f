//! Copies files below the artifact root: each is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use forebay_core::Diagnostic;

/// A folder with all that is in it; nothing where there is no such folder.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Diagnostic> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        // Links are followed: they stand for files that their owner saved so.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            copy_file(&path, &target)?;
        }
    }
    Ok(())
}

/// A file, unless one of its length is there.
pub fn copy_file(from: &Path, to: &Path) -> Result<(), Diagnostic> {
    let copy = || {
        let mut source = File::open(from)?;
        match is_there(to, source.metadata()?.len()) {
            true => Ok(()),
            false => write(&mut source, to),
        }
    };
    copy().map_err(|error| trouble(from, &error))
}

pub fn is_there(file: &Path, length: u64) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() == length)
}

pub fn write(source: &mut dyn Read, target: &Path) -> io::Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let part = target.with_file_name(format!(".{name}.part"));
    io::copy(source, &mut File::create(&part)?)?;
    fs::rename(part, target)
}

pub fn trouble(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot copy {}: {error}", path.display()))
}
