//! Runs: one execution of a training, with all that was logged to it.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::input;
use super::log::{self, PARENT, RUN_NAME};
use super::{Batch, Dataset, Metric, ModelOutput, RunInput, experiment, metric};
use crate::pairs::{self, Pairs};
use crate::search::{self, Field, Index, Kind, Page, Search, Target};
use crate::{Error, Store, limits};

/// MLflow's run states, in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunState {
    Running,
    Scheduled,
    Finished,
    Failed,
    Killed,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "RUNNING",
            RunState::Scheduled => "SCHEDULED",
            RunState::Finished => "FINISHED",
            RunState::Failed => "FAILED",
            RunState::Killed => "KILLED",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "RUNNING" => RunState::Running,
            "SCHEDULED" => RunState::Scheduled,
            "FINISHED" => RunState::Finished,
            "KILLED" => RunState::Killed,
            _ => RunState::Failed,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub id: String,
    pub experiment_id: i64,
    /// Name of the experiment.
    pub experiment: String,
    pub name: String,
    pub user_id: String,
    pub state: RunState,
    pub deleted_ms: Option<i64>,
    /// The invocation of which it is a training job's run; None for a client's.
    pub invocation_id: Option<String>,
    /// Folder of its artifacts, relative to the artifact root, or a URI that only clients reach.
    pub artifact_path: String,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    pub params: Pairs,
    /// The newest value of each, by key.
    pub metrics: Vec<Metric>,
    pub tags: Pairs,
    pub inputs: Vec<RunInput>,
    /// Logged models that it read.
    pub model_inputs: Vec<String>,
    pub model_outputs: Vec<ModelOutput>,
}

impl Run {
    /// A metric's newest value.
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.metrics
            .iter()
            .find(|metric| metric.key == key)
            .map(|metric| metric.value)
    }

    /// The newest value of each metric.
    pub fn metric_values(&self) -> BTreeMap<String, f64> {
        self.metrics
            .iter()
            .map(|metric| (metric.key.clone(), metric.value))
            .collect()
    }
}

/// A run as a client opens it.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    pub id: &'a str,
    pub experiment_id: i64,
    pub name: &'a str,
    pub user_id: &'a str,
    pub started_ms: i64,
    pub tags: &'a Pairs,
}

const RUN: &[&str] = &["attribute", "attributes", "attr", "run"];
const DATASET: &[&str] = &["dataset", "datasets"];

macro_rules! dataset {
    ($column:literal) => {
        concat!(
            "exists (select 1 from run_datasets i join datasets d on d.id = i.dataset_id \
             where i.run_id = t.id and ",
            $column,
            " {})"
        )
    };
}

/// NaN is a text, and texts come after all numbers.
const METRICS: Index = values("latest_metrics", "d.value < ''", true);
const PARAMS: Index = values("params", "length(d.value) <= 250", false);
const TAGS: Index = values("run_tags", "length(d.value) <= 250", false);

const fn values(table: &'static str, holds: &'static str, has_all: bool) -> Index {
    Index {
        table,
        owner: "run_id",
        holds,
        has_all,
    }
}

pub(super) const TARGET: Target = Target {
    what: "runs",
    table: "runs",
    entities: RUN,
    fields: &[
        Field::attribute(&["run_id", "id"], Kind::Text, "t.id {}"),
        Field::attribute(
            &["run_name", "name", "Run name", "Run Name"],
            Kind::Text,
            "t.name {}",
        ),
        Field::attribute(&["status"], Kind::Text, "t.state {}"),
        Field::attribute(&["artifact_uri"], Kind::Text, "t.artifact_path {}"),
        Field::attribute(&["user_id", "User"], Kind::Text, "t.user_id {}"),
        Field::attribute(
            &["start_time", "created", "Created"],
            Kind::Number,
            "t.started_ms {}",
        ),
        Field::attribute(&["end_time"], Kind::Number, "t.finished_ms {}").or_absent(),
        Field::pair(
            &["metrics", "metric"],
            Kind::Number,
            // NaN is no number here: it matches nothing and sorts last.
            "(select case typeof(value) when 'real' then value end from latest_metrics \
                  where run_id = t.id and key = ?) {}",
        )
        .indexed(&METRICS),
        Field::pair(
            &["params", "param", "parameters", "parameter"],
            Kind::Text,
            "(select value from params where run_id = t.id and key = ?) {}",
        )
        .indexed(&PARAMS),
        Field::pair(
            &["tags", "tag"],
            Kind::Text,
            "(select value from run_tags where run_id = t.id and key = ?) {}",
        )
        .indexed(&TAGS),
        Field::member(DATASET, "name", Kind::Text, dataset!("d.name")),
        Field::member(DATASET, "digest", Kind::Text, dataset!("d.digest")),
        Field::member(
            DATASET,
            "context",
            Kind::Text,
            dataset!("json_extract(i.tags, '$.\"mlflow.data.context\"')"),
        ),
    ],
    ties: &[("t.started_ms", true), ("t.id", false)],
};

impl Store {
    /// Opens a client's run in an experiment that is there.
    pub fn create_run(&self, new: &NewRun<'_>) -> Result<(), Error> {
        limits::run_tags(new.tags)?;
        self.change(|t| {
            let experiment = experiment::active(t, new.experiment_id)?;
            t.execute(
                "insert into runs (id, experiment_id, name, state, artifact_path, started_ms, user_id) \
                 values (?1, ?2, ?3, 'RUNNING', ?4, ?5, ?6)",
                params![
                    new.id,
                    new.experiment_id,
                    new.name,
                    format!("{}/{}/artifacts", experiment.artifact_path, new.id),
                    new.started_ms,
                    new.user_id
                ],
            )?;
            log::put_tags(t, new.id, new.tags)?;
            log::put_tags(t, new.id, &Pairs::from([(RUN_NAME.to_owned(), new.name.to_owned())]))
        })
    }

    /// Opens a training job's run, and its experiment if that is new.
    pub fn start_run(&self, run: &Run) -> Result<(), Error> {
        self.change(|t| {
            let experiment_id = experiment_of(t, &run.experiment, run.started_ms)?;
            t.execute(
                "insert into runs (id, experiment_id, name, state, invocation_id, artifact_path, started_ms, \
                 finished_ms, user_id) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    run.id,
                    experiment_id,
                    run.name,
                    run.state.as_str(),
                    run.invocation_id,
                    run.artifact_path,
                    run.started_ms,
                    run.finished_ms,
                    run.user_id
                ],
            )?;
            log::put_params(t, &run.id, &run.params)?;
            log::put_tags(t, &run.id, &run.tags)?;
            input::put_datasets(t, &run.id, experiment_id, &run.inputs)
        })
    }

    /// Adds to a training job's run and closes it, all in one transaction.
    pub fn finish_run(
        &self,
        run_id: &str,
        state: RunState,
        batch: &Batch,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.change(|t| {
            metric::put(t, run_id, &batch.metrics)?;
            log::put_tags(t, run_id, &batch.tags)?;
            t.execute(
                "update runs set state = ?2, finished_ms = ?3 where id = ?1",
                params![run_id, state.as_str(), now_ms],
            )?;
            Ok(())
        })
    }

    /// Changes what is given.
    pub fn update_run(
        &self,
        run_id: &str,
        state: Option<RunState>,
        finished_ms: Option<i64>,
        name: Option<&str>,
    ) -> Result<(), Error> {
        self.change(|t| {
            check_active(t, run_id)?;
            t.execute(
                "update runs set state = coalesce(?2, state), finished_ms = coalesce(?3, finished_ms) where id = ?1",
                params![run_id, state.map(RunState::as_str), finished_ms],
            )?;
            match name {
                Some(name) => log::put_tags(t, run_id, &Pairs::from([(RUN_NAME.to_owned(), name.to_owned())])),
                None => Ok(()),
            }
        })
    }

    /// Nothing of a deleted run is lost: it can be restored.
    pub fn delete_run(&self, run_id: &str, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            check_known(t, run_id)?;
            let sql = "update runs set deleted_ms = coalesce(deleted_ms, ?2) where id = ?1";
            t.execute(sql, params![run_id, now_ms])?;
            Ok(())
        })
    }

    pub fn restore_run(&self, run_id: &str) -> Result<(), Error> {
        self.change(|t| {
            check_known(t, run_id)?;
            t.execute("update runs set deleted_ms = null where id = ?1", [run_id])?;
            Ok(())
        })
    }

    /// None: there is no such run. A deleted one is found.
    pub fn run(&self, id: &str) -> Result<Option<Run>, Error> {
        self.ask(|c| {
            let row = c
                .prepare_cached("select rowid from runs where id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(row
                .map(|row| load(c, &[row]))
                .transpose()?
                .and_then(|mut runs| runs.pop()))
        })
    }

    /// Active runs of an experiment (of all, where None), newest first.
    pub fn runs(&self, experiment: Option<&str>, limit: usize) -> Result<Vec<Run>, Error> {
        self.ask(|c| {
            let rows: Vec<i64> = c
                .prepare_cached(
                    "select r.rowid from runs r join experiments e on e.id = r.experiment_id \
                     where (?1 is null or e.name = ?1) and r.deleted_ms is null \
                     order by r.started_ms desc, r.id limit ?2",
                )?
                .query_map(params![experiment, limit], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            load(c, &rows)
        })
    }

    /// The newest finished run of a training job, with this tag where one is named: not a client's
    /// run under the job's name, nor one below another run, as trials are.
    pub fn job_run(&self, job: &str, tag: Option<(&str, &str)>) -> Result<Option<Run>, Error> {
        let (key, value) = tag.unzip();
        self.ask(|c| {
            let row: Option<i64> = c
                .prepare_cached(
                    "select r.rowid from runs r join experiments e on e.id = r.experiment_id \
                     where e.name = ?1 and r.deleted_ms is null and r.state = 'FINISHED' \
                     and r.invocation_id is not null and not exists \
                     (select 1 from run_tags t where t.run_id = r.id and t.key = ?2) and (?3 is null or exists \
                     (select 1 from run_tags t where t.run_id = r.id and t.key = ?3 and t.value = ?4)) \
                     order by r.started_ms desc, r.id limit 1",
                )?
                .query_row(params![job, PARENT, key, value], |row| row.get(0))
                .optional()?;
            let row: Vec<i64> = row.into_iter().collect();
            Ok(load(c, &row)?.pop())
        })
    }

    /// Newest first, where no order is asked for.
    pub fn search_runs(
        &self,
        experiments: &[i64],
        search: &Search<'_>,
    ) -> Result<Page<Run>, Error> {
        self.ask(|c| {
            let scope = search::stage(search.stage);
            let page = search::run_in(c, &TARGET, experiments, &scope, search)?;
            Ok(Page {
                items: load(c, &page.items)?,
                next: page.next,
            })
        })
    }
}

fn experiment_of(t: &Transaction<'_>, name: &str, now_ms: i64) -> Result<i64, Error> {
    t.execute(
        "insert into experiments (name, created_ms, updated_ms, artifact_path) values (?1, ?2, ?2, ?1) \
         on conflict do nothing",
        params![name, now_ms],
    )?;
    Ok(t.query_row(
        "select id from experiments where name = ?1",
        [name],
        |row| row.get(0),
    )?)
}

/// The head of a run that may be changed.
pub(super) struct Active {
    pub experiment_id: i64,
}

pub(super) fn active(c: &Connection, run_id: &str) -> Result<Active, Error> {
    let found: Option<(i64, bool)> = c
        .prepare_cached("select experiment_id, deleted_ms is not null from runs where id = ?1")?
        .query_row([run_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Err(unknown(run_id)),
        Some((_, true)) => Err(Error::invalid(format!(
            "run {run_id} is deleted: restore it first"
        ))),
        Some((experiment_id, false)) => Ok(Active { experiment_id }),
    }
}

pub(super) fn check_active(c: &Connection, run_id: &str) -> Result<(), Error> {
    active(c, run_id).map(drop)
}

fn check_known(c: &Connection, run_id: &str) -> Result<(), Error> {
    let known = c
        .prepare_cached("select 1 from runs where id = ?1")?
        .exists([run_id])?;
    if known { Ok(()) } else { Err(unknown(run_id)) }
}

fn unknown(run_id: &str) -> Error {
    Error::not_found(format!("there is no run with id '{run_id}'"))
}

/// The runs of these rows in their order, each with all that belongs to it: one query a table.
fn load(c: &Connection, rows: &[i64]) -> Result<Vec<Run>, Error> {
    let ids = search::ids(rows);
    let mut runs = heads(c, &ids)?;
    let mut params = pairs::of_entities(c, "runs", "params", "run_id", &ids)?;
    let mut tags = pairs::of_entities(c, "runs", "run_tags", "run_id", &ids)?;
    for (row, run) in &mut runs {
        run.params = params.remove(row).unwrap_or_default();
        run.tags = tags.remove(row).unwrap_or_default();
    }
    add_metrics(c, &ids, &mut runs)?;
    add_inputs(c, &ids, &mut runs)?;
    add_models(c, &ids, &mut runs)?;
    Ok(rows.iter().filter_map(|row| runs.remove(row)).collect())
}

fn heads(c: &Connection, ids: &str) -> Result<HashMap<i64, Run>, Error> {
    let mut statement = c.prepare_cached(
        "select r.rowid, r.id, r.experiment_id, e.name, r.name, r.user_id, r.state, r.deleted_ms, \
         r.invocation_id, r.artifact_path, r.started_ms, r.finished_ms \
         from json_each(?1) j join runs r on r.rowid = j.value join experiments e on e.id = r.experiment_id",
    )?;
    let found = statement.query_map([ids], |row| Ok((row.get(0)?, head(row)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn head(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(1)?,
        experiment_id: row.get(2)?,
        experiment: row.get(3)?,
        name: row.get(4)?,
        user_id: row.get(5)?,
        state: RunState::parse(&row.get::<_, String>(6)?),
        deleted_ms: row.get(7)?,
        invocation_id: row.get(8)?,
        artifact_path: row.get(9)?,
        started_ms: row.get(10)?,
        finished_ms: row.get(11)?,
        params: Pairs::new(),
        metrics: Vec::new(),
        tags: Pairs::new(),
        inputs: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    })
}

fn add_metrics(c: &Connection, ids: &str, runs: &mut HashMap<i64, Run>) -> Result<(), Error> {
    let mut statement = c.prepare_cached(
        "select m.key, m.step, m.timestamp_ms, m.value, r.rowid from json_each(?1) j \
         join runs r on r.rowid = j.value join latest_metrics m on m.run_id = r.id order by m.key",
    )?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        if let Some(run) = runs.get_mut(&row.get(4)?) {
            run.metrics.push(metric::metric(row)?);
        }
    }
    Ok(())
}

fn add_inputs(c: &Connection, ids: &str, runs: &mut HashMap<i64, Run>) -> Result<(), Error> {
    let mut statement = c.prepare_cached(
        "select r.rowid, i.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile \
         from json_each(?1) j join runs r on r.rowid = j.value join run_datasets i on i.run_id = r.id \
         join datasets d on d.id = i.dataset_id order by d.id",
    )?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        if let Some(run) = runs.get_mut(&row.get(0)?) {
            run.inputs.push(RunInput {
                tags: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(),
                dataset: Dataset {
                    name: row.get(2)?,
                    digest: row.get(3)?,
                    source_type: row.get(4)?,
                    source: row.get(5)?,
                    schema: row.get(6)?,
                    profile: row.get(7)?,
                },
            });
        }
    }
    Ok(())
}

fn add_models(c: &Connection, ids: &str, runs: &mut HashMap<i64, Run>) -> Result<(), Error> {
    let mut statement = c.prepare_cached(
        "select r.rowid, m.model_id, m.step, m.is_input from json_each(?1) j \
         join runs r on r.rowid = j.value join run_models m on m.run_id = r.id order by m.rowid",
    )?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        let Some(run) = runs.get_mut(&row.get(0)?) else {
            continue;
        };
        let model_id = row.get(1)?;
        match row.get(3)? {
            true => run.model_inputs.push(model_id),
            false => run.model_outputs.push(ModelOutput {
                model_id,
                step: row.get(2)?,
            }),
        }
    }
    Ok(())
}
