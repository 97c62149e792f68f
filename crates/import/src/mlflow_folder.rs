//! MLflow's file store: a folder for each experiment, run and logged model, a file for each value.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use forebay_core::Diagnostic;
use forebay_project::parse_mapping;
use forebay_store::{
    Dataset, Experiment, History, Imported, LoggedModel, Metric, ModelMetric, ModelOutput,
    ModelStatus, ModelVersion, RegisteredModel, Run, RunInput, RunState,
};
use serde_json::{Map, Value};

use crate::{Target, artifacts};

mod traces;

type Pairs = BTreeMap<String, String>;

const REGISTRY: &str = "models";
const TRASH: &str = ".trash";

/// All that is in a folder such as `mlruns`.
pub fn import(folder: &Path, target: &Target<'_>) -> Result<Imported, Diagnostic> {
    let mut all = Imported::default();
    let mut experiments = experiments(folder)?;
    experiments.extend(self::experiments(&folder.join(TRASH))?);
    let registry = registry(folder)?;
    if experiments.is_empty() && registry.is_empty() {
        return Err(
            Diagnostic::error(format!("{} has no runs of MLflow in it", folder.display()))
                .hint("name the folder that holds the folders of experiments, such as mlruns"),
        );
    }
    for (place, experiment) in &experiments {
        let mut part = History {
            experiments: vec![experiment.clone()],
            logged_models: logged_models(place, experiment)?,
            ..History::default()
        };
        for model in &part.logged_models {
            let files = place.join("models").join(&model.id).join("artifacts");
            artifacts::copy_folder(&files, &target.artifacts.join(&model.artifact_path))?;
        }
        for folder in folders(place).into_iter().filter(|folder| is_run(folder)) {
            let run = run(&folder, place, experiment)?;
            artifacts::copy_folder(
                &folder.join("artifacts"),
                &target.artifacts.join(&run.artifact_path),
            )?;
            part.runs.push(run);
            target.add_full(&mut part, &mut all)?;
        }
        target.add(&part, &mut all)?;
        traces::import(place, experiment, target, &mut all)?;
    }
    let registered = History {
        registered_models: registry,
        ..History::default()
    };
    target.add(&registered, &mut all)?;
    Ok(all)
}

/// Folders in a folder, by name; none where there is none.
fn folders(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// `meta.yaml` of a folder, or a file like it: names with values.
struct Meta {
    path: PathBuf,
    values: Map<String, Value>,
}

impl Meta {
    fn of(folder: &Path) -> Result<Self, Diagnostic> {
        Self::of_file(folder.join("meta.yaml"))
    }

    fn of_file(path: PathBuf) -> Result<Self, Diagnostic> {
        let values = parse_mapping(&path.display().to_string(), &text(&path)?)?;
        Ok(Self { path, values })
    }

    /// Empty where it is not said.
    fn text(&self, key: &str) -> String {
        match self.values.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    fn optional(&self, key: &str) -> Option<String> {
        self.values
            .get(key)
            .filter(|value| !value.is_null())
            .map(|_| self.text(key))
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.text(key).parse().ok()
    }

    fn pairs(&self, key: &str) -> Pairs {
        let Some(Value::Object(map)) = self.values.get(key) else {
            return Pairs::new();
        };
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        map.iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect()
    }

    fn wrong(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("{}: {what}", self.path.display()))
    }
}

fn text(path: &Path) -> Result<String, Diagnostic> {
    fs::read_to_string(path).map_err(|error| {
        Diagnostic::environment(format!("cannot read {}: {error}", path.display()))
    })
}

fn experiments(place: &Path) -> Result<Vec<(PathBuf, Experiment)>, Diagnostic> {
    let mut found = Vec::new();
    for folder in folders(place) {
        if name(&folder) == REGISTRY || !folder.join("meta.yaml").exists() {
            continue;
        }
        let meta = Meta::of(&folder)?;
        let Some(id) = meta.number("experiment_id") else {
            return Err(meta.wrong("'experiment_id' is no whole number"));
        };
        let updated_ms = meta.number("last_update_time").unwrap_or(0);
        let experiment = Experiment {
            id,
            name: meta.text("name"),
            artifact_path: id.to_string(),
            created_ms: meta.number("creation_time").unwrap_or(0),
            updated_ms,
            deleted_ms: (meta.text("lifecycle_stage") == "deleted").then_some(updated_ms),
            tags: values(&folder.join("tags"))?,
        };
        found.push((folder, experiment));
    }
    Ok(found)
}

/// Files below a folder as keys with values; a key with a slash is a file in a folder.
fn values(place: &Path) -> Result<Pairs, Diagnostic> {
    let mut found = Pairs::new();
    for (key, path) in files(place, "") {
        found.insert(key, text(&path)?);
    }
    Ok(found)
}

fn files(place: &Path, before: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        let key = format!("{before}{}", name(&path));
        match path.is_dir() {
            true => found.extend(files(&path, &format!("{key}/"))),
            false => found.push((key, path)),
        }
    }
    found.sort();
    found
}

/// Beside runs an experiment's folder has others: logged models, datasets, traces, tags.
fn is_run(folder: &Path) -> bool {
    folder.join("meta.yaml").exists() && folder.join("tags").is_dir()
        || folder.join("params").is_dir()
}

fn run(
    folder: &Path,
    experiment_folder: &Path,
    experiment: &Experiment,
) -> Result<Run, Diagnostic> {
    let meta = Meta::of(folder)?;
    let id = match meta.text("run_id") {
        empty if empty.is_empty() => name(folder),
        id => id,
    };
    let mut tags = values(&folder.join("tags"))?;
    let called = meta.text("run_name");
    let called = if called.is_empty() {
        tags.get("mlflow.runName").cloned().unwrap_or_default()
    } else {
        called
    };
    tags.insert("mlflow.runName".to_owned(), called.clone());
    let state = match meta.number("status") {
        Some(1) => RunState::Running,
        Some(2) => RunState::Scheduled,
        Some(3) => RunState::Finished,
        Some(5) => RunState::Killed,
        _ => RunState::Failed,
    };
    let deleted_ms = meta.number("deleted_time").unwrap_or(0);
    let mut found = Run {
        artifact_path: format!("{}/{id}/artifacts", experiment.artifact_path),
        id,
        experiment_id: experiment.id,
        experiment: experiment.name.clone(),
        name: called,
        user_id: meta.text("user_id"),
        state,
        deleted_ms: (meta.text("lifecycle_stage") == "deleted").then_some(deleted_ms),
        invocation_id: None,
        started_ms: meta.number("start_time").unwrap_or(0),
        finished_ms: meta.number("end_time"),
        params: values(&folder.join("params"))?,
        metrics: metrics(&folder.join("metrics"))?
            .into_iter()
            .map(|(metric, _)| metric)
            .collect(),
        tags,
        inputs: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    };
    for folder in folders(&folder.join("inputs")) {
        let meta = Meta::of(&folder)?;
        match meta.text("source_type").as_str() {
            "DATASET" => found.inputs.push(RunInput {
                dataset: dataset(
                    &experiment_folder
                        .join("datasets")
                        .join(meta.text("source_id")),
                )?,
                tags: meta.pairs("tags"),
            }),
            _ => found.model_inputs.push(meta.text("source_id")),
        }
    }
    for folder in folders(&folder.join("outputs")) {
        let meta = Meta::of(&folder)?;
        found.model_outputs.push(ModelOutput {
            model_id: meta.text("destination_id"),
            step: meta.number("step").unwrap_or(0),
        });
    }
    Ok(found)
}

fn dataset(folder: &Path) -> Result<Dataset, Diagnostic> {
    let meta = Meta::of(folder)?;
    Ok(Dataset {
        name: meta.text("name"),
        digest: meta.text("digest"),
        source_type: meta.text("source_type"),
        source: meta.text("source"),
        schema: meta.optional("schema"),
        profile: meta.optional("profile"),
    })
}

/// A line is `time value [step [run dataset digest]]`; what follows the step belongs to logged models.
fn metrics(place: &Path) -> Result<Vec<(Metric, Vec<String>)>, Diagnostic> {
    let mut found = Vec::new();
    for (key, path) in files(place, "") {
        for (n, line) in text(&path)?.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let read = || {
                Some(Metric {
                    key: key.clone(),
                    timestamp_ms: words.first()?.parse().ok()?,
                    value: words.get(1)?.parse().ok()?,
                    step: words.get(2).map_or(Some(0), |step| step.parse().ok())?,
                })
            };
            let metric = read().ok_or_else(|| {
                Diagnostic::error(format!(
                    "{}:{}: '{line}' is no measurement (time, value and step)",
                    path.display(),
                    n + 1
                ))
            })?;
            let rest = words.iter().skip(3).map(|word| (*word).to_owned());
            found.push((metric, rest.collect()));
        }
    }
    Ok(found)
}

fn logged_models(place: &Path, experiment: &Experiment) -> Result<Vec<LoggedModel>, Diagnostic> {
    let mut found = Vec::new();
    for folder in folders(&place.join("models")) {
        if !folder.join("meta.yaml").exists() {
            continue;
        }
        let meta = Meta::of(&folder)?;
        let id = meta.text("model_id");
        let source_run_id = meta.text("source_run_id");
        let measured = |(metric, rest): (Metric, Vec<String>)| {
            let mut rest = rest.into_iter();
            ModelMetric {
                metric,
                model_id: id.clone(),
                run_id: rest.next().unwrap_or_else(|| source_run_id.clone()),
                dataset_name: rest.next().unwrap_or_default(),
                dataset_digest: rest.next().unwrap_or_default(),
            }
        };
        let metrics = metrics(&folder.join("metrics"))?
            .into_iter()
            .map(measured)
            .collect();
        found.push(LoggedModel {
            experiment_id: experiment.id,
            name: meta.text("name"),
            model_type: meta.text("model_type"),
            status: match meta.number("status") {
                Some(2) => ModelStatus::Ready,
                Some(3) => ModelStatus::UploadFailed,
                _ => ModelStatus::Pending,
            },
            artifact_path: format!("{}/models/{id}/artifacts", experiment.artifact_path),
            created_ms: meta.number("creation_timestamp").unwrap_or(0),
            updated_ms: meta.number("last_updated_timestamp").unwrap_or(0),
            params: values(&folder.join("params"))?,
            tags: values(&folder.join("tags"))?,
            metrics,
            source_run_id,
            id,
        });
    }
    Ok(found)
}

fn registry(folder: &Path) -> Result<Vec<RegisteredModel>, Diagnostic> {
    let mut found = Vec::new();
    for place in folders(&folder.join(REGISTRY)) {
        if !place.join("meta.yaml").exists() {
            continue;
        }
        let meta = Meta::of(&place)?;
        let mut versions = Vec::new();
        for folder in folders(&place)
            .into_iter()
            .filter(|path| name(path).starts_with("version-"))
        {
            if Meta::of(&folder)?.text("current_stage") != "Deleted_Internal" {
                versions.push(version(&folder)?);
            }
        }
        let aliases = values(&place.join("aliases"))?.into_iter();
        let aliases =
            aliases.filter_map(|(alias, version)| Some((alias, version.trim().parse().ok()?)));
        found.push(RegisteredModel {
            name: meta.text("name"),
            description: meta.text("description"),
            created_ms: meta.number("creation_timestamp").unwrap_or(0),
            updated_ms: meta.number("last_updated_timestamp").unwrap_or(0),
            tags: values(&place.join("tags"))?,
            aliases: aliases.collect(),
            versions,
        });
    }
    Ok(found)
}

fn version(folder: &Path) -> Result<ModelVersion, Diagnostic> {
    let meta = Meta::of(folder)?;
    let Some(number) = meta
        .number("version")
        .and_then(|number| u64::try_from(number).ok())
    else {
        return Err(meta.wrong("'version' is no whole number"));
    };
    let source = meta.text("source");
    let place = match meta.text("storage_location") {
        empty if empty.is_empty() => source.clone(),
        place => place,
    };
    Ok(ModelVersion {
        model: meta.text("name"),
        version: number,
        run_id: meta.text("run_id"),
        training_hash: String::new(),
        source,
        artifact_path: below_root(&place),
        model_id: meta.text("model_id"),
        description: meta.text("description"),
        user_id: meta.text("user_id"),
        stage: match meta.text("current_stage") {
            empty if empty.is_empty() => "None".to_owned(),
            stage => stage,
        },
        run_link: meta.text("run_link"),
        created_ms: meta.number("creation_timestamp").unwrap_or(0),
        updated_ms: meta.number("last_updated_timestamp").unwrap_or(0),
        tags: values(&folder.join("tags"))?,
        aliases: Vec::new(),
    })
}

/// The files of runs and models are copied to `<experiment>/...`: the end of their old place, from
/// the experiment's number on.
fn below_root(place: &str) -> String {
    let parts: Vec<&str> = place.split('/').collect();
    let Some(end) = parts.iter().rposition(|part| *part == "artifacts") else {
        return place.to_owned();
    };
    let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    match parts[..end].iter().rposition(is_number) {
        Some(start) if !place.contains("://") || place.starts_with("file:") => {
            parts[start..].join("/")
        }
        _ => place.to_owned(),
    }
}
