//! Which files a path means.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use forebay_core::{Diagnostic, Location};

/// The files of paths and patterns, in the order of their names.
pub(super) fn expand(paths: &[String], folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut all = Vec::new();
    for path in paths {
        if path.contains("://") {
            return Err(
                Diagnostic::error(format!("'{path}' is not on this machine"))
                    .hint("queries read files of this machine: ingest/ fetches others"),
            );
        }
        let full = folder.join(path);
        if !path.contains(['*', '?', '[']) {
            if !full.is_file() {
                let message = format!("there is no file '{}'", full.display());
                return Err(
                    Diagnostic::error(message).hint("relative paths begin in the project's folder")
                );
            }
            all.push(full);
            continue;
        }
        let pattern = full.to_string_lossy();
        let found = glob::glob(&pattern).map_err(|error| {
            Diagnostic::error(format!("'{path}' is no pattern of files: {error}"))
        })?;
        let mut found: Vec<PathBuf> = found.flatten().filter(|path| path.is_file()).collect();
        if found.is_empty() {
            return Err(Diagnostic::error(format!("no file matches '{pattern}'")));
        }
        found.sort();
        all.append(&mut found);
    }
    Ok(all)
}

/// The file's text as it is written, or unpacked.
pub(super) fn reader(path: &Path) -> Result<Box<dyn BufRead + Send>, Diagnostic> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let file = BufReader::new(file);
    let is_packed = path
        .extension()
        .is_some_and(|ext| ext.eq_ignore_ascii_case("gz"));
    Ok(match is_packed {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    })
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::environment(format!("the file cannot be read: {error}")).at(Location::file(path))
}
