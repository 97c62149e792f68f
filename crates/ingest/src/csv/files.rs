//! Finds the files of a source and opens them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;
use forebay_core::ingest::CsvFiles;
use forebay_core::{Diagnostic, Location, digest};
use glob::{MatchOptions, Pattern};

use crate::plan::{FileAction, PlannedFile};

const BUFFER: usize = 256 << 10;

/// All files of the connector in the order of their names, each with the hash of its content.
pub fn list(root: &Path, connector: &CsvFiles) -> Result<Vec<PlannedFile>, Diagnostic> {
    let bad = |error: &dyn std::fmt::Display| {
        Diagnostic::error(format!(
            "the path '{}' is no pattern: {error}",
            connector.path
        ))
    };
    let folder = Pattern::escape(&root.to_string_lossy());
    let pattern = Path::new(&folder).join(&connector.path);
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = glob::glob_with(&pattern.to_string_lossy(), options).map_err(|e| bad(&e))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| {
            let name = name(root, error.path());
            unreadable(&name, error.error())
        })?;
        if path.is_file() {
            files.push(describe(root, &path)?);
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn describe(root: &Path, path: &Path) -> Result<PlannedFile, Diagnostic> {
    let name = name(root, path);
    let hash = || -> io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let mut hasher = digest::Hasher::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => hasher.update(&buffer[..n]),
            }
        }
        Ok((fs::metadata(path)?.len(), load_id(hasher)))
    };
    let (bytes, load_id) = hash().map_err(|error| unreadable(&name, &error))?;
    Ok(PlannedFile {
        path: name,
        bytes,
        load_id,
        action: FileAction::Load,
    })
}

fn name(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

fn load_id(hasher: digest::Hasher) -> String {
    hasher.hex()[..16].to_owned()
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::environment(format!("the file cannot be read: {error}")).at(Location::file(name))
}

/// The unpacked bytes of a file, and a way to tell that they are those of the plan.
pub struct OpenFile {
    pub input: Box<dyn BufRead + Send>,
    pub seen: Seen,
}

/// Opens a planned file; a name that ends in `.gz` is unpacked.
pub fn open(root: &Path, file: &PlannedFile) -> Result<OpenFile, Diagnostic> {
    let opened = File::open(root.join(&file.path)).map_err(|e| unreadable(&file.path, &e))?;
    let seen = Arc::new(Mutex::new(digest::Hasher::new()));
    let hashed = HashedRead {
        input: opened,
        seen: Arc::clone(&seen),
    };
    let packed = BufReader::with_capacity(BUFFER, hashed);
    let input: Box<dyn BufRead + Send> = if file.path.to_ascii_lowercase().ends_with(".gz") {
        Box::new(BufReader::with_capacity(
            BUFFER,
            MultiGzDecoder::new(packed),
        ))
    } else {
        Box::new(packed)
    };
    Ok(OpenFile {
        input,
        seen: Seen(seen),
    })
}

/// Tells, once a file has been read to its end, whether it was the content of the plan.
pub struct Seen(Arc<Mutex<digest::Hasher>>);

impl Seen {
    /// An error where the file was changed after it was planned: its rows are not what was asked
    /// for, and must not be recorded under the planned content's name.
    pub fn verify(self, file: &PlannedFile) -> Result<(), Diagnostic> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if load_id(std::mem::take(&mut *seen)) == file.load_id {
            return Ok(());
        }
        Err(
            Diagnostic::environment("the file was changed while it was loaded; nothing was loaded")
                .at(Location::file(&file.path))
                .hint("run again when it is complete"),
        )
    }
}

struct HashedRead {
    input: File,
    seen: Arc<Mutex<digest::Hasher>>,
}

impl Read for HashedRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.update(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_pattern_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("data/deep")).unwrap();
        for name in ["b.csv", "a.csv.gz", "c.txt", ".hidden.csv", "deep/d.csv"] {
            fs::write(dir.path().join("data").join(name), name).unwrap();
        }
        let paths = |pattern: &str| -> Vec<String> {
            let connector = CsvFiles {
                path: pattern.into(),
                delimiter: ',',
                null_values: vec![],
            };
            let files = list(dir.path(), &connector).unwrap();
            files.into_iter().map(|file| file.path).collect()
        };
        assert_eq!(paths("data/*.csv*"), ["data/a.csv.gz", "data/b.csv"]);
        assert_eq!(paths("data/**/*.csv"), ["data/b.csv", "data/deep/d.csv"]);
        assert_eq!(paths("data/?.csv"), ["data/b.csv"]);
        assert!(paths("data/*.parquet").is_empty());
    }
}
