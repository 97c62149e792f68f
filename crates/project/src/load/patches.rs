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
    /// By the name of the file that it describes.
    by_file: BTreeMap<&'a str, &'a Patch>,
    taken: BTreeSet<&'a str>,
    /// Entries that describe nodes of other packages.
    away: BTreeSet<&'a str>,
}

impl<'a> Patches<'a> {
    /// `files` are the names of all files that can be described.
    pub fn new(
        cx: &'a Cx<'a>,
        kind: &'static str,
        patches: &'a [Patch],
        files: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let files: BTreeSet<&str> = files.into_iter().collect();
        let mut all = Self {
            cx,
            kind,
            by_file: BTreeMap::new(),
            taken: BTreeSet::new(),
            away: BTreeSet::new(),
        };
        for patch in patches {
            all.add(file_of(patch, &files), patch);
        }
        all
    }

    /// With what other packages say of this one's nodes, and without what this one says of others'.
    pub fn with(mut self, lent: &[&'a Patch], away: &BTreeSet<&'a str>) -> Self {
        for patch in lent {
            self.add(&patch.name, patch);
        }
        self.away.clone_from(away);
        self
    }

    fn add(&mut self, file: &'a str, patch: &'a Patch) {
        let Some(first) = self.by_file.get(file) else {
            self.by_file.insert(file, patch);
            return;
        };
        // No model has the name of a version's file: as in dbt, its entry describes nobody.
        if first.name != patch.name && first.version.is_some() != patch.version.is_some() {
            let (versioned, other) = match patch.version.is_some() {
                true => (patch, *first),
                false => (*first, patch),
            };
            let message = format!("there is no {} '{}' to describe", self.kind, other.name);
            let hint = format!("it is the file of a version of '{}'", versioned.name);
            let problem = Diagnostic::warning(message).at(other.at.clone());
            self.cx.problems.push(problem.hint(hint));
            self.by_file.insert(file, versioned);
            return;
        }
        let message = format!("{} '{}' is described twice", self.kind, patch.name);
        self.cx.problems.push(
            Diagnostic::error(message)
                .at(patch.at.clone())
                .hint(format!("the other is at {}", first.at)),
        );
    }

    pub fn take(&mut self, file: &'a str) -> Option<&'a Patch> {
        self.taken.insert(file);
        self.by_file.get(file).copied()
    }

    /// Warns of entries whose node does not exist.
    pub fn finish(self, broken: &[SqlFile]) {
        for (name, patch) in &self.by_file {
            let known = self.taken.contains(*name)
                || self.away.contains(*name)
                || broken.iter().any(|sql| sql.name == *name);
            if !known {
                self.cx.problems.push(
                    Diagnostic::warning(format!("there is no {} '{name}' to describe", self.kind))
                        .at(patch.at.clone())
                        .maybe_hint(suggest::nearest(name, self.taken.iter().copied())),
                );
            }
        }
    }
}

/// The latest version may also be in a file that has the model's own name.
fn file_of<'a>(patch: &'a Patch, files: &BTreeSet<&str>) -> &'a str {
    let file = patch.file_name();
    let latest = patch.version.as_ref().is_some_and(|v| v.is_latest());
    match latest && !files.contains(file) && files.contains(&*patch.name) {
        true => &patch.name,
        false => file,
    }
}
