//! Methods that ask for one kind of resource by name, and for groups, access and versions of models.

use std::cmp::Ordering;

use forebay_core::graph::{Model, Version};
use forebay_core::{Node, ResourceType, Spec};

use super::criterion::Criterion;
use super::methods::Around;
use crate::pattern::matches;

pub(super) fn exposure(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    named(node, ResourceType::Exposure, &criterion.value)
}

pub(super) fn metric(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    named(node, ResourceType::Metric, &criterion.value)
}

pub(super) fn semantic_model(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    named(node, ResourceType::SemanticModel, &criterion.value)
}

pub(super) fn saved_query(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    named(node, ResourceType::SavedQuery, &criterion.value)
}

pub(super) fn unit_test(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    named(node, ResourceType::UnitTest, &criterion.value)
}

/// `name`, or `package.name`.
fn named(node: &Node, kind: ResourceType, value: &str) -> bool {
    node.resource_type() == kind
        && match value.split_once('.') {
            Some((package, name)) => matches(package, &node.package) && matches(name, &node.name),
            None => matches(value, &node.name),
        }
}

pub(super) fn group(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    let group = node.group.as_deref();
    group.is_some_and(|group| matches(&criterion.value, group))
}

fn model(node: &Node) -> Option<&Model> {
    match &node.spec {
        Spec::Model(model) => Some(model),
        _ => None,
    }
}

pub(super) fn access(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    model(node).is_some_and(|model| matches(&criterion.value, model.access.as_str()))
}

/// `latest`, `prerelease` (newer than the latest), `old` (older), `none` (without versions).
pub(super) fn version(_: &Around<'_>, node: &Node, criterion: &Criterion) -> bool {
    model(node).is_some_and(|model| match (&model.version, criterion.value.as_str()) {
        (None, value) => value == "none",
        (Some(version), "latest") => version.is_latest(),
        (Some(version), "prerelease") => order(version) == Ordering::Greater,
        (Some(version), "old") => order(version) == Ordering::Less,
        _ => false,
    })
}

/// Against the latest.
fn order(version: &Version) -> Ordering {
    match (version.v.parse::<f64>(), version.latest.parse::<f64>()) {
        (Ok(own), Ok(latest)) => own.total_cmp(&latest),
        _ => version.v.cmp(&version.latest),
    }
}
