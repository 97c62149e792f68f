//! `/models`

use forebay_core::{Diagnostic, ResourceType, Spec};
use forebay_runner::Workspace;
use forebay_store::RegisteredModel;
use forebay_ui::page::{Model, ModelRow, ModelVersion, Models};

pub fn models(workspace: &Workspace) -> Result<Models, Diagnostic> {
    let row = |model: RegisteredModel| ModelRow {
        versions: model.versions.len() as u64,
        aliases: model.aliases.clone().into_iter().collect(),
        last_created_ms: model.versions.first().map(|version| version.created_ms),
        services: services(workspace, &model.name),
        name: model.name,
    };
    let models = workspace.store.registered_models()?;
    Ok(Models {
        models: models.into_iter().map(row).collect(),
    })
}

pub fn model(workspace: &Workspace, name: &str) -> Result<Option<Model>, Diagnostic> {
    let models = workspace.store.registered_models()?;
    let Some(model) = models.into_iter().find(|model| model.name == name) else {
        return Ok(None);
    };
    let mut versions = Vec::new();
    for version in &model.versions {
        let run = workspace.store.run(&version.run_id)?;
        let (params, metrics) = run
            .map(|run| (run.params.clone(), run.metric_values()))
            .unwrap_or_default();
        let of_rounds = |name: &String| name.ends_with("_by_round");
        versions.push(ModelVersion {
            version: version.version,
            aliases: aliases(&model, version.version),
            created_ms: version.created_ms,
            run_id: version.run_id.clone(),
            training_hash: version.training_hash.clone(),
            params: params.into_iter().collect(),
            metrics: metrics
                .into_iter()
                .filter(|(name, _)| !of_rounds(name))
                .collect(),
        });
    }
    let node = workspace.graph().find(ResourceType::RegisteredModel, name);
    Ok(Some(Model {
        name: name.to_owned(),
        description: node
            .map(|node| node.description.clone())
            .unwrap_or_default(),
        versions,
        services: services(workspace, name),
    }))
}

/// Aliases of one version.
pub(super) fn aliases(model: &RegisteredModel, version: u64) -> Vec<String> {
    let aliases = model.aliases.iter().filter(|(_, of)| **of == version);
    aliases.map(|(alias, _)| alias.clone()).collect()
}

fn services(workspace: &Workspace, model: &str) -> Vec<String> {
    let serves = |node: &&forebay_core::Node| matches!(&node.spec, Spec::InferenceService(service) if service.model == model);
    workspace
        .graph()
        .nodes
        .values()
        .filter(serves)
        .map(|node| node.name.clone())
        .collect()
}
