//! The embedded online store: LMDB. Several processes may have it open; readers never wait.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use forebay_core::{Diagnostic, digest};
use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions, RwTxn};

use super::encoding::{decode, encode};
use super::{EntityKey, OnlineRow, OnlineStore};

/// Address space, not memory or disk: the file grows with what is in it.
const MAP_SIZE: usize = 64 << 30;
/// LMDB's own limit of a key is 511 bytes.
const LONGEST_KEY: usize = 500;
const MARKS: &str = "\u{1}mark";

pub struct LmdbStore {
    env: Env,
    rows: Database<Bytes, Bytes>,
}

/// Opens the store in that folder, creating it as needed.
pub fn open(folder: &Path) -> Result<Arc<dyn OnlineStore>, Diagnostic> {
    Ok(LmdbStore::open(folder)?)
}

impl LmdbStore {
    /// A process has one environment for each folder: LMDB must not open a file twice.
    pub fn open(folder: &Path) -> Result<Arc<Self>, Diagnostic> {
        static OPEN: OnceLock<Mutex<BTreeMap<PathBuf, Weak<LmdbStore>>>> = OnceLock::new();
        let environment = |error: &dyn std::fmt::Display| {
            Diagnostic::environment(format!(
                "cannot open the online store {}: {error}",
                folder.display()
            ))
        };
        std::fs::create_dir_all(folder).map_err(|error| environment(&error))?;
        let path = folder.canonicalize().map_err(|error| environment(&error))?;
        let mut open = OPEN
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(|e| e.into_inner());
        if let Some(store) = open.get(&path).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(Self::create(&path).map_err(|error| environment(&error))?);
        open.insert(path, Arc::downgrade(&store));
        Ok(store)
    }

    // The map is safe while nothing else writes the file, and it is opened once a process: the
    // folder is ours, and `open` sees to the second.
    #[allow(unsafe_code)]
    fn create(path: &Path) -> heed::Result<Self> {
        let env = unsafe {
            EnvOpenOptions::new()
                .map_size(MAP_SIZE)
                .max_readers(512)
                .open(path)?
        };
        let mut change = env.write_txn()?;
        let rows = env.create_database(&mut change, None)?;
        change.commit()?;
        Ok(Self { env, rows })
    }

    fn put(
        &self,
        change: &mut RwTxn<'_>,
        view: &str,
        rows: &[(EntityKey, OnlineRow)],
        mark: &str,
    ) -> heed::Result<u64> {
        let mut newer = 0;
        for (key, row) in rows {
            let key = row_key(view, key);
            let known = self.rows.get(change, &key)?.and_then(decode);
            if known.is_none_or(|known| row.replaces(&known)) {
                self.rows.put(change, &key, &encode(row))?;
                newer += 1;
            }
        }
        self.rows.put(change, &mark_key(view), mark.as_bytes())?;
        Ok(newer)
    }

    fn clear(&self, change: &mut RwTxn<'_>, view: &str) -> heed::Result<()> {
        let prefix = view_prefix(view);
        let mut rows = self.rows.prefix_iter_mut(change, &prefix)?;
        while rows.next().transpose()?.is_some() {
            clear_current(&mut rows)?;
        }
        Ok(())
    }
}

// The entry is deleted while no reference into the map is held: `next`'s borrow has ended.
#[allow(unsafe_code)]
fn clear_current(rows: &mut heed::RwPrefix<'_, Bytes, Bytes>) -> heed::Result<bool> {
    unsafe { rows.del_current() }
}

impl OnlineStore for LmdbStore {
    fn read(&self, view: &str, key: &EntityKey) -> Result<Option<OnlineRow>, Diagnostic> {
        let read = || -> heed::Result<Option<Option<OnlineRow>>> {
            let snapshot = self.env.read_txn()?;
            Ok(self.rows.get(&snapshot, &row_key(view, key))?.map(decode))
        };
        match read().map_err(|error| failed("read", &error))? {
            None => Ok(None),
            Some(Some(row)) => Ok(Some(row)),
            Some(None) => Err(Diagnostic::environment(format!(
                "the online store holds a row of view '{view}' that this Forebay cannot read"
            ))
            .hint("remove its folder; `forebay materialize` fills it anew")),
        }
    }

    fn write(
        &self,
        view: &str,
        rows: &[(EntityKey, OnlineRow)],
        mark: &str,
    ) -> Result<u64, Diagnostic> {
        let write = || -> heed::Result<u64> {
            let mut change = self.env.write_txn()?;
            let newer = self.put(&mut change, view, rows, mark)?;
            change.commit()?;
            Ok(newer)
        };
        write().map_err(|error| failed("write", &error))
    }

    fn replace(
        &self,
        view: &str,
        rows: &[(EntityKey, OnlineRow)],
        mark: &str,
    ) -> Result<u64, Diagnostic> {
        let replace = || -> heed::Result<u64> {
            let mut change = self.env.write_txn()?;
            self.clear(&mut change, view)?;
            let newer = self.put(&mut change, view, rows, mark)?;
            change.commit()?;
            Ok(newer)
        };
        replace().map_err(|error| failed("write", &error))
    }

    fn mark(&self, view: &str) -> Result<Option<String>, Diagnostic> {
        let read = || -> heed::Result<Option<String>> {
            let snapshot = self.env.read_txn()?;
            let mark = self.rows.get(&snapshot, &mark_key(view))?;
            Ok(mark.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        };
        read().map_err(|error| failed("read", &error))
    }
}

fn view_prefix(view: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(view.len() + 1);
    key.extend(view.as_bytes());
    key.push(0);
    key
}

fn row_key(view: &str, entity: &EntityKey) -> Vec<u8> {
    let mut key = view_prefix(view);
    match key.len() + entity.bytes().len() <= LONGEST_KEY {
        true => key.extend(entity.bytes()),
        // No entity key begins with this sign, so a hash never meets a key that fits.
        false => key.extend(format!("#{}", digest::hex(entity.bytes())).as_bytes()),
    }
    key
}

fn mark_key(view: &str) -> Vec<u8> {
    format!("{MARKS}{view}").into_bytes()
}

fn failed(verb: &str, error: &heed::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot {verb} the online store: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::conformance;

    #[test]
    fn keeps_the_promises_of_an_online_store() {
        let folder = tempfile::tempdir().unwrap();
        conformance::run(LmdbStore::open(folder.path()).unwrap().as_ref());
    }

    #[test]
    fn a_folder_is_opened_once_a_process_and_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let first = LmdbStore::open(folder.path()).unwrap();
        let second = LmdbStore::open(folder.path()).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        first.write("v", &[], "here").unwrap();
        drop((first, second));
        let again = LmdbStore::open(folder.path()).unwrap();
        assert_eq!(again.mark("v").unwrap().as_deref(), Some("here"));
    }
}
