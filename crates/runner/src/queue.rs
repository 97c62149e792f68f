//! Which step starts next: as in dbt the one that has been ready for longest, and of those that became ready at once the
//! first of the plan. What has waited for a unit test is next: it runs in its model's place.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use forebay_core::{NodeId, ResourceType};

use crate::plan::Step;

pub(crate) struct Queue {
    /// How many steps each one still waits for.
    waits: Vec<usize>,
    followers: BTreeMap<NodeId, Vec<usize>>,
    units: BTreeSet<NodeId>,
    ready: VecDeque<usize>,
}

impl Queue {
    pub fn of(steps: &[Step]) -> Self {
        let mut followers: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            for before in &step.after {
                followers.entry(before.clone()).or_default().push(index);
            }
        }
        let waits: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let ready = (0..steps.len()).filter(|index| waits[*index] == 0);
        let units = steps
            .iter()
            .filter(|step| step.resource_type == ResourceType::UnitTest)
            .map(|step| step.node.clone());
        Self {
            ready: ready.collect(),
            units: units.collect(),
            waits,
            followers,
        }
    }

    /// These have ended since: what waited for nothing else is ready.
    pub fn ended<'a>(&mut self, nodes: impl Iterator<Item = &'a NodeId>) {
        let (mut ready, mut next) = (Vec::new(), Vec::new());
        for node in nodes {
            for index in self.followers.get(node).into_iter().flatten() {
                self.waits[*index] -= 1;
                if self.waits[*index] == 0 {
                    match self.units.contains(node) {
                        true => next.push(*index),
                        false => ready.push(*index),
                    }
                }
            }
        }
        ready.sort_unstable();
        self.ready.extend(ready);
        next.sort_unstable();
        for index in next.into_iter().rev() {
            self.ready.push_front(index);
        }
    }

    pub fn next(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn step(name: &str, after: &[&str]) -> Step {
        Step {
            number: 0,
            node: NodeId::new(name),
            name: name.to_owned(),
            resource_type: ResourceType::Model,
            relation: None,
            after: after.iter().map(|id| NodeId::new(*id)).collect(),
            action: Action::Nothing,
        }
    }

    #[test]
    fn what_is_ready_for_longest_comes_first() {
        let steps = [
            step("a", &[]),
            step("b", &[]),
            step("c", &["b"]),
            step("d", &["a"]),
            step("e", &["a", "b"]),
        ];
        let mut queue = Queue::of(&steps);
        assert_eq!(
            [queue.next(), queue.next(), queue.next()],
            [Some(0), Some(1), None]
        );
        queue.ended([&steps[0].node].into_iter());
        queue.ended([&steps[1].node].into_iter());
        assert_eq!(
            [queue.next(), queue.next(), queue.next()],
            [Some(3), Some(2), Some(4)]
        );
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn a_model_runs_in_the_place_of_its_unit_tests() {
        let mut steps = [step("u", &[]), step("a", &["u"]), step("b", &[])];
        steps[0].resource_type = ResourceType::UnitTest;
        let mut queue = Queue::of(&steps);
        assert_eq!(queue.next(), Some(0));
        queue.ended([&steps[0].node].into_iter());
        assert_eq!([queue.next(), queue.next()], [Some(1), Some(2)]);
    }
}
