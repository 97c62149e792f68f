//! Scorers and datasets to evaluate with. Servers before them have none.

use std::collections::BTreeMap;

use forebay_core::Diagnostic;
use forebay_store::{EvaluationDataset, EvaluationRecord, Experiment, Scorer};
use serde_json::{Map, Value, json};

use super::{API_3, Server, list, text, whole};

impl Server {
    pub(super) fn scorers(&self, experiment: &Experiment) -> Result<Vec<Scorer>, Diagnostic> {
        let id = experiment.id.to_string();
        let query = [("experiment_id", id.as_str())];
        let newest = self
            .client
            .get_if_known(&format!("{API_3}/scorers/list"), &query)?;
        let mut scorers = Vec::new();
        for scorer in list(&newest, "scorers") {
            let name = text(&scorer, "scorer_name");
            let query = [("experiment_id", id.as_str()), ("name", &name)];
            let all = self
                .client
                .get(&format!("{API_3}/scorers/versions"), &query)?;
            let scorer = |found: &Value| Scorer {
                id: text(found, "scorer_id"),
                experiment_id: experiment.id,
                name: name.clone(),
                version: whole(found, "scorer_version").unwrap_or(1).unsigned_abs(),
                serialized: text(found, "serialized_scorer"),
                created_ms: whole(found, "creation_time").unwrap_or(0),
            };
            scorers.extend(list(&all, "scorers").iter().map(scorer));
        }
        Ok(scorers)
    }

    pub(super) fn evaluation_datasets(
        &self,
    ) -> Result<Vec<(EvaluationDataset, Vec<EvaluationRecord>)>, Diagnostic> {
        let asked = json!({"max_results": 1000});
        let found = self.pages_if_known(&format!("{API_3}/datasets/search"), asked, "datasets")?;
        let mut datasets = Vec::new();
        for found in &found {
            let id = text(found, "dataset_id");
            let at = |what: &str| format!("{API_3}/datasets/{id}/{what}");
            let experiments = self.client.get(&at("experiment-ids"), &[])?;
            let mut dataset = dataset(found);
            dataset.experiments = list(&experiments, "experiment_ids")
                .iter()
                .filter_map(|id| id.as_str()?.parse().ok())
                .collect();
            datasets.push((dataset, self.records(&at("records"))?));
        }
        Ok(datasets)
    }

    /// Each page is the text of a JSON list.
    fn records(&self, path: &str) -> Result<Vec<EvaluationRecord>, Diagnostic> {
        let (mut records, mut token) = (Vec::new(), String::new());
        loop {
            let mut query = vec![("max_results", "1000")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let answer = self.client.get(path, &query)?;
            let page = json_of(&answer, "records");
            records.extend(page.as_array().into_iter().flatten().map(record));
            token = text(&answer, "next_page_token");
            if token.is_empty() {
                return Ok(records);
            }
        }
    }
}

fn dataset(found: &Value) -> EvaluationDataset {
    let tags: BTreeMap<String, String> = match json_of(found, "tags") {
        Value::Object(tags) => tags
            .keys()
            .map(|key| (key.clone(), text(&Value::Object(tags.clone()), key)))
            .collect(),
        _ => BTreeMap::new(),
    };
    EvaluationDataset {
        id: text(found, "dataset_id"),
        name: text(found, "name"),
        schema: found["schema"].as_str().map(str::to_owned),
        digest: text(found, "digest"),
        created_by: text(found, "created_by"),
        updated_by: text(found, "last_updated_by"),
        created_ms: whole(found, "created_time").unwrap_or(0),
        updated_ms: whole(found, "last_update_time").unwrap_or(0),
        tags,
        ..EvaluationDataset::default()
    }
}

fn record(found: &Value) -> EvaluationRecord {
    let map = |name: &str| match json_of(found, name) {
        Value::Null => Value::Object(Map::new()),
        map => map,
    };
    EvaluationRecord {
        id: text(found, "dataset_record_id"),
        inputs: map("inputs"),
        outputs: found["outputs"].clone(),
        expectations: map("expectations"),
        tags: map("tags"),
        source: json_of(found, "source"),
        created_by: text(found, "created_by"),
        updated_by: text(found, "last_updated_by"),
        created_ms: whole(found, "created_time").unwrap_or(0),
        updated_ms: whole(found, "last_update_time").unwrap_or(0),
    }
}

/// A value, or the text of one.
fn json_of(found: &Value, name: &str) -> Value {
    match &found[name] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        value => value.clone(),
    }
}
