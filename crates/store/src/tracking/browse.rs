//! What lists and pictures of runs ask: counts, names, versions, curves thinned to what can be seen.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::Metric;
use crate::search::Stage;
use crate::{Error, Store};

/// Runs of an experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCount {
    pub runs: u64,
    pub running: u64,
    pub last_started_ms: Option<i64>,
}

/// What a link to a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHead {
    pub id: String,
    pub name: String,
}

/// A model version that was made from a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunVersion {
    pub model: String,
    pub version: u64,
    pub aliases: Vec<String>,
}

impl Store {
    /// Active runs of each experiment; one without any is left out.
    pub fn count_runs(&self, experiments: &[i64]) -> Result<HashMap<i64, RunCount>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select experiment_id, count(*), count(*) filter (where state = 'RUNNING'), max(started_ms) \
                 from runs where deleted_ms is null \
                 and experiment_id in (select value from json_each(?1)) group by experiment_id",
            )?;
            let count = select.query_map([crate::search::ids(experiments)], |row| {
                let count = RunCount {
                    runs: row.get(1)?,
                    running: row.get(2)?,
                    last_started_ms: row.get(3)?,
                };
                Ok((row.get(0)?, count))
            })?;
            Ok(count.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// How many runs of an experiment are in a lifecycle stage.
    pub fn count_runs_in(&self, experiment: i64, stage: Stage) -> Result<u64, Error> {
        let scope = crate::search::stage(stage).text;
        let sql = format!("select count(*) from runs t where experiment_id = ?1 and {scope}");
        self.ask(|c| {
            Ok(c.prepare_cached(&sql)?
                .query_row([experiment], |row| row.get(0))?)
        })
    }

    /// Names of those of the runs that are there.
    pub fn run_heads(&self, ids: &[String]) -> Result<BTreeMap<String, RunHead>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select id, name from runs where id in (select value from json_each(?1))",
            )?;
            let head = select.query_map([texts(ids)], |row| {
                let id: String = row.get(0)?;
                let name = row.get(1)?;
                Ok((id.clone(), RunHead { id, name }))
            })?;
            Ok(head.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Model versions that were made from these runs, by run.
    pub fn versions_of_runs(
        &self,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<RunVersion>>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select run_id, model, version from model_versions \
                 where run_id in (select value from json_each(?1)) order by model, version",
            )?;
            let mut rows = select.query([texts(ids)])?;
            let mut found: HashMap<String, Vec<RunVersion>> = HashMap::new();
            while let Some(row) = rows.next()? {
                let (model, version): (String, u64) = (row.get(1)?, row.get(2)?);
                found.entry(row.get(0)?).or_default().push(RunVersion {
                    aliases: aliases(c, &model, version)?,
                    model,
                    version,
                });
            }
            Ok(found)
        })
    }

    /// How many values each metric of a run has.
    pub fn metric_counts(&self, run_id: &str) -> Result<BTreeMap<String, u64>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select key, count(*) from metrics where run_id = ?1 group by key",
            )?;
            let count = select.query_map([run_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(count.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A metric's values by step and time, thinned to about `most`: of each stretch the smallest
    /// and the greatest stay, so that a peak is seen however long the curve is. What is no number
    /// stays where it ends a stretch.
    pub fn metric_curve(&self, run_id: &str, key: &str, most: usize) -> Result<Vec<Metric>, Error> {
        self.ask(|c| {
            let count: usize = c
                .prepare_cached("select count(*) from metrics where run_id = ?1 and key = ?2")?
                .query_row([run_id, key], |row| row.get(0))?;
            let mut select = c.prepare_cached(
                "select key, step, timestamp_ms, value from metrics where run_id = ?1 and key = ?2 \
                 order by step, timestamp_ms, value",
            )?;
            let values = select.query_map(params![run_id, key], super::metric::metric)?;
            let values = values.map(|value| value.map_err(Error::from));
            match count <= most {
                true => values.collect(),
                false => thinned(values, count.div_ceil(most.div_ceil(2).max(1))),
            }
        })
    }
}

/// The smallest and the greatest of every `stretch` values, in their order; the first and the last.
fn thinned(
    values: impl Iterator<Item = Result<Metric, Error>>,
    stretch: usize,
) -> Result<Vec<Metric>, Error> {
    let mut kept: Vec<Metric> = Vec::new();
    let mut open: Vec<Metric> = Vec::new();
    let mut last = None;
    for value in values {
        let value = value?;
        if kept.is_empty() {
            kept.push(value.clone());
        }
        last = Some(value.clone());
        open.push(value);
        if open.len() == stretch {
            close(&mut kept, &mut open);
        }
    }
    close(&mut kept, &mut open);
    kept.extend(last);
    kept.dedup();
    Ok(kept)
}

fn close(kept: &mut Vec<Metric>, open: &mut Vec<Metric>) {
    let places = 0..open.len();
    let by_value = |a: &usize, b: &usize| open[*a].value.total_cmp(&open[*b].value);
    let (low, high) = (places.clone().min_by(by_value), places.max_by(by_value));
    let mut ends: Vec<usize> = low.into_iter().chain(high).collect();
    ends.sort_unstable();
    ends.dedup();
    kept.extend(ends.into_iter().map(|place| open[place].clone()));
    open.clear();
}

fn aliases(c: &Connection, model: &str, version: u64) -> Result<Vec<String>, Error> {
    let mut select = c.prepare_cached(
        "select alias from model_aliases where model = ?1 and version = ?2 order by alias",
    )?;
    let alias = select.query_map(params![model, version], |row| row.get(0))?;
    Ok(alias.collect::<rusqlite::Result<_>>()?)
}

/// Texts as a JSON array, which `json_each` turns into a table.
fn texts(texts: &[String]) -> String {
    serde_json::json!(texts).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(step: i64, value: f64) -> Metric {
        Metric {
            key: "loss".to_owned(),
            step,
            timestamp_ms: step,
            value,
        }
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_peak() {
        let peak = |step: i64| {
            if step == 617 {
                9.0
            } else {
                1.0 / (step + 1) as f64
            }
        };
        let all = (0..1000).map(|step| Ok(value(step, peak(step))));
        let kept = thinned(all, 40).unwrap();
        assert!(kept.len() <= 2 + 2 * 25, "{}", kept.len());
        let steps: Vec<i64> = kept.iter().map(|metric| metric.step).collect();
        assert_eq!((steps[0], *steps.last().unwrap()), (0, 999));
        assert!(steps.contains(&617));
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    }
}
