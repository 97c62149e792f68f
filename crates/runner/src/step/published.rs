//! What a node's name stands for before its step, to go back to where a hook of its transaction fails.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Fault, Relation};
use forebay_lake::{Input, Lake, TableKind, WriteMode, WriteOptions};

pub struct Published {
    relation: Relation,
    state: State,
}

enum State {
    Nothing,
    Table(i64),
    View(String),
}

impl Published {
    pub async fn of(lake: &Lake, relation: &Relation) -> Result<Self, Diagnostic> {
        let state = match lake.info(relation).await? {
            None => State::Nothing,
            Some(info) => match info.view_sql {
                Some(sql) => State::View(sql),
                None => State::Table(info.version),
            },
        };
        Ok(Self {
            relation: relation.clone(),
            state,
        })
    }

    /// Puts back what was there, as a commit of its own: between the step's and this one the step's is seen. A table
    /// in whose place a view has come is lost with its history.
    ///
    /// The problem is given back. It is not one to try again: a transaction of the run that is undone counts as made.
    pub async fn back(self, lake: &Lake, mut problem: Diagnostic) -> Diagnostic {
        if let Err(second) = self.restored(lake).await {
            return problem.hint(format!("{} stays as it is: {second}", self.relation));
        }
        problem.fault = Fault::User;
        problem
    }

    async fn restored(&self, lake: &Lake) -> Result<(), Diagnostic> {
        let relation = &self.relation;
        match &self.state {
            State::Nothing => lake.drop(relation).await,
            State::View(sql) => lake.create_view(relation, sql).await,
            State::Table(version) => self.rows_of(lake, *version).await,
        }
    }

    async fn rows_of(&self, lake: &Lake, version: i64) -> Result<(), Diagnostic> {
        let relation = &self.relation;
        let now = lake.info(relation).await?;
        if now.is_none_or(|now| now.kind == TableKind::View || now.version == version) {
            return Ok(());
        }
        let then = BTreeMap::from([(relation.clone(), version)]);
        let sql = format!("select * from {}", relation.sql());
        let rows = Input::Stream(lake.query_at(&sql, &then).await?);
        let options = WriteOptions::new(WriteMode::Overwrite);
        lake.write(relation, rows, options).await.map(drop)
    }
}
