//! `datasets/...` and `scorers/...`: what models and agents are evaluated with.

use std::collections::BTreeMap;

use forebay_store::{EvaluationDataset, EvaluationRecord, NewRecord, Scorer, Search};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::{Void, found};
use super::value::{Int, Texts, experiment_id, experiment_ids, limit, required};
use super::{Problem, Tracking, new_id};

#[derive(Deserialize)]
pub struct Create {
    name: Option<String>,
    experiment_ids: Option<Texts>,
    tags: Option<String>,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<Value, Problem> {
    let name = required("name", asked.name)?;
    let dataset = tracking.store.create_evaluation_dataset(
        &format!("d-{}", new_id()),
        &name,
        &tags(asked.tags)?,
        &experiment_ids(asked.experiment_ids)?,
        tracking.now_ms(),
    )?;
    let mut answer = one(&dataset);
    put_experiments(&mut answer["dataset"], &dataset);
    Ok(answer)
}

/// Tags come as the text of a JSON object.
fn tags(text: Option<String>) -> Result<BTreeMap<String, String>, Problem> {
    let text = text
        .filter(|text| !text.is_empty())
        .unwrap_or("{}".to_owned());
    let tags: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
        Problem::invalid(format!("'tags' is the text of a JSON object: {error}"))
    })?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(tags
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect())
}

fn form(dataset: &EvaluationDataset) -> Value {
    let mut form = json!({
        "dataset_id": dataset.id,
        "name": dataset.name,
        "digest": dataset.digest,
        "tags": json!(dataset.tags).to_string(),
        "created_time": dataset.created_ms,
        "last_update_time": dataset.updated_ms,
    });
    if let Some(schema) = &dataset.schema {
        form["schema"] = json!(schema);
    }
    if dataset.records > 0 {
        form["profile"] = json!(json!({"num_records": dataset.records}).to_string());
    }
    for (name, user) in [
        ("created_by", &dataset.created_by),
        ("last_updated_by", &dataset.updated_by),
    ] {
        if !user.is_empty() {
            form[name] = json!(user);
        }
    }
    form
}

fn put_experiments(form: &mut Value, dataset: &EvaluationDataset) {
    if !dataset.experiments.is_empty() {
        let ids = dataset.experiments.iter().map(i64::to_string);
        form["experiment_ids"] = json!(ids.collect::<Vec<_>>());
    }
}

fn one(dataset: &EvaluationDataset) -> Value {
    json!({"dataset": form(dataset)})
}

#[derive(Deserialize)]
pub struct Id {
    dataset_id: Option<Texts>,
}

impl Id {
    fn read(self) -> Result<String, Problem> {
        required(
            "dataset_id",
            self.dataset_id.and_then(|ids| ids.0.into_iter().next()),
        )
    }
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    Ok(one(&tracking.store.evaluation_dataset(&asked.read()?)?))
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    tracking.store.delete_evaluation_dataset(&asked.read()?)?;
    Ok(Void {})
}

pub fn experiments(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    let dataset = tracking.store.evaluation_dataset(&asked.read()?)?;
    let mut answer = json!({});
    put_experiments(&mut answer, &dataset);
    Ok(answer)
}

#[derive(Deserialize)]
pub struct Find {
    experiment_ids: Option<Texts>,
    filter_string: Option<String>,
    max_results: Option<Int>,
    order_by: Option<Texts>,
    page_token: Option<String>,
}

pub fn search(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    let search = Search {
        filter: &asked.filter_string.unwrap_or_default(),
        order_by: &asked.order_by.unwrap_or_default().0,
        limit: limit(asked.max_results, 1000, 50_000)?,
        page_token: &asked.page_token.unwrap_or_default(),
        ..Search::default()
    };
    let experiments = experiment_ids(asked.experiment_ids)?;
    let page = tracking
        .store
        .search_evaluation_datasets(&experiments, &search)?;
    Ok(found(
        "datasets",
        page.items.iter().map(form).collect(),
        page.next,
    ))
}

#[derive(Deserialize)]
pub struct Tags {
    #[serde(flatten)]
    id: Id,
    tags: Option<String>,
}

pub fn set_tags(tracking: &Tracking, asked: Tags) -> Result<Void, Problem> {
    let tags = tags(Some(required("tags", asked.tags)?))?;
    let id = asked.id.read()?;
    tracking
        .store
        .set_evaluation_dataset_tags(&id, &tags, tracking.now_ms())?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct TagKey {
    #[serde(flatten)]
    id: Id,
    key: Option<Texts>,
}

pub fn delete_tag(tracking: &Tracking, asked: TagKey) -> Result<Void, Problem> {
    let key = required("key", asked.key.and_then(|keys| keys.0.into_iter().next()))?;
    tracking
        .store
        .delete_evaluation_dataset_tag(&asked.id.read()?, &key)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Link {
    #[serde(flatten)]
    id: Id,
    experiment_ids: Option<Texts>,
}

pub fn add_experiments(tracking: &Tracking, asked: Link) -> Result<Value, Problem> {
    let experiments = experiment_ids(asked.experiment_ids)?;
    let id = asked.id.read()?;
    Ok(one(&tracking
        .store
        .link_evaluation_dataset(&id, &experiments)?))
}

pub fn remove_experiments(tracking: &Tracking, asked: Link) -> Result<Value, Problem> {
    let experiments = experiment_ids(asked.experiment_ids)?;
    let id = asked.id.read()?;
    Ok(one(&tracking
        .store
        .unlink_evaluation_dataset(&id, &experiments)?))
}

#[derive(Deserialize)]
pub struct Upsert {
    #[serde(flatten)]
    id: Id,
    records: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    inputs: Map<String, Value>,
    /// Null is said, and means that there are none.
    #[serde(default, deserialize_with = "said")]
    outputs: Option<Value>,
    expectations: Option<Map<String, Value>>,
    tags: Option<Map<String, Value>>,
    #[serde(default)]
    source: Value,
}

fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

pub fn upsert(tracking: &Tracking, asked: Upsert) -> Result<Value, Problem> {
    let text = required("records", asked.records)?;
    let records: Vec<Record> = serde_json::from_str(&text).map_err(|error| {
        Problem::invalid(format!(
            "'records' is the text of a JSON list of records: {error}"
        ))
    })?;
    let new = |record: Record| NewRecord {
        id: format!("dr-{}", new_id()),
        inputs: record.inputs,
        outputs: record.outputs,
        expectations: record.expectations.unwrap_or_default(),
        tags: record.tags.unwrap_or_default(),
        source: record.source,
    };
    let records: Vec<NewRecord> = records.into_iter().map(new).collect();
    let id = asked.id.read()?;
    let counted = tracking
        .store
        .upsert_evaluation_records(&id, &records, tracking.now_ms())?;
    Ok(json!({"inserted_count": counted.inserted, "updated_count": counted.updated}))
}

#[derive(Deserialize)]
pub struct Records {
    #[serde(flatten)]
    id: Id,
    max_results: Option<Int>,
    page_token: Option<String>,
}

/// The list is a text of JSON, as its client wants it.
pub fn records(tracking: &Tracking, asked: Records) -> Result<Value, Problem> {
    let id = asked.id.read()?;
    let limit = limit(asked.max_results, 1000, 50_000)?;
    let token = asked.page_token.unwrap_or_default();
    let page = tracking.store.evaluation_records(&id, limit, &token)?;
    let records: Vec<Value> = page
        .items
        .iter()
        .map(|record| record_form(&id, record))
        .collect();
    let mut answer = json!({"records": json!(records).to_string()});
    if let Some(next) = page.next {
        answer["next_page_token"] = json!(next);
    }
    Ok(answer)
}

fn record_form(dataset_id: &str, record: &EvaluationRecord) -> Value {
    let mut form = json!({
        "dataset_record_id": record.id,
        "dataset_id": dataset_id,
        "inputs": record.inputs,
    });
    for (name, value) in [
        ("expectations", &record.expectations),
        ("tags", &record.tags),
    ] {
        if value.as_object().is_some_and(|map| !map.is_empty()) {
            form[name] = value.clone();
        }
    }
    if let Some(kind) = record.source.get("source_type") {
        form["source"] = record.source.clone();
        form["source_type"] = kind.clone();
    }
    if let Some(id) = record.source.pointer("/source_data/trace_id") {
        form["source_id"] = id.clone();
    }
    form["created_time"] = json!(record.created_ms);
    form["last_update_time"] = json!(record.updated_ms);
    for (name, user) in [
        ("created_by", &record.created_by),
        ("last_updated_by", &record.updated_by),
    ] {
        if !user.is_empty() {
            form[name] = json!(user);
        }
    }
    if !record.outputs.is_null() {
        form["outputs"] = record.outputs.clone();
    }
    form
}

#[derive(Deserialize)]
pub struct DeleteRecords {
    #[serde(flatten)]
    id: Id,
    dataset_record_ids: Option<Texts>,
}

pub fn delete_records(tracking: &Tracking, asked: DeleteRecords) -> Result<Value, Problem> {
    let ids = asked.dataset_record_ids.unwrap_or_default().0;
    let id = asked.id.read()?;
    let gone = tracking
        .store
        .delete_evaluation_records(&id, &ids, tracking.now_ms())?;
    Ok(json!({"deleted_count": gone}))
}

#[derive(Deserialize)]
pub struct NewScorer {
    experiment_id: Option<String>,
    name: Option<String>,
    serialized_scorer: Option<String>,
}

pub fn register_scorer(tracking: &Tracking, asked: NewScorer) -> Result<Value, Problem> {
    let scorer = tracking.store.register_scorer(
        &uuid::Uuid::new_v4().to_string(),
        experiment_id(asked.experiment_id)?,
        &required("name", asked.name)?,
        &required("serialized_scorer", asked.serialized_scorer)?,
        tracking.now_ms(),
    )?;
    Ok(json!({
        "version": scorer.version,
        "scorer_id": scorer.id,
        "experiment_id": scorer.experiment_id.to_string(),
        "name": scorer.name,
        "serialized_scorer": scorer.serialized,
        "creation_time": scorer.created_ms,
    }))
}

fn scorer(scorer: &Scorer) -> Value {
    json!({
        "experiment_id": scorer.experiment_id,
        "scorer_name": scorer.name,
        "scorer_version": scorer.version,
        "serialized_scorer": scorer.serialized,
        "creation_time": scorer.created_ms,
        "scorer_id": scorer.id,
    })
}

#[derive(Deserialize)]
pub struct OfExperiments {
    experiment_id: Option<String>,
    experiment_ids: Option<Texts>,
}

pub fn scorers(tracking: &Tracking, asked: OfExperiments) -> Result<Value, Problem> {
    let mut experiments = experiment_ids(asked.experiment_ids)?;
    if experiments.is_empty() {
        experiments.push(experiment_id(asked.experiment_id)?);
    }
    let scorers = tracking.store.scorers(&experiments)?;
    Ok(found("scorers", scorers.iter().map(scorer).collect(), None))
}

#[derive(Deserialize)]
pub struct OneScorer {
    experiment_id: Option<String>,
    name: Option<String>,
    version: Option<Int>,
}

impl OneScorer {
    fn read(self) -> Result<(i64, String, Option<u64>), Problem> {
        let version = self.version.map(|Int(n)| u64::try_from(n));
        let version = version.transpose();
        let version = version.map_err(|_| Problem::invalid("versions count from one"))?;
        Ok((
            experiment_id(self.experiment_id)?,
            required("name", self.name)?,
            version,
        ))
    }
}

pub fn get_scorer(tracking: &Tracking, asked: OneScorer) -> Result<Value, Problem> {
    let (experiment, name, version) = asked.read()?;
    let found = tracking.store.scorer(experiment, &name, version)?;
    Ok(json!({"scorer": scorer(&found)}))
}

pub fn scorer_versions(tracking: &Tracking, asked: OneScorer) -> Result<Value, Problem> {
    let (experiment, name, _) = asked.read()?;
    let versions = tracking.store.scorer_versions(experiment, &name)?;
    Ok(found(
        "scorers",
        versions.iter().map(scorer).collect(),
        None,
    ))
}

pub fn delete_scorer(tracking: &Tracking, asked: OneScorer) -> Result<Void, Problem> {
    let (experiment, name, version) = asked.read()?;
    tracking.store.delete_scorer(experiment, &name, version)?;
    Ok(Void {})
}

/// Nothing is scored in the server: no scorer has a configuration for that.
pub fn online_scorers(_: &Tracking, _: super::plain::Nothing) -> Result<Value, Problem> {
    Ok(json!({"configs": []}))
}
