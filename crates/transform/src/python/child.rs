//! The child process: what it prints is passed on, and why it ended is said in the user's terms.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use forebay_core::{Diagnostic, Location, Node};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::{Job, PythonModel};

const DRIVER: &str = include_str!("driver.py");

/// What `driver.py` says where the model fails.
#[derive(Deserialize)]
struct Failure {
    message: String,
    /// In the model's own file.
    line: Option<u32>,
    trace: String,
    /// A module that is not there.
    missing: Option<String>,
}

pub async fn run(
    model: &PythonModel,
    node: &Node,
    job: &Job<'_>,
    folder: &Path,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), Diagnostic> {
    let (driver, told) = (folder.join("driver.py"), folder.join("job.json"));
    let text = serde_json::to_string(job)
        .map_err(|error| Diagnostic::internal(format!("a Python job is no JSON: {error}")))?;
    for (path, content) in [(&driver, DRIVER), (&told, &text)] {
        let written = std::fs::write(path, content);
        written
            .map_err(|error| Diagnostic::environment(format!("'{}': {error}", path.display())))?;
    }
    let child = Command::new(&model.python)
        .arg(&driver)
        .arg(&told)
        .env("PYTHONUNBUFFERED", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| no_python(model, &error))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let (_, _, status) = tokio::join!(lines(out, say), lines(err, say), child.wait());
        status
    };
    let status = match model.timeout {
        None => ended.await,
        Some(limit) => match tokio::time::timeout(limit, ended).await {
            Ok(status) => status,
            // Leaving drops the child, which kills it.
            Err(_) => return Err(too_long(node, limit)),
        },
    };
    let status = status.map_err(|error| no_python(model, &error))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(model, node, job, status)),
    }
}

async fn lines(from: Option<impl AsyncRead + Unpin>, say: &(dyn Fn(&str) + Sync)) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        say(&line);
    }
}

fn failed(model: &PythonModel, node: &Node, job: &Job<'_>, status: ExitStatus) -> Diagnostic {
    let told = std::fs::read_to_string(&job.error).ok();
    let told = told.and_then(|text| serde_json::from_str::<Failure>(&text).ok());
    let Some(failure) = told else {
        return Diagnostic::error(format!("the Python of '{}' ended with {status}", node.name))
            .at(node.location.clone());
    };
    let mut message = failure.message;
    if !failure.trace.is_empty() {
        message = format!("{message}\n{}", failure.trace);
    }
    let at = Location {
        line: failure.line.unwrap_or_default(),
        ..node.location.clone()
    };
    let problem = Diagnostic::error(message).at(at);
    match failure.missing {
        Some(module) => problem
            .hint(format!("`{} -m pip install {module}`", model.python))
            .hint("another Python is chosen by FOREBAY_PYTHON, or python: in forebay.yml"),
        None => problem,
    }
}

fn no_python(model: &PythonModel, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot run the Python '{}': {error}", model.python);
    Diagnostic::environment(message).hint("choose one by FOREBAY_PYTHON, or python: in forebay.yml")
}

fn too_long(node: &Node, limit: Duration) -> Diagnostic {
    let message = format!(
        "'{}' took more than {} seconds, and was stopped",
        node.name,
        limit.as_secs()
    );
    Diagnostic::error(message)
        .at(node.location.clone())
        .hint("give it more: dbt.config(timeout=3600)")
}
