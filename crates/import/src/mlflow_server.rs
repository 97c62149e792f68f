//! A running MLflow server, asked by its REST protocol.

use std::collections::BTreeMap;

use forebay_core::Diagnostic;
use forebay_store::{
    Dataset, Experiment, History, Imported, LoggedModel, Metric, ModelMetric, ModelOutput,
    ModelStatus, ModelVersion, RegisteredModel, Run, RunInput, RunState,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::http::Client;
use crate::{Target, artifacts};

mod evaluation;
mod traces;

const API: &str = "/api/2.0/mlflow";
/// Of traces, scorers and datasets to evaluate with.
const API_3: &str = "/api/3.0/mlflow";
const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// Files that go through the server; others stay where only clients reach them.
const SERVED: &str = "mlflow-artifacts:/";
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-');

type Pairs = BTreeMap<String, String>;

/// All that the server has, deleted things too.
pub fn import(url: &str, target: &Target<'_>) -> Result<Imported, Diagnostic> {
    let server = Server {
        client: Client::new(url)?,
    };
    let (mut all, mut experiments) = (Imported::default(), Vec::new());
    let asked = json!({"max_results": 1000, "view_type": "ALL"});
    for found in server.pages("experiments/search", asked, "experiments")? {
        let experiment = experiment(&found);
        let mut part = History {
            logged_models: server.logged_models(&experiment)?,
            ..History::of(experiment.clone())
        };
        for model in &part.logged_models {
            server.copy_files(&model.artifact_path, target)?;
        }
        let asked = json!({"experiment_ids": [experiment.id.to_string()], "run_view_type": "ALL", "max_results": 1000});
        for found in server.pages("runs/search", asked, "runs")? {
            let run = server.run(&found, &experiment)?;
            server.copy_files(&run.artifact_path, target)?;
            part.runs.push(run);
            target.add_full(&mut part, &mut all)?;
        }
        target.add(&part, &mut all)?;
        server.traces(&experiment, target, &mut all)?;
        part = History {
            scorers: server.scorers(&experiment)?,
            ..History::of(experiment)
        };
        target.add(&part, &mut all)?;
        experiments.push(part.experiments.remove(0));
    }
    let rest = History {
        experiments,
        registered_models: server.registry()?,
        evaluation: server.evaluation_datasets()?,
        ..History::default()
    };
    target.add(&rest, &mut all)?;
    Ok(all)
}

struct Server {
    client: Client,
}

impl Server {
    /// All items of a search, page by page.
    fn pages(&self, method: &str, mut asked: Value, name: &str) -> Result<Vec<Value>, Diagnostic> {
        self.collect(name, |token| {
            asked["page_token"] = json!(token);
            self.client.post(&format!("{API}/{method}"), &asked)
        })
    }

    /// As [`Server::pages`]; none of a method that an older server does not have.
    fn pages_if_known(
        &self,
        path: &str,
        mut asked: Value,
        name: &str,
    ) -> Result<Vec<Value>, Diagnostic> {
        self.collect(name, |token| {
            asked["page_token"] = json!(token);
            self.client.post_if_known(path, &asked)
        })
    }

    /// As [`Server::pages`], of a method that is asked by its query.
    fn pages_of_get(
        &self,
        method: &str,
        query: &[(&str, &str)],
        name: &str,
    ) -> Result<Vec<Value>, Diagnostic> {
        self.collect(name, |token| {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", token));
            }
            self.client.get(&format!("{API}/{method}"), &query)
        })
    }

    /// The items of all pages; a page is asked for with the token that the last one gave.
    fn collect(
        &self,
        name: &str,
        mut page: impl FnMut(&str) -> Result<Value, Diagnostic>,
    ) -> Result<Vec<Value>, Diagnostic> {
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let answer = page(&token)?;
            items.extend(list(&answer, name));
            token = text(&answer, "next_page_token");
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    fn run(&self, found: &Value, experiment: &Experiment) -> Result<Run, Diagnostic> {
        let (info, data) = (&found["info"], &found["data"]);
        let id = text(info, "run_id");
        let mut metrics = Vec::new();
        for newest in list(data, "metrics") {
            let key = text(&newest, "key");
            let query = [
                ("run_id", id.as_str()),
                ("metric_key", &key),
                ("max_results", "25000"),
            ];
            let history = self.pages_of_get("metrics/get-history", &query, "metrics")?;
            metrics.extend(history.iter().map(metric));
        }
        let deleted = text(info, "lifecycle_stage") == "deleted";
        let input = |input: &Value| RunInput {
            dataset: dataset(&input["dataset"]),
            tags: pairs(input, "tags"),
        };
        let output = |output: &Value| ModelOutput {
            model_id: text(output, "model_id"),
            step: whole(output, "step").unwrap_or(0),
        };
        Ok(Run {
            experiment_id: experiment.id,
            experiment: experiment.name.clone(),
            name: text(info, "run_name"),
            user_id: text(info, "user_id"),
            state: match text(info, "status").as_str() {
                "RUNNING" => RunState::Running,
                "SCHEDULED" => RunState::Scheduled,
                "FINISHED" => RunState::Finished,
                "KILLED" => RunState::Killed,
                _ => RunState::Failed,
            },
            deleted_ms: deleted.then(|| whole(info, "end_time").unwrap_or(0)),
            invocation_id: None,
            artifact_path: text(info, "artifact_uri"),
            started_ms: whole(info, "start_time").unwrap_or(0),
            finished_ms: whole(info, "end_time").filter(|ms| *ms > 0),
            params: pairs(data, "params"),
            metrics,
            tags: pairs(data, "tags"),
            inputs: list(&found["inputs"], "dataset_inputs")
                .iter()
                .map(input)
                .collect(),
            model_inputs: list(&found["inputs"], "model_inputs")
                .iter()
                .map(|m| text(m, "model_id"))
                .collect(),
            model_outputs: list(&found["outputs"], "model_outputs")
                .iter()
                .map(output)
                .collect(),
            id,
        })
    }

    fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModel>, Diagnostic> {
        let asked = json!({"experiment_ids": [experiment.id.to_string()], "max_results": 50});
        let found = self.pages("logged-models/search", asked, "models")?;
        Ok(found
            .iter()
            .map(|model| logged_model(model, experiment))
            .collect())
    }

    /// Prompts among them; they and their versions are found only where they are asked for.
    fn registry(&self) -> Result<Vec<RegisteredModel>, Diagnostic> {
        let prompts = "tags.`mlflow.prompt.is_prompt` = 'true'";
        let mut models: BTreeMap<String, RegisteredModel> = BTreeMap::new();
        for filter in ["", prompts] {
            let query = [("max_results", "1000"), ("filter", filter)];
            let path = "registered-models/search";
            for found in self.pages_of_get(path, &query, "registered_models")? {
                let mut model = registered_model(&found);
                let mut named = format!("name = '{}'", model.name.replace('\'', "''"));
                if !filter.is_empty() {
                    named = format!("{named} AND {filter}");
                }
                let query = [("filter", named.as_str()), ("max_results", "10000")];
                let path = "model-versions/search";
                for found in self.pages_of_get(path, &query, "model_versions")? {
                    model.versions.push(self.version(&found)?);
                }
                // An older server gives prompts without being asked for them.
                models.entry(model.name.clone()).or_insert(model);
            }
        }
        Ok(models.into_values().collect())
    }

    fn version(&self, found: &Value) -> Result<ModelVersion, Diagnostic> {
        let (model, number) = (text(found, "name"), text(found, "version"));
        let query = [("name", model.as_str()), ("version", &number)];
        let place = self
            .client
            .get(&format!("{API}/model-versions/get-download-uri"), &query)?;
        Ok(ModelVersion {
            version: number.parse().unwrap_or(0),
            run_id: text(found, "run_id"),
            model_id: text(found, "model_id"),
            training_hash: String::new(),
            // A prompt has no files, and a word instead of a place.
            artifact_path: Some(text(&place, "artifact_uri"))
                .filter(|uri| uri.contains(":/"))
                .unwrap_or_default(),
            source: text(found, "source"),
            description: text(found, "description"),
            user_id: text(found, "user_id"),
            stage: text(found, "current_stage"),
            run_link: text(found, "run_link"),
            created_ms: whole(found, "creation_timestamp").unwrap_or(0),
            updated_ms: whole(found, "last_updated_timestamp").unwrap_or(0),
            tags: pairs(found, "tags"),
            aliases: Vec::new(),
            model,
        })
    }

    fn copy_files(&self, uri: &str, target: &Target<'_>) -> Result<(), Diagnostic> {
        match uri.strip_prefix(SERVED) {
            Some(path) if is_plain(path) => self.copy_folder(path, target),
            _ => Ok(()),
        }
    }

    fn copy_folder(&self, path: &str, target: &Target<'_>) -> Result<(), Diagnostic> {
        let listed = self.client.get(ARTIFACTS, &[("path", path)])?;
        for file in list(&listed, "files") {
            let name = text(&file, "path");
            let below = format!("{path}/{name}");
            if !is_plain(&below) {
                return Err(Diagnostic::error(format!(
                    "the server lists '{name}' in '{path}', which is no name of a file"
                )));
            }
            if file["is_dir"].as_bool() == Some(true) {
                self.copy_folder(&below, target)?;
                continue;
            }
            let place = target.artifacts.join(&below);
            if !artifacts::is_there(&place, whole(&file, "file_size").unwrap_or(-1) as u64) {
                let from = format!("{ARTIFACTS}/{}", utf8_percent_encode(&below, PATH));
                let mut source = self.client.download(&from)?;
                artifacts::write(&mut source, &place)
                    .map_err(|error| artifacts::trouble(&place, &error))?;
            }
        }
        Ok(())
    }
}

/// Names joined by slashes, none of which leads up: what the other server says becomes a path here.
fn is_plain(path: &str) -> bool {
    !path.contains('\\') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn list(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn whole(value: &Value, name: &str) -> Option<i64> {
    value[name]
        .as_i64()
        .or_else(|| value[name].as_str()?.parse().ok())
}

fn pairs(value: &Value, name: &str) -> Pairs {
    list(value, name)
        .iter()
        .map(|pair| (text(pair, "key"), text(pair, "value")))
        .collect()
}

fn experiment(found: &Value) -> Experiment {
    let updated_ms = whole(found, "last_update_time").unwrap_or(0);
    Experiment {
        id: whole(found, "experiment_id").unwrap_or(0),
        name: text(found, "name"),
        artifact_path: text(found, "artifact_location"),
        created_ms: whole(found, "creation_time").unwrap_or(0),
        updated_ms,
        deleted_ms: (text(found, "lifecycle_stage") == "deleted").then_some(updated_ms),
        tags: pairs(found, "tags"),
    }
}

/// MLflow's databases keep the greatest number where an infinity was logged.
fn metric(found: &Value) -> Metric {
    let value = match &found["value"] {
        Value::String(text) => text.parse().unwrap_or(f64::NAN),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    Metric {
        key: text(found, "key"),
        step: whole(found, "step").unwrap_or(0),
        timestamp_ms: whole(found, "timestamp").unwrap_or(0),
        value: match value {
            f64::MAX => f64::INFINITY,
            f64::MIN => f64::NEG_INFINITY,
            value => value,
        },
    }
}

fn dataset(found: &Value) -> Dataset {
    let optional = |name: &str| found[name].as_str().map(str::to_owned);
    Dataset {
        name: text(found, "name"),
        digest: text(found, "digest"),
        source_type: text(found, "source_type"),
        source: text(found, "source"),
        schema: optional("schema"),
        profile: optional("profile"),
    }
}

fn logged_model(found: &Value, experiment: &Experiment) -> LoggedModel {
    let (info, data) = (&found["info"], &found["data"]);
    let id = text(info, "model_id");
    let measured = |found: &Value| ModelMetric {
        metric: metric(found),
        model_id: id.clone(),
        run_id: text(found, "run_id"),
        dataset_name: text(found, "dataset_name"),
        dataset_digest: text(found, "dataset_digest"),
    };
    LoggedModel {
        experiment_id: experiment.id,
        name: text(info, "name"),
        model_type: text(info, "model_type"),
        source_run_id: text(info, "source_run_id"),
        status: match text(info, "status").as_str() {
            "LOGGED_MODEL_READY" => ModelStatus::Ready,
            "LOGGED_MODEL_UPLOAD_FAILED" => ModelStatus::UploadFailed,
            _ => ModelStatus::Pending,
        },
        artifact_path: text(info, "artifact_uri"),
        created_ms: whole(info, "creation_timestamp_ms").unwrap_or(0),
        updated_ms: whole(info, "last_updated_timestamp_ms").unwrap_or(0),
        params: pairs(data, "params"),
        tags: pairs(info, "tags"),
        metrics: list(data, "metrics").iter().map(measured).collect(),
        id,
    }
}

fn registered_model(found: &Value) -> RegisteredModel {
    let alias = |found: &Value| Some((text(found, "alias"), text(found, "version").parse().ok()?));
    RegisteredModel {
        name: text(found, "name"),
        description: text(found, "description"),
        created_ms: whole(found, "creation_timestamp").unwrap_or(0),
        updated_ms: whole(found, "last_updated_timestamp").unwrap_or(0),
        tags: pairs(found, "tags"),
        aliases: list(found, "aliases").iter().filter_map(alias).collect(),
        versions: Vec::new(),
    }
}
