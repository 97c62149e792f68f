//! The warehouse: Delta tables and views in a folder, `root/<schema>/<name>`.
//!
//! A view is the file `<name>.view.json` and wins over a table folder of that name. So replacing one
//! by the other has a single moment at which it happens, and what a crash leaves is never seen.

mod align;
mod commit;
mod data_file;
mod declared;
mod folder;
mod log;
mod marks;
mod plain;
mod replace;
mod scan;
mod table;
mod view;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use forebay_core::{Diagnostic, Relation};

pub(crate) use declared::Declared;
use folder::Folder;
pub(crate) use log::{history, transactions};
use table::Cache;
pub(crate) use table::Table;
pub(crate) use view::View;
pub(crate) use write::Begun;

use crate::types::Dialect;

/// What a name stands for.
pub(crate) enum Stored {
    Table(Arc<Table>),
    View(View),
}

pub(crate) struct Warehouse {
    folder: Folder,
    cache: Cache,
    /// One writer of a table at a time in this process; other processes meet at the commit.
    writers: Mutex<HashMap<Relation, Arc<tokio::sync::Mutex<()>>>>,
}

impl Warehouse {
    pub(crate) fn open(root: &std::path::Path) -> Result<Self, Diagnostic> {
        Ok(Self {
            folder: Folder::open(root)?,
            cache: Cache::default(),
            writers: Mutex::default(),
        })
    }

    /// All tables and views, by name.
    pub(crate) fn relations(&self) -> Result<Vec<Relation>, Diagnostic> {
        self.folder.relations()
    }

    /// The one table or view whose name differs in capitals alone.
    pub(crate) fn alike(&self, relation: &Relation) -> Option<Relation> {
        self.folder.alike(relation).ok().flatten()
    }

    /// The view or the newest version of the table.
    pub(crate) async fn lookup(&self, relation: &Relation) -> Result<Option<Stored>, Diagnostic> {
        if !folder::is_name(&relation.schema) || !folder::is_name(&relation.name) {
            return Ok(None);
        }
        if let Some(view) = view::read(&self.folder, relation)? {
            return Ok(Some(Stored::View(view)));
        }
        Ok(self.table(relation).await?.map(Stored::Table))
    }

    /// The newest version of the table, a view of that name or not.
    async fn table(&self, relation: &Relation) -> Result<Option<Arc<Table>>, Diagnostic> {
        self.cache.newest(&self.folder, relation).await
    }

    pub(crate) async fn table_at(
        &self,
        relation: &Relation,
        version: i64,
    ) -> Result<Option<Arc<Table>>, Diagnostic> {
        folder::check_name(relation)?;
        self.cache.at(&self.folder, relation, version).await
    }

    /// Defines the view, replacing a view or table of that name at one moment. The SQL must plan.
    pub(crate) async fn create_view(
        &self,
        relation: &Relation,
        sql: &str,
        dialect: Dialect,
    ) -> Result<(), Diagnostic> {
        folder::check_name(relation)?;
        let _writing = self.writing(relation).await;
        view::write(&self.folder, relation, sql, dialect)?;
        self.folder.remove_table(relation)?;
        self.cache.forget(relation);
        Ok(())
    }

    /// Removes the view or table. The table goes first, so that a crash never brings it back to
    /// light by removing the view that hid it.
    pub(crate) async fn drop(&self, relation: &Relation) -> Result<(), Diagnostic> {
        folder::check_name(relation)?;
        let _writing = self.writing(relation).await;
        self.folder.remove_table(relation)?;
        self.folder.remove_view(relation)?;
        self.cache.forget(relation);
        Ok(())
    }

    async fn writing(&self, relation: &Relation) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut writers = self.writers.lock().unwrap_or_else(|e| e.into_inner());
            Arc::clone(writers.entry(relation.clone()).or_default())
        };
        lock.lock_owned().await
    }
}
