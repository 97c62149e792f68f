//! The semantic layer: semantic models, metrics and saved queries, read for the tools that answer
//! them.

mod metrics;
mod models;
mod queries;

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Node, NodeId, ResourceType};
use serde_json::{Value as Json, json};

use crate::jinja::Names;
use crate::link::words;
use crate::nodes::{Cx, Draft, Item, Outcome};
use crate::properties::Properties;
use crate::yaml::Yaml;

/// What is read against.
struct Semantic<'a> {
    cx: &'a Cx<'a>,
    names: &'a Names,
    nodes: BTreeMap<&'a NodeId, &'a Node>,
    /// The semantic model that has the measure, by the measure's name.
    measures: BTreeMap<String, NodeId>,
    /// Every metric of the package by name, and what is written of it.
    metrics: BTreeMap<String, Json>,
}

/// All of one package.
pub(crate) fn read(
    cx: &Cx<'_>,
    names: &Names,
    drafts: &[Draft],
    properties: &Properties,
) -> Vec<Outcome> {
    let declared = [
        &properties.semantic_models,
        &properties.metrics,
        &properties.saved_queries,
    ];
    if declared.iter().all(|items| items.is_empty()) {
        return Vec::new();
    }
    let mut semantic = Semantic {
        cx,
        names,
        nodes: drafts.iter().map(|d| (&d.node.id, &d.node)).collect(),
        measures: models::measures(cx, &properties.semantic_models),
        metrics: BTreeMap::new(),
    };
    let made: Vec<Item> = models::made_metrics(cx, &properties.semantic_models);
    let metrics = || properties.metrics.iter().chain(&made);
    semantic.metrics = metrics()
        .filter_map(|item| Some((name_of(&item.yaml)?, item.yaml.to_json())))
        .collect();
    let models = properties.semantic_models.iter();
    let mut all: Vec<Outcome> = models.map(|item| models::read(&semantic, item)).collect();
    all.extend(metrics().map(|item| metrics::read(&semantic, item)));
    let queries = properties.saved_queries.iter();
    all.extend(queries.map(|item| queries::read(&semantic, item)));
    of_what_is_off(cx, &all);
    unlike_labels(cx, &all);
    all
}

/// What is switched off cannot be asked.
fn of_what_is_off(cx: &Cx<'_>, all: &[Outcome]) {
    let off = all.iter().filter_map(|outcome| match outcome {
        Outcome::Disabled(Some(draft)) => Some((&draft.node.id, &draft.node)),
        _ => None,
    });
    let off: BTreeMap<&NodeId, &Node> = off.collect();
    for node in all.iter().filter_map(on) {
        for parent in node.depends_on.iter().filter_map(|id| off.get(id)) {
            let (kind, parent_kind) = (node.resource_type(), parent.resource_type());
            let message = format!(
                "{} '{}' reads the {} '{}', which is disabled",
                words(kind),
                node.name,
                words(parent_kind),
                parent.name
            );
            let problem = Diagnostic::error(message).at(node.location.clone());
            cx.problems
                .push(problem.hint("disable it too, or enable what it reads"));
        }
    }
}

/// As in dbt, two metrics, or two semantic models, have no label in common.
fn unlike_labels(cx: &Cx<'_>, all: &[Outcome]) {
    let mut known: BTreeMap<(ResourceType, &str), &Node> = BTreeMap::new();
    for outcome in all {
        let (Outcome::Draft(draft), Some(node)) = (outcome, on(outcome)) else {
            continue;
        };
        let kind = node.resource_type();
        let label = draft.detail.shown["label"].as_str();
        let Some(label) = label.filter(|_| kind != ResourceType::SavedQuery) else {
            continue;
        };
        let Some(other) = known.insert((kind, label), node) else {
            continue;
        };
        let message = format!(
            "{} '{}' has the label '{label}', which '{}' has already",
            words(kind),
            node.name,
            other.name
        );
        let problem = Diagnostic::error(message).at(node.location.clone());
        cx.problems
            .push(problem.hint(format!("the other is at {}", other.location)));
    }
}

fn on(outcome: &Outcome) -> Option<&Node> {
    match outcome {
        Outcome::Draft(draft) => Some(&draft.node),
        _ => None,
    }
}

impl Semantic<'_> {
    fn metric_id(&self, name: &str) -> NodeId {
        self.cx.id(ResourceType::Metric, name, None)
    }
}

fn name_of(yaml: &Yaml) -> Option<String> {
    yaml.get("name").and_then(Yaml::as_text).map(str::to_owned)
}

/// `filter:` and `where:`: one text, or several that must all hold.
fn filters(written: Option<Json>) -> Json {
    let one = |text: &Json| json!({"where_sql_template": text});
    match written {
        None | Some(Json::Null) => Json::Null,
        Some(Json::Array(all)) => json!({"where_filters": all.iter().map(one).collect::<Vec<_>>()}),
        Some(text) => json!({"where_filters": [one(&text)]}),
    }
}
