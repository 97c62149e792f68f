//! `experiments/...`

use forebay_store::{Search, Stage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::{self, Void};
use super::value::{Int, Pair, Texts, experiment_id, limit, pairs, required};
use super::{Problem, Tracking};

#[derive(Deserialize)]
pub struct Create {
    name: Option<String>,
    artifact_location: Option<String>,
    tags: Option<Vec<Pair>>,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<Value, Problem> {
    let name = required("name", asked.name)?;
    let location = asked
        .artifact_location
        .filter(|location| !location.is_empty());
    let path = location
        .map(|location| tracking.artifacts.path_of(&location))
        .transpose()?;
    let id = tracking.store.create_experiment(
        &name,
        path.as_deref(),
        &pairs(asked.tags),
        tracking.now_ms(),
    )?;
    Ok(json!({"experiment_id": id.to_string()}))
}

#[derive(Deserialize)]
pub struct Id {
    experiment_id: Option<String>,
}

#[derive(Serialize)]
pub struct One {
    experiment: form::Experiment,
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<One, Problem> {
    let found = tracking
        .store
        .experiment(experiment_id(asked.experiment_id)?)?;
    Ok(One {
        experiment: form::experiment(&found, &tracking.artifacts),
    })
}

#[derive(Deserialize)]
pub struct Name {
    experiment_name: Option<String>,
}

pub fn get_by_name(tracking: &Tracking, asked: Name) -> Result<One, Problem> {
    let found = tracking
        .store
        .experiment_by_name(&required("experiment_name", asked.experiment_name)?)?;
    Ok(One {
        experiment: form::experiment(&found, &tracking.artifacts),
    })
}

#[derive(Deserialize)]
pub struct Find {
    max_results: Option<Int>,
    page_token: Option<String>,
    filter: Option<String>,
    order_by: Option<Texts>,
    view_type: Option<String>,
}

#[derive(Serialize)]
pub struct Found {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<form::Experiment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub fn search(tracking: &Tracking, asked: Find) -> Result<Found, Problem> {
    let page = tracking.store.search_experiments(&Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        stage: stage(asked.view_type.as_deref())?,
        limit: limit(asked.max_results, 1000, 50_000)?,
        page_token: &asked.page_token.unwrap_or_default(),
    })?;
    let form = |found| form::experiment(found, &tracking.artifacts);
    Ok(Found {
        experiments: page.items.iter().map(form).collect(),
        next_page_token: page.next,
    })
}

/// MLflow's view types, by name or number.
pub fn stage(view_type: Option<&str>) -> Result<Stage, Problem> {
    match view_type.unwrap_or_default() {
        "" | "ACTIVE_ONLY" | "1" => Ok(Stage::Active),
        "DELETED_ONLY" | "2" => Ok(Stage::Deleted),
        "ALL" | "3" => Ok(Stage::All),
        other => Err(Problem::invalid(format!(
            "the view type is ACTIVE_ONLY, DELETED_ONLY or ALL, not '{other}'"
        ))),
    }
}

#[derive(Deserialize)]
pub struct Update {
    experiment_id: Option<String>,
    new_name: Option<String>,
}

pub fn update(tracking: &Tracking, asked: Update) -> Result<Void, Problem> {
    let id = experiment_id(asked.experiment_id)?;
    let name = required("new_name", asked.new_name)?;
    tracking
        .store
        .rename_experiment(id, &name, tracking.now_ms())?;
    Ok(Void {})
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    let id = experiment_id(asked.experiment_id)?;
    tracking.store.delete_experiment(id, tracking.now_ms())?;
    Ok(Void {})
}

pub fn restore(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    let id = experiment_id(asked.experiment_id)?;
    tracking.store.restore_experiment(id, tracking.now_ms())?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Tag {
    experiment_id: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

pub fn set_tag(tracking: &Tracking, asked: Tag) -> Result<Void, Problem> {
    let id = experiment_id(asked.experiment_id)?;
    let tag = (required("key", asked.key)?, asked.value.unwrap_or_default());
    tracking
        .store
        .set_experiment_tags(id, &[tag].into(), tracking.now_ms())?;
    Ok(Void {})
}

pub fn delete_tag(tracking: &Tracking, asked: Tag) -> Result<Void, Problem> {
    let id = experiment_id(asked.experiment_id)?;
    tracking
        .store
        .delete_experiment_tag(id, &required("key", asked.key)?, tracking.now_ms())?;
    Ok(Void {})
}
