//! Aliases: names that are moved from version to version. What `model@champion` means.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{ModelVersion, model, version};
use crate::{Error, Store, limits};

impl Store {
    /// Gives the alias to that version, taking it from another.
    pub fn set_alias(
        &self,
        model: &str,
        alias: &str,
        number: u64,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::alias(alias)?;
        self.change(|t| {
            version::row(t, model, number)?;
            put(t, model, alias, number)?;
            model::touch(t, model, now_ms)
        })
    }

    /// An alias that is not there is no error, as in MLflow.
    pub fn delete_alias(&self, model: &str, alias: &str, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            model::check_known(t, model)?;
            t.execute(
                "delete from model_aliases where model = ?1 and alias = ?2",
                [model, alias],
            )?;
            model::touch(t, model, now_ms)
        })
    }

    /// None: the model has no such alias, or there is no such model.
    pub fn version_by_alias(
        &self,
        model: &str,
        alias: &str,
    ) -> Result<Option<ModelVersion>, Error> {
        self.ask(|c| {
            let row = c
                .prepare_cached(
                    "select v.rowid from model_aliases a join model_versions v \
                     on v.model = a.model and v.version = a.version where a.model = ?1 and a.alias = ?2",
                )?
                .query_row([model, alias], |row| row.get(0))
                .optional()?;
            row.map(|row| version::get(c, row)).transpose()
        })
    }
}

pub(super) fn put(t: &Transaction<'_>, model: &str, alias: &str, number: u64) -> Result<(), Error> {
    t.execute(
        "insert or replace into model_aliases values (?1, ?2, ?3)",
        params![model, alias, number],
    )?;
    Ok(())
}
