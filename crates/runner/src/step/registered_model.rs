//! A registered model: the newest run is held against the gates; if all hold, it becomes a version.

use std::collections::BTreeMap;

use forebay_core::graph::Spec;
use forebay_core::ml::TrainingJob;
use forebay_core::{Diagnostic, Node};
use forebay_ml::gates::{self, GateResult, Known};
use forebay_ml::judge::Evaluation;
use forebay_store::registry::NewVersion;
use forebay_store::{ModelVersion, Run, RunStatus};
use serde_json::json;

use super::{Context, Outcome};
use crate::workspace::Workspace;

pub async fn run(context: &Context<'_>, node: &Node) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let (job_node, job) = training_job(workspace, node)?;
    let candidate = newest_run(workspace, job_node)?;
    let hash = candidate
        .tags
        .get("training_hash")
        .cloned()
        .unwrap_or_default();
    let champion = workspace.store.version_by_alias(&node.name, &job.alias)?;
    if let Some(champion) = champion.as_ref().filter(|c| c.training_hash == hash) {
        let message = format!("version {} stays {}", champion.version, job.alias);
        return Ok(registered(champion, &job.alias, message, None));
    }
    let evaluation = Evaluation::read(&workspace.artifacts(&candidate.artifact_path))?;
    let to_beat = to_beat(workspace, &evaluation, champion.as_ref())?;
    let known = Known {
        evaluation: &evaluation,
        champion: to_beat.as_ref(),
    };
    let results = gates::evaluate(&job.gates, &known)?;
    if results.iter().any(|gate| !gate.passed) {
        return Ok(refused(&candidate, &results));
    }
    let version = workspace.store.register_version(
        &NewVersion {
            model: node.name.clone(),
            run_id: candidate.id.clone(),
            training_hash: hash,
            source: format!("{}/model", candidate.artifact_path),
            artifact_path: format!("{}/model", candidate.artifact_path),
            created_ms: workspace.clock.now_ms(),
            ..NewVersion::default()
        },
        Some(&job.alias),
    )?;
    let message = format!(
        "version {} is {} ({} of {} gates held)",
        version.version,
        job.alias,
        results.len(),
        results.len()
    );
    Ok(registered(&version, &job.alias, message, Some(&results)))
}

/// The champion's metrics: on the candidate's own test rows where it was judged on them, else those
/// of its run.
fn to_beat(
    workspace: &Workspace,
    evaluation: &Evaluation,
    champion: Option<&ModelVersion>,
) -> Result<Option<BTreeMap<String, f64>>, Diagnostic> {
    let Some(version) = champion else {
        return Ok(None);
    };
    let judged = evaluation.champion.as_ref();
    if let Some(judged) = judged.filter(|judged| judged.version == version.version) {
        return Ok(Some(judged.metrics.clone()));
    }
    let run = workspace.store.run(&version.run_id)?;
    Ok(run.map(|run| run.metric_values()))
}

/// The training job that fills the registered model.
pub fn training_job<'a>(
    workspace: &'a Workspace,
    node: &Node,
) -> Result<(&'a Node, &'a TrainingJob), Diagnostic> {
    let job = node.depends_on.iter().find_map(|id| {
        let parent = workspace.graph().get(id)?;
        match &parent.spec {
            Spec::TrainingJob(job) => Some((parent, job.as_ref())),
            _ => None,
        }
    });
    job.ok_or_else(|| Diagnostic::error(format!("no training job fills the model '{}'", node.name)))
}

fn newest_run(workspace: &Workspace, job: &Node) -> Result<Run, Diagnostic> {
    workspace.store.job_run(&job.name, None)?.ok_or_else(|| {
        Diagnostic::error(format!("training job '{}' has no finished run", job.name))
            .hint(format!("run `forebay train --select {}`", job.name))
    })
}

/// `gates` are those that a new version passed; None: the version was there already.
fn registered(
    version: &ModelVersion,
    alias: &str,
    message: String,
    gates: Option<&[GateResult]>,
) -> Outcome {
    let details = json!({
        "model": version.model,
        "version": version.version,
        "alias": alias,
        "run_id": version.run_id,
        "is_new": gates.is_some(),
        "gates": gates.unwrap_or_default(),
    });
    Outcome::new(RunStatus::Success, message, details)
}

fn refused(run: &Run, results: &[GateResult]) -> Outcome {
    let broken: Vec<String> = results
        .iter()
        .filter(|gate| !gate.passed)
        .map(|gate| match (gate.left, &gate.note) {
            (Some(left), None) => format!("{} (it is {left:.4})", gate.expression),
            (_, note) => format!(
                "{} ({})",
                gate.expression,
                note.as_deref().unwrap_or("unknown")
            ),
        })
        .collect();
    let message = format!("run {} does not pass: {}", run.id, broken.join("; "));
    let details = json!({"run_id": run.id, "gates": results});
    Outcome::new(RunStatus::Fail, message, details)
}
