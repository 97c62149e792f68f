//! `registered-models/...` and `model-versions/...`

use std::collections::BTreeMap;

use forebay_store::registry::{NewVersion, STAGES};
use forebay_store::{ModelVersion, Search};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::{self, Void, found};
use super::location::{self, join};
use super::value::{Flag, Int, Pair, Texts, limit, pairs, required, version};
use super::{Problem, Tracking, runs, webhooks};

pub const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
const PROMPT_TEXT: &str = "mlflow.prompt.text";

#[derive(Deserialize)]
pub struct CreateModel {
    name: Option<String>,
    tags: Option<Vec<Pair>>,
    description: Option<String>,
}

pub fn create_model(tracking: &Tracking, asked: CreateModel) -> Result<Value, Problem> {
    let name = required("name", asked.name)?;
    let description = asked.description.unwrap_or_default();
    let tags = pairs(asked.tags);
    tracking
        .store
        .create_registered_model(&name, &description, &tags, tracking.now_ms())?;
    let events = ("registered_model.created", "prompt.created");
    let data = json!({"name": name, "tags": told(&tags), "description": description});
    webhooks::announce_of(tracking, &name, events, &data);
    model(tracking, &name)
}

/// Without those that mark a prompt.
fn told(tags: &BTreeMap<String, String>) -> BTreeMap<&String, &String> {
    let marks = [IS_PROMPT, "_mlflow_prompt_type", PROMPT_TEXT];
    let told = tags
        .iter()
        .filter(|(key, _)| !marks.contains(&key.as_str()));
    told.collect()
}

fn model(tracking: &Tracking, name: &str) -> Result<Value, Problem> {
    let model = tracking.store.registered_model(name)?;
    Ok(json!({"registered_model": form::registered_model(&model, &tracking.artifacts)}))
}

#[derive(Deserialize)]
pub struct Name {
    name: Option<String>,
}

pub fn get_model(tracking: &Tracking, asked: Name) -> Result<Value, Problem> {
    model(tracking, &required("name", asked.name)?)
}

#[derive(Deserialize)]
pub struct Find {
    filter: Option<String>,
    max_results: Option<Int>,
    order_by: Option<Texts>,
    page_token: Option<String>,
}

pub fn search_models(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    let page = tracking.store.search_registered_models(&Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        limit: limit(asked.max_results, 100, 1000)?,
        page_token: &asked.page_token.unwrap_or_default(),
        ..Search::default()
    })?;
    let models = page
        .items
        .iter()
        .map(|model| form::registered_model(model, &tracking.artifacts));
    Ok(found("registered_models", models.collect(), page.next))
}

#[derive(Deserialize)]
pub struct UpdateModel {
    name: Option<String>,
    description: Option<String>,
}

pub fn update_model(tracking: &Tracking, asked: UpdateModel) -> Result<Value, Problem> {
    let name = required("name", asked.name)?;
    let description = asked.description.unwrap_or_default();
    tracking
        .store
        .describe_registered_model(&name, &description, tracking.now_ms())?;
    model(tracking, &name)
}

#[derive(Deserialize)]
pub struct Rename {
    name: Option<String>,
    new_name: Option<String>,
}

pub fn rename_model(tracking: &Tracking, asked: Rename) -> Result<Value, Problem> {
    let name = required("name", asked.name)?;
    let new_name = required("new_name", asked.new_name)?;
    tracking
        .store
        .rename_registered_model(&name, &new_name, tracking.now_ms())?;
    model(tracking, &new_name)
}

pub fn delete_model(tracking: &Tracking, asked: Name) -> Result<Void, Problem> {
    tracking
        .store
        .delete_registered_model(&required("name", asked.name)?)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct ModelTag {
    name: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

pub fn set_model_tag(tracking: &Tracking, asked: ModelTag) -> Result<Void, Problem> {
    let name = required("name", asked.name)?;
    let tag = (required("key", asked.key)?, asked.value.unwrap_or_default());
    let data = json!({"name": name, "key": tag.0, "value": tag.1});
    tracking
        .store
        .set_registered_model_tags(&name, &[tag].into(), tracking.now_ms())?;
    webhooks::announce_of(tracking, &name, ("", "prompt_tag.set"), &data);
    Ok(Void {})
}

pub fn delete_model_tag(tracking: &Tracking, asked: ModelTag) -> Result<Void, Problem> {
    let (name, key) = (required("name", asked.name)?, required("key", asked.key)?);
    tracking
        .store
        .delete_registered_model_tag(&name, &key, tracking.now_ms())?;
    let data = json!({"name": name, "key": key});
    webhooks::announce_of(tracking, &name, ("", "prompt_tag.deleted"), &data);
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Latest {
    name: Option<String>,
    stages: Option<Texts>,
}

pub fn latest_versions(tracking: &Tracking, asked: Latest) -> Result<Value, Problem> {
    let stages = asked.stages.unwrap_or_default().0;
    for stage in &stages {
        if !STAGES.iter().any(|known| known.eq_ignore_ascii_case(stage)) {
            return Err(Problem::invalid(format!(
                "'{stage}' is no stage: write {}",
                STAGES.join(", ")
            )));
        }
    }
    let model = tracking
        .store
        .registered_model(&required("name", asked.name)?)?;
    let wanted =
        |stage: &String| stages.is_empty() || stages.iter().any(|s| s.eq_ignore_ascii_case(stage));
    let latest = model
        .latest_versions()
        .into_iter()
        .filter(|version| wanted(&version.stage));
    let versions = latest
        .map(|version| form::version(version, &tracking.artifacts))
        .collect();
    Ok(found("model_versions", versions, None))
}

#[derive(Deserialize)]
pub struct Alias {
    name: Option<String>,
    alias: Option<String>,
    version: Option<Texts>,
}

pub fn set_alias(tracking: &Tracking, asked: Alias) -> Result<Void, Problem> {
    let (name, alias) = (
        required("name", asked.name)?,
        required("alias", asked.alias)?,
    );
    let number = version(asked.version)?;
    tracking
        .store
        .set_alias(&name, &alias, number, tracking.now_ms())?;
    let events = ("model_version_alias.created", "prompt_alias.created");
    let data = json!({"name": name, "alias": alias, "version": number.to_string()});
    webhooks::announce_of(tracking, &name, events, &data);
    Ok(Void {})
}

pub fn get_alias(tracking: &Tracking, asked: Alias) -> Result<Value, Problem> {
    let (name, alias) = (
        required("name", asked.name)?,
        required("alias", asked.alias)?,
    );
    match tracking.store.version_by_alias(&name, &alias)? {
        Some(version) => Ok(one(&version, tracking)),
        None => {
            tracking.store.registered_model(&name)?;
            // MLflow's code for it, on which its client branches.
            Err(Problem::invalid(format!(
                "registered model alias {alias} not found: '{name}' has none of that name"
            )))
        }
    }
}

pub fn delete_alias(tracking: &Tracking, asked: Alias) -> Result<Void, Problem> {
    let (name, alias) = (
        required("name", asked.name)?,
        required("alias", asked.alias)?,
    );
    tracking
        .store
        .delete_alias(&name, &alias, tracking.now_ms())?;
    let events = ("model_version_alias.deleted", "prompt_alias.deleted");
    let data = json!({"name": name, "alias": alias});
    webhooks::announce_of(tracking, &name, events, &data);
    Ok(Void {})
}

fn one(version: &forebay_store::ModelVersion, tracking: &Tracking) -> Value {
    json!({"model_version": form::version(version, &tracking.artifacts)})
}

#[derive(Deserialize)]
pub struct CreateVersion {
    name: Option<String>,
    source: Option<String>,
    run_id: Option<String>,
    tags: Option<Vec<Pair>>,
    run_link: Option<String>,
    description: Option<String>,
    model_id: Option<String>,
}

pub fn create_version(tracking: &Tracking, asked: CreateVersion) -> Result<Value, Problem> {
    let source = required("source", asked.source)?;
    let mut new = NewVersion {
        model: required("name", asked.name)?,
        run_id: asked.run_id.unwrap_or_default(),
        model_id: asked.model_id.unwrap_or_default(),
        description: asked.description.unwrap_or_default(),
        run_link: asked.run_link.unwrap_or_default(),
        tags: pairs(asked.tags),
        created_ms: tracking.now_ms(),
        ..NewVersion::default()
    };
    find_files(tracking, &source, &mut new)?;
    new.source = source;
    let version = tracking.store.create_version(&new)?;
    announce_version(tracking, &version);
    Ok(one(&version, tracking))
}

fn announce_version(tracking: &Tracking, version: &ModelVersion) {
    let mut data = json!({
        "name": version.model,
        "version": version.version.to_string(),
        "tags": told(&version.tags),
        "description": said(&version.description),
    });
    let event = match version.tags.get(PROMPT_TEXT) {
        Some(text) => {
            data["template"] = json!(text);
            "prompt_version.created"
        }
        None => {
            data["source"] = json!(version.source);
            data["run_id"] = json!(said(&version.run_id));
            "model_version.created"
        }
    };
    webhooks::announce(tracking, event, &data);
}

/// Tells webhooks of a version that was registered beside the protocol, and of its aliases, as of one
/// that a client registers. Returns once all of them heard of it, or were given up.
pub async fn announce_registered(tracking: &Tracking, version: &ModelVersion) {
    // The first of a model comes with it.
    if version.version == 1 {
        let data = json!({"name": version.model, "tags": {}, "description": ""});
        webhooks::announce(tracking, "registered_model.created", &data);
    }
    announce_version(tracking, version);
    for alias in &version.aliases {
        let number = version.version.to_string();
        let data = json!({"name": version.model, "alias": alias, "version": number});
        webhooks::announce(tracking, "model_version_alias.created", &data);
    }
    tracking.deliveries.settle().await;
}

/// None where nothing was said.
fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Finds where the source's files are, and the run and logged model behind it where none is named.
fn find_files(tracking: &Tracking, source: &str, new: &mut NewVersion) -> Result<(), Problem> {
    let refused = |why: &str| Problem::invalid(format!("the source '{source}' is refused: {why}"));
    let is_prompt = new
        .tags
        .get(IS_PROMPT)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_word = source
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_prompt && is_word {
        // A prompt has no files; its text is a tag.
        return Ok(());
    }
    if let Some(model) = source.strip_prefix("models:/") {
        return from_model(tracking, model, new, refused);
    }
    if let Some(named) = source.strip_prefix("runs:/") {
        let (run_id, path) = named.split_once('/').unwrap_or((named, ""));
        if !new.run_id.is_empty() && new.run_id != run_id {
            return Err(refused("it names another run than run_id"));
        }
        let run = runs::find(tracking, run_id)?;
        let path = if path.is_empty() {
            String::new()
        } else {
            location::relative(path)?
        };
        new.artifact_path = join(&run.artifact_path, &path);
        new.run_id = run.id;
        return Ok(());
    }
    new.artifact_path = tracking.artifacts.path_of(source)?;
    if !new.model_id.is_empty() && new.run_id.is_empty() {
        new.run_id = tracking.store.logged_model(&new.model_id)?.source_run_id;
    }
    Ok(())
}

/// `models:/m-...` is a logged model; `models:/name/3` and `models:/name@alias` are versions.
fn from_model(
    tracking: &Tracking,
    model: &str,
    new: &mut NewVersion,
    refused: impl Fn(&str) -> Problem,
) -> Result<(), Problem> {
    let (path, run_id, model_id) = match (model.split_once('/'), model.split_once('@')) {
        (Some((name, number)), _) => {
            let number = number
                .parse()
                .map_err(|_| refused("a version is a whole number"))?;
            let version = tracking.store.get_version(name, number)?;
            (version.artifact_path, version.run_id, version.model_id)
        }
        (None, Some((name, alias))) => {
            let version = tracking.store.version_by_alias(name, alias)?;
            let version = version.ok_or_else(|| refused("there is no version with that alias"))?;
            (version.artifact_path, version.run_id, version.model_id)
        }
        (None, None) => {
            let model = tracking.store.logged_model(model)?;
            (model.artifact_path, model.source_run_id, model.id)
        }
    };
    if !new.model_id.is_empty() && new.model_id != model_id {
        return Err(refused("it names another model than model_id"));
    }
    new.artifact_path = path;
    new.model_id = model_id;
    if new.run_id.is_empty() {
        new.run_id = run_id;
    }
    Ok(())
}

#[derive(Deserialize)]
pub struct Version {
    name: Option<String>,
    version: Option<Texts>,
}

impl Version {
    fn read(self) -> Result<(String, u64), Problem> {
        Ok((required("name", self.name)?, version(self.version)?))
    }
}

pub fn get_version(tracking: &Tracking, asked: Version) -> Result<Value, Problem> {
    let (name, number) = asked.read()?;
    Ok(one(&tracking.store.get_version(&name, number)?, tracking))
}

pub fn download_uri(tracking: &Tracking, asked: Version) -> Result<Value, Problem> {
    let (name, number) = asked.read()?;
    let version = tracking.store.get_version(&name, number)?;
    let uri = match version.artifact_path.is_empty() {
        true => version.source,
        false => tracking.artifacts.uri(&version.artifact_path),
    };
    Ok(json!({"artifact_uri": uri}))
}

pub fn search_versions(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    let page = tracking.store.search_versions(&Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        limit: limit(asked.max_results, 10_000, 200_000)?,
        page_token: &asked.page_token.unwrap_or_default(),
        ..Search::default()
    })?;
    let versions = page
        .items
        .iter()
        .map(|version| form::version(version, &tracking.artifacts));
    Ok(found("model_versions", versions.collect(), page.next))
}

#[derive(Deserialize)]
pub struct UpdateVersion {
    #[serde(flatten)]
    version: Version,
    description: Option<String>,
}

pub fn update_version(tracking: &Tracking, asked: UpdateVersion) -> Result<Value, Problem> {
    let (name, number) = asked.version.read()?;
    let description = asked.description.unwrap_or_default();
    tracking
        .store
        .describe_version(&name, number, &description, tracking.now_ms())?;
    Ok(one(&tracking.store.get_version(&name, number)?, tracking))
}

#[derive(Deserialize)]
pub struct Transition {
    #[serde(flatten)]
    version: Version,
    stage: Option<String>,
    archive_existing_versions: Option<Flag>,
}

pub fn transition_stage(tracking: &Tracking, asked: Transition) -> Result<Value, Problem> {
    let (name, number) = asked.version.read()?;
    let Flag(archive) = asked.archive_existing_versions.unwrap_or_default();
    let stage = required("stage", asked.stage)?;
    tracking
        .store
        .set_stage(&name, number, &stage, archive, tracking.now_ms())?;
    Ok(one(&tracking.store.get_version(&name, number)?, tracking))
}

pub fn delete_version(tracking: &Tracking, asked: Version) -> Result<Void, Problem> {
    let (name, number) = asked.read()?;
    tracking
        .store
        .delete_version(&name, number, tracking.now_ms())?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct VersionTag {
    #[serde(flatten)]
    version: Version,
    key: Option<String>,
    value: Option<String>,
}

pub fn set_version_tag(tracking: &Tracking, asked: VersionTag) -> Result<Void, Problem> {
    let (name, number) = asked.version.read()?;
    let tag = (required("key", asked.key)?, asked.value.unwrap_or_default());
    let version = number.to_string();
    let data = json!({"name": name, "version": version, "key": tag.0, "value": tag.1});
    tracking
        .store
        .set_version_tags(&name, number, &[tag].into())?;
    let events = ("model_version_tag.set", "prompt_version_tag.set");
    webhooks::announce_of(tracking, &name, events, &data);
    Ok(Void {})
}

pub fn delete_version_tag(tracking: &Tracking, asked: VersionTag) -> Result<Void, Problem> {
    let (name, number) = asked.version.read()?;
    let key = required("key", asked.key)?;
    tracking.store.delete_version_tag(&name, number, &key)?;
    let events = ("model_version_tag.deleted", "prompt_version_tag.deleted");
    let data = json!({"name": name, "version": number.to_string(), "key": key});
    webhooks::announce_of(tracking, &name, events, &data);
    Ok(Void {})
}
