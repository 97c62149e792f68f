//! Evaluation datasets: a name, tags, the experiments that use it, records.

use forebay_core::digest;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::pairs::{self, Pairs};
use crate::search::{self, Field, Kind, Page, Search, Sql, Target};
use crate::{Error, Store, limits};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationDataset {
    /// `d-` and 32 hexadecimal digits.
    pub id: String,
    pub name: String,
    /// JSON: the fields of inputs, outputs and expectations with their types. None without records.
    pub schema: Option<String>,
    /// Changes with every change of the records.
    pub digest: String,
    /// Empty where not said.
    pub created_by: String,
    pub updated_by: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Pairs,
    pub records: u64,
    pub experiments: Vec<i64>,
}

/// The tag in which clients say who they are.
pub(super) const USER: &str = "mlflow.user";

const TARGET: Target = Target {
    what: "evaluation datasets",
    table: "evaluation_datasets",
    entities: &["attribute", "attributes", "attr", "dataset"],
    fields: &[
        Field::attribute(&["name"], Kind::Text, "t.name {}"),
        Field::attribute(&["dataset_id"], Kind::Text, "t.id {}"),
        Field::attribute(&["created_by"], Kind::Text, "t.created_by {}"),
        Field::attribute(&["last_updated_by"], Kind::Text, "t.updated_by {}"),
        Field::attribute(&["created_time"], Kind::Number, "t.created_ms {}"),
        Field::attribute(&["last_update_time"], Kind::Number, "t.updated_ms {}"),
        Field::pair(
            &["tags", "tag"],
            Kind::Text,
            "(select value from evaluation_dataset_tags where dataset_id = t.id and key = ?) {}",
        ),
    ],
    ties: &[("t.created_ms", true), ("t.id", false)],
};

impl Store {
    /// Names need not be unique, as in MLflow.
    pub fn create_evaluation_dataset(
        &self,
        id: &str,
        name: &str,
        tags: &Pairs,
        experiments: &[i64],
        now_ms: i64,
    ) -> Result<EvaluationDataset, Error> {
        limits::evaluation_dataset_name(name)?;
        limits::evaluation_tags(tags)?;
        self.change(|t| {
            let user = tags.get(USER).map_or("", String::as_str);
            t.execute(
                "insert into evaluation_datasets values (?1, ?2, null, ?3, ?4, ?4, ?5, ?5)",
                params![id, name, digest_of(name, now_ms), user, now_ms],
            )?;
            put_tags(t, id, tags)?;
            link(t, id, experiments)?;
            get(t, id)
        })
    }

    pub fn evaluation_dataset(&self, id: &str) -> Result<EvaluationDataset, Error> {
        self.ask(|c| get(c, id))
    }

    /// Of these experiments, or of all where none is named; newest first where no order is asked for.
    pub fn search_evaluation_datasets(
        &self,
        experiments: &[i64],
        search: &Search<'_>,
    ) -> Result<Page<EvaluationDataset>, Error> {
        self.ask(|c| {
            let scope = match experiments {
                [] => Sql::new("true", Vec::new()),
                some => Sql::new(
                    "t.id in (select dataset_id from evaluation_dataset_experiments \
                     where experiment_id in (select value from json_each(?)))",
                    vec![Value::Text(search::ids(some))],
                ),
            };
            let page = search::run(c, &TARGET, &scope, search)?;
            let mut select =
                c.prepare_cached("select id from evaluation_datasets where rowid = ?1")?;
            let mut one =
                |row: &i64| get(c, &select.query_row([row], |row| row.get::<_, String>(0))?);
            let items = page.items.iter().map(&mut one).collect::<Result<_, _>>()?;
            Ok(Page {
                items,
                next: page.next,
            })
        })
    }

    /// One that is not there is no error, as in MLflow.
    pub fn delete_evaluation_dataset(&self, id: &str) -> Result<(), Error> {
        self.change(|t| {
            t.execute("delete from evaluation_datasets where id = ?1", [id])?;
            Ok(())
        })
    }

    pub fn set_evaluation_dataset_tags(
        &self,
        id: &str,
        tags: &Pairs,
        now_ms: i64,
    ) -> Result<EvaluationDataset, Error> {
        limits::evaluation_tags(tags)?;
        self.change(|t| {
            known(t, id)?;
            put_tags(t, id, tags)?;
            touch(t, id, tags.get(USER), now_ms)?;
            get(t, id)
        })
    }

    /// A tag that is not there is no error, as in MLflow.
    pub fn delete_evaluation_dataset_tag(&self, id: &str, key: &str) -> Result<(), Error> {
        self.change(|t| {
            known(t, id)?;
            let sql = "delete from evaluation_dataset_tags where dataset_id = ?1 and key = ?2";
            t.execute(sql, [id, key])?;
            Ok(())
        })
    }

    pub fn link_evaluation_dataset(
        &self,
        id: &str,
        experiments: &[i64],
    ) -> Result<EvaluationDataset, Error> {
        self.change(|t| {
            known(t, id)?;
            link(t, id, experiments)?;
            get(t, id)
        })
    }

    pub fn unlink_evaluation_dataset(
        &self,
        id: &str,
        experiments: &[i64],
    ) -> Result<EvaluationDataset, Error> {
        self.change(|t| {
            known(t, id)?;
            t.execute(
                "delete from evaluation_dataset_experiments where dataset_id = ?1 \
                 and experiment_id in (select value from json_each(?2))",
                [id, &search::ids(experiments)],
            )?;
            get(t, id)
        })
    }
}

fn link(t: &Transaction<'_>, id: &str, experiments: &[i64]) -> Result<(), Error> {
    for experiment in experiments {
        crate::tracking::experiment::active(t, *experiment)?;
        t.execute(
            "insert or ignore into evaluation_dataset_experiments values (?1, ?2)",
            params![id, experiment],
        )?;
    }
    Ok(())
}

fn put_tags(t: &Transaction<'_>, id: &str, tags: &Pairs) -> Result<(), Error> {
    let sql = "insert or replace into evaluation_dataset_tags values (?1, ?2, ?3)";
    pairs::put(t, sql, id, tags)
}

pub(super) fn touch(
    t: &Transaction<'_>,
    id: &str,
    user: Option<&String>,
    now_ms: i64,
) -> Result<(), Error> {
    t.execute(
        "update evaluation_datasets set updated_ms = ?2, updated_by = coalesce(?3, updated_by) where id = ?1",
        params![id, now_ms, user],
    )?;
    Ok(())
}

/// 8 hexadecimal digits.
pub(super) fn digest_of(name: &str, now_ms: i64) -> String {
    digest::hex(format!("{name}:{now_ms}").as_bytes())[..8].to_owned()
}

pub(super) fn known(c: &Connection, id: &str) -> Result<(), Error> {
    let known = c
        .prepare_cached("select 1 from evaluation_datasets where id = ?1")?
        .exists([id])?;
    if known { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no evaluation dataset with id '{id}'"))
}

pub(super) fn get(c: &Connection, id: &str) -> Result<EvaluationDataset, Error> {
    let head = c
        .prepare_cached(
            "select name, schema, digest, created_by, updated_by, created_ms, updated_ms, \
             (select count(*) from evaluation_records where dataset_id = d.id) \
             from evaluation_datasets d where id = ?1",
        )?
        .query_row([id], |row| {
            Ok(EvaluationDataset {
                id: id.to_owned(),
                name: row.get(0)?,
                schema: row.get(1)?,
                digest: row.get(2)?,
                created_by: row.get(3)?,
                updated_by: row.get(4)?,
                created_ms: row.get(5)?,
                updated_ms: row.get(6)?,
                records: row.get(7)?,
                ..EvaluationDataset::default()
            })
        })
        .optional()?;
    let mut dataset = head.ok_or_else(|| unknown(id))?;
    dataset.tags = c
        .prepare_cached("select key, value from evaluation_dataset_tags where dataset_id = ?1")?
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    dataset.experiments = c
        .prepare_cached(
            "select experiment_id from evaluation_dataset_experiments where dataset_id = ?1 order by 1",
        )?
        .query_map([id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(dataset)
}
