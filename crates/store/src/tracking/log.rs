//! What a run logs while it goes: metrics, parameters, tags.

use rusqlite::{OptionalExtension, Transaction};

use super::metric;
use super::{Metric, ModelMetric, run};
use crate::pairs::{self, Pairs};
use crate::{Error, Store, limits};

/// All of it is logged, or, if any of it is refused, none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub metrics: Vec<Metric>,
    pub model_metrics: Vec<ModelMetric>,
    /// A parameter is written once: another value for the same key is refused.
    pub params: Pairs,
    /// The last value wins.
    pub tags: Pairs,
}

/// The tag under which clients read and write a run's name.
pub(super) const RUN_NAME: &str = "mlflow.runName";
/// The tag that names the run around a nested one.
pub const PARENT: &str = "mlflow.parentRunId";

impl Batch {
    fn check(&self) -> Result<(), Error> {
        limits::batch("metrics", self.metrics.len(), limits::METRICS_A_BATCH)?;
        limits::batch("parameters", self.params.len(), limits::PAIRS_A_BATCH)?;
        limits::batch("tags", self.tags.len(), limits::PAIRS_A_BATCH)?;
        let all = self.metrics.len() + self.params.len() + self.tags.len();
        limits::batch(
            "metrics, parameters and tags",
            all,
            limits::ENTITIES_A_BATCH,
        )?;
        self.metrics.iter().try_for_each(limits::metric)?;
        limits::params(&self.params)?;
        limits::run_tags(&self.tags)
    }
}

impl Store {
    pub fn log(&self, run_id: &str, batch: &Batch) -> Result<(), Error> {
        batch.check()?;
        self.change(|t| {
            run::check_active(t, run_id)?;
            metric::put(t, run_id, &batch.metrics)?;
            metric::put_of_models(t, &batch.model_metrics)?;
            put_params(t, run_id, &batch.params)?;
            put_tags(t, run_id, &batch.tags)
        })
    }

    pub fn delete_run_tag(&self, run_id: &str, key: &str) -> Result<(), Error> {
        self.change(|t| {
            run::check_active(t, run_id)?;
            match t.execute(
                "delete from run_tags where run_id = ?1 and key = ?2",
                [run_id, key],
            )? {
                0 => Err(Error::not_found(format!("run {run_id} has no tag '{key}'"))),
                _ => Ok(()),
            }
        })
    }
}

pub(super) fn put_params(t: &Transaction<'_>, run_id: &str, params: &Pairs) -> Result<(), Error> {
    let mut select = t.prepare_cached("select value from params where run_id = ?1 and key = ?2")?;
    let mut insert = t.prepare_cached(
        "insert into params select id, experiment_id, ?2, ?3 from runs where id = ?1",
    )?;
    for (key, value) in params {
        let known: Option<String> = select
            .query_row([run_id, key], |row| row.get(0))
            .optional()?;
        match known {
            None => drop(insert.execute([run_id, key, value])?),
            Some(known) if known == *value => {}
            Some(known) => {
                return Err(Error::invalid(format!(
                    "parameter '{key}' of run {run_id} is '{known}' already and cannot become '{value}'"
                )));
            }
        }
    }
    Ok(())
}

pub(super) fn put_tags(t: &Transaction<'_>, run_id: &str, tags: &Pairs) -> Result<(), Error> {
    if let Some(name) = tags.get(RUN_NAME) {
        t.execute("update runs set name = ?2 where id = ?1", [run_id, name])?;
    }
    pairs::put(
        t,
        "insert or replace into run_tags select id, experiment_id, ?2, ?3 from runs where id = ?1",
        run_id,
        tags,
    )
}
