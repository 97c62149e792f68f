//! Tables at a version, kept in memory as long as nobody commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;
use deltalake::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use deltalake::kernel::{EagerSnapshot, LogicalFileView};
use deltalake::logstore::LogStoreRef;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use forebay_core::{Diagnostic, Relation};

use super::declared::Declared;
use super::folder::{Folder, Stamp};
use super::marks;
use super::plain::PlainFiles;
use super::scan::Scan;
use crate::engine::from_engine;

/// Old versions kept at once. A training set reads a handful.
const PINNED: usize = 64;

/// One table at one version.
pub(crate) struct Table {
    relation: Relation,
    delta: DeltaTable,
    stamp: Option<Stamp>,
    plain: OnceLock<Option<Arc<PlainFiles>>>,
}

impl Table {
    fn new(folder: &Folder, relation: &Relation, delta: DeltaTable) -> Result<Self, Diagnostic> {
        let version = delta
            .version()
            .ok_or_else(|| Diagnostic::internal(format!("table '{relation}' was not loaded")))?;
        // A table that was made anew between loading and looking is not the one that was loaded.
        let committed = delta
            .snapshot()
            .ok()
            .and_then(|s| s.version_timestamp(version));
        let stamp = folder.stamp(relation, version);
        Ok(Self {
            relation: relation.clone(),
            stamp: stamp.filter(|stamp| committed.is_none_or(|ms| ms == stamp.modified_ms())),
            delta,
            plain: OnceLock::new(),
        })
    }

    pub(crate) fn version(&self) -> u64 {
        self.delta.version().unwrap_or_default()
    }

    pub(crate) fn log(&self) -> LogStoreRef {
        self.delta.log_store()
    }

    pub(crate) fn snapshot(&self) -> Result<&EagerSnapshot, Diagnostic> {
        let state = self.delta.snapshot();
        let state = state.map_err(|error| fault(&self.relation, error))?;
        Ok(state.snapshot())
    }

    /// The columns as queries see them.
    pub(crate) fn seen_schema(&self) -> Result<SchemaRef, Diagnostic> {
        Ok(marks::seen(&self.schema()?))
    }

    /// What statements have declared of its columns.
    pub(crate) fn declared(&self) -> Result<Declared, Diagnostic> {
        Ok(Declared::of(self.snapshot()?.metadata().configuration()))
    }

    /// The columns as they are stored.
    pub(super) fn schema(&self) -> Result<SchemaRef, Diagnostic> {
        Ok(self.snapshot()?.arrow_schema())
    }

    pub(crate) fn files(&self) -> Result<Vec<LogicalFileView>, Diagnostic> {
        let data = self.snapshot()?.try_log_data();
        let data = data.map_err(|error| fault(&self.relation, error))?;
        Ok(data.iter().collect())
    }

    /// The table as the engine scans it.
    pub(crate) fn provider(
        &self,
        state: &SessionState,
    ) -> Result<Arc<dyn TableProvider>, Diagnostic> {
        let stored: Arc<dyn TableProvider> = match self.plain() {
            Some(files) => files,
            None => Arc::new(self.scan(state, None)?),
        };
        Ok(Arc::new(Scan::new(stored)))
    }

    fn plain(&self) -> Option<Arc<PlainFiles>> {
        let read = || {
            let state = self.delta.snapshot().ok()?;
            PlainFiles::of(state, self.delta.table_url()).map(Arc::new)
        };
        self.plain.get_or_init(read).clone()
    }

    /// The Delta scan, with a column that names each row's file where asked for.
    pub(crate) fn scan(
        &self,
        session: &dyn Session,
        file_column: Option<&str>,
    ) -> Result<DeltaScanNext, Diagnostic> {
        let mut config = DeltaScanConfig::new_from_session(session);
        if let Some(column) = file_column {
            config = config.with_file_column_name(column);
        }
        DeltaScanNext::new(self.snapshot()?.clone(), config).map_err(from_engine)
    }

    fn is_current(&self, folder: &Folder) -> bool {
        self.is_same(folder) && folder.stamp(&self.relation, self.version() + 1).is_none()
    }

    /// Whether the table on disk is still this one, perhaps with more commits.
    fn is_same(&self, folder: &Folder) -> bool {
        self.stamp.is_some() && self.stamp == folder.stamp(&self.relation, self.version())
    }
}

#[derive(Default)]
pub(crate) struct Cache {
    newest: Mutex<HashMap<Relation, Arc<Table>>>,
    pinned: Mutex<HashMap<(Relation, u64), Arc<Table>>>,
}

impl Cache {
    pub(crate) async fn newest(
        &self,
        folder: &Folder,
        relation: &Relation,
    ) -> Result<Option<Arc<Table>>, Diagnostic> {
        let known = lock(&self.newest).get(relation).cloned();
        let loaded = match known {
            Some(table) if table.is_current(folder) => return Ok(Some(table)),
            Some(table) if table.is_same(folder) => {
                let mut delta = table.delta.clone();
                delta.update_state().await.map(|()| delta)
            }
            _ if !folder.is_table(relation) => return Ok(None),
            _ => builder(folder, relation)?.load().await,
        };
        let Some(delta) = unless_gone(relation, loaded)? else {
            return Ok(None);
        };
        self.keep(folder, relation, delta).map(Some)
    }

    /// Takes the table, as it was just read or committed, for its newest version.
    pub(super) fn keep(
        &self,
        folder: &Folder,
        relation: &Relation,
        delta: DeltaTable,
    ) -> Result<Arc<Table>, Diagnostic> {
        let table = Arc::new(Table::new(folder, relation, delta)?);
        lock(&self.newest).insert(relation.clone(), Arc::clone(&table));
        Ok(table)
    }

    pub(crate) async fn at(
        &self,
        folder: &Folder,
        relation: &Relation,
        version: i64,
    ) -> Result<Option<Arc<Table>>, Diagnostic> {
        let Some(newest) = self.newest(folder, relation).await? else {
            return Ok(None);
        };
        let last = newest.version();
        let version = match u64::try_from(version) {
            Ok(version) if version == last => return Ok(Some(newest)),
            Ok(version) if version < last => version,
            _ => return Err(no_version(relation, version, last)),
        };
        let key = (relation.clone(), version);
        if let Some(table) = lock(&self.pinned).get(&key).filter(|t| t.is_same(folder)) {
            return Ok(Some(Arc::clone(table)));
        }
        let loaded = builder(folder, relation)?
            .with_version(version)
            .load()
            .await;
        let delta = loaded.map_err(|error| fault(relation, error))?;
        let table = Arc::new(Table::new(folder, relation, delta)?);
        let mut pinned = lock(&self.pinned);
        if pinned.len() >= PINNED {
            pinned.clear();
        }
        pinned.insert(key, Arc::clone(&table));
        Ok(Some(table))
    }

    pub(crate) fn forget(&self, relation: &Relation) {
        lock(&self.newest).remove(relation);
        lock(&self.pinned).retain(|(pinned, _), _| pinned != relation);
    }
}

pub(crate) fn builder(
    folder: &Folder,
    relation: &Relation,
) -> Result<DeltaTableBuilder, Diagnostic> {
    DeltaTableBuilder::from_url(folder.table_url(relation)?).map_err(|error| fault(relation, error))
}

/// A table that another process drops while it is being read is no table.
fn unless_gone(
    relation: &Relation,
    loaded: Result<DeltaTable, DeltaTableError>,
) -> Result<Option<DeltaTable>, Diagnostic> {
    match loaded {
        Ok(delta) => Ok(Some(delta)),
        Err(DeltaTableError::NotATable(_)) => Ok(None),
        Err(error) => Err(fault(relation, error)),
    }
}

fn no_version(relation: &Relation, version: i64, last: u64) -> Diagnostic {
    Diagnostic::error(format!("table '{relation}' has no version {version}"))
        .hint(format!("its versions are 0 to {last}"))
}

pub(crate) fn fault(relation: &Relation, error: DeltaTableError) -> Diagnostic {
    Diagnostic::environment(format!("table '{relation}': {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
