//! From a selection's tree to nodes, with dbt's rules for tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use forebay_core::{Diagnostic, Graph, Node, NodeId, ResourceType};

use super::criterion::Criterion;
use super::methods::{self, Around};
use super::spec::{Group, How, Indirect, Spec};

/// Selected nodes, and tests that wait for their other parents.
#[derive(Clone, Default)]
struct Found {
    direct: BTreeSet<NodeId>,
    indirect: BTreeSet<NodeId>,
}

pub(super) struct Resolver<'a> {
    around: &'a Around<'a>,
    graph: &'a Graph,
    children: BTreeMap<&'a NodeId, Vec<&'a NodeId>>,
    indirect: Indirect,
    /// Texts of the command line that matched nothing.
    unmatched: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub fn new(around: &'a Around<'a>, indirect: Indirect) -> Self {
        let graph = &around.project.graph;
        Self {
            around,
            graph,
            children: graph.children(),
            indirect,
            unmatched: Vec::new(),
        }
    }

    /// The nodes, and the texts that matched nothing.
    pub fn resolve(mut self, spec: &Spec) -> Result<(BTreeSet<NodeId>, Vec<String>), Diagnostic> {
        let found = self.spec(spec)?;
        Ok((found.direct, self.unmatched))
    }

    fn spec(&mut self, spec: &Spec) -> Result<Found, Diagnostic> {
        match spec {
            Spec::Everything => Ok(Found {
                direct: self.graph.nodes.keys().cloned().collect(),
                indirect: BTreeSet::new(),
            }),
            Spec::Criterion(criterion) => self.criterion(criterion),
            Spec::Group(group) => self.group(group),
        }
    }

    fn group(&mut self, group: &Group) -> Result<Found, Diagnostic> {
        let parts = group.parts.iter().map(|part| self.spec(part));
        let parts = parts.collect::<Result<Vec<Found>, _>>()?;
        let direct = parts.iter().map(|found| found.direct.clone());
        let with_waiting = parts.iter().map(|found| &found.direct | &found.indirect);
        let mut found = Found {
            direct: combine(group.how, direct),
            indirect: combine(group.how, with_waiting),
        };
        let joining = self.joining(&found, group.indirect.unwrap_or(self.indirect));
        found.direct.extend(joining);
        if let Some(text) = group.expected.as_ref().filter(|_| found.direct.is_empty()) {
            self.unmatched.push(text.clone());
        }
        Ok(found)
    }

    /// Waiting tests whose parents are all there now.
    fn joining(&self, found: &Found, indirect: Indirect) -> Vec<NodeId> {
        let present = match indirect {
            Indirect::Eager | Indirect::Empty => return Vec::new(),
            Indirect::Cautious => found.direct.clone(),
            Indirect::Buildable => &found.direct | &self.ancestors(&found.direct, None),
        };
        let waiting = found.indirect.difference(&found.direct);
        let nodes = waiting.filter_map(|id| self.graph.get(id));
        let ready = nodes.filter(|test| test.depends_on.iter().all(|id| present.contains(id)));
        ready.map(|test| test.id.clone()).collect()
    }

    fn criterion(&self, criterion: &Criterion) -> Result<Found, Diagnostic> {
        let matched = methods::matching(self.around, criterion)?;
        let mut direct = matched.clone();
        if criterion.children_with_parents {
            direct.extend(self.descendants(&matched, None));
            direct.extend(self.ancestors(&direct, None));
        }
        if let Some(depth) = criterion.parents {
            direct.extend(self.ancestors(&matched, depth));
        }
        if let Some(depth) = criterion.children {
            direct.extend(self.descendants(&matched, depth));
        }
        Ok(self.with_tests(direct, criterion.indirect.unwrap_or(self.indirect)))
    }

    fn with_tests(&self, selected: BTreeSet<NodeId>, indirect: Indirect) -> Found {
        let present = match indirect {
            Indirect::Buildable => &selected | &self.ancestors(&selected, None),
            _ => selected.clone(),
        };
        let is_there = |id: &NodeId| {
            let source = || self.graph.get(id).is_some_and(is_source);
            present.contains(id) || indirect == Indirect::Buildable && source()
        };
        let mut found = Found {
            direct: selected.clone(),
            indirect: BTreeSet::new(),
        };
        if indirect == Indirect::Empty {
            return found;
        }
        let children = selected.iter().filter_map(|id| self.children.get(id));
        let tests = children.flatten().filter_map(|id| self.graph.get(id));
        for test in tests.filter(|node| is_test(node)) {
            let complete = test.depends_on.iter().all(is_there);
            if indirect == Indirect::Eager || complete {
                found.direct.insert(test.id.clone());
            } else {
                found.indirect.insert(test.id.clone());
            }
        }
        found
    }

    fn ancestors(&self, of: &BTreeSet<NodeId>, depth: Option<usize>) -> BTreeSet<NodeId> {
        let parents = |id: &NodeId| -> Vec<&NodeId> {
            let node = self.graph.get(id);
            node.map_or(Vec::new(), |node| node.depends_on.iter().collect())
        };
        walk(of, depth, parents)
    }

    fn descendants(&self, of: &BTreeSet<NodeId>, depth: Option<usize>) -> BTreeSet<NodeId> {
        walk(of, depth, |id| {
            self.children.get(id).cloned().unwrap_or_default()
        })
    }
}

fn is_test(node: &Node) -> bool {
    matches!(
        node.resource_type(),
        ResourceType::Test | ResourceType::UnitTest
    )
}

fn is_source(node: &Node) -> bool {
    node.resource_type() == ResourceType::Source
}

fn combine(how: How, sets: impl Iterator<Item = BTreeSet<NodeId>>) -> BTreeSet<NodeId> {
    let combined = sets.reduce(|all, set| match how {
        How::Union => &all | &set,
        How::Intersection => &all & &set,
        How::Difference => &all - &set,
    });
    combined.unwrap_or_default()
}

/// What can be reached in up to `depth` steps from any of them; they are among it only where one
/// leads to another.
fn walk<'a>(
    from: &'a BTreeSet<NodeId>,
    depth: Option<usize>,
    next: impl Fn(&NodeId) -> Vec<&'a NodeId>,
) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    let mut queue: VecDeque<(&NodeId, usize)> = from.iter().map(|id| (id, 0)).collect();
    while let Some((id, distance)) = queue.pop_front() {
        if depth.is_some_and(|depth| distance >= depth) {
            continue;
        }
        for neighbour in next(id) {
            if seen.insert(neighbour.clone()) {
                queue.push_back((neighbour, distance + 1));
            }
        }
    }
    seen
}
