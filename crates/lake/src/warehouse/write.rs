//! Writing a table, in one commit whatever the mode.
//!
//! The input's rows go to data files first. Then the newest version of the table says what else the
//! commit holds; where another writer committed meanwhile, that part is done again.

use std::path::PathBuf;

use arrow::datatypes::Schema;
use datafusion::execution::SessionState;
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use forebay_core::{Diagnostic, Relation};
use tokio::sync::OwnedMutexGuard;

use super::align::Alignment;
use super::commit::{Outcome, check_writable, commit, same_columns, schema_actions};
use super::data_file::{Files, Target, discard, write_files};
use super::declared::Declared;
use super::replace::{self, NewRows, Replaced};
use super::table::{Table, builder, fault};
use super::{Warehouse, folder, view};
use crate::dialect::dialect_of;
use crate::types::{Rows, Txn, WriteMode, WriteOptions, Written};

/// Commits tried before another writer's are called too many.
const ATTEMPTS: usize = 20;

/// The answer to asking for a write.
pub(crate) enum Begun<'a> {
    /// Everything is recorded already, as of this version.
    Skipped(i64),
    Writing(Writing<'a>),
}

/// The right to write one table, in this process.
pub(crate) struct Writing<'a> {
    warehouse: &'a Warehouse,
    relation: Relation,
    _alone: OwnedMutexGuard<()>,
}

impl Warehouse {
    pub(crate) async fn begin(
        &self,
        relation: &Relation,
        txns: &[Txn],
    ) -> Result<Begun<'_>, Diagnostic> {
        folder::check_name(relation)?;
        let writing = Writing {
            warehouse: self,
            relation: relation.clone(),
            _alone: self.writing(relation).await,
        };
        let table = writing.newest().await?;
        if let Some(version) = recorded(relation, table.as_deref(), txns).await? {
            return Ok(Begun::Skipped(version));
        }
        Ok(Begun::Writing(writing))
    }
}

/// The table's version, if it has all transactions already.
async fn recorded(
    relation: &Relation,
    table: Option<&Table>,
    txns: &[Txn],
) -> Result<Option<i64>, Diagnostic> {
    let Some(table) = table.filter(|_| !txns.is_empty()) else {
        return Ok(None);
    };
    for txn in txns {
        let found = table
            .snapshot()?
            .transaction_version(&table.log(), &txn.app_id)
            .await
            .map_err(|error| fault(relation, error))?;
        if found.is_none_or(|version| version < txn.version) {
            return Ok(None);
        }
    }
    Ok(Some(table.version() as i64))
}

impl Writing<'_> {
    /// Writes the rows. They are taken once, and the table changes only at the end.
    pub(crate) async fn finish(
        &self,
        state: &SessionState,
        rows: Rows,
        options: &WriteOptions,
        declared: Option<Declared>,
    ) -> Result<Written, Diagnostic> {
        let table = self.newest().await?;
        let held = table.as_ref().map(|table| table.schema()).transpose()?;
        let held = held.as_deref();
        let input = rows.schema.clone();
        let mut alignment = Alignment::new(
            &self.relation,
            held,
            &input,
            &options.mode,
            options.schema_change,
            dialect_of(state),
        )?;
        // Other rows in the place of all are another table, unless a statement says that they are not.
        let kept = table
            .as_ref()
            .filter(|_| options.mode != WriteMode::Overwrite);
        let kept = kept.map(|table| table.declared()).transpose()?;
        let declared = declared.or(kept).unwrap_or_default();
        alignment.require(&declared);
        if let Some(keys) = options.mode.keys() {
            replace::check_keys(&self.relation, keys, held, &alignment, &input)?;
        }
        if let Some(table) = &table {
            check_writable(&self.relation, table)?;
        }
        let target = self.target()?;
        let files = write_files(&target, rows, alignment.clone()).await?;
        let change = Change {
            writing: self,
            state,
            options,
            alignment,
            declared,
            read: held.cloned(),
            target,
            files,
        };
        let written = change.commit().await;
        if written.as_ref().map_or(true, |written| written.skipped) {
            discard(&change.target.log, &change.files.adds).await;
        }
        written
    }

    /// The newest version; none where a view has the name, and hides what a crash left behind it.
    async fn newest(&self) -> Result<Option<std::sync::Arc<Table>>, Diagnostic> {
        let folder = &self.warehouse.folder;
        if view::read(folder, &self.relation)?.is_none() {
            return self.warehouse.table(&self.relation).await;
        }
        if folder.is_table(&self.relation) {
            folder.remove_table(&self.relation)?;
            self.warehouse.cache.forget(&self.relation);
        }
        Ok(None)
    }

    /// What was just committed need not be read again.
    fn keep(&self, committed: DeltaTable) -> Result<(), Diagnostic> {
        let Warehouse { folder, cache, .. } = self.warehouse;
        cache.keep(folder, &self.relation, committed).map(|_| ())
    }

    fn target(&self) -> Result<Target, Diagnostic> {
        let built = builder(&self.warehouse.folder, &self.relation)?.build();
        let log = built
            .map_err(|error| fault(&self.relation, error))?
            .log_store();
        Ok(Target {
            relation: self.relation.clone(),
            log,
        })
    }
}

/// A write whose rows are on disk and wait for their commit.
struct Change<'a> {
    writing: &'a Writing<'a>,
    state: &'a SessionState,
    options: &'a WriteOptions,
    alignment: Alignment,
    declared: Declared,
    /// The table's columns when the alignment was made.
    read: Option<Schema>,
    target: Target,
    files: Files,
}

impl Change<'_> {
    async fn commit(&self) -> Result<Written, Diagnostic> {
        if let WriteMode::Merge { keys } = &self.options.mode {
            let (state, relation) = (self.state, &self.target.relation);
            let (table, folder) = (self.writing.newest().await?, self.folder());
            let new = self.new_rows(&folder);
            replace::check_unique(state, relation, table.as_deref(), &new, keys).await?;
        }
        for attempt in 0..ATTEMPTS {
            if let Some(written) = self.attempt(attempt).await? {
                return Ok(written);
            }
        }
        Err(Diagnostic::environment(format!(
            "table '{}' is being written by others all the time: {ATTEMPTS} commits were in vain",
            self.target.relation
        )))
    }

    /// None: another writer was faster.
    async fn attempt(&self, attempt: usize) -> Result<Option<Written>, Diagnostic> {
        let table = self.writing.newest().await?;
        let table = table.as_deref();
        if attempt > 0 {
            let txns = &self.options.txns;
            if let Some(version) = recorded(&self.target.relation, table, txns).await? {
                return Ok(Some(self.written(version, true)));
            }
            self.check_unchanged(table)?;
        }
        let replaced = self.replaced(table).await?;
        let adds = replaced.adds.clone();
        let committed = match self.actions(table, replaced) {
            Ok(actions) => commit(&self.target, table, actions, self.options).await,
            Err(problem) => Err(problem),
        };
        match committed {
            Ok(Outcome::Committed(committed)) => {
                if let Some(table) = committed.table {
                    self.writing.keep(table)?;
                }
                self.uncover()?;
                Ok(Some(self.written(committed.version as i64, false)))
            }
            Ok(Outcome::Conflict) => {
                discard(&self.target.log, &adds).await;
                Ok(None)
            }
            Err(problem) => {
                discard(&self.target.log, &adds).await;
                Err(problem)
            }
        }
    }

    async fn replaced(&self, table: Option<&Table>) -> Result<Replaced, Diagnostic> {
        let Some(table) = table else {
            return Ok(Replaced::default());
        };
        let (state, target, aligned) = (self.state, &self.target, &self.alignment);
        match &self.options.mode {
            WriteMode::Overwrite => replace::all(table),
            WriteMode::Append if aligned.drops_columns => {
                replace::rewrite_all(state, target, table, aligned).await
            }
            WriteMode::Append => Ok(Replaced::default()),
            WriteMode::DeleteInsert { keys } | WriteMode::Merge { keys } => {
                let folder = self.folder();
                let new = self.new_rows(&folder);
                replace::matching(state, target, table, &new, keys, aligned).await
            }
            WriteMode::ReplaceWhere { condition } => {
                replace::where_true(state, target, table, &self.folder(), condition, aligned).await
            }
        }
    }

    fn actions(
        &self,
        table: Option<&Table>,
        replaced: Replaced,
    ) -> Result<Vec<Action>, Diagnostic> {
        let columns = &self.alignment.schema;
        let mut actions = schema_actions(&self.target.relation, table, columns, &self.declared)?;
        actions.extend(replaced.removes.into_iter().map(Action::Remove));
        let mut adds = replaced.adds;
        adds.extend(self.files.adds.iter().cloned());
        // Files of one moment keep their order where they are read: new rows stand behind those that stay.
        let last = adds.iter().map(|add| add.modification_time).max();
        for add in &mut adds {
            add.modification_time = last.unwrap_or_default();
        }
        actions.extend(adds.into_iter().map(Action::Add));
        Ok(actions)
    }

    /// The files were written for the columns that the table had.
    fn check_unchanged(&self, table: Option<&Table>) -> Result<(), Diagnostic> {
        if self.options.mode == WriteMode::Overwrite {
            return Ok(());
        }
        let now = table.map(Table::schema).transpose()?;
        let same = match (&self.read, now.as_deref()) {
            (Some(before), Some(now)) => same_columns(before, now),
            (None, Some(now)) => same_columns(&self.alignment.schema, now),
            (None, None) => true,
            (Some(_), None) => false,
        };
        if same {
            return Ok(());
        }
        Err(Diagnostic::environment(format!(
            "another writer changed the columns of '{}' at the same time",
            self.target.relation
        ))
        .hint("run it again"))
    }

    /// The table is committed: the view that had its name goes, and the table is seen.
    fn uncover(&self) -> Result<(), Diagnostic> {
        let warehouse = self.writing.warehouse;
        warehouse.folder.remove_view(&self.target.relation)
    }

    fn folder(&self) -> PathBuf {
        let warehouse = self.writing.warehouse;
        warehouse.folder.table(&self.target.relation)
    }

    fn new_rows<'f>(&'f self, folder: &'f std::path::Path) -> NewRows<'f> {
        NewRows {
            folder,
            files: &self.files,
            schema: self.alignment.schema.clone(),
        }
    }

    fn written(&self, version: i64, skipped: bool) -> Written {
        Written {
            version,
            rows: self.files.rows,
            skipped,
        }
    }
}
