//! Logged models: what a run made, with parameters and metrics of its own.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Metric, ModelMetric, experiment};
use crate::float::Float;
use crate::pairs::{self, Pairs};
use crate::search::{self, Field, Kind, Page, Search, Sql, Target};
use crate::{Error, Store, limits};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelStatus {
    Pending,
    Ready,
    UploadFailed,
}

impl ModelStatus {
    const ALL: &[(ModelStatus, &str)] = &[
        (ModelStatus::Pending, "PENDING"),
        (ModelStatus::Ready, "READY"),
        (ModelStatus::UploadFailed, "UPLOAD_FAILED"),
    ];

    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(status, _)| *status == self);
        known.expect("ALL lists every status").1
    }

    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(status, _)| *status)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LoggedModel {
    /// `m-` and 32 hexadecimal digits.
    pub id: String,
    pub experiment_id: i64,
    pub name: String,
    /// Empty where not said, as is the run.
    pub model_type: String,
    pub source_run_id: String,
    pub status: ModelStatus,
    /// As a run's: relative to the artifact root, or a URI that only clients reach.
    pub artifact_path: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub params: Pairs,
    pub tags: Pairs,
    /// All of them, by key, step and time.
    pub metrics: Vec<ModelMetric>,
}

macro_rules! target {
    ($metric:literal) => {
        Target {
            what: "logged models",
            table: "logged_models",
            entities: &["attribute", "attributes", "attr"],
            fields: &[
                Field::attribute(&["name", "model_name"], Kind::Text, "t.name {}"),
                Field::attribute(&["model_id"], Kind::Text, "t.id {}"),
                Field::attribute(&["model_type"], Kind::Text, "t.model_type {}"),
                Field::attribute(&["status"], Kind::Text, "t.status {}"),
                Field::attribute(&["source_run_id"], Kind::Text, "t.source_run_id {}"),
                Field::attribute(
                    &[
                        "creation_timestamp_ms",
                        "creation_timestamp",
                        "creation_time",
                    ],
                    Kind::Number,
                    "t.created_ms {}",
                ),
                Field::attribute(
                    &[
                        "last_updated_timestamp_ms",
                        "last_updated_timestamp",
                        "last_updated_time",
                    ],
                    Kind::Number,
                    "t.updated_ms {}",
                ),
                Field::pair(&["metrics", "metric"], Kind::Number, $metric),
                Field::pair(
                    &["params", "param", "parameters", "parameter"],
                    Kind::Text,
                    "(select value from logged_model_params where model_id = t.id and key = ?) {}",
                ),
                Field::pair(
                    &["tags", "tag"],
                    Kind::Text,
                    "(select value from logged_model_tags where model_id = t.id and key = ?) {}",
                ),
            ],
            ties: &[("t.created_ms", true), ("t.id", false)],
        }
    };
}

const TARGET: Target = target!(
    "(select case typeof(value) when 'real' then value end from logged_model_metrics \
     where model_id = t.id and key = ? order by step desc, timestamp_ms desc limit 1) {}"
);
/// Beside the table `wanted`.
const TARGET_ON_DATA: Target = target!(
    "(select case typeof(value) when 'real' then value end from logged_model_metrics m join wanted w \
     on w.name = m.dataset_name and (w.digest is null or w.digest = m.dataset_digest) \
     where model_id = t.id and key = ? order by step desc, timestamp_ms desc limit 1) {}"
);

impl Store {
    /// `model` comes with its id, experiment, name, type, run, parameters and tags; the rest is set here.
    pub fn create_logged_model(&self, model: &LoggedModel) -> Result<(), Error> {
        limits::logged_model_name(&model.name)?;
        limits::params(&model.params)?;
        limits::run_tags(&model.tags)?;
        self.change(|t| {
            let experiment = experiment::active(t, model.experiment_id)?;
            let path = format!("{}/models/{}/artifacts", experiment.artifact_path, model.id);
            t.execute(
                "insert into logged_models values (?1, ?2, ?3, ?4, ?5, 'PENDING', ?6, ?7, ?7, null)",
                params![
                    model.id,
                    model.experiment_id,
                    model.name,
                    model.model_type,
                    model.source_run_id,
                    path,
                    model.created_ms
                ],
            )?;
            put_params(t, &model.id, &model.params)?;
            put_tags(t, &model.id, &model.tags)
        })
    }

    pub fn logged_model(&self, id: &str) -> Result<LoggedModel, Error> {
        self.ask(|c| {
            let row = active(c, id)?;
            load(c, &[row])?.pop().ok_or_else(|| unknown(id))
        })
    }

    pub fn finalize_logged_model(
        &self,
        id: &str,
        status: ModelStatus,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.change(|t| {
            let row = active(t, id)?;
            t.execute(
                "update logged_models set status = ?2, updated_ms = ?3 where rowid = ?1",
                params![row, status.as_str(), now_ms],
            )?;
            Ok(())
        })
    }

    pub fn log_logged_model_params(&self, id: &str, params: &Pairs) -> Result<(), Error> {
        limits::params(params)?;
        self.change(|t| {
            active(t, id)?;
            put_params(t, id, params)
        })
    }

    pub fn set_logged_model_tags(&self, id: &str, tags: &Pairs) -> Result<(), Error> {
        limits::run_tags(tags)?;
        self.change(|t| {
            active(t, id)?;
            put_tags(t, id, tags)
        })
    }

    pub fn delete_logged_model_tag(&self, id: &str, key: &str) -> Result<(), Error> {
        self.change(|t| {
            active(t, id)?;
            match t.execute(
                "delete from logged_model_tags where model_id = ?1 and key = ?2",
                [id, key],
            )? {
                0 => Err(Error::not_found(format!("model '{id}' has no tag '{key}'"))),
                _ => Ok(()),
            }
        })
    }

    /// One that is deleted already stays so: a client may ask again after a lost answer.
    pub fn delete_logged_model(&self, id: &str, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            let known = t
                .prepare_cached("select 1 from logged_models where id = ?1")?
                .exists([id])?;
            if !known {
                return Err(unknown(id));
            }
            t.execute(
                "update logged_models set deleted_ms = ?2, updated_ms = ?2 \
                 where id = ?1 and deleted_ms is null",
                params![id, now_ms],
            )?;
            Ok(())
        })
    }

    /// Newest first, where no order is asked for. With datasets, metrics are those on one of them,
    /// and models without any such are left out.
    pub fn search_logged_models(
        &self,
        experiments: &[i64],
        datasets: &[MeasuredOn],
        search: &Search<'_>,
    ) -> Result<Page<LoggedModel>, Error> {
        self.ask(|c| {
            let mut scope = search::stage(search.stage).and(
                "t.experiment_id in (select value from json_each(?))",
                Value::Text(search::ids(experiments)),
            );
            let page = match datasets {
                [] => search::run(c, &TARGET, &scope, search)?,
                some => {
                    scope.text.push_str(ON_ANY);
                    search::run_with(c, &wanted(some), &TARGET_ON_DATA, &scope, search)?
                }
            };
            Ok(Page {
                items: load(c, &page.items)?,
                next: page.next,
            })
        })
    }
}

/// A dataset on which metrics were measured; of any digest, where none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredOn {
    pub name: String,
    pub digest: Option<String>,
}

/// The datasets as a table `wanted`.
fn wanted(datasets: &[MeasuredOn]) -> Sql {
    let row = |on: &MeasuredOn| serde_json::json!({"name": on.name, "digest": on.digest});
    let rows: serde_json::Value = datasets.iter().map(row).collect();
    Sql::new(
        "with wanted as (select value ->> 'name' as name, value ->> 'digest' as digest from json_each(?)) ",
        vec![Value::Text(rows.to_string())],
    )
}

const ON_ANY: &str = " and exists (select 1 from logged_model_metrics m join wanted w on w.name = m.dataset_name \
    and (w.digest is null or w.digest = m.dataset_digest) where m.model_id = t.id)";

fn put_params(t: &Transaction<'_>, id: &str, params: &Pairs) -> Result<(), Error> {
    pairs::put(
        t,
        "insert or replace into logged_model_params values (?1, ?2, ?3)",
        id,
        params,
    )
}

pub(crate) fn put_tags(t: &Transaction<'_>, id: &str, tags: &Pairs) -> Result<(), Error> {
    pairs::put(
        t,
        "insert or replace into logged_model_tags values (?1, ?2, ?3)",
        id,
        tags,
    )
}

/// Its row. A deleted model is not there any more.
pub(crate) fn active(c: &Connection, id: &str) -> Result<i64, Error> {
    let row = c
        .prepare_cached("select rowid from logged_models where id = ?1 and deleted_ms is null")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    row.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no logged model with id '{id}'"))
}

/// The models of these rows, in their order.
pub(crate) fn load(c: &Connection, rows: &[i64]) -> Result<Vec<LoggedModel>, Error> {
    let ids = search::ids(rows);
    let mut models = heads(c, &ids)?;
    let mut params =
        pairs::of_entities(c, "logged_models", "logged_model_params", "model_id", &ids)?;
    let mut tags = pairs::of_entities(c, "logged_models", "logged_model_tags", "model_id", &ids)?;
    for (row, model) in &mut models {
        model.params = params.remove(row).unwrap_or_default();
        model.tags = tags.remove(row).unwrap_or_default();
    }
    add_metrics(c, &ids, &mut models)?;
    Ok(rows.iter().filter_map(|row| models.remove(row)).collect())
}

fn heads(c: &Connection, ids: &str) -> Result<HashMap<i64, LoggedModel>, Error> {
    let mut statement = c.prepare_cached(
        "select m.rowid, m.id, m.experiment_id, m.name, m.model_type, m.source_run_id, m.status, \
         m.artifact_path, m.created_ms, m.updated_ms from json_each(?1) j \
         join logged_models m on m.rowid = j.value",
    )?;
    let found = statement.query_map([ids], |row| {
        let model = LoggedModel {
            id: row.get(1)?,
            experiment_id: row.get(2)?,
            name: row.get(3)?,
            model_type: row.get(4)?,
            source_run_id: row.get(5)?,
            status: ModelStatus::parse(&row.get::<_, String>(6)?).unwrap_or(ModelStatus::Pending),
            artifact_path: row.get(7)?,
            created_ms: row.get(8)?,
            updated_ms: row.get(9)?,
            params: Pairs::new(),
            tags: Pairs::new(),
            metrics: Vec::new(),
        };
        Ok((row.get(0)?, model))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn add_metrics(
    c: &Connection,
    ids: &str,
    models: &mut HashMap<i64, LoggedModel>,
) -> Result<(), Error> {
    let mut statement = c.prepare_cached(
        "select m.rowid, x.model_id, x.run_id, x.dataset_name, x.dataset_digest, x.key, x.step, \
         x.timestamp_ms, x.value from json_each(?1) j join logged_models m on m.rowid = j.value \
         join logged_model_metrics x on x.model_id = m.id",
    )?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        let Some(model) = models.get_mut(&row.get(0)?) else {
            continue;
        };
        model.metrics.push(ModelMetric {
            model_id: row.get(1)?,
            run_id: row.get(2)?,
            dataset_name: row.get(3)?,
            dataset_digest: row.get(4)?,
            metric: Metric {
                key: row.get(5)?,
                step: row.get(6)?,
                timestamp_ms: row.get(7)?,
                value: row.get::<_, Float>(8)?.0,
            },
        });
    }
    Ok(())
}
