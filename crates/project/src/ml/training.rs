//! Training jobs, and the registered models that come out of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use forebay_core::ml::{RequestFeature, Trainer, TrainingJob};
use forebay_core::{Diagnostic, Node, NodeId, ResourceType, Spec};
use indexmap::IndexMap;

use super::judging::{evaluate, split};
use super::selection::selection;
use super::trainer::trainer;
use super::tuning::tuning;
use super::{Ml, named};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(crate) fn job(ml: &Ml<'_>, doc: Doc<'_>, yaml: &Yaml) -> Option<Node> {
    let (mut fields, name) = named(doc, yaml, "training job")?;
    let spine = ml.table(&mut fields, "spine");
    let event_timestamp = fields.required("event_timestamp");
    let selected = selection(ml, &mut fields, false);
    let request_features = request_features(&mut fields);
    let split = split(&mut fields, event_timestamp.as_deref());
    let trainer = trainer(&mut fields);
    let (metrics, gates, judging) = evaluate(&mut fields);
    let tuning = tuning(&mut fields, trainer.as_ref());
    let label = match &trainer {
        Some(Trainer::KMeans(_)) => Some(fields.text("label").unwrap_or_default()),
        _ => fields.required("label"),
    };
    let model = fields.text("model").unwrap_or_else(|| name.clone());
    let (filter, seed) = (fields.text("filter"), fields.whole("seed").unwrap_or(0));
    let alias = fields.text("alias").unwrap_or_else(|| "champion".into());
    if selected.features.is_empty()
        && request_features.is_empty()
        && fields.get("features").is_none()
    {
        let message = format!(
            "{} has nothing to learn from: no features, no request_features",
            fields.what
        );
        fields.error(message, fields.at);
    }
    let job = TrainingJob {
        model,
        spine: spine.clone()?,
        event_timestamp: event_timestamp?,
        label: label?,
        filter,
        features: selected.features,
        request_features,
        split: split?,
        trainer: trainer?,
        metrics,
        gates,
        judging,
        tuning,
        alias,
        seed,
    };
    let parents: Vec<NodeId> = spine.into_iter().chain(selected.parents).collect();
    let node = ml.node(&mut fields, name, Spec::TrainingJob(Box::new(job)), parents);
    fields.finish(Unknown::Error);
    Some(node)
}

fn request_features(fields: &mut Fields<'_>) -> Vec<RequestFeature> {
    let (doc, what) = (fields.doc, fields.what.clone());
    let mut seen = BTreeSet::new();
    let read = |yaml: &Yaml| {
        let mut fields = Fields::of(doc, yaml, format!("a request feature of {what}"))?;
        let name = fields.required("name")?;
        let expr = fields
            .text("expr")
            .unwrap_or_else(|| forebay_core::name::quote(&name));
        let at = fields.at("name");
        fields.finish(Unknown::Error);
        if !seen.insert(name.clone()) {
            doc.error(
                format!("{what} has two request features called '{name}'"),
                at,
            );
            return None;
        }
        Some(RequestFeature { name, expr })
    };
    fields
        .list("request_features")
        .iter()
        .filter_map(read)
        .collect()
}

/// A date or a date and time as an RFC 3339 instant; without an offset it is UTC.
pub(crate) fn instant(text: &str) -> Option<String> {
    let text = text.trim();
    let local = || {
        let formats = [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M",
        ];
        formats
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let midnight = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    let utc = DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .ok()
        .or_else(|| Some(local().or_else(midnight)?.and_utc()))?;
    Some(utc.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// One registered model for each name that jobs train; read once, when the jobs are there.
pub(crate) fn register_models(ml: &mut Ml<'_>) {
    if ml
        .nodes
        .iter()
        .any(|node| node.resource_type() == ResourceType::RegisteredModel)
    {
        return;
    }
    let mut models: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for (node, job) in ml.jobs() {
        models
            .entry(job.model.clone())
            .or_default()
            .push(node.clone());
    }
    for (name, jobs) in models {
        let first = &jobs[0];
        if let Some(second) = jobs.get(1) {
            ml.problems.push(
                Diagnostic::error(format!("two training jobs make the model '{name}'"))
                    .at(second.location.clone())
                    .hint(format!(
                        "the other is at {}; give one a 'model' of its own",
                        first.location
                    )),
            );
        }
        let node = Node {
            id: ml.id(ResourceType::RegisteredModel, &name),
            package: ml.project.to_owned(),
            location: first.location.clone(),
            fqn: vec![ml.project.to_owned(), name.clone()],
            tags: first.tags.clone(),
            group: None,
            description: first.description.clone(),
            columns: IndexMap::new(),
            relation: None,
            depends_on: jobs.iter().map(|job| job.id.clone()).collect(),
            spec: Spec::RegisteredModel,
            name,
        };
        ml.nodes.push(node);
    }
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn points_in_time_are_written_in_utc() {
        assert_eq!(
            instant("2013-10-01").as_deref(),
            Some("2013-10-01T00:00:00Z")
        );
        assert_eq!(
            instant("2013-10-01 06:30:00").as_deref(),
            Some("2013-10-01T06:30:00Z")
        );
        assert_eq!(
            instant("2013-10-01T06:00:00-04:00").as_deref(),
            Some("2013-10-01T10:00:00Z")
        );
        assert_eq!(instant("October"), None);
    }
}
