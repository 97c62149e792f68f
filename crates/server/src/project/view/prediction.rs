//! `/predictions/<id>`

use chrono::DateTime;
use forebay_core::{Diagnostic, Fault, ResourceType, Spec};
use forebay_runner::Workspace;
use forebay_runner::why::{self, FeatureReason, Origin, Why};
use forebay_ui::page::{FeatureValue, InputTable, NodeLink, Prediction, SourceRow};
use serde_json::Value;

/// The chain behind a prediction; None where no answer has the id.
pub async fn prediction(workspace: &Workspace, id: &str) -> Result<Option<Prediction>, Diagnostic> {
    match why::explain(workspace, id).await {
        Ok(why) => page(workspace, why).map(Some),
        Err(problem) if problem.fault == Fault::User => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn page(workspace: &Workspace, why: Why) -> Result<Prediction, Diagnostic> {
    let version = workspace
        .store
        .model_version(&why.model, why.model_version)?;
    let run = workspace.store.run(&why.run_id)?;
    let features = why
        .features
        .iter()
        .map(|reason| feature(workspace, reason))
        .collect();
    let upstream = why
        .upstream
        .iter()
        .filter_map(|id| workspace.graph().get(id));
    let at_ms = millis(&why.answered_at).unwrap_or_default();
    Ok(Prediction {
        at_ms,
        moment_ms: moment(workspace, &why).unwrap_or(at_ms),
        threshold: why.threshold,
        same_again: Some(why.rescored.same_bits),
        request: why
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
            .collect(),
        features,
        aliases: version.map(|version| version.aliases).unwrap_or_default(),
        experiment: run.map(|run| run.experiment).unwrap_or_default(),
        inputs: inputs(&why),
        upstream: upstream.map(NodeLink::of).collect(),
        id: why.prediction_id,
        service: why.service,
        score: why.score,
        label: label(&why.label),
        model: why.model,
        version: why.model_version,
        run_id: why.run_id,
        training_hash: Some(why.training_hash),
        files: why.source_files,
    })
}

/// The moment that was asked about: the request's value of the training job's event timestamp.
fn moment(workspace: &Workspace, why: &Why) -> Option<i64> {
    let graph = workspace.graph();
    let service = graph.find(ResourceType::InferenceService, &why.service)?;
    let Spec::InferenceService(service) = &service.spec else {
        return None;
    };
    let Spec::TrainingJob(job) = &graph.get(&service.training_job)?.spec else {
        return None;
    };
    let asked = why
        .inputs
        .iter()
        .find(|(name, _)| *name == job.event_timestamp);
    millis(asked?.1.as_deref()?)
}

fn inputs(why: &Why) -> Vec<InputTable> {
    let mut inputs = vec![InputTable {
        relation: why.training_set.clone(),
        version: why.training_set_version,
        role: "training set".to_owned(),
    }];
    inputs.extend(why.training_inputs.iter().map(|input| InputTable {
        relation: input.relation.clone(),
        version: input.version,
        role: "read by the training set".to_owned(),
    }));
    inputs
}

fn feature(workspace: &Workspace, reason: &FeatureReason) -> FeatureValue {
    let (view, known_ms, source) = match &reason.origin {
        Origin::Request => (None, None, None),
        Origin::View {
            view,
            source,
            event_time,
            source_rows,
            shown,
            ..
        } => {
            let node = workspace.graph().find(ResourceType::FeatureView, view);
            let file = shown.get(0, "_file").zip(shown.get(0, "_line"));
            let rows = match source_rows {
                1 => "1 row".to_owned(),
                n => format!("{n} rows"),
            };
            let source = event_time.as_ref().map(|_| SourceRow {
                relation: source.clone(),
                key: rows,
                file: file.map(|(file, line)| format!("{file}:{line}")),
            });
            (
                node.map(NodeLink::of),
                event_time.as_deref().and_then(millis),
                source,
            )
        }
    };
    FeatureValue {
        name: reason.name.clone(),
        value: reason.value.clone(),
        stale: reason.stale,
        view,
        known_ms,
        source,
    }
}

fn label(label: &Value) -> Option<String> {
    match label {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(answer(&other.to_string()).to_owned()),
    }
}

/// A label as people read it.
pub(super) fn answer(label: &str) -> &str {
    match label {
        "true" => "yes",
        "false" => "no",
        other => other,
    }
}

pub(super) fn millis(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| at.timestamp_millis())
}
