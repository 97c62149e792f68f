//! Registered models.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::ModelVersion;
use super::version;
use crate::pairs::{self, Pairs};
use crate::search::{self, Field, Kind, Page, Search, Target};
use crate::{Error, Store, limits};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    pub name: String,
    pub description: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Pairs,
    /// Alias to version.
    pub aliases: BTreeMap<String, u64>,
    /// Newest first.
    pub versions: Vec<ModelVersion>,
}

impl RegisteredModel {
    /// The newest version of each stage.
    pub fn latest_versions(&self) -> Vec<&ModelVersion> {
        let mut latest: Vec<&ModelVersion> = Vec::new();
        for version in &self.versions {
            if latest.iter().all(|known| known.stage != version.stage) {
                latest.push(version);
            }
        }
        latest
    }
}

const TARGET: Target = Target {
    what: "registered models",
    table: "registered_models",
    entities: &["attribute", "attributes", "attr"],
    fields: &[
        Field::attribute(&["name"], Kind::Text, "t.name {}"),
        Field::attribute(
            &["creation_timestamp", "creation_time", "timestamp"],
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
            "(select value from registered_model_tags where model = t.name and key = ?) {}",
        ),
    ],
    ties: &[("t.name", false)],
};

const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
const NO_PROMPT: &str = "not exists (select 1 from registered_model_tags \
    where model = t.name and key = 'mlflow.prompt.is_prompt' and value = 'true')";

impl Store {
    pub fn create_registered_model(
        &self,
        name: &str,
        description: &str,
        tags: &Pairs,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::model_name(name)?;
        limits::description(description)?;
        limits::registry_tags(tags)?;
        self.change(|t| {
            if known(t, name)? {
                return Err(Error::Exists(format!(
                    "there is a registered model named '{name}' already"
                )));
            }
            insert(t, name, description, now_ms)?;
            put_tags(t, name, tags)
        })
    }

    pub fn registered_model(&self, name: &str) -> Result<RegisteredModel, Error> {
        self.ask(|c| get(c, name))
    }

    /// All of them, by name.
    pub fn registered_models(&self) -> Result<Vec<RegisteredModel>, Error> {
        self.ask(|c| {
            let names: Vec<String> = c
                .prepare_cached("select name from registered_models order by name")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            names.iter().map(|name| get(c, name)).collect()
        })
    }

    /// Whether a registered model is marked as a prompt; one that is not there is none.
    pub fn is_prompt(&self, name: &str) -> Result<bool, Error> {
        self.ask(|c| {
            let mut marks = c.prepare_cached(
                "select 1 from registered_model_tags \
                 where model = ?1 and key = ?2 and value = 'true' collate nocase",
            )?;
            Ok(marks.exists([name, IS_PROMPT])?)
        })
    }

    /// By name, where no order is asked for. Prompts, which are registered models with a tag, are
    /// found only by filters that ask for that tag.
    pub fn search_registered_models(
        &self,
        search: &Search<'_>,
    ) -> Result<Page<RegisteredModel>, Error> {
        self.ask(|c| {
            let scope = match search.filter.contains(IS_PROMPT) {
                true => "true",
                false => NO_PROMPT,
            };
            let page = search::run(c, &TARGET, &search::Sql::new(scope, Vec::new()), search)?;
            let mut select =
                c.prepare_cached("select name from registered_models where rowid = ?1")?;
            let mut model =
                |row: &i64| get(c, &select.query_row([row], |row| row.get::<_, String>(0))?);
            let items = page
                .items
                .iter()
                .map(&mut model)
                .collect::<Result<_, Error>>()?;
            Ok(Page {
                items,
                next: page.next,
            })
        })
    }

    pub fn describe_registered_model(
        &self,
        name: &str,
        description: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::description(description)?;
        self.change(|t| {
            check_known(t, name)?;
            t.execute(
                "update registered_models set description = ?2, updated_ms = ?3 where name = ?1",
                params![name, description, now_ms],
            )?;
            Ok(())
        })
    }

    pub fn rename_registered_model(
        &self,
        name: &str,
        new_name: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::model_name(new_name)?;
        self.change(|t| {
            check_known(t, name)?;
            if name != new_name && known(t, new_name)? {
                return Err(Error::Exists(format!(
                    "there is a registered model named '{new_name}' already"
                )));
            }
            t.execute(
                "update registered_models set name = ?2, updated_ms = ?3 where name = ?1",
                params![name, new_name, now_ms],
            )?;
            Ok(())
        })
    }

    /// With its versions, aliases and tags.
    pub fn delete_registered_model(&self, name: &str) -> Result<(), Error> {
        self.change(|t| {
            check_known(t, name)?;
            t.execute("delete from registered_models where name = ?1", [name])?;
            Ok(())
        })
    }

    pub fn set_registered_model_tags(
        &self,
        name: &str,
        tags: &Pairs,
        now_ms: i64,
    ) -> Result<(), Error> {
        limits::registry_tags(tags)?;
        self.change(|t| {
            check_known(t, name)?;
            put_tags(t, name, tags)?;
            touch(t, name, now_ms)
        })
    }

    /// A tag that is not there is no error, as in MLflow.
    pub fn delete_registered_model_tag(
        &self,
        name: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.change(|t| {
            check_known(t, name)?;
            t.execute(
                "delete from registered_model_tags where model = ?1 and key = ?2",
                [name, key],
            )?;
            touch(t, name, now_ms)
        })
    }
}

pub(super) fn insert(
    t: &Transaction<'_>,
    name: &str,
    description: &str,
    now_ms: i64,
) -> Result<(), Error> {
    t.execute(
        "insert into registered_models (name, description, created_ms, updated_ms) values (?1, ?2, ?3, ?3)",
        params![name, description, now_ms],
    )?;
    Ok(())
}

fn put_tags(t: &Transaction<'_>, name: &str, tags: &Pairs) -> Result<(), Error> {
    pairs::put(
        t,
        "insert or replace into registered_model_tags values (?1, ?2, ?3)",
        name,
        tags,
    )
}

pub(super) fn touch(t: &Transaction<'_>, name: &str, now_ms: i64) -> Result<(), Error> {
    t.execute(
        "update registered_models set updated_ms = ?2 where name = ?1",
        params![name, now_ms],
    )?;
    Ok(())
}

pub(super) fn known(c: &Connection, name: &str) -> Result<bool, Error> {
    Ok(
        c.prepare_cached("select 1 from registered_models where name = ?1")?
            .exists([name])?,
    )
}

pub(super) fn check_known(c: &Connection, name: &str) -> Result<(), Error> {
    if known(c, name)? {
        Ok(())
    } else {
        Err(unknown(name))
    }
}

fn unknown(name: &str) -> Error {
    Error::not_found(format!("there is no registered model named '{name}'"))
}

fn get(c: &Connection, name: &str) -> Result<RegisteredModel, Error> {
    let head = c
        .prepare_cached(
            "select description, created_ms, updated_ms from registered_models where name = ?1",
        )?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (description, created_ms, updated_ms) = head.ok_or_else(|| unknown(name))?;
    let versions = version::of_model(c, name)?;
    let alias = |version: &ModelVersion| {
        let number = version.version;
        version
            .aliases
            .clone()
            .into_iter()
            .map(move |alias| (alias, number))
    };
    Ok(RegisteredModel {
        name: name.to_owned(),
        description,
        created_ms,
        updated_ms,
        tags: c
            .prepare_cached("select key, value from registered_model_tags where model = ?1")?
            .query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?,
        aliases: versions.iter().flat_map(alias).collect(),
        versions,
    })
}
