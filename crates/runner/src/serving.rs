//! Opens an inference service: its model version, the run behind it, the online store.

use std::sync::Arc;

use forebay_core::graph::Spec;
use forebay_core::ml::{InferenceService, ModelSelector, Trainer};
use forebay_core::{Diagnostic, Node};
use forebay_ml::model::Model;
use forebay_ml::record::TrainingRecord;
use forebay_ml::serving::{Service, ServiceParts};
use forebay_store::ModelVersion;

use crate::workspace::Workspace;

/// Loads the version that the service names, as it stands now.
pub fn load(workspace: &Workspace, node: &Node) -> Result<Service, Diagnostic> {
    let service = spec(node)?;
    let version = version(workspace, service)?.ok_or_else(|| nothing_to_serve(node, service))?;
    load_version(workspace, node, &version)
}

/// Loads one version, whichever the service names now: to score what was logged once more.
pub fn load_version(
    workspace: &Workspace,
    node: &Node,
    version: &ModelVersion,
) -> Result<Service, Diagnostic> {
    let spec = spec(node)?;
    if version.training_hash.is_empty() {
        return Err(Diagnostic::error(format!(
            "version {} of model '{}' was registered by a client from '{}'; \
             only what a training job made can be served",
            version.version, version.model, version.source
        ))
        .hint("move the alias to a version that `forebay build` registered"));
    }
    let run = workspace.store.run(&version.run_id)?.ok_or_else(|| {
        Diagnostic::environment(format!(
            "version {} of model '{}' names run {}, which the metadata store lacks",
            version.version, version.model, version.run_id
        ))
    })?;
    let folder = workspace.artifacts(&run.artifact_path);
    let record = TrainingRecord::read(&folder)?;
    if let Trainer::Script(script) = &record.job.trainer {
        return Err(Diagnostic::error(format!(
            "version {} of model '{}' was trained by {}; inference services answer with what the \
             built-in trainers made",
            version.version, version.model, script.script
        ))
        .hint("load it where the script's own libraries are: mlflow.pyfunc.load_model"));
    }
    let model = Model::read(&folder.join("model"))?;
    let threshold = spec.threshold.parse().map_err(|_| {
        Diagnostic::error(format!("threshold '{}' is not a number", spec.threshold))
            .at(node.location.clone())
    })?;
    Service::new(
        &workspace.lake,
        ServiceParts {
            name: node.name.clone(),
            model_name: version.model.clone(),
            model_version: version.version,
            model,
            record,
            threshold,
            online: Arc::clone(&workspace.online),
        },
    )
}

fn spec(node: &Node) -> Result<&InferenceService, Diagnostic> {
    match &node.spec {
        Spec::InferenceService(service) => Ok(service),
        _ => Err(Diagnostic::internal(format!(
            "{} is no inference service",
            node.id
        ))),
    }
}

/// The version that the service's selector means now.
pub fn version(
    workspace: &Workspace,
    service: &InferenceService,
) -> Result<Option<ModelVersion>, Diagnostic> {
    Ok(match &service.version {
        ModelSelector::Alias(alias) => workspace.store.version_by_alias(&service.model, alias)?,
        ModelSelector::Version(number) => workspace.store.model_version(&service.model, *number)?,
    })
}

fn nothing_to_serve(node: &Node, service: &InferenceService) -> Diagnostic {
    let what = match &service.version {
        ModelSelector::Alias(alias) => format!("{}@{alias}", service.model),
        ModelSelector::Version(number) => format!("{}/{number}", service.model),
    };
    Diagnostic::error(format!(
        "inference service '{}' serves {what}, and there is no such version yet",
        node.name
    ))
    .at(node.location.clone())
    .hint("`forebay build` trains it and registers a version that passes its gates")
}
