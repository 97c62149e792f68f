//! Where tables and views lie. Everything that knows the warehouse is a local folder is here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use forebay_core::{Diagnostic, Relation};
use url::Url;

const LOG: &str = "_delta_log";
const VIEW: &str = ".view.json";
/// What is being removed: hidden by its new name at once, deleted after.
const REMOVED: &str = ".removed-";
const LONGEST_NAME: usize = 200;

pub(crate) struct Folder {
    root: PathBuf,
}

/// Tells one commit file from another of the same version, after a table was dropped and made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl Stamp {
    pub(crate) fn modified_ms(&self) -> i64 {
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as i64)
    }
}

impl Folder {
    pub(crate) fn open(root: &Path) -> Result<Self, Diagnostic> {
        let open = || {
            fs::create_dir_all(root)?;
            fs::canonicalize(root)
        };
        let root = open().map_err(|error| fault("open the warehouse", root, &error))?;
        Ok(Self { root })
    }

    fn schema(&self, schema: &str) -> PathBuf {
        self.root.join(schema)
    }

    pub(crate) fn table(&self, relation: &Relation) -> PathBuf {
        self.schema(&relation.schema).join(&relation.name)
    }

    pub(crate) fn table_url(&self, relation: &Relation) -> Result<Url, Diagnostic> {
        let path = self.table(relation);
        Url::from_directory_path(&path).map_err(|()| {
            Diagnostic::internal(format!("{} is not an absolute path", path.display()))
        })
    }

    pub(crate) fn view(&self, relation: &Relation) -> PathBuf {
        let file = format!("{}{VIEW}", relation.name);
        self.schema(&relation.schema).join(file)
    }

    /// None: the table has no such commit (any more).
    pub(crate) fn stamp(&self, relation: &Relation, version: u64) -> Option<Stamp> {
        let commit = self
            .table(relation)
            .join(LOG)
            .join(format!("{version:020}.json"));
        let found = fs::metadata(commit).ok()?;
        Some(Stamp {
            modified: found.modified().ok()?,
            bytes: found.len(),
        })
    }

    /// A folder without a commit is what a crash left, and no table.
    pub(crate) fn is_table(&self, relation: &Relation) -> bool {
        has_commit(&self.table(relation))
    }

    pub(crate) fn relations(&self) -> Result<Vec<Relation>, Diagnostic> {
        let mut found = Vec::new();
        for (schema, path) in entries(&self.root)? {
            if !path.is_dir() || !is_name(&schema) {
                continue;
            }
            for (file, path) in entries(&path)? {
                if let Some(name) = relation_name(&file, &path) {
                    found.push(Relation::new(&schema, name));
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The one relation whose name differs in capitals alone. None: there are none or several.
    pub(crate) fn alike(&self, relation: &Relation) -> Result<Option<Relation>, Diagnostic> {
        let mut found = Vec::new();
        for (schema, path) in entries(&self.root)? {
            if !schema.eq_ignore_ascii_case(&relation.schema) || !path.is_dir() {
                continue;
            }
            for (file, path) in entries(&path)? {
                let name = file.strip_suffix(VIEW).unwrap_or(&file);
                if name.eq_ignore_ascii_case(&relation.name)
                    && let Some(name) = relation_name(&file, &path)
                {
                    found.push(Relation::new(&schema, name));
                }
            }
        }
        found.dedup();
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    /// Writes the file so that a reader sees the old or the new text, and a crash leaves either.
    pub(crate) fn write_view(&self, relation: &Relation, text: &str) -> Result<(), Diagnostic> {
        let path = self.view(relation);
        let temporary = path.with_file_name(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
        let write = || {
            fs::create_dir_all(self.schema(&relation.schema))?;
            fs::write(&temporary, text)?;
            fs::File::open(&temporary)?.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| fault("write", &path, &error))
    }

    pub(crate) fn remove_view(&self, relation: &Relation) -> Result<(), Diagnostic> {
        let path = self.view(relation);
        absent_is_fine(fs::remove_file(&path)).map_err(|error| fault("remove", &path, &error))
    }

    pub(crate) fn remove_table(&self, relation: &Relation) -> Result<(), Diagnostic> {
        let path = self.table(relation);
        let removed = format!("{REMOVED}{}", uuid::Uuid::new_v4().simple());
        let hidden = path.with_file_name(removed);
        absent_is_fine(fs::rename(&path, &hidden))
            .map_err(|error| fault("remove", &path, &error))?;
        self.sweep(&relation.schema);
        Ok(())
    }

    /// Deletes what was removed, here and by processes that died over it. A failure costs disk
    /// space only.
    fn sweep(&self, schema: &str) {
        for (file, path) in entries(&self.schema(schema)).unwrap_or_default() {
            if file.starts_with(REMOVED) {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// The table or view that a file of a schema folder holds.
fn relation_name(file: &str, path: &Path) -> Option<String> {
    match file.strip_suffix(VIEW) {
        Some(name) => (is_name(name) && path.is_file()).then(|| name.to_owned()),
        None => (is_name(file) && has_commit(path)).then(|| file.to_owned()),
    }
}

fn has_commit(table: &Path) -> bool {
    entries(&table.join(LOG))
        .unwrap_or_default()
        .iter()
        .any(|(file, _)| file.ends_with(".json") && file.len() == 25)
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Diagnostic> {
    let list = || {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())))
            .collect::<io::Result<Vec<_>>>()
    };
    list().map_err(|error| fault("list", folder, &error))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn fault(doing: &str, path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot {doing} {}: {error}", path.display()))
}

/// Names become file names, so some characters cannot be in them.
pub(crate) fn is_name(name: &str) -> bool {
    let forbidden = |c: char| matches!(c, '/' | '\\') || c.is_control();
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && !name.ends_with(VIEW)
        && !name.contains(forbidden)
}

pub(crate) fn check_name(relation: &Relation) -> Result<(), Diagnostic> {
    for name in [&relation.schema, &relation.name] {
        if !is_name(name) {
            return Err(Diagnostic::error(format!(
                "'{name}' cannot be the name of a schema, table or view"
            ))
            .hint(format!(
                "a name has 1 to {LONGEST_NAME} bytes, no slash, and does not start with a dot"
            )));
        }
    }
    Ok(())
}
