//! Registered models, their versions and aliases.

use std::collections::BTreeMap;

use forebay_core::Diagnostic;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::Store;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    pub name: String,
    pub created_ms: i64,
    /// Alias to version.
    pub aliases: BTreeMap<String, u64>,
    /// Newest first.
    pub versions: Vec<ModelVersion>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    pub model: String,
    /// Counts from one.
    pub version: u64,
    pub run_id: String,
    /// Hash of everything that made it: rows, definition, trainer.
    pub training_hash: String,
    /// Folder of the model, relative to the artifact root.
    pub source: String,
    pub created_ms: i64,
}

impl Store {
    /// Registers the next version and gives it the alias, in one transaction.
    ///
    /// Idempotent: if a version with that training hash exists, that one receives the alias and is
    /// returned, so that training again from the same data adds nothing.
    pub fn register_version(
        &self,
        new: &ModelVersion,
        alias: Option<&str>,
    ) -> Result<ModelVersion, Diagnostic> {
        self.write(|t| {
            t.execute(
                "insert into registered_models values (?1, ?2) on conflict do nothing",
                params![new.model, new.created_ms],
            )?;
            let known = t
                .query_row(
                    "select * from model_versions where model = ?1 and training_hash = ?2",
                    [&new.model, &new.training_hash],
                    version,
                )
                .optional()?;
            let registered = match known {
                Some(known) => known,
                None => {
                    t.execute(
                        "insert into model_versions select ?1, coalesce(max(version), 0) + 1, \
                         ?2, ?3, ?4, ?5 from model_versions where model = ?1",
                        params![
                            new.model,
                            new.run_id,
                            new.training_hash,
                            new.source,
                            new.created_ms
                        ],
                    )?;
                    t.query_row(
                        "select * from model_versions where model = ?1 \
                         order by version desc limit 1",
                        [&new.model],
                        version,
                    )?
                }
            };
            if let Some(alias) = alias {
                t.execute(
                    "insert or replace into model_aliases values (?1, ?2, ?3)",
                    params![registered.model, alias, registered.version],
                )?;
            }
            Ok(registered)
        })
    }

    pub fn registered_models(&self) -> Result<Vec<RegisteredModel>, Diagnostic> {
        let names: Vec<(String, i64)> = self.read(|c| {
            c.prepare_cached("select name, created_ms from registered_models order by name")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let fill = |(name, created_ms): (String, i64)| {
            self.read(|c| {
                Ok(RegisteredModel {
                    aliases: c
                        .prepare_cached(
                            "select alias, version from model_aliases where model = ?1",
                        )?
                        .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
                        .collect::<rusqlite::Result<_>>()?,
                    versions: c
                        .prepare_cached(
                            "select * from model_versions where model = ?1 order by version desc",
                        )?
                        .query_map([&name], version)?
                        .collect::<rusqlite::Result<_>>()?,
                    name,
                    created_ms,
                })
            })
        };
        names.into_iter().map(fill).collect()
    }

    pub fn model_version(
        &self,
        model: &str,
        number: u64,
    ) -> Result<Option<ModelVersion>, Diagnostic> {
        self.read(|c| {
            c.query_row(
                "select * from model_versions where model = ?1 and version = ?2",
                params![model, number],
                version,
            )
            .optional()
        })
    }

    pub fn version_by_alias(
        &self,
        model: &str,
        alias: &str,
    ) -> Result<Option<ModelVersion>, Diagnostic> {
        self.read(|c| {
            c.query_row(
                "select v.* from model_versions v join model_aliases a \
                 on a.model = v.model and a.version = v.version \
                 where a.model = ?1 and a.alias = ?2",
                [model, alias],
                version,
            )
            .optional()
        })
    }

    pub fn version_by_hash(
        &self,
        model: &str,
        training_hash: &str,
    ) -> Result<Option<ModelVersion>, Diagnostic> {
        self.read(|c| {
            c.query_row(
                "select * from model_versions where model = ?1 and training_hash = ?2",
                [model, training_hash],
                version,
            )
            .optional()
        })
    }
}

fn version(row: &Row<'_>) -> rusqlite::Result<ModelVersion> {
    Ok(ModelVersion {
        model: row.get(0)?,
        version: row.get(1)?,
        run_id: row.get(2)?,
        training_hash: row.get(3)?,
        source: row.get(4)?,
        created_ms: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracking::{Run, RunState};

    fn version(hash: &str) -> ModelVersion {
        ModelVersion {
            model: "late".into(),
            version: 0,
            run_id: "r1".into(),
            training_hash: hash.into(),
            source: "late/r1/model".into(),
            created_ms: 1,
        }
    }

    fn store() -> Store {
        let store = Store::in_memory().unwrap();
        let run = Run {
            id: "r1".into(),
            experiment: "late".into(),
            name: "late".into(),
            state: RunState::Finished,
            invocation_id: None,
            artifact_path: "late/r1".into(),
            started_ms: 1,
            finished_ms: Some(2),
            params: BTreeMap::new(),
            metrics: BTreeMap::new(),
            tags: BTreeMap::new(),
            inputs: vec![],
        };
        store.start_run(&run).unwrap();
        store
    }

    #[test]
    fn the_same_training_registers_once() {
        let store = store();
        let first = store
            .register_version(&version("a"), Some("champion"))
            .unwrap();
        let again = store
            .register_version(&version("a"), Some("champion"))
            .unwrap();
        assert_eq!((first.version, &again), (1, &first));
        let second = store.register_version(&version("b"), None).unwrap();
        assert_eq!(second.version, 2);
        let champion = store.version_by_alias("late", "champion").unwrap().unwrap();
        assert_eq!(
            champion.version, 1,
            "a version without an alias leaves the champion alone"
        );
        assert_eq!(store.registered_models().unwrap()[0].versions.len(), 2);
    }
}
