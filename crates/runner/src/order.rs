//! The order of a plan's steps, and what each of them waits for.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::graph::Spec;
use forebay_core::{Node, NodeId, ResourceType};

use crate::plan::{Action, Step};
use crate::workspace::Workspace;

/// As dbt numbers them: by how many steps follow each other before, then by id. Projects that read what another node made
/// without saying so rest on it.
pub(crate) fn steps(
    workspace: &Workspace,
    mut actions: Vec<(&Node, Action)>,
    with_models: bool,
) -> Vec<Step> {
    let units = units(&actions);
    let mut after = dependencies(workspace, &actions, &units, with_models);
    let levels = levels(&after, &units);
    // Unit tests have the place of their model, and come before it.
    actions.sort_by_key(|(node, _)| {
        let (place, is_model) = match &node.spec {
            Spec::UnitTest(test) => (&test.model, false),
            _ => (&node.id, true),
        };
        let level = levels.get(&node.id).copied();
        (level, place.clone(), is_model, node.id.clone())
    });
    let numbered = actions.into_iter().zip(1..);
    numbered
        .map(|((node, action), number)| Step {
            number,
            node: node.id.clone(),
            name: node.name.clone(),
            resource_type: node.resource_type(),
            relation: node.relation.clone(),
            after: after.remove(&node.id).unwrap_or_default(),
            action,
        })
        .collect()
}

/// The planned unit tests of every model, in the order of their ids.
fn units<'a>(actions: &[(&'a Node, Action)]) -> BTreeMap<&'a NodeId, BTreeSet<&'a NodeId>> {
    let mut units: BTreeMap<&NodeId, BTreeSet<&NodeId>> = BTreeMap::new();
    for (node, _) in actions {
        if let Spec::UnitTest(test) = &node.spec {
            units.entry(&test.model).or_default().insert(&node.id);
        }
    }
    units
}

/// For every node the most of others that follow each other before it. As in dbt, unit tests are no steps of their own.
fn levels(
    after: &BTreeMap<NodeId, BTreeSet<NodeId>>,
    units: &BTreeMap<&NodeId, BTreeSet<&NodeId>>,
) -> BTreeMap<NodeId, usize> {
    let units: BTreeSet<&NodeId> = units.values().flatten().copied().collect();
    let mut followers: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    let mut waits: BTreeMap<&NodeId, usize> = BTreeMap::new();
    for (id, before) in after {
        let before: Vec<&NodeId> = before.iter().filter(|one| !units.contains(one)).collect();
        waits.insert(id, before.len());
        for one in before {
            followers.entry(one).or_default().push(id);
        }
    }
    let first = waits.iter().filter(|(_, before)| **before == 0);
    let mut ready: Vec<&NodeId> = first.map(|(id, _)| *id).collect();
    let mut levels = BTreeMap::new();
    for level in 0.. {
        if ready.is_empty() {
            break;
        }
        for id in std::mem::take(&mut ready) {
            levels.insert(id.clone(), level);
            for follower in followers.get(id).into_iter().flatten() {
                let waits = waits.entry(follower).or_default();
                *waits -= 1;
                if *waits == 0 {
                    ready.push(follower);
                }
            }
        }
    }
    levels
}

/// For every planned node the planned nodes that it waits for: its nearest planned ancestors, and
/// the tests of what it reads. A unit test runs where its model would, and the model after it. Where tests run with their
/// models, the unit tests of one run one after the other: as in dbt, none is begun after one has failed.
fn dependencies(
    workspace: &Workspace,
    actions: &[(&Node, Action)],
    units: &BTreeMap<&NodeId, BTreeSet<&NodeId>>,
    with_models: bool,
) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
    let graph = workspace.graph();
    let planned: BTreeSet<&NodeId> = actions.iter().map(|(node, _)| &node.id).collect();
    let ancestors: BTreeMap<&NodeId, BTreeSet<NodeId>> = planned
        .iter()
        .map(|id| (*id, graph.ancestors(id, None)))
        .collect();
    let tests: Vec<&Node> = actions
        .iter()
        .map(|(node, _)| *node)
        .filter(|node| node.resource_type() == ResourceType::Test)
        .collect();
    let waits_for = |node: &Node| {
        let mine = &match &node.spec {
            Spec::UnitTest(test) => graph.ancestors(&test.model, None),
            _ => ancestors[&node.id].clone(),
        };
        let mut after: BTreeSet<NodeId> = mine
            .iter()
            .filter(|id| planned.contains(id))
            .cloned()
            .collect();
        // As in dbt, nothing outside of the project waits for tests, and where tests run alone they do not for each other.
        let is_test = match node.resource_type() {
            ResourceType::Test => true,
            ResourceType::UnitTest => !with_models,
            _ => false,
        };
        if !is_test && !is_outside(node) {
            let blocking = tests
                .iter()
                .filter(|test| !test.depends_on.is_empty())
                .filter(|test| test.depends_on.iter().all(|parent| mine.contains(parent)));
            after.extend(blocking.map(|test| test.id.clone()));
            let held_up = |model: &NodeId| *model == node.id || mine.contains(model);
            let holding = units.iter().filter(|(model, _)| held_up(model));
            after.extend(holding.flat_map(|(_, tests)| tests.iter().copied().cloned()));
        }
        if let Spec::UnitTest(test) = &node.spec
            && with_models
        {
            let before = units[&test.model].iter().rev().find(|one| **one < &node.id);
            after.extend(before.map(|one| (*one).clone()));
        }
        after
    };
    actions
        .iter()
        .map(|(node, _)| (node.id.clone(), waits_for(node)))
        .collect()
}

fn is_outside(node: &Node) -> bool {
    matches!(node.spec, Spec::Exposure(_) | Spec::SavedQuery(_))
}
