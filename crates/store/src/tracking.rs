//! Experiments and runs, as in MLflow: parameters, metrics with history, tags, inputs.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Relation};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::Store;

/// MLflow's run states, in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunState {
    Running,
    Finished,
    Failed,
    Killed,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "RUNNING",
            RunState::Finished => "FINISHED",
            RunState::Failed => "FAILED",
            RunState::Killed => "KILLED",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "RUNNING" => RunState::Running,
            "FINISHED" => RunState::Finished,
            "KILLED" => RunState::Killed,
            _ => RunState::Failed,
        }
    }
}

/// One execution of a training job, with all that was logged to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub id: String,
    pub experiment: String,
    pub name: String,
    pub state: RunState,
    pub invocation_id: Option<String>,
    /// Folder of its artifacts, relative to the artifact root.
    pub artifact_path: String,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    pub params: BTreeMap<String, String>,
    /// The newest value of each metric.
    pub metrics: BTreeMap<String, f64>,
    pub tags: BTreeMap<String, String>,
    pub inputs: Vec<RunInput>,
}

/// A table version that a run read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunInput {
    pub relation: Relation,
    pub version: i64,
    /// `training_set`, `spine`, `feature_view`.
    pub role: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub key: String,
    pub step: i64,
    pub timestamp_ms: i64,
    pub value: f64,
}

impl Store {
    /// Opens the run, and its experiment if that is new.
    pub fn start_run(&self, run: &Run) -> Result<(), Diagnostic> {
        self.write(|t| {
            t.execute(
                "insert into experiments (name, created_ms) values (?1, ?2) on conflict do nothing",
                params![run.experiment, run.started_ms],
            )?;
            t.execute(
                "insert into runs select ?1, id, ?3, ?4, ?5, ?6, ?7, ?8 from experiments \
                 where name = ?2",
                params![
                    run.id,
                    run.experiment,
                    run.name,
                    run.state.as_str(),
                    run.invocation_id,
                    run.artifact_path,
                    run.started_ms,
                    run.finished_ms
                ],
            )?;
            log_params(t, &run.id, &run.params)?;
            log_tags(t, &run.id, &run.tags)?;
            for input in &run.inputs {
                t.execute(
                    "insert or replace into run_inputs values (?1, ?2, ?3, ?4)",
                    params![
                        run.id,
                        input.relation.to_string(),
                        input.version,
                        input.role
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Adds to a run's metrics and tags and closes it, all in one transaction.
    pub fn finish_run(
        &self,
        run_id: &str,
        state: RunState,
        metrics: &[Metric],
        tags: &BTreeMap<String, String>,
        now_ms: i64,
    ) -> Result<(), Diagnostic> {
        self.write(|t| {
            for metric in metrics {
                t.execute(
                    "insert or ignore into metrics values (?1, ?2, ?3, ?4, ?5)",
                    params![
                        run_id,
                        metric.key,
                        metric.step,
                        metric.timestamp_ms,
                        Float(metric.value)
                    ],
                )?;
            }
            log_tags(t, run_id, tags)?;
            t.execute(
                "update runs set state = ?2, finished_ms = ?3 where id = ?1",
                params![run_id, state.as_str(), now_ms],
            )
            .map(drop)
        })
    }

    pub fn run(&self, id: &str) -> Result<Option<Run>, Diagnostic> {
        let found = self.read(|c| {
            c.prepare_cached(&format!("{SELECT_RUN} where r.id = ?1"))?
                .query_row([id], run)
                .optional()
        })?;
        found.map(|run| self.fill(run)).transpose()
    }

    /// Runs of an experiment (of all, where None), newest first.
    pub fn runs(&self, experiment: Option<&str>, limit: usize) -> Result<Vec<Run>, Diagnostic> {
        let found: Vec<Run> = self.read(|c| {
            c.prepare_cached(&format!(
                "{SELECT_RUN} where ?1 is null or e.name = ?1 \
                 order by r.started_ms desc, r.id limit ?2"
            ))?
            .query_map(params![experiment, limit], run)?
            .collect()
        })?;
        found.into_iter().map(|run| self.fill(run)).collect()
    }

    /// All values of a metric, by step.
    pub fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>, Diagnostic> {
        self.read(|c| {
            c.prepare_cached(
                "select key, step, timestamp_ms, value from metrics \
                 where run_id = ?1 and key = ?2 order by step, timestamp_ms",
            )?
            .query_map([run_id, key], metric)?
            .collect()
        })
    }

    fn fill(&self, mut run: Run) -> Result<Run, Diagnostic> {
        self.read(|c| {
            run.params = pairs(
                c,
                "select key, value from params where run_id = ?1",
                &run.id,
            )?;
            run.tags = pairs(
                c,
                "select key, value from run_tags where run_id = ?1",
                &run.id,
            )?;
            let mut newest = c.prepare_cached(
                "select key, step, timestamp_ms, value from metrics where run_id = ?1 \
                 order by step, timestamp_ms",
            )?;
            for metric in newest.query_map([&run.id], metric)? {
                let metric = metric?;
                run.metrics.insert(metric.key, metric.value);
            }
            run.inputs = c
                .prepare_cached(
                    "select relation, version, role from run_inputs where run_id = ?1 \
                     order by role, relation",
                )?
                .query_map([&run.id], input)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(run)
        })
    }
}

const SELECT_RUN: &str = "select r.id, e.name, r.name, r.state, r.invocation_id, r.artifact_path, \
     r.started_ms, r.finished_ms from runs r join experiments e on e.id = r.experiment_id";

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        experiment: row.get(1)?,
        name: row.get(2)?,
        state: RunState::parse(&row.get::<_, String>(3)?),
        invocation_id: row.get(4)?,
        artifact_path: row.get(5)?,
        started_ms: row.get(6)?,
        finished_ms: row.get(7)?,
        params: BTreeMap::new(),
        metrics: BTreeMap::new(),
        tags: BTreeMap::new(),
        inputs: Vec::new(),
    })
}

fn input(row: &Row<'_>) -> rusqlite::Result<RunInput> {
    let text: String = row.get(0)?;
    let (schema, name) = text.split_once('.').unwrap_or(("", &text));
    Ok(RunInput {
        relation: Relation::new(schema, name),
        version: row.get(1)?,
        role: row.get(2)?,
    })
}

fn metric(row: &Row<'_>) -> rusqlite::Result<Metric> {
    Ok(Metric {
        key: row.get(0)?,
        step: row.get(1)?,
        timestamp_ms: row.get(2)?,
        value: row.get::<_, Float>(3)?.0,
    })
}

fn pairs(
    connection: &rusqlite::Connection,
    sql: &str,
    run_id: &str,
) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare_cached(sql)?
        .query_map([run_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn log_params(
    t: &Transaction<'_>,
    run_id: &str,
    params: &BTreeMap<String, String>,
) -> rusqlite::Result<()> {
    let mut insert = t.prepare_cached("insert into params values (?1, ?2, ?3)")?;
    for (key, value) in params {
        insert.execute([run_id, key, value])?;
    }
    Ok(())
}

fn log_tags(
    t: &Transaction<'_>,
    run_id: &str,
    tags: &BTreeMap<String, String>,
) -> rusqlite::Result<()> {
    let mut insert = t.prepare_cached("insert or replace into run_tags values (?1, ?2, ?3)")?;
    for (key, value) in tags {
        insert.execute([run_id, key, value])?;
    }
    Ok(())
}

/// A float that survives SQLite, which turns NaN into NULL.
struct Float(f64);

impl rusqlite::ToSql for Float {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            v if v.is_nan() => Value::Text("NaN".into()),
            v => Value::Real(v),
        };
        Ok(ToSqlOutput::Owned(value))
    }
}

impl rusqlite::types::FromSql for Float {
    fn column_result(value: ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => Ok(Float(f64::NAN)),
            other => other
                .as_f64()
                .or_else(|_| other.as_i64().map(|i| i as f64))
                .map(Float),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn sample(id: &str) -> Run {
        Run {
            id: id.into(),
            experiment: "late_arrival".into(),
            name: "late_arrival".into(),
            state: RunState::Running,
            invocation_id: None,
            artifact_path: format!("late_arrival/{id}"),
            started_ms: 5,
            finished_ms: None,
            params: BTreeMap::from([("rounds".into(), "150".into())]),
            metrics: BTreeMap::new(),
            tags: BTreeMap::new(),
            inputs: vec![RunInput {
                relation: Relation::new("main", "departures"),
                version: 3,
                role: "spine".into(),
            }],
        }
    }

    #[test]
    fn a_run_comes_back_as_it_was_logged() {
        let store = Store::in_memory().unwrap();
        let run = sample("r1");
        store.start_run(&run).unwrap();
        assert_eq!(store.run("r1").unwrap(), Some(run));
        let metric = |key: &str, step, value| Metric {
            key: key.into(),
            step,
            timestamp_ms: 7,
            value,
        };
        let logged = [
            metric("loss", 0, 0.5),
            metric("loss", 1, 0.1 + 0.2),
            metric("odd", 0, f64::NAN),
            metric("edge", 0, f64::INFINITY),
        ];
        let tags = BTreeMap::from([("training_hash".to_owned(), "abc".to_owned())]);
        store
            .finish_run("r1", RunState::Finished, &logged, &tags, 9)
            .unwrap();
        let run = store.run("r1").unwrap().unwrap();
        assert_eq!(run.metrics["loss"].to_bits(), (0.1_f64 + 0.2).to_bits());
        assert!(run.metrics["odd"].is_nan());
        assert_eq!(run.metrics["edge"], f64::INFINITY);
        assert_eq!(run.tags, tags);
        assert_eq!((run.state, run.finished_ms), (RunState::Finished, Some(9)));
        assert_eq!(store.metric_history("r1", "loss").unwrap().len(), 2);
    }
}
