//! What is known of a table or view without reading its rows.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Relation};
use futures::future::BoxFuture;

use crate::lake::Lake;
use crate::types::{Commit, TableInfo, TableKind};
use crate::warehouse::{self, Stored, Table, View};

impl Lake {
    /// The table or view as it is now. None: there is none of that name.
    ///
    /// # Errors
    /// A view whose query does not plan any more.
    pub fn info<'a>(
        &'a self,
        relation: &'a Relation,
    ) -> BoxFuture<'a, Result<Option<TableInfo>, Diagnostic>> {
        Box::pin(async move {
            match self.warehouse().lookup(relation).await? {
                Some(Stored::Table(table)) => table_info(relation, &table).await.map(Some),
                Some(Stored::View(view)) => self.view_info(relation, view).await.map(Some),
                None => Ok(None),
            }
        })
    }

    /// The table as it was at that version. None: there is no such table.
    pub fn info_at<'a>(
        &'a self,
        relation: &'a Relation,
        version: i64,
    ) -> BoxFuture<'a, Result<Option<TableInfo>, Diagnostic>> {
        Box::pin(async move {
            match self.warehouse().table_at(relation, version).await? {
                Some(table) => table_info(relation, &table).await.map(Some),
                None => Ok(None),
            }
        })
    }

    /// The newest commits first. A view has one entry: its definition. Empty: no such relation.
    pub fn history<'a>(
        &'a self,
        relation: &'a Relation,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Commit>, Diagnostic>> {
        Box::pin(async move {
            match self.warehouse().lookup(relation).await? {
                Some(Stored::Table(table)) => warehouse::history(relation, &table, limit).await,
                Some(Stored::View(view)) => Ok(vec![Commit {
                    version: view.version,
                    timestamp_ms: view.modified_ms,
                    operation: "CREATE VIEW".to_owned(),
                    metadata: BTreeMap::new(),
                }]),
                None => Ok(Vec::new()),
            }
        })
    }

    /// The newest transaction of each application that wrote the table. Empty where there is none.
    pub fn transactions<'a>(
        &'a self,
        relation: &'a Relation,
    ) -> BoxFuture<'a, Result<BTreeMap<String, i64>, Diagnostic>> {
        Box::pin(async move {
            match self.warehouse().lookup(relation).await? {
                Some(Stored::Table(table)) => warehouse::transactions(relation, &table).await,
                _ => Ok(BTreeMap::new()),
            }
        })
    }

    async fn view_info(&self, relation: &Relation, view: View) -> Result<TableInfo, Diagnostic> {
        let schema = self
            .schema_of(&format!("SELECT * FROM {}", relation.sql()))
            .await?;
        Ok(TableInfo {
            relation: relation.clone(),
            kind: TableKind::View,
            schema,
            version: view.version,
            rows: None,
            bytes: 0,
            files: 0,
            modified_ms: view.modified_ms,
            view_sql: Some(view.sql),
        })
    }
}

async fn table_info(relation: &Relation, table: &Table) -> Result<TableInfo, Diagnostic> {
    let files = table.files()?;
    let rows = files
        .iter()
        .map(|file| file.num_records().map(|rows| rows as u64));
    let newest = warehouse::history(relation, table, 1).await?;
    Ok(TableInfo {
        relation: relation.clone(),
        kind: TableKind::Table,
        schema: table.seen_schema()?,
        version: table.version() as i64,
        rows: rows.sum(),
        bytes: files.iter().map(|file| file.size().max(0) as u64).sum(),
        files: files.len(),
        modified_ms: newest.first().map_or(0, |commit| commit.timestamp_ms),
        view_sql: None,
    })
}
