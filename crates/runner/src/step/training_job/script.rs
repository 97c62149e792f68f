//! Training by a team's own script.
//!
//! It runs in an environment of its own, in the project's folder, with these variables: `MLFLOW_TRACKING_URI`,
//! `MLFLOW_RUN_ID` and `MLFLOW_EXPERIMENT_ID` (its run is open already), `FOREBAY_TRAINING_SET` (the
//! folder of rows and manifest: see [`forebay_ml::exchange`]), `FOREBAY_OUTPUT` (where it writes
//! predictions and its model) and `FOREBAY_SEED`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_core::ml::Script;
use forebay_core::{Diagnostic, digest};
use forebay_ml::exchange;
use forebay_ml::judge::{Evaluation, Scored};
use forebay_ml::record::TrainingRecord;
use forebay_ml::train::{self, Target, TrainingInput};
use forebay_store::Run;
use tokio::process::Command;

use super::Making;
use crate::python::environment;
use crate::python::process::{self, Ended, Limits};
use crate::step::Output;
use crate::tracking::Hosted;
use crate::workspace::Workspace;

/// What the script prints, among the run's artifacts.
const LOG: &str = "training.log";

/// One run of the script.
struct Given<'a> {
    making: &'a Making<'a>,
    run: &'a Run,
    script: &'a Script,
    /// Of the run's artifacts.
    folder: PathBuf,
}

impl<'a> Given<'a> {
    fn new(making: &'a Making<'a>, run: &'a Run, script: &'a Script) -> Self {
        Self {
            making,
            run,
            script,
            folder: making.context.workspace.artifacts(&run.artifact_path),
        }
    }

    fn workspace(&self) -> &'a Workspace {
        self.making.context.workspace
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }
}

/// What the training depends on beside the job: the Python files beside and below the script, and its
/// requirements.
pub fn code(root: &Path, script: &Script) -> Result<String, Diagnostic> {
    let path = root.join(&script.script);
    if !path.is_file() {
        return Err(Diagnostic::error(format!(
            "there is no script {}",
            script.script
        )));
    }
    let mut files = Vec::new();
    python_files(path.parent().unwrap_or(root), &mut files);
    files.sort();
    let mut hasher = digest::Hasher::new();
    for file in files {
        let text = std::fs::read(&file).map_err(|error| {
            Diagnostic::environment(format!("cannot read {}: {error}", file.display()))
        })?;
        hasher.update(digest::hex(&text).as_bytes());
    }
    if let Some(requirements) = &script.requirements {
        hasher.update(environment::content(&root.join(requirements))?.as_bytes());
    }
    Ok(hasher.hex())
}

fn python_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            python_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        }
    }
}

/// Runs the script as the job's own run.
pub async fn train(
    making: &Making<'_>,
    script: &Script,
    input: TrainingInput,
) -> Result<Evaluation, Diagnostic> {
    let given = Given::new(making, making.run, script);
    let target = Target::of(&input.trainer, &input.label, &input.train)?;
    let scored = answers(&given, &input, &target).await?;
    take_model(&given)?;
    let mut evaluation = train::judge(&scored, &input.test, &input)?;
    evaluation.classes = target.classes;
    evaluation.train_rows = train::rows(&input.train) as u64;
    let reference = train::reference_of_script(&input, &scored)?;
    train::write_evaluation(&given.folder, &evaluation, &reference)?;
    Ok(evaluation)
}

/// Runs the script as a trial, whose model is not taken.
pub async fn try_out(
    making: &Making<'_>,
    run: &Run,
    script: &Script,
    input: &TrainingInput,
    target: &Target,
) -> Result<BTreeMap<String, f64>, Diagnostic> {
    let scored = answers(&Given::new(making, run, script), input, target).await?;
    Ok(train::metrics(&scored, &input.judging))
}

/// What the script answers to the test rows.
async fn answers(
    given: &Given<'_>,
    input: &TrainingInput,
    target: &Target,
) -> Result<Scored, Diagnostic> {
    let (workspace, script) = (given.workspace(), given.script);
    let labels = target.values(&input.test, "test")?;
    let rows = workspace
        .settings()
        .state
        .join("training")
        .join(&given.run.id);
    let _rows = Scratch(rows.clone());
    let record = TrainingRecord {
        run_id: given.run.id.clone(),
        ..given.making.record.clone()
    };
    exchange::hand_over(&rows, &record, input, script, target, &given.output())?;
    let mut log = Log::create(&given.folder, given.making.context.output.clone())?;
    let hosted = host(workspace).await?;
    let python = python(workspace, script, &mut log).await?;
    let command = command(given, &python, &hosted, &rows)?;
    let limits = Limits {
        time: script
            .timeout
            .map(|span| Duration::from_secs_f64(span.secs_f64())),
        memory: script.memory,
    };
    let ended = process::run(command, &limits, &mut |line| log.line(line)).await?;
    drop(hosted);
    if ended != Ended::Exited(0) {
        return Err(failed(script, ended, &log));
    }
    exchange::take_predictions(&given.output(), target, &labels)
}

async fn host(workspace: &Workspace) -> Result<Hosted, Diagnostic> {
    let host = workspace.tracking.as_ref().ok_or_else(|| {
        Diagnostic::internal("a training script needs a tracking server, and none was wired in")
    })?;
    host.start(workspace.clone()).await
}

async fn python(
    workspace: &Workspace,
    script: &Script,
    log: &mut Log,
) -> Result<PathBuf, Diagnostic> {
    let requirements = script
        .requirements
        .as_ref()
        .map(|file| workspace.project.root.join(file));
    let folder = &workspace.settings().environments;
    environment::interpreter(folder, requirements.as_deref(), &mut |line| log.line(line)).await
}

fn command(
    given: &Given<'_>,
    python: &Path,
    hosted: &Hosted,
    rows: &Path,
) -> Result<Command, Diagnostic> {
    let workspace = given.workspace();
    let experiment = workspace.store.experiment_by_name(&given.run.experiment)?;
    let root = &workspace.project.root;
    let mut command = Command::new(python);
    command
        .arg(root.join(&given.script.script))
        .current_dir(root)
        .env("PYTHONUNBUFFERED", "1")
        .env_remove("PYTHONHOME")
        .env("MLFLOW_TRACKING_URI", &hosted.uri)
        .env("MLFLOW_RUN_ID", &given.run.id)
        .env("MLFLOW_EXPERIMENT_ID", experiment.id.to_string())
        .env_remove("MLFLOW_EXPERIMENT_NAME")
        .env_remove("MLFLOW_REGISTRY_URI")
        .env("FOREBAY_TRAINING_SET", rows)
        .env("FOREBAY_OUTPUT", given.output())
        .env("FOREBAY_SEED", given.making.job.seed.to_string());
    Ok(command)
}

fn failed(script: &Script, ended: Ended, log: &Log) -> Diagnostic {
    let problem = Diagnostic::error(format!("script {} {ended}", script.script));
    let problem = match &log.last[..] {
        "" => problem,
        last => problem.hint(format!("the last that it printed: {last}")),
    };
    problem.hint(format!("all of it is in {}", log.path.display()))
}

/// The model that the script wrote, as the run's `model` folder: `model/` of its output, a lone
/// `model.onnx`, or the newest model that it logged.
fn take_model(given: &Given<'_>) -> Result<(), Diagnostic> {
    let (model, output) = (given.folder.join("model"), given.output());
    let moved = |error: std::io::Error| {
        Diagnostic::environment(format!("cannot put {} in place: {error}", model.display()))
    };
    let (folder, onnx) = (output.join("model"), output.join("model.onnx"));
    if folder.is_dir() {
        return std::fs::rename(&folder, &model).map_err(moved);
    }
    if onnx.is_file() {
        let bytes = std::fs::read(&onnx).map_err(moved)?;
        return forebay_ml::model::write_onnx(&model, bytes);
    }
    match logged_model(given)? {
        Some(folder) => copy(&folder, &model).map_err(moved),
        None => Err(Diagnostic::error(format!(
            "script {} left no model",
            given.script.script
        ))
        .hint("write an MLflow model to the folder model/ in FOREBAY_OUTPUT, or model.onnx, or log one with MLflow")),
    }
}

/// The folder of the newest model that the run logged, where it lies below our artifacts.
fn logged_model(given: &Given<'_>) -> Result<Option<PathBuf>, Diagnostic> {
    let workspace = given.workspace();
    let run = workspace.store.run(&given.run.id)?;
    let outputs = run.map(|run| run.model_outputs).unwrap_or_default();
    let Some(newest) = outputs.iter().max_by_key(|output| output.step) else {
        return Ok(None);
    };
    let model = workspace.store.logged_model(&newest.model_id)?;
    let folder = workspace.artifacts(&model.artifact_path);
    Ok(folder.is_dir().then_some(folder))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(std::fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

/// Rows that are only handed over; they go with the step.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the script prints: into the run's log file and to whoever watches.
struct Log {
    path: PathBuf,
    file: File,
    output: Output,
    last: String,
}

impl Log {
    fn create(folder: &Path, output: Output) -> Result<Self, Diagnostic> {
        let path = folder.join(LOG);
        let file = File::create(&path).map_err(|error| {
            Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Self {
            path,
            file,
            output,
            last: String::new(),
        })
    }

    fn line(&mut self, line: &str) {
        // A full disk shows itself where the model is written; the script goes on.
        let _ = writeln!(self.file, "{line}");
        self.output.say(line);
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.last);
        }
    }
}
