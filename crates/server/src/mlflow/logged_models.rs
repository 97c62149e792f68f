//! `logged-models/...`

use forebay_store::{LoggedModel, MeasuredOn, ModelStatus, Search};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::{self, Void, found};
use super::value::{Flag, Int, Pair, Texts, experiment_id, experiment_ids, limit, pairs, required};
use super::{Problem, Tracking, new_id};

#[derive(Deserialize)]
pub struct Create {
    experiment_id: Option<String>,
    name: Option<String>,
    model_type: Option<String>,
    source_run_id: Option<String>,
    params: Option<Vec<Pair>>,
    tags: Option<Vec<Pair>>,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<Value, Problem> {
    let id = format!("m-{}", new_id());
    let now_ms = tracking.now_ms();
    let name = asked.name.filter(|name| !name.is_empty());
    tracking.store.create_logged_model(&LoggedModel {
        experiment_id: experiment_id(asked.experiment_id)?,
        name: name.unwrap_or_else(|| format!("model-{}", &id[2..10])),
        model_type: asked.model_type.unwrap_or_default(),
        source_run_id: asked.source_run_id.unwrap_or_default(),
        status: ModelStatus::Pending,
        artifact_path: String::new(),
        created_ms: now_ms,
        updated_ms: now_ms,
        params: pairs(asked.params),
        tags: pairs(asked.tags),
        metrics: Vec::new(),
        id: id.clone(),
    })?;
    one(tracking, &id)
}

#[derive(Deserialize)]
pub struct Id {
    model_id: Option<String>,
}

fn one(tracking: &Tracking, id: &str) -> Result<Value, Problem> {
    let model = tracking.store.logged_model(id)?;
    Ok(json!({"model": form::logged_model(&model, &tracking.artifacts)}))
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    one(tracking, &required("model_id", asked.model_id)?)
}

#[derive(Deserialize)]
pub struct Finalize {
    model_id: Option<String>,
    status: Option<Value>,
}

pub fn finalize(tracking: &Tracking, asked: Finalize) -> Result<Value, Problem> {
    let id = required("model_id", asked.model_id)?;
    let status = asked.status.unwrap_or_default();
    let number = status.as_i64();
    let status = match (status.as_str().unwrap_or_default(), number) {
        ("LOGGED_MODEL_PENDING", _) | (_, Some(1)) => ModelStatus::Pending,
        ("LOGGED_MODEL_READY", _) | (_, Some(2)) => ModelStatus::Ready,
        ("LOGGED_MODEL_UPLOAD_FAILED", _) | (_, Some(3)) => ModelStatus::UploadFailed,
        _ => {
            return Err(Problem::invalid(format!(
                "a logged model's status is LOGGED_MODEL_PENDING, _READY or _UPLOAD_FAILED, not {status}"
            )));
        }
    };
    tracking
        .store
        .finalize_logged_model(&id, status, tracking.now_ms())?;
    one(tracking, &id)
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    tracking
        .store
        .delete_logged_model(&required("model_id", asked.model_id)?, tracking.now_ms())?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Params {
    model_id: Option<String>,
    params: Option<Vec<Pair>>,
}

pub fn log_params(tracking: &Tracking, asked: Params) -> Result<Void, Problem> {
    let id = required("model_id", asked.model_id)?;
    tracking
        .store
        .log_logged_model_params(&id, &pairs(asked.params))?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Tags {
    model_id: Option<String>,
    tags: Option<Vec<Pair>>,
}

pub fn set_tags(tracking: &Tracking, asked: Tags) -> Result<Void, Problem> {
    let id = required("model_id", asked.model_id)?;
    tracking
        .store
        .set_logged_model_tags(&id, &pairs(asked.tags))?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct TagKey {
    model_id: Option<String>,
    tag_key: Option<String>,
}

pub fn delete_tag(tracking: &Tracking, asked: TagKey) -> Result<Void, Problem> {
    let id = required("model_id", asked.model_id)?;
    tracking
        .store
        .delete_logged_model_tag(&id, &required("tag_key", asked.tag_key)?)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Find {
    experiment_ids: Option<Texts>,
    filter: Option<String>,
    datasets: Option<Vec<OnData>>,
    max_results: Option<Int>,
    order_by: Option<Vec<Order>>,
    page_token: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    field_name: Option<String>,
    ascending: Option<Flag>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

#[derive(Deserialize)]
struct OnData {
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

impl OnData {
    fn read(self) -> Result<MeasuredOn, Problem> {
        Ok(MeasuredOn {
            name: required("dataset_name", self.dataset_name)?,
            digest: self.dataset_digest.filter(|digest| !digest.is_empty()),
        })
    }
}

pub fn search(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    let experiments = experiment_ids(asked.experiment_ids)?;
    let orders = asked.order_by.unwrap_or_default();
    let datasets = asked.datasets.unwrap_or_default().into_iter();
    let datasets: Vec<MeasuredOn> = datasets.map(OnData::read).collect::<Result<_, _>>()?;
    for order in &orders {
        check_order(order, &datasets)?;
    }
    let order = |order: Order| {
        let direction = if order.ascending.is_none_or(|Flag(up)| up) {
            "ASC"
        } else {
            "DESC"
        };
        format!("{} {direction}", order.field_name.unwrap_or_default())
    };
    let order_by: Vec<String> = orders.into_iter().map(order).collect();
    let search = Search {
        filter: &asked.filter.unwrap_or_default(),
        order_by: &order_by,
        limit: limit(asked.max_results, 50, 50_000)?,
        page_token: &asked.page_token.unwrap_or_default(),
        ..Search::default()
    };
    let page = tracking
        .store
        .search_logged_models(&experiments, &datasets, &search)?;
    let models = page
        .items
        .iter()
        .map(|m| form::logged_model(m, &tracking.artifacts));
    Ok(found("models", models.collect(), page.next))
}

/// Metrics are those on the datasets that are searched: an order may name the only one of them.
fn check_order(order: &Order, datasets: &[MeasuredOn]) -> Result<(), Problem> {
    let Some(name) = order.dataset_name.as_ref().filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let is_searched = matches!(datasets, [one] if one.name == *name
        && (order.dataset_digest.is_none() || order.dataset_digest == one.digest));
    match is_searched {
        true => Ok(()),
        false => Err(Problem::invalid(format!(
            "logged models are ordered by a metric on '{name}' only where 'datasets' names that dataset alone"
        ))),
    }
}
