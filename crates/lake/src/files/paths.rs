//! Which files a path means.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use forebay_core::{Diagnostic, Location};

#[derive(Clone, Debug)]
pub(super) struct FilePath {
    pub path: PathBuf,
    /// As the query names it: from the project's folder, or from the root.
    pub name: String,
}

/// The files of paths and patterns, in the order of their names.
pub(super) fn expand(
    paths: &[String],
    folder: &Path,
    may_be_none: bool,
) -> Result<Vec<FilePath>, Diagnostic> {
    let mut all = Vec::new();
    for path in paths {
        if path.contains("://") {
            return Err(
                Diagnostic::error(format!("'{path}' is not on this machine"))
                    .hint("queries read files of this machine: ingest/ fetches others"),
            );
        }
        let full = folder.join(path);
        let file = |full: PathBuf| {
            let own = full
                .strip_prefix(folder)
                .ok()
                .filter(|_| Path::new(path).is_relative());
            let name = own.unwrap_or(&full).to_string_lossy().into_owned();
            FilePath { path: full, name }
        };
        if !path.contains(['*', '?', '[']) {
            if !full.is_file() {
                if may_be_none {
                    continue;
                }
                let message = format!("there is no file '{}'", full.display());
                return Err(
                    Diagnostic::error(message).hint("relative paths begin in the project's folder")
                );
            }
            all.push(file(full));
            continue;
        }
        let pattern = full.to_string_lossy();
        let found = glob::glob(&pattern).map_err(|error| {
            Diagnostic::error(format!("'{path}' is no pattern of files: {error}"))
        })?;
        let mut found: Vec<PathBuf> = found.flatten().filter(|path| path.is_file()).collect();
        if found.is_empty() && !may_be_none {
            return Err(Diagnostic::error(format!("no file matches '{pattern}'")));
        }
        found.sort();
        all.extend(found.into_iter().map(file));
    }
    Ok(all)
}

/// The file's text as it is written, or unpacked: as is said, or as the file's name ends.
pub(super) fn reader(
    path: &Path,
    is_packed: Option<bool>,
) -> Result<Box<dyn BufRead + Send>, Diagnostic> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let file = BufReader::new(file);
    let ending = path.extension();
    let ends_in_gz = ending.is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    Ok(match is_packed.unwrap_or(ends_in_gz) {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    })
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::environment(format!("the file cannot be read: {error}")).at(Location::file(path))
}
