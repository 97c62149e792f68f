//! Experiments: a name, a place for artifacts, tags. A deleted one keeps its name.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::pairs::{self, Pairs};
use crate::search::{self, Field, Kind, Page, Search, Target};
use crate::{Error, Store, limits};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    pub id: i64,
    pub name: String,
    /// Where its artifacts lie: relative to the artifact root, or a URI that only clients reach.
    pub artifact_path: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub deleted_ms: Option<i64>,
    pub tags: Pairs,
}

const TARGET: Target = Target {
    what: "experiments",
    table: "experiments",
    entities: &["attribute", "attributes", "attr", "experiment"],
    fields: &[
        Field::attribute(&["name"], Kind::Text, "t.name {}"),
        Field::attribute(&["experiment_id"], Kind::Text, "cast(t.id as text) {}"),
        Field::attribute(&["creation_time"], Kind::Number, "t.created_ms {}"),
        Field::attribute(&["last_update_time"], Kind::Number, "t.updated_ms {}"),
        Field::pair(
            &["tags", "tag"],
            Kind::Text,
            "(select value from experiment_tags where experiment_id = t.id and key = ?) {}",
        ),
    ],
    ties: &[("t.created_ms", true), ("t.id", false)],
};

impl Store {
    /// Returns its id. Without a place of its own, its artifacts go to a folder named by the id.
    pub fn create_experiment(
        &self,
        name: &str,
        artifact_path: Option<&str>,
        tags: &Pairs,
        now_ms: i64,
    ) -> Result<i64, Error> {
        limits::experiment_name(name)?;
        limits::experiment_tags(tags)?;
        limits::location(artifact_path.unwrap_or_default())?;
        self.change(|t| {
            if let Some(known) = by_name(t, name)? {
                let deleted = if known.deleted_ms.is_some() { ", deleted" } else { "" };
                return Err(Error::Exists(format!(
                    "there is an experiment named '{name}' already (id {}{deleted})",
                    known.id
                )));
            }
            t.execute(
                "insert into experiments (name, created_ms, updated_ms, artifact_path) values (?1, ?2, ?2, ?3)",
                params![name, now_ms, artifact_path.unwrap_or_default()],
            )?;
            let id = t.last_insert_rowid();
            t.execute(
                "update experiments set artifact_path = cast(id as text) where id = ?1 and artifact_path = ''",
                [id],
            )?;
            put_tags(t, id, tags)?;
            Ok(id)
        })
    }

    pub fn experiment(&self, id: i64) -> Result<Experiment, Error> {
        self.ask(|c| get(c, id))
    }

    pub fn experiment_by_name(&self, name: &str) -> Result<Experiment, Error> {
        self.ask(|c| {
            by_name(c, name)?
                .ok_or_else(|| Error::not_found(format!("there is no experiment named '{name}'")))
        })
    }

    pub fn rename_experiment(&self, id: i64, name: &str, now_ms: i64) -> Result<(), Error> {
        limits::experiment_name(name)?;
        self.change(|t| {
            active(t, id)?;
            if by_name(t, name)?.is_some_and(|other| other.id != id) {
                return Err(Error::Exists(format!(
                    "there is an experiment named '{name}' already"
                )));
            }
            t.execute(
                "update experiments set name = ?2, updated_ms = ?3 where id = ?1",
                params![id, name, now_ms],
            )?;
            Ok(())
        })
    }

    /// With its runs, which come back with it.
    pub fn delete_experiment(&self, id: i64, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            if get(t, id)?.deleted_ms.is_some() {
                return Err(Error::not_found(format!(
                    "experiment {id} is deleted already"
                )));
            }
            t.execute(
                "update experiments set deleted_ms = ?2, updated_ms = ?2 where id = ?1",
                [id, now_ms],
            )?;
            t.execute(
                "update runs set deleted_ms = ?2 where experiment_id = ?1 and deleted_ms is null",
                [id, now_ms],
            )?;
            Ok(())
        })
    }

    pub fn restore_experiment(&self, id: i64, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            if get(t, id)?.deleted_ms.is_none() {
                return Err(Error::not_found(format!(
                    "there is no deleted experiment with id {id}"
                )));
            }
            t.execute(
                "update experiments set deleted_ms = null, updated_ms = ?2 where id = ?1",
                [id, now_ms],
            )?;
            t.execute(
                "update runs set deleted_ms = null where experiment_id = ?1",
                [id],
            )?;
            Ok(())
        })
    }

    pub fn set_experiment_tags(&self, id: i64, tags: &Pairs, now_ms: i64) -> Result<(), Error> {
        limits::experiment_tags(tags)?;
        self.change(|t| {
            active(t, id)?;
            put_tags(t, id, tags)?;
            touch(t, id, now_ms)
        })
    }

    pub fn delete_experiment_tag(&self, id: i64, key: &str, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            active(t, id)?;
            let gone = t.execute(
                "delete from experiment_tags where experiment_id = ?1 and key = ?2",
                params![id, key],
            )?;
            match gone {
                0 => Err(Error::not_found(format!(
                    "experiment {id} has no tag '{key}'"
                ))),
                _ => touch(t, id, now_ms),
            }
        })
    }

    /// Newest first, where no order is asked for.
    pub fn search_experiments(&self, search: &Search<'_>) -> Result<Page<Experiment>, Error> {
        self.ask(|c| {
            let scope = search::stage(search.stage);
            let page = search::run(c, &TARGET, &scope, search)?;
            let items = page
                .items
                .iter()
                .map(|id| get(c, *id))
                .collect::<Result<_, _>>()?;
            Ok(Page {
                items,
                next: page.next,
            })
        })
    }
}

fn touch(t: &Transaction<'_>, id: i64, now_ms: i64) -> Result<(), Error> {
    t.execute(
        "update experiments set updated_ms = ?2 where id = ?1",
        [id, now_ms],
    )?;
    Ok(())
}

fn put_tags(t: &Transaction<'_>, id: i64, tags: &Pairs) -> Result<(), Error> {
    let sql = "insert or replace into experiment_tags values (cast(?1 as integer), ?2, ?3)";
    pairs::put(t, sql, &id.to_string(), tags)
}

/// The experiment, if it may be changed.
pub(crate) fn active(c: &Connection, id: i64) -> Result<Experiment, Error> {
    let experiment = get(c, id)?;
    match experiment.deleted_ms {
        None => Ok(experiment),
        Some(_) => Err(Error::invalid(format!(
            "experiment {id} ('{}') is deleted: restore it first",
            experiment.name
        ))),
    }
}

fn get(c: &Connection, id: i64) -> Result<Experiment, Error> {
    let found = one(c, "id = ?1", [id])?;
    found.ok_or_else(|| Error::not_found(format!("there is no experiment with id {id}")))
}

fn by_name(c: &Connection, name: &str) -> Result<Option<Experiment>, Error> {
    one(c, "name = ?1", [name])
}

fn one(
    c: &Connection,
    condition: &str,
    key: impl rusqlite::Params,
) -> Result<Option<Experiment>, Error> {
    let sql = format!(
        "select id, name, artifact_path, created_ms, updated_ms, deleted_ms from experiments where {condition}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let found = statement.query_row(key, |row| {
        Ok(Experiment {
            id: row.get(0)?,
            name: row.get(1)?,
            artifact_path: row.get(2)?,
            created_ms: row.get(3)?,
            updated_ms: row.get(4)?,
            deleted_ms: row.get(5)?,
            tags: Pairs::new(),
        })
    });
    let Some(mut experiment) = found.optional()? else {
        return Ok(None);
    };
    experiment.tags = c
        .prepare_cached("select key, value from experiment_tags where experiment_id = ?1")?
        .query_map([experiment.id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(experiment))
}
