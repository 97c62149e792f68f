//! Model versions.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{alias, model};
use crate::pairs::Pairs;
use crate::search::{self, Field, Kind, Page, Search, Target};
use crate::tracking::{LoggedModel, logged_model};
use crate::{Error, Store, limits};

/// MLflow's stages, the word for none first.
pub const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    pub model: String,
    /// Counts from one; never given twice.
    pub version: u64,
    /// Empty where no run is named, as are the logged model and the hash.
    pub run_id: String,
    pub model_id: String,
    /// Hash of everything that made it: rows, definition, trainer. Of training jobs' versions alone.
    pub training_hash: String,
    /// Where it was registered from, as that was said.
    pub source: String,
    /// Where its files are: relative to the artifact root, or a URI that only clients reach.
    pub artifact_path: String,
    pub description: String,
    pub user_id: String,
    pub stage: String,
    pub run_link: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Pairs,
    pub aliases: Vec<String>,
}

/// A version to be registered.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    pub model: String,
    pub run_id: String,
    pub model_id: String,
    pub training_hash: String,
    pub source: String,
    pub artifact_path: String,
    pub description: String,
    pub run_link: String,
    pub tags: Pairs,
    pub created_ms: i64,
}

const TARGET: Target = Target {
    what: "model versions",
    table: "model_versions",
    entities: &["attribute", "attributes", "attr"],
    fields: &[
        Field::attribute(&["name"], Kind::Text, "t.model {}"),
        Field::attribute(&["version_number", "version"], Kind::Number, "t.version {}"),
        Field::attribute(&["run_id"], Kind::Text, "t.run_id {}"),
        Field::attribute(&["model_id"], Kind::Text, "t.model_id {}"),
        Field::attribute(&["source_path"], Kind::Text, "t.source {}"),
        Field::attribute(
            &["creation_timestamp", "creation_time"],
            Kind::Number,
            "t.created_ms {}",
        ),
        Field::attribute(
            &["last_updated_timestamp", "last_updated_time"],
            Kind::Number,
            "t.updated_ms {}",
        ),
        Field::pair(
            &["tags", "tag"],
            Kind::Text,
            "(select value from model_version_tags \
                  where model = t.model and version = t.version and key = ?) {}",
        ),
    ],
    ties: &[
        ("t.updated_ms", true),
        ("t.model", false),
        ("t.version", true),
    ],
};

impl Store {
    /// Registers the next version of a model that is there.
    pub fn create_version(&self, new: &NewVersion) -> Result<ModelVersion, Error> {
        limits::description(&new.description)?;
        limits::registry_tags(&new.tags)?;
        self.change(|t| {
            model::check_known(t, &new.model)?;
            let row = insert(t, new)?;
            let version = get(t, row)?;
            if !new.model_id.is_empty() {
                name_on_logged_model(t, &version)?;
            }
            Ok(version)
        })
    }

    /// Registers what a training job made, and its model if that is new, and gives it the alias.
    ///
    /// Idempotent: if a version with that training hash exists, that one receives the alias and is
    /// returned, so that training again from the same data adds nothing.
    pub fn register_version(
        &self,
        new: &NewVersion,
        alias: Option<&str>,
    ) -> Result<ModelVersion, Error> {
        self.change(|t| {
            if !model::known(t, &new.model)? {
                model::insert(t, &new.model, "", new.created_ms)?;
            }
            let known = t
                .query_row(
                    "select rowid from model_versions where model = ?1 and training_hash = ?2",
                    [&new.model, &new.training_hash],
                    |row| row.get(0),
                )
                .optional()?;
            let row = match known {
                Some(row) => row,
                None => insert(t, new)?,
            };
            if let Some(alias) = alias {
                let number = get(t, row)?.version;
                alias::put(t, &new.model, alias, number)?;
            }
            get(t, row)
        })
    }

    /// None: there is no such version.
    pub fn model_version(&self, model: &str, number: u64) -> Result<Option<ModelVersion>, Error> {
        self.ask(|c| match row(c, model, number) {
            Ok(row) => get(c, row).map(Some),
            Err(Error::NotFound(_)) => Ok(None),
            Err(other) => Err(other),
        })
    }

    /// The version, or what is missing: the model or its version.
    pub fn get_version(&self, model: &str, number: u64) -> Result<ModelVersion, Error> {
        self.ask(|c| get(c, row(c, model, number)?))
    }

    /// Last changed first, where no order is asked for.
    pub fn search_versions(&self, search: &Search<'_>) -> Result<Page<ModelVersion>, Error> {
        self.ask(|c| {
            let page = search::run(c, &TARGET, &search::Sql::new("true", Vec::new()), search)?;
            let items = page
                .items
                .iter()
                .map(|row| get(c, *row))
                .collect::<Result<_, _>>()?;
            Ok(Page {
                items,
                next: page.next,
            })
        })
    }

    pub fn describe_version(
        &self,
        model: &str,
        number: u64,
        description: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::description(description)?;
        self.change(|t| {
            let row = row(t, model, number)?;
            t.execute(
                "update model_versions set description = ?2, updated_ms = ?3 where rowid = ?1",
                params![row, description, now_ms],
            )?;
            Ok(())
        })
    }

    /// Moves the version to one of [`STAGES`], in any case; others in that stage may be archived.
    pub fn set_stage(
        &self,
        model: &str,
        number: u64,
        stage: &str,
        archive: bool,
        now_ms: i64,
    ) -> Result<(), Error> {
        let Some(stage) = STAGES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(stage))
        else {
            return Err(Error::invalid(format!(
                "'{stage}' is no stage: write {}",
                STAGES.join(", ")
            )));
        };
        let is_active = matches!(*stage, "Staging" | "Production");
        if archive && !is_active {
            return Err(Error::invalid(format!(
                "archive_existing_versions goes with the stages Staging and Production, not with {stage}"
            )));
        }
        self.change(|t| {
            let row = row(t, model, number)?;
            if archive {
                t.execute(
                    "update model_versions set stage = 'Archived', updated_ms = ?3 \
                     where model = ?1 and stage = ?2",
                    params![model, stage, now_ms],
                )?;
            }
            t.execute(
                "update model_versions set stage = ?2, updated_ms = ?3 where rowid = ?1",
                params![row, stage, now_ms],
            )?;
            model::touch(t, model, now_ms)
        })
    }

    /// With its aliases and tags. Its number is not given again.
    pub fn delete_version(&self, model: &str, number: u64, now_ms: i64) -> Result<(), Error> {
        self.change(|t| {
            let row = row(t, model, number)?;
            t.execute("delete from model_versions where rowid = ?1", [row])?;
            model::touch(t, model, now_ms)
        })
    }

    pub fn set_version_tags(&self, model: &str, number: u64, tags: &Pairs) -> Result<(), Error> {
        limits::registry_tags(tags)?;
        self.change(|t| {
            row(t, model, number)?;
            put_tags(t, model, number, tags)
        })
    }

    /// A tag that is not there is no error, as in MLflow.
    pub fn delete_version_tag(&self, model: &str, number: u64, key: &str) -> Result<(), Error> {
        self.change(|t| {
            row(t, model, number)?;
            t.execute(
                "delete from model_version_tags where model = ?1 and version = ?2 and key = ?3",
                params![model, number, key],
            )?;
            Ok(())
        })
    }
}

fn insert(t: &Transaction<'_>, new: &NewVersion) -> Result<i64, Error> {
    t.execute(
        "update registered_models set last_version = last_version + 1, updated_ms = ?2 where name = ?1",
        params![new.model, new.created_ms],
    )?;
    t.execute(
        "insert into model_versions select ?1, last_version, ?2, ?3, ?4, ?5, ?6, ?7, '', 'None', ?8, ?9, ?9 \
         from registered_models where name = ?1",
        params![
            new.model,
            new.run_id,
            new.model_id,
            new.training_hash,
            new.source,
            new.artifact_path,
            new.description,
            new.run_link,
            new.created_ms
        ],
    )?;
    let row = t.last_insert_rowid();
    let number = get(t, row)?.version;
    put_tags(t, &new.model, number, &new.tags)?;
    Ok(row)
}

/// MLflow lists a logged model's versions in a tag of the model.
fn name_on_logged_model(t: &Transaction<'_>, version: &ModelVersion) -> Result<(), Error> {
    const TAG: &str = "mlflow.modelVersions";
    let row = logged_model::active(t, &version.model_id)?;
    let known = logged_model::load(t, &[row])?.pop();
    let listed = known
        .as_ref()
        .and_then(|model: &LoggedModel| model.tags.get(TAG));
    let mut versions: Vec<serde_json::Value> = listed
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    versions.push(serde_json::json!({"name": version.model, "version": version.version}));
    let tags = Pairs::from([(TAG.to_owned(), serde_json::json!(versions).to_string())]);
    logged_model::put_tags(t, &version.model_id, &tags)
}

fn put_tags(t: &Transaction<'_>, model: &str, number: u64, tags: &Pairs) -> Result<(), Error> {
    let mut insert =
        t.prepare_cached("insert or replace into model_version_tags values (?1, ?2, ?3, ?4)")?;
    for (key, value) in tags {
        insert.execute(params![model, number, key, value])?;
    }
    Ok(())
}

pub(super) fn row(c: &Connection, model: &str, number: u64) -> Result<i64, Error> {
    let found = c
        .prepare_cached("select rowid from model_versions where model = ?1 and version = ?2")?
        .query_row(params![model, number], |row| row.get(0))
        .optional()?;
    match found {
        Some(row) => Ok(row),
        None => {
            model::check_known(c, model)?;
            Err(Error::not_found(format!(
                "registered model '{model}' has no version {number}"
            )))
        }
    }
}

/// Newest first.
pub(super) fn of_model(c: &Connection, model: &str) -> Result<Vec<ModelVersion>, Error> {
    let rows: Vec<i64> = c
        .prepare_cached("select rowid from model_versions where model = ?1 order by version desc")?
        .query_map([model], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    rows.iter().map(|row| get(c, *row)).collect()
}

pub(super) fn get(c: &Connection, row: i64) -> Result<ModelVersion, Error> {
    let mut version = c
        .prepare_cached(
            "select model, version, run_id, model_id, training_hash, source, artifact_path, description, \
             user_id, stage, run_link, created_ms, updated_ms from model_versions where rowid = ?1",
        )?
        .query_row([row], |row| {
            Ok(ModelVersion {
                model: row.get(0)?,
                version: row.get(1)?,
                run_id: row.get(2)?,
                model_id: row.get(3)?,
                training_hash: row.get(4)?,
                source: row.get(5)?,
                artifact_path: row.get(6)?,
                description: row.get(7)?,
                user_id: row.get(8)?,
                stage: row.get(9)?,
                run_link: row.get(10)?,
                created_ms: row.get(11)?,
                updated_ms: row.get(12)?,
                tags: Pairs::new(),
                aliases: Vec::new(),
            })
        })?;
    version.tags = c
        .prepare_cached(
            "select key, value from model_version_tags where model = ?1 and version = ?2",
        )?
        .query_map(params![version.model, version.version], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    version.aliases = c
        .prepare_cached(
            "select alias from model_aliases where model = ?1 and version = ?2 order by alias",
        )?
        .query_map(params![version.model, version.version], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(version)
}
