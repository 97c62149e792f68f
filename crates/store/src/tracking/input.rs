//! What a run read and made: datasets, logged models.

use forebay_core::Relation;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;

use crate::pairs::Pairs;
use crate::{Error, Store, limits};

/// Where a dataset came from, as MLflow describes it. Name and digest identify it in its experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    pub name: String,
    pub digest: String,
    pub source_type: String,
    pub source: String,
    pub schema: Option<String>,
    pub profile: Option<String>,
}

/// A dataset that a run read, with what it was to the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInput {
    pub dataset: Dataset,
    pub tags: Pairs,
}

/// A logged model that a run made, at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOutput {
    pub model_id: String,
    pub step: i64,
}

/// The tag that says what an input is to its run.
const CONTEXT: &str = "mlflow.data.context";
const TABLE: &str = "delta_table";

impl RunInput {
    /// A table of the warehouse at a version; the role is `training_set`, `spine`, `feature_view`.
    pub fn table(relation: &Relation, version: i64, role: &str) -> Self {
        let name = relation.to_string();
        let source = json!({"delta_table_name": name, "delta_table_version": version});
        Self {
            dataset: Dataset {
                name,
                digest: version.to_string(),
                source_type: TABLE.to_owned(),
                source: source.to_string(),
                ..Dataset::default()
            },
            tags: Pairs::from([(CONTEXT.to_owned(), role.to_owned())]),
        }
    }

    /// The table and its version, if it is one of ours.
    pub fn as_table(&self) -> Option<(Relation, i64)> {
        let (schema, name) = self.dataset.name.split_once('.')?;
        let version = self.dataset.digest.parse().ok()?;
        (self.dataset.source_type == TABLE).then(|| (Relation::new(schema, name), version))
    }

    /// What it was to the run; empty if that was not said.
    pub fn role(&self) -> &str {
        self.tags.get(CONTEXT).map_or("", String::as_str)
    }
}

impl Store {
    /// Adds datasets and models that the run read. What is there already is kept as it is.
    pub fn log_inputs(
        &self,
        run_id: &str,
        datasets: &[RunInput],
        models: &[String],
    ) -> Result<(), Error> {
        limits::batch("datasets", datasets.len(), limits::ENTITIES_A_BATCH)?;
        limits::batch("models", models.len(), limits::ENTITIES_A_BATCH)?;
        for input in datasets {
            limits::dataset(&input.dataset, &input.tags)?;
        }
        self.change(|t| {
            let run = super::run::active(t, run_id)?;
            put_datasets(t, run_id, run.experiment_id, datasets)?;
            let mut insert = t.prepare_cached(
                "insert into run_models select ?1, ?2, null, 1 where not exists (select 1 from run_models \
                 where run_id = ?1 and model_id = ?2 and is_input)",
            )?;
            for model in models {
                insert.execute([run_id, model])?;
            }
            Ok(())
        })
    }

    pub fn log_outputs(&self, run_id: &str, models: &[ModelOutput]) -> Result<(), Error> {
        limits::batch("models", models.len(), limits::ENTITIES_A_BATCH)?;
        self.change(|t| {
            super::run::active(t, run_id)?;
            let mut insert =
                t.prepare_cached("insert or ignore into run_models values (?1, ?2, ?3, 0)")?;
            for output in models {
                insert.execute(params![run_id, output.model_id, output.step])?;
            }
            Ok(())
        })
    }
}

pub(super) fn put_datasets(
    t: &Transaction<'_>,
    run_id: &str,
    experiment_id: i64,
    inputs: &[RunInput],
) -> Result<(), Error> {
    for input in inputs {
        let dataset = dataset_id(t, experiment_id, &input.dataset)?;
        t.prepare_cached("insert or ignore into run_datasets values (?1, ?2, ?3)")?
            .execute(params![run_id, dataset, json!(input.tags).to_string()])?;
    }
    Ok(())
}

fn dataset_id(t: &Transaction<'_>, experiment_id: i64, dataset: &Dataset) -> Result<i64, Error> {
    let known = t
        .prepare_cached(
            "select id from datasets where experiment_id = ?1 and name = ?2 and digest = ?3",
        )?
        .query_row(
            params![experiment_id, dataset.name, dataset.digest],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    t.execute(
        "insert into datasets (experiment_id, name, digest, source_type, source, schema, profile) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            experiment_id,
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            dataset.schema,
            dataset.profile
        ],
    )?;
    Ok(t.last_insert_rowid())
}
