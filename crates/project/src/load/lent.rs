//! Property entries for nodes of other packages: as in dbt, an entry that describes nothing of its own package describes
//! what another one has of that name.

use std::collections::BTreeSet;

use crate::package::Package;
use crate::properties::{Patch, Properties};
use crate::scan::Scanned;

/// What one package is described by besides its own entries, and which of its entries describe others' nodes.
#[derive(Default)]
pub(super) struct Lent<'a> {
    pub models: Vec<&'a Patch>,
    pub snapshots: Vec<&'a Patch>,
    pub seeds: Vec<&'a Patch>,
    pub away: BTreeSet<&'a str>,
}

/// For every package in the order in which they come.
pub(super) fn lent<'a>(
    contents: &'a [(&'a Package, &'a Scanned, &'a Properties)],
) -> Vec<Lent<'a>> {
    let mut all: Vec<Lent<'a>> = contents.iter().map(|_| Lent::default()).collect();
    if contents.len() < 2 {
        return all;
    }
    let own: Vec<BTreeSet<&str>> = contents.iter().map(|(_, files, _)| names(files)).collect();
    for (from, (_, _, properties)) in contents.iter().enumerate() {
        let models = properties.models.iter().map(|patch| (patch, 0));
        let snapshots = properties.snapshots.iter().map(|patch| (patch, 1));
        let seeds = properties.seeds.iter().map(|patch| (patch, 2));
        for (patch, kind) in models.chain(snapshots).chain(seeds) {
            let is_plain = patch.version.is_none() && patch.relation.is_none();
            if !is_plain || own[from].contains(patch.file_name()) {
                continue;
            }
            let has = |scanned: &Scanned| match kind {
                0 => scanned.models.iter().any(|sql| sql.name == patch.name),
                1 => scanned.snapshots.iter().any(|sql| sql.name == patch.name),
                _ => scanned.seeds.iter().any(|seed| seed.name == patch.name),
            };
            let to = contents.iter().position(|(_, scanned, _)| has(scanned));
            let Some(to) = to else { continue };
            all[from].away.insert(&patch.name);
            match kind {
                0 => all[to].models.push(patch),
                1 => all[to].snapshots.push(patch),
                _ => all[to].seeds.push(patch),
            }
        }
    }
    all
}

fn names(scanned: &Scanned) -> BTreeSet<&str> {
    let files = [&scanned.models, &scanned.snapshots, &scanned.broken];
    let files = files.into_iter().flatten().map(|sql| sql.name.as_str());
    files
        .chain(scanned.seeds.iter().map(|seed| seed.name.as_str()))
        .collect()
}
