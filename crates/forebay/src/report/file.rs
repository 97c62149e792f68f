//! The log file, `logs/dbt.log`: opened when something is said, put aside when it has grown too large.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::log::Level;
use super::out;

/// How many files that were put aside are kept.
const KEPT: usize = 5;

pub struct File {
    pub path: PathBuf,
    pub level: Level,
    pub json: bool,
    /// 0 is without limit.
    pub max_bytes: u64,
    pub opened: Mutex<Opened>,
}

#[derive(Default)]
pub enum Opened {
    #[default]
    NotYet,
    As(fs::File),
    /// It cannot be written, which has been said.
    Never,
}

impl File {
    /// Adds a line; before the first one of a call comes a headline, where the file is text.
    pub fn write(&self, line: &str, headline: impl FnOnce() -> String) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*opened, Opened::NotYet) {
            *opened = self.open(headline);
        }
        if let Opened::As(file) = &mut *opened {
            let _ = writeln!(file, "{}", out::veil(line));
        }
    }

    fn open(&self, headline: impl FnOnce() -> String) -> Opened {
        match self.file() {
            Ok(mut file) => {
                if !self.json {
                    let _ = writeln!(file, "{}", headline());
                }
                Opened::As(file)
            }
            Err(error) => {
                let path = self.path.display();
                out::error_line(&format!("warning: cannot write the log {path}: {error}"));
                Opened::Never
            }
        }
    }

    fn file(&self) -> std::io::Result<fs::File> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let size = fs::metadata(&self.path).map_or(0, |file| file.len());
        if self.max_bytes > 0 && size > self.max_bytes {
            self.put_aside();
        }
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
    }

    /// `dbt.log` becomes `dbt.log.1`, that `dbt.log.2`, and the last one goes.
    fn put_aside(&self) {
        let numbered = |number: usize| match number {
            0 => self.path.clone(),
            number => PathBuf::from(format!("{}.{number}", self.path.display())),
        };
        for number in (0..KEPT).rev() {
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
    }
}
