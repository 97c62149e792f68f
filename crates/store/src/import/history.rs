//! A part of a history that is no SQLite file: laid out in the tables of one, so that one script
//! copies both.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::evaluation;
use crate::float::Float;
use crate::pairs::Pairs;
use crate::trace::take_over;
use crate::{
    Error, EvaluationDataset, EvaluationRecord, Experiment, LoggedModel, ModelStatus,
    RegisteredModel, Run, Scorer, Span, Trace,
};

/// Experiments come with every part that has runs or traces of them. A run's metrics are its whole history.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub experiments: Vec<Experiment>,
    pub runs: Vec<Run>,
    pub logged_models: Vec<LoggedModel>,
    pub registered_models: Vec<RegisteredModel>,
    pub traces: Vec<(Trace, Vec<Span>)>,
    pub scorers: Vec<Scorer>,
    pub evaluation: Vec<(EvaluationDataset, Vec<EvaluationRecord>)>,
}

impl History {
    /// A part about one experiment.
    pub fn of(experiment: Experiment) -> Self {
        Self {
            experiments: vec![experiment],
            ..Self::default()
        }
    }

    pub(super) fn lay_out(&self, c: &mut Connection) -> Result<(), Error> {
        let transaction = c.transaction()?;
        transaction.execute_batch(include_str!("../import_tables.sql"))?;
        self.experiments
            .iter()
            .try_for_each(|found| experiment(&transaction, found))?;
        for (n, found) in self.runs.iter().enumerate() {
            run(&transaction, n, found)?;
        }
        self.logged_models
            .iter()
            .try_for_each(|found| logged_model(&transaction, found))?;
        self.registered_models
            .iter()
            .try_for_each(|found| registered_model(&transaction, found))?;
        self.scorers
            .iter()
            .try_for_each(|found| evaluation::lay_out_scorer(&transaction, found))?;
        self.evaluation
            .iter()
            .try_for_each(|(found, records)| evaluation::lay_out(&transaction, found, records))?;
        Ok(transaction.commit()?)
    }

    /// How many are new. They go where they belong at once: in MLflow's tables they look otherwise.
    pub(super) fn put_traces(&self, t: &Transaction<'_>) -> Result<u64, Error> {
        let mut added = 0;
        for (trace, spans) in &self.traces {
            let ours: Option<i64> = t
                .prepare_cached(
                    "select x.id from other.experiments e join experiments x on x.name = e.name \
                     where e.experiment_id = ?1",
                )?
                .query_row([trace.experiment_id], |row| row.get(0))
                .optional()?;
            if let Some(experiment_id) = ours {
                let trace = Trace {
                    experiment_id,
                    ..trace.clone()
                };
                added += u64::from(take_over(t, &trace, spans)?);
            }
        }
        Ok(added)
    }

    /// MLflow's tables do not say of which logged model a version is, but for its source.
    pub(super) fn name_logged_models(&self, c: &mut Connection) -> Result<(), Error> {
        let versions = self
            .registered_models
            .iter()
            .flat_map(|model| &model.versions);
        versions.filter(|version| !version.model_id.is_empty()).try_for_each(|version| {
            put(
                c,
                "update model_versions set model_id = ?3 where model = ?1 and version = ?2 and model_id = '' \
                 and source = ?4",
                params![version.model, version.version, version.model_id, version.source],
            )
        })
    }
}

fn stage(deleted_ms: Option<i64>) -> &'static str {
    if deleted_ms.is_some() {
        "deleted"
    } else {
        "active"
    }
}

pub(super) fn put(c: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), Error> {
    c.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn experiment(c: &Connection, found: &Experiment) -> Result<(), Error> {
    put(
        c,
        "insert into other.experiments values (?1, ?2, ?3, ?4, ?5, ?6, '')",
        params![
            found.id,
            found.name,
            found.artifact_path,
            stage(found.deleted_ms),
            found.created_ms,
            found.updated_ms
        ],
    )?;
    for (key, value) in &found.tags {
        let sql = "insert into other.experiment_tags values (?1, ?2, ?3)";
        put(c, sql, params![key, value, found.id])?;
    }
    Ok(())
}

pub(super) fn pairs(c: &Connection, sql: &str, pairs: &Pairs, owner: &str) -> Result<(), Error> {
    pairs
        .iter()
        .try_for_each(|(key, value)| put(c, sql, params![key, value, owner]))
}

fn run(c: &Connection, n: usize, found: &Run) -> Result<(), Error> {
    put(
        c,
        "insert into other.runs values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            found.id,
            found.name,
            found.user_id,
            found.state.as_str(),
            found.started_ms,
            found.finished_ms,
            stage(found.deleted_ms),
            found.artifact_path,
            found.experiment_id,
            found.deleted_ms
        ],
    )?;
    pairs(
        c,
        "insert into other.params values (?1, ?2, ?3)",
        &found.params,
        &found.id,
    )?;
    pairs(
        c,
        "insert into other.tags values (?1, ?2, ?3)",
        &found.tags,
        &found.id,
    )?;
    for metric in &found.metrics {
        put(
            c,
            "insert into other.metrics values (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                metric.key,
                Float(metric.value),
                metric.timestamp_ms,
                found.id,
                metric.step,
                metric.value.is_nan()
            ],
        )?;
    }
    inputs(c, n, found)?;
    let models = found.model_inputs.iter().map(|id| ("RUN_INPUT", id, 0));
    let outputs = found
        .model_outputs
        .iter()
        .map(|output| ("RUN_OUTPUT", &output.model_id, output.step));
    for (kind, model, step) in models.chain(outputs) {
        let sql = "insert into other.inputs values ('', ?1, ?2, '', ?3, ?4)";
        put(c, sql, params![kind, found.id, model, step])?;
    }
    Ok(())
}

fn inputs(c: &Connection, n: usize, found: &Run) -> Result<(), Error> {
    for (m, input) in found.inputs.iter().enumerate() {
        let (id, dataset) = (format!("{n}.{m}"), &input.dataset);
        put(
            c,
            "insert into other.datasets values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                found.experiment_id,
                dataset.name,
                dataset.digest,
                dataset.source_type,
                dataset.source,
                dataset.schema,
                dataset.profile
            ],
        )?;
        let sql = "insert into other.inputs values (?1, 'DATASET', ?1, 'RUN', ?2, 0)";
        put(c, sql, params![id, found.id])?;
        for (key, value) in &input.tags {
            let sql = "insert into other.input_tags values (?1, ?2, ?3)";
            put(c, sql, params![id, key, value])?;
        }
    }
    Ok(())
}

fn logged_model(c: &Connection, found: &LoggedModel) -> Result<(), Error> {
    let status = match found.status {
        ModelStatus::Pending => 1,
        ModelStatus::Ready => 2,
        ModelStatus::UploadFailed => 3,
    };
    put(
        c,
        "insert into other.logged_models values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'active', ?8, ?9, null)",
        params![
            found.id,
            found.experiment_id,
            found.name,
            found.artifact_path,
            found.created_ms,
            found.updated_ms,
            status,
            found.model_type,
            found.source_run_id
        ],
    )?;
    let params = "insert into other.logged_model_params values (?3, null, ?1, ?2)";
    pairs(c, params, &found.params, &found.id)?;
    let tags = "insert into other.logged_model_tags values (?3, null, ?1, ?2)";
    pairs(c, tags, &found.tags, &found.id)?;
    for measured in &found.metrics {
        let metric = &measured.metric;
        put(
            c,
            "insert into other.logged_model_metrics values (?1, ?2, ?3, ?4, ?5, null, ?6, null, ?7, ?8)",
            params![
                found.id,
                metric.key,
                metric.timestamp_ms,
                metric.step,
                Float(metric.value),
                measured.run_id,
                measured.dataset_name,
                measured.dataset_digest
            ],
        )?;
    }
    Ok(())
}

fn registered_model(c: &Connection, found: &RegisteredModel) -> Result<(), Error> {
    put(
        c,
        "insert into other.registered_models values (?1, ?2, ?3, ?4, '')",
        params![
            found.name,
            found.created_ms,
            found.updated_ms,
            found.description
        ],
    )?;
    let tags = "insert into other.registered_model_tags values (?1, ?2, ?3, '')";
    pairs(c, tags, &found.tags, &found.name)?;
    for (alias, version) in &found.aliases {
        let sql = "insert into other.registered_model_aliases values (?1, ?2, ?3, '')";
        put(c, sql, params![alias, version, found.name])?;
    }
    for version in &found.versions {
        put(
            c,
            "insert into other.model_versions values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'READY', null, ?10, ?11, '')",
            params![
                found.name,
                version.version,
                version.created_ms,
                version.updated_ms,
                version.description,
                version.user_id,
                version.stage,
                version.source,
                version.run_id,
                version.run_link,
                version.artifact_path
            ],
        )?;
        for (key, value) in &version.tags {
            let sql = "insert into other.model_version_tags values (?1, ?2, ?3, ?4, '')";
            put(c, sql, params![key, value, found.name, version.version])?;
        }
    }
    Ok(())
}
