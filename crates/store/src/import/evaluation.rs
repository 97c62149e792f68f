//! Scorers and datasets to evaluate with, laid out as another MLflow's file has them.

use rusqlite::{Connection, params};
use serde_json::json;

use super::history::{pairs, put};
use crate::{Error, EvaluationDataset, EvaluationRecord, Scorer};

pub(super) fn lay_out_scorer(c: &Connection, found: &Scorer) -> Result<(), Error> {
    put(
        c,
        "insert into other.scorers select ?1, ?2, ?3 where ?3 not in (select scorer_id from other.scorers)",
        params![found.experiment_id, found.name, found.id],
    )?;
    put(
        c,
        "insert into other.scorer_versions values (?1, ?2, ?3, ?4)",
        params![found.id, found.version, found.serialized, found.created_ms],
    )
}

pub(super) fn lay_out(
    c: &Connection,
    found: &EvaluationDataset,
    records: &[EvaluationRecord],
) -> Result<(), Error> {
    put(
        c,
        "insert into other.evaluation_datasets values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            found.id,
            found.name,
            found.schema,
            found.digest,
            found.created_ms,
            found.updated_ms,
            found.created_by,
            found.updated_by
        ],
    )?;
    let tags = "insert into other.evaluation_dataset_tags values (?3, ?1, ?2)";
    pairs(c, tags, &found.tags, &found.id)?;
    for experiment in &found.experiments {
        let sql = "insert into other.entity_associations values ('evaluation_dataset', ?1, 'experiment', ?2)";
        put(c, sql, params![found.id, experiment.to_string()])?;
    }
    records
        .iter()
        .try_for_each(|record| lay_out_record(c, &found.id, record))
}

fn lay_out_record(c: &Connection, dataset: &str, found: &EvaluationRecord) -> Result<(), Error> {
    put(
        c,
        "insert into other.evaluation_dataset_records values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            found.id,
            dataset,
            found.inputs.to_string(),
            found.expectations.to_string(),
            found.tags.to_string(),
            found.source.to_string(),
            found.created_ms,
            found.updated_ms,
            found.created_by,
            found.updated_by,
            json!({"mlflow_wrapped": found.outputs}).to_string()
        ],
    )
}
