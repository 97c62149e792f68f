//! Training jobs, and the registered models that come out of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use forebay_core::ml::{GradientBoosting, RequestFeature, Split, Trainer, TrainingJob};
use forebay_core::{Diagnostic, Node, NodeId, ResourceType, Spec};
use indexmap::IndexMap;

use super::selection::selection;
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
    let (metrics, gates) = evaluate(&mut fields);
    let label = fields.required("label");
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
        alias,
        seed,
    };
    let parents: Vec<NodeId> = spine.into_iter().chain(selected.parents).collect();
    let node = ml.node(&mut fields, name, Spec::TrainingJob(job), parents);
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

/// `{by_time: "2013-10-01"}`, with another `column` than the event timestamp if wanted.
fn split(fields: &mut Fields<'_>, event_timestamp: Option<&str>) -> Option<Split> {
    let Some(yaml) = fields.get("split") else {
        fields.missing("split");
        return None;
    };
    let mut fields = Fields::of(fields.doc, yaml, format!("split of {}", fields.what))?;
    let (text, column) = (fields.required("by_time"), fields.text("column"));
    let at = text.as_deref().and_then(instant);
    if let (Some(text), None) = (&text, &at) {
        let message =
            format!("'{text}' is no point in time: write 2013-10-01 or 2013-10-01T06:00:00Z");
        fields.error(message, fields.at("by_time"));
    }
    fields.finish(Unknown::Error);
    Some(Split {
        column: column.or_else(|| event_timestamp.map(str::to_owned))?,
        at: at?,
    })
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

fn trainer(fields: &mut Fields<'_>) -> Option<Trainer> {
    let Some(yaml) = fields.get("trainer") else {
        return Some(Trainer::GradientBoosting(GradientBoosting::default()));
    };
    let what = format!("trainer of {}", fields.what);
    let mut fields = Fields::of(fields.doc, yaml, what)?;
    let algorithms = [("gradient_boosting", ())];
    if fields.get("algorithm").is_none() {
        fields.missing("algorithm");
    }
    let algorithm = fields.choice("algorithm", &algorithms);
    let trainer = gradient_boosting(&mut fields);
    fields.finish(Unknown::Error);
    algorithm.map(|()| Trainer::GradientBoosting(trainer))
}

fn gradient_boosting(fields: &mut Fields<'_>) -> GradientBoosting {
    let default = GradientBoosting::default();
    let mut whole = |key: &'static str, default: usize, least: u64, most: u64| {
        let value = fields.whole(key);
        if value.is_some_and(|value| value < least || value > most) {
            let range = if most == u64::MAX {
                format!("at least {least}")
            } else {
                format!("{least} to {most}")
            };
            fields.error(
                format!("'{key}' of {} must be {range}", fields.what),
                fields.at(key),
            );
        }
        value
            .and_then(|value| usize::try_from(value).ok())
            .unwrap_or(default)
    };
    let rounds = whole("rounds", default.rounds, 1, u64::MAX);
    let max_leaves = whole("max_leaves", default.max_leaves, 2, u64::MAX);
    let min_rows_in_leaf = whole("min_rows_in_leaf", default.min_rows_in_leaf, 1, u64::MAX);
    let max_bins = whole("max_bins", default.max_bins, 2, 255);
    let mut number = |key: &'static str, default: f64, good: fn(f64) -> bool, range: &str| {
        let value = fields.number(key).unwrap_or(default);
        if !good(value) {
            fields.error(
                format!("'{key}' of {} must be {range}", fields.what),
                fields.at(key),
            );
        }
        value
    };
    GradientBoosting {
        rounds,
        learning_rate: number(
            "learning_rate",
            default.learning_rate,
            |v| v > 0.0 && v <= 1.0,
            "in (0, 1]",
        ),
        max_leaves,
        min_rows_in_leaf,
        l2: number("l2", default.l2, |v| v >= 0.0, "0 or more"),
        max_bins,
        feature_fraction: number(
            "feature_fraction",
            default.feature_fraction,
            |v| v > 0.0 && v <= 1.0,
            "in (0, 1]",
        ),
    }
}

/// `{metrics: [roc_auc], gates: ["roc_auc >= 0.7"]}`.
fn evaluate(fields: &mut Fields<'_>) -> (Vec<String>, Vec<String>) {
    let default = || vec!["roc_auc".to_owned(), "log_loss".to_owned()];
    let what = format!("evaluate of {}", fields.what);
    let section = fields
        .get("evaluate")
        .and_then(|yaml| Fields::of(fields.doc, yaml, what));
    let Some(mut fields) = section else {
        return (default(), Vec::new());
    };
    let (metrics, gates) = (fields.texts("metrics"), fields.texts("gates"));
    fields.finish(Unknown::Error);
    (
        if metrics.is_empty() {
            default()
        } else {
            metrics
        },
        gates,
    )
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
