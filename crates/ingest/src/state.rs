//! What a table has loaded, as its Delta `txn` actions say.
//!
//! Each loaded content of a file is one transaction `ingest/<path>#<load id>`; its version counts
//! the contents that were loaded of that path, so the highest one is what the table holds now, also
//! when a file goes back to an older content. A `replace` load records one more,
//! `ingest-set#<hash>`, over all of its files and settings: rows go away with a file that is gone.

use std::collections::BTreeMap;

use forebay_lake::Txn;

use crate::plan::PlannedFile;

const FILE: &str = "ingest/";
const SET: &str = "ingest-set#";

/// The contents that a table holds.
#[derive(Debug, Default)]
pub struct LoadState {
    /// By path: how many contents of it were loaded, and the newest of them.
    files: BTreeMap<String, Recorded>,
    set: Option<Recorded>,
}

#[derive(Clone, Debug)]
struct Recorded {
    version: i64,
    hash: String,
}

impl LoadState {
    pub fn read(transactions: &BTreeMap<String, i64>) -> Self {
        let mut state = Self::default();
        for (app_id, version) in transactions {
            let recorded = |hash: &str| Recorded {
                version: *version,
                hash: hash.to_owned(),
            };
            if let Some(hash) = app_id.strip_prefix(SET) {
                newer(&mut state.set, recorded(hash));
            } else if let Some((path, hash)) =
                app_id.strip_prefix(FILE).and_then(|id| id.rsplit_once('#'))
            {
                let mut newest = state.files.remove(path);
                newer(&mut newest, recorded(hash));
                state
                    .files
                    .extend(newest.map(|newest| (path.to_owned(), newest)));
            }
        }
        state
    }

    /// The load id of the path's content in the table.
    pub fn loaded(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|recorded| recorded.hash.as_str())
    }

    /// All paths of which something was loaded.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Whether the newest `replace` load was this one.
    pub fn holds_set(&self, hash: &str) -> bool {
        self.set.as_ref().is_some_and(|set| set.hash == hash)
    }

    /// What to record for a file that is loaded now.
    pub fn file_txn(&self, file: &PlannedFile) -> Txn {
        let before = self.files.get(&file.path);
        // A replaced table is written anew with contents that it holds already.
        let version = match before {
            Some(recorded) if recorded.hash == file.load_id => recorded.version,
            Some(recorded) => recorded.version + 1,
            None => 1,
        };
        Txn {
            app_id: format!("{FILE}{}#{}", file.path, file.load_id),
            version,
        }
    }

    /// What to record for a `replace` load.
    pub fn set_txn(&self, hash: &str) -> Txn {
        Txn {
            app_id: format!("{SET}{hash}"),
            version: self.set.as_ref().map_or(1, |set| set.version + 1),
        }
    }
}

fn newer(newest: &mut Option<Recorded>, other: Recorded) {
    if newest
        .as_ref()
        .is_none_or(|newest| newest.version < other.version)
    {
        *newest = Some(other);
    }
}

/// Whether a table has this transaction, or a later one of its kind.
pub fn is_recorded(transactions: &BTreeMap<String, i64>, txn: &Txn) -> bool {
    transactions
        .get(&txn.app_id)
        .is_some_and(|version| *version >= txn.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FileAction;

    fn file(load_id: &str) -> PlannedFile {
        PlannedFile {
            path: "data/a#1.csv".into(),
            bytes: 1,
            load_id: load_id.into(),
            action: FileAction::Load,
        }
    }

    #[test]
    fn a_file_that_goes_back_to_an_older_content_is_not_taken_for_loaded() {
        let mut transactions = BTreeMap::new();
        for content in ["aaaa", "bbbb", "aaaa"] {
            let state = LoadState::read(&transactions);
            assert_ne!(state.loaded("data/a#1.csv"), Some(content));
            let txn = state.file_txn(&file(content));
            assert!(!is_recorded(&transactions, &txn));
            transactions.insert(txn.app_id, txn.version);
            let state = LoadState::read(&transactions);
            assert_eq!(state.loaded("data/a#1.csv"), Some(content));
        }
    }

    #[test]
    fn a_set_is_held_until_another_follows() {
        let mut transactions = BTreeMap::new();
        for hash in ["one", "two", "one"] {
            let state = LoadState::read(&transactions);
            assert!(!state.holds_set(hash));
            let txn = state.set_txn(hash);
            transactions.insert(txn.app_id, txn.version);
            assert!(LoadState::read(&transactions).holds_set(hash));
        }
        // Transactions of other programs are none of ours.
        transactions.insert("spark-stream".into(), 7);
        assert_eq!(LoadState::read(&transactions).paths().count(), 0);
    }
}
