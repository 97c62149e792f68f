//! One run, from its records.

use std::collections::BTreeMap;
use std::io::Read;

use forebay_core::{Diagnostic, digest};
use forebay_store::{Metric, Run, RunState};
use prost::Message;
use serde_json::{Map, Value, json};

use super::log::Log;
use super::message::{Artifact, Item, Items, Kind, Record, Run as Head};

pub struct Found {
    pub run: Run,
    /// Lines of JSON: what of the history is no number.
    pub rest: String,
    /// What it printed.
    pub output: String,
    pub artifacts: Vec<Artifact>,
}

/// None: the file has no run in it, as one that was never started.
pub fn read<R: Read>(mut log: Log<R>, name: &str) -> Result<Option<Found>, Diagnostic> {
    let mut reading = Reading::default();
    while let Some(bytes) = log.next()? {
        let record = Record::decode(&bytes[..]);
        let record = record.map_err(|error| {
            Diagnostic::error(format!("{name} has a record that cannot be read: {error}"))
        })?;
        match record.kind {
            Some(Kind::Run(head)) => reading.head(*head),
            Some(Kind::Config(items)) => set(&mut reading.config, &items),
            Some(Kind::Summary(items)) => set(&mut reading.summary, &items),
            Some(Kind::History(history)) => {
                let step = history.step.map(|step| step.num);
                reading.history(&history.item, step);
            }
            Some(Kind::Output(output)) => reading.output.push_str(&output.line),
            Some(Kind::Artifact(artifact)) => reading.artifacts.push(artifact),
            Some(Kind::Exit(exit)) => reading.exit = Some((exit.exit_code, exit.runtime)),
            None => {}
        }
    }
    Ok(reading.finish())
}

#[derive(Default)]
struct Reading {
    head: Option<Head>,
    config: BTreeMap<String, Value>,
    summary: BTreeMap<String, Value>,
    metrics: Vec<Metric>,
    rest: String,
    output: String,
    artifacts: Vec<Artifact>,
    /// Exit code and seconds.
    exit: Option<(i32, i32)>,
    last_ms: i64,
}

impl Reading {
    /// It comes again when the run is resumed or renamed.
    fn head(&mut self, head: Head) {
        for (items, into) in [
            (&head.config, &mut self.config),
            (&head.summary, &mut self.summary),
        ] {
            if let Some(items) = items {
                set(into, items);
            }
        }
        self.head = Some(head);
    }

    fn history(&mut self, items: &[Item], step: Option<i64>) {
        let values: BTreeMap<String, Value> =
            items.iter().map(|item| (key(item), value(item))).collect();
        let number = |name: &str| values.get(name).and_then(Value::as_f64);
        let step = step
            .or(number("_step").map(|step| step as i64))
            .unwrap_or(0);
        let timestamp_ms = number("_timestamp").map_or(0, |seconds| (seconds * 1000.0) as i64);
        self.last_ms = self.last_ms.max(timestamp_ms);
        let mut rest = Map::new();
        for (key, value) in values.into_iter().filter(|(key, _)| !key.starts_with('_')) {
            match numbers(&key, &value) {
                None => drop(rest.insert(key, value)),
                Some(found) => self
                    .metrics
                    .extend(found.into_iter().map(|(key, value)| Metric {
                        key,
                        step,
                        timestamp_ms,
                        value,
                    })),
            }
        }
        if !rest.is_empty() {
            rest.insert("_step".to_owned(), json!(step));
            self.rest.push_str(&format!("{}\n", Value::Object(rest)));
        }
    }

    fn finish(mut self) -> Option<Found> {
        let head = self.head.take()?;
        let project = if head.project.is_empty() {
            "wandb".to_owned()
        } else {
            head.project.clone()
        };
        let named = format!("wandb/{}/{project}/{}", head.entity, head.run_id);
        let id = digest::hex(named.as_bytes())[..32].to_owned();
        let start = head.start_time.clone().unwrap_or_default();
        let started_ms = start.seconds * 1000 + i64::from(start.nanos) / 1_000_000;
        let finished_ms = self
            .exit
            .map(|(_, seconds)| self.last_ms.max(started_ms + i64::from(seconds) * 1000));
        let mut params = BTreeMap::new();
        for (key, value) in self.config.iter().filter(|(key, _)| *key != "_wandb") {
            flatten(key, value, &mut params);
        }
        let tags = tags(&head, &self.summary, &self.metrics);
        self.add_summary(started_ms);
        let name = if head.display_name.is_empty() {
            head.run_id.clone()
        } else {
            head.display_name.clone()
        };
        let run = Run {
            artifact_path: format!("wandb/{id}/artifacts"),
            id,
            // Projects are told apart by their names.
            experiment_id: 1,
            experiment: project,
            name,
            user_id: head.entity,
            state: match self.exit {
                Some((0, _)) => RunState::Finished,
                Some(_) => RunState::Failed,
                // Its process was killed before it could say how it ended.
                None => RunState::Killed,
            },
            deleted_ms: None,
            invocation_id: None,
            started_ms,
            finished_ms,
            params,
            metrics: self.metrics,
            tags,
            inputs: Vec::new(),
            model_inputs: Vec::new(),
            model_outputs: Vec::new(),
        };
        Some(Found {
            run,
            rest: self.rest,
            output: self.output,
            artifacts: self.artifacts,
        })
    }

    /// Of the summary, what the history does not have.
    fn add_summary(&mut self, started_ms: i64) {
        let known: std::collections::BTreeSet<String> = self
            .metrics
            .iter()
            .map(|metric| metric.key.clone())
            .collect();
        for (key, value) in self.summary.iter().filter(|(key, _)| !key.starts_with('_')) {
            for (key, value) in numbers(key, value).unwrap_or_default() {
                if !known.contains(&key) {
                    self.metrics.push(Metric {
                        key,
                        step: 0,
                        timestamp_ms: self.last_ms.max(started_ms),
                        value,
                    });
                }
            }
        }
    }
}

fn tags(
    head: &Head,
    summary: &BTreeMap<String, Value>,
    metrics: &[Metric],
) -> BTreeMap<String, String> {
    let git = head.git.clone().unwrap_or_default();
    let mut tags = BTreeMap::new();
    let labels = head.tags.join(",");
    for (key, value) in [
        ("mlflow.runName", &head.display_name),
        ("mlflow.note.content", &head.notes),
        ("mlflow.source.git.commit", &git.commit),
        ("mlflow.source.git.repoURL", &git.remote_url),
        ("wandb.run_id", &head.run_id),
        ("wandb.entity", &head.entity),
        ("wandb.group", &head.run_group),
        ("wandb.job_type", &head.job_type),
        ("wandb.sweep_id", &head.sweep_id),
        ("wandb.host", &head.host),
        ("wandb.tags", &labels),
    ] {
        if !value.is_empty() {
            tags.insert(key.to_owned(), value.clone());
        }
    }
    let is_measured = |key: &str| metrics.iter().any(|metric| metric.key == key);
    for (key, value) in summary
        .iter()
        .filter(|(key, _)| !key.starts_with('_') && !is_measured(key))
    {
        if numbers(key, value).is_none() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            tags.insert(format!("wandb.summary.{key}"), text);
        }
    }
    tags
}

/// Nested keys are joined by dots, as W&B's own tables show them.
fn key(item: &Item) -> String {
    match item.nested_key.is_empty() {
        true => item.key.clone(),
        false => item.nested_key.join("."),
    }
}

fn value(item: &Item) -> Value {
    if let Some(value) = item.boolean {
        return json!(value);
    }
    if let Some(value) = item.integer {
        return json!(value);
    }
    if let Some(value) = item.number {
        return number(value);
    }
    if let Some(text) = &item.text {
        return json!(text);
    }
    let written = item.json.as_deref().unwrap_or(&item.value_json);
    match written {
        // Python's JSON has numbers that JSON has not.
        "NaN" => json!("NaN"),
        "Infinity" => json!("Infinity"),
        "-Infinity" => json!("-Infinity"),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn number(value: f64) -> Value {
    match value.is_finite() {
        true => json!(value),
        false if value.is_nan() => json!("NaN"),
        false if value > 0.0 => json!("Infinity"),
        false => json!("-Infinity"),
    }
}

/// The numbers of a value, nested ones by their path. None where there is anything else in it.
fn numbers(key: &str, value: &Value) -> Option<Vec<(String, f64)>> {
    match value {
        Value::Number(number) => Some(vec![(key.to_owned(), number.as_f64()?)]),
        Value::Bool(value) => Some(vec![(key.to_owned(), f64::from(u8::from(*value)))]),
        Value::String(text) => match text.as_str() {
            "NaN" | "Infinity" | "-Infinity" => Some(vec![(key.to_owned(), text.parse().ok()?)]),
            _ => None,
        },
        Value::Object(map) if !map.contains_key("_type") && !map.is_empty() => {
            let mut all = Vec::new();
            for (name, value) in map {
                all.extend(numbers(&format!("{key}.{name}"), value)?);
            }
            Some(all)
        }
        _ => None,
    }
}

/// Configuration as parameters: nested ones by their path, lists as JSON.
fn flatten(key: &str, value: &Value, params: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                flatten(&format!("{key}.{name}"), value, params);
            }
        }
        Value::String(text) => drop(params.insert(key.to_owned(), text.clone())),
        other => drop(params.insert(key.to_owned(), other.to_string())),
    }
}

fn set(into: &mut BTreeMap<String, Value>, items: &Items) {
    for item in &items.update {
        into.insert(key(item), value(item));
    }
    for item in &items.remove {
        into.remove(&key(item));
    }
}
