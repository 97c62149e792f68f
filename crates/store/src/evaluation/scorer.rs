//! Scorers: versions of a client's own judging functions, kept as the text that it wrote.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::tracking::experiment;
use crate::{Error, Store, limits};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scorer {
    pub id: String,
    pub experiment_id: i64,
    pub name: String,
    /// Counts from one.
    pub version: u64,
    /// JSON.
    pub serialized: String,
    pub created_ms: i64,
}

const SELECT: &str = "select s.id, s.experiment_id, s.name, v.version, v.serialized, v.created_ms \
    from scorers s join scorer_versions v on v.scorer_id = s.id";

impl Store {
    /// Adds a version; `id` is the scorer's, where that is new.
    pub fn register_scorer(
        &self,
        id: &str,
        experiment_id: i64,
        name: &str,
        serialized: &str,
        now_ms: i64,
    ) -> Result<Scorer, Error> {
        limits::scorer(name, serialized)?;
        self.change(|t| {
            experiment::active(t, experiment_id)?;
            t.execute(
                "insert or ignore into scorers values (?1, ?2, ?3)",
                params![id, experiment_id, name],
            )?;
            t.execute(
                "insert into scorer_versions select s.id, (select coalesce(max(version), 0) + 1 \
                 from scorer_versions where scorer_id = s.id), ?3, ?4 from scorers s \
                 where experiment_id = ?1 and name = ?2",
                params![experiment_id, name, serialized, now_ms],
            )?;
            version(t, experiment_id, name, None)
        })
    }

    /// The newest version of each, by name.
    pub fn scorers(&self, experiments: &[i64]) -> Result<Vec<Scorer>, Error> {
        let sql = format!(
            "{SELECT} where s.experiment_id in (select value from json_each(?1)) and v.version = \
             (select max(version) from scorer_versions where scorer_id = s.id) order by s.experiment_id, s.name"
        );
        self.ask(|c| {
            experiments
                .iter()
                .try_for_each(|id| experiment::active(c, *id).map(drop))?;
            many(c, &sql, [crate::search::ids(experiments)])
        })
    }

    /// The oldest first.
    pub fn scorer_versions(&self, experiment_id: i64, name: &str) -> Result<Vec<Scorer>, Error> {
        let sql = format!("{SELECT} where s.experiment_id = ?1 and s.name = ?2 order by v.version");
        self.ask(|c| {
            experiment::active(c, experiment_id)?;
            match many(c, &sql, params![experiment_id, name])? {
                none if none.is_empty() => Err(unknown(experiment_id, name, None)),
                some => Ok(some),
            }
        })
    }

    /// The newest, where no version is named.
    pub fn scorer(
        &self,
        experiment_id: i64,
        name: &str,
        number: Option<u64>,
    ) -> Result<Scorer, Error> {
        self.ask(|c| {
            experiment::active(c, experiment_id)?;
            version(c, experiment_id, name, number)
        })
    }

    /// All of its versions, where none is named.
    pub fn delete_scorer(
        &self,
        experiment_id: i64,
        name: &str,
        number: Option<u64>,
    ) -> Result<(), Error> {
        self.change(|t| {
            experiment::active(t, experiment_id)?;
            let found = version(t, experiment_id, name, number)?;
            match number {
                None => t.execute("delete from scorers where id = ?1", [found.id])?,
                Some(number) => t.execute(
                    "delete from scorer_versions where scorer_id = ?1 and version = ?2",
                    params![found.id, number],
                )?,
            };
            Ok(())
        })
    }
}

fn version(
    c: &Connection,
    experiment_id: i64,
    name: &str,
    number: Option<u64>,
) -> Result<Scorer, Error> {
    let sql = format!(
        "{SELECT} where s.experiment_id = ?1 and s.name = ?2 and (?3 is null or v.version = ?3) \
         order by v.version desc limit 1"
    );
    let found = c
        .prepare_cached(&sql)?
        .query_row(params![experiment_id, name, number], scorer)
        .optional()?;
    found.ok_or_else(|| unknown(experiment_id, name, number))
}

fn many(c: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Scorer>, Error> {
    let mut select = c.prepare_cached(sql)?;
    let found = select.query_map(values, scorer)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn scorer(row: &Row<'_>) -> rusqlite::Result<Scorer> {
    Ok(Scorer {
        id: row.get(0)?,
        experiment_id: row.get(1)?,
        name: row.get(2)?,
        version: row.get(3)?,
        serialized: row.get(4)?,
        created_ms: row.get(5)?,
    })
}

fn unknown(experiment_id: i64, name: &str, number: Option<u64>) -> Error {
    let version = number.map_or(String::new(), |number| format!(" of version {number}"));
    Error::not_found(format!(
        "experiment {experiment_id} has no scorer '{name}'{version}"
    ))
}
