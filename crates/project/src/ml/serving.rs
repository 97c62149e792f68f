//! Inference services: a registered model that answers requests.

use forebay_core::ml::{InferenceService, ModelSelector, TrainingJob};
use forebay_core::{Diagnostic, Node, NodeId, ResourceType, Spec};

use super::{Ml, named};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(crate) fn service(ml: &Ml<'_>, doc: Doc<'_>, yaml: &Yaml) -> Option<Node> {
    let (mut fields, name) = named(doc, yaml, "inference service")?;
    let text = fields.required("model");
    let threshold = threshold(&mut fields);
    let selected = text.as_deref().and_then(|text| selector(&fields, text));
    let (model, version) = selected?;
    let registered = ml.known(
        doc,
        ResourceType::RegisteredModel,
        &model,
        fields.at("model"),
    )?;
    let (job_node, job) = ml.jobs().find(|(_, job)| job.model == model)?;
    let mut parents: Vec<NodeId> = vec![registered.id.clone()];
    parents.extend(views(ml, &fields, job));
    let service = InferenceService {
        model,
        version,
        training_job: job_node.id.clone(),
        threshold,
    };
    let node = ml.node(&mut fields, name, Spec::InferenceService(service), parents);
    fields.finish(Unknown::Error);
    Some(node)
}

/// `late_arrival@champion`, `late_arrival/3`, or the name alone for its champion.
fn selector(fields: &Fields<'_>, text: &str) -> Option<(String, ModelSelector)> {
    if let Some((model, alias)) = text.split_once('@') {
        return Some((model.to_owned(), ModelSelector::Alias(alias.to_owned())));
    }
    let Some((model, version)) = text.split_once('/') else {
        return Some((text.to_owned(), ModelSelector::Alias("champion".into())));
    };
    let version = version.parse().ok().filter(|version| *version > 0);
    if version.is_none() {
        let message = format!(
            "'model' of {} must be name@alias or name/version, not '{text}'",
            fields.what
        );
        fields.error(message, fields.at("model"));
    }
    Some((model.to_owned(), ModelSelector::Version(version?)))
}

/// Kept as it is written, so that it prints the same.
fn threshold(fields: &mut Fields<'_>) -> String {
    let good = fields
        .number("threshold")
        .is_none_or(|number| (0.0..=1.0).contains(&number));
    if !good {
        let message = format!("'threshold' of {} must be from 0 to 1", fields.what);
        fields.error(message, fields.at("threshold"));
    }
    fields.text("threshold").unwrap_or_else(|| "0.5".into())
}

/// The views that it reads online. One that is not online could never be read.
fn views(ml: &Ml<'_>, fields: &Fields<'_>, job: &TrainingJob) -> Vec<NodeId> {
    let mut parents = Vec::new();
    for feature in &job.features {
        let Some((node, view)) = ml.view(&feature.view) else {
            continue;
        };
        if parents.contains(&node.id) {
            continue;
        }
        parents.push(node.id.clone());
        if !view.online {
            let message = format!(
                "{} needs the feature view '{}' online",
                fields.what, feature.view
            );
            ml.problems.push(
                Diagnostic::error(message)
                    .at(node.location.clone())
                    .hint(format!("set online: true on '{}'", feature.view)),
            );
        }
    }
    parents
}
