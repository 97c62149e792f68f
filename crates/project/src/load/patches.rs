//! Finds the property entry of a node, and the entries that belong to none.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::{Diagnostic, suggest};

use crate::nodes::Cx;
use crate::properties::Patch;
use crate::scan::SqlFile;

/// Property entries by name, each for one node.
pub(super) struct Patches<'a> {
    cx: &'a Cx<'a>,
    kind: &'static str,
    by_name: BTreeMap<&'a str, &'a Patch>,
    taken: BTreeSet<String>,
}

impl<'a> Patches<'a> {
    pub fn new(cx: &'a Cx<'a>, kind: &'static str, patches: &'a [Patch]) -> Self {
        let mut by_name: BTreeMap<&str, &Patch> = BTreeMap::new();
        for patch in patches {
            if let Some(first) = by_name.get(patch.name.as_str()) {
                cx.problems.push(
                    Diagnostic::error(format!("{kind} '{}' is described twice", patch.name))
                        .at(patch.at.clone())
                        .hint(format!("the other is at {}", first.at)),
                );
                continue;
            }
            by_name.insert(&patch.name, patch);
        }
        Self {
            cx,
            kind,
            by_name,
            taken: BTreeSet::new(),
        }
    }

    pub fn take(&mut self, name: &str) -> Option<&'a Patch> {
        self.taken.insert(name.to_owned());
        self.by_name.get(name).copied()
    }

    /// Warns of entries whose node does not exist.
    pub fn finish(self, broken: &[SqlFile]) {
        for (name, patch) in &self.by_name {
            let known = self.taken.contains(*name) || broken.iter().any(|sql| sql.name == *name);
            if !known {
                self.cx.problems.push(
                    Diagnostic::warning(format!("there is no {} '{name}' to describe", self.kind))
                        .at(patch.at.clone())
                        .maybe_hint(suggest::nearest(
                            name,
                            self.taken.iter().map(String::as_str),
                        )),
                );
            }
        }
    }
}
