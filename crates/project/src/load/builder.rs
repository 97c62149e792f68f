//! From the scanned files to drafts of nodes, and to the names that `ref` and `source` can use.

use std::collections::BTreeSet;

use forebay_core::{NodeId, Relation, ResourceType, Spec};

use super::patches::Patches;
use crate::jinja::{Known, Names, RefCall};
use crate::nodes::{self, Cx, Draft, GenericTests, Outcome};
use crate::properties::Properties;
use crate::scan::{Scanned, SqlFile};

/// Collects the nodes of dbt's files, and what `ref` can name.
pub(super) struct Builder<'a> {
    cx: &'a Cx<'a>,
    drafts: &'a mut Vec<Draft>,
    names: &'a mut Names,
}

impl<'a> Builder<'a> {
    pub fn new(cx: &'a Cx<'a>, drafts: &'a mut Vec<Draft>, names: &'a mut Names) -> Self {
        Self { cx, drafts, names }
    }

    pub fn nodes(&mut self, scanned: &Scanned, properties: &Properties) {
        let cx = self.cx;
        let mut patches = Patches::new(cx, "model", &properties.models);
        for sql in &scanned.models {
            self.sql(
                ResourceType::Model,
                sql,
                nodes::model(cx, sql, patches.take(&sql.name)),
            );
        }
        patches.finish(&scanned.broken);
        let mut patches = Patches::new(cx, "snapshot", &properties.snapshots);
        for sql in &scanned.snapshots {
            self.sql(
                ResourceType::Snapshot,
                sql,
                nodes::snapshot(cx, sql, patches.take(&sql.name)),
            );
        }
        patches.finish(&scanned.broken);
        let mut patches = Patches::new(cx, "seed", &properties.seeds);
        for seed in &scanned.seeds {
            let outcome = nodes::seed(cx, seed, patches.take(&seed.name));
            self.add(ResourceType::Seed, &seed.name, &seed.file, outcome);
        }
        patches.finish(&[]);
        let mut patches = Patches::new(cx, "test", &properties.tests);
        for sql in &scanned.tests {
            self.sql(
                ResourceType::Test,
                sql,
                nodes::singular_test(cx, sql, patches.take(&sql.name)),
            );
        }
        patches.finish(&scanned.broken);
        for table in &properties.sources {
            let name = format!("{}.{}", table.source, table.table);
            self.add(
                ResourceType::Source,
                &name,
                &table.file,
                nodes::source(cx, table),
            );
        }
        for sql in &scanned.broken {
            self.sql(ResourceType::Model, sql, Outcome::Broken);
        }
    }

    fn sql(&mut self, kind: ResourceType, sql: &SqlFile, outcome: Outcome) {
        self.add(kind, &sql.name, &sql.file, outcome);
    }

    fn add(&mut self, kind: ResourceType, name: &str, file: &str, outcome: Outcome) {
        match outcome {
            Outcome::Draft(draft) => self.drafts.push(*draft),
            Outcome::Disabled => {
                self.names.disabled.insert(name.to_owned(), file.to_owned());
            }
            Outcome::Broken => {
                let known = Known {
                    id: self.cx.id(kind, name),
                    package: self.cx.package.name.clone(),
                    relation: Relation::new(&self.cx.shared.target.schema, name),
                    ephemeral: false,
                };
                self.names
                    .refs
                    .entry(name.to_owned())
                    .or_default()
                    .push(known);
            }
        }
    }

    pub fn generic_tests(&mut self, properties: &Properties) {
        let file = &self.cx.package.file;
        let tests = GenericTests {
            cx: self.cx,
            folders: [&file.models_in, &file.seeds_in, &file.snapshots_in]
                .into_iter()
                .flatten()
                .collect(),
        };
        let mut found = Vec::new();
        let ids: BTreeSet<&NodeId> = self.drafts.iter().map(|draft| &draft.node.id).collect();
        // Nothing is tested on a node that is switched off or broken.
        let mut declare = |id: NodeId, call, file, declared| {
            if ids.contains(&id) {
                found.extend(tests.of(&nodes::Target {
                    id,
                    call,
                    file,
                    tests: declared,
                }));
            }
        };
        let patches = [
            (ResourceType::Model, &properties.models),
            (ResourceType::Seed, &properties.seeds),
            (ResourceType::Snapshot, &properties.snapshots),
        ];
        for (kind, patches) in patches {
            for patch in patches {
                let id = self.cx.id(kind, &patch.name);
                let call = RefCall::Ref {
                    package: None,
                    name: patch.name.clone(),
                };
                declare(id, call, &patch.file, &patch.tests);
            }
        }
        for table in &properties.sources {
            let id = nodes::source_id(self.cx, &table.source, &table.table);
            let call = RefCall::Source {
                source: table.source.clone(),
                table: table.table.clone(),
            };
            declare(id, call, &table.file, &table.tests);
        }
        self.drafts.extend(found);
    }
}

/// Makes what has been read known to `ref` and `source`.
pub(super) fn register(drafts: &[Draft], names: &mut Names) {
    for Draft { node, detail, .. } in drafts {
        let known = || Known {
            id: node.id.clone(),
            package: node.package.clone(),
            relation: node
                .relation
                .clone()
                .unwrap_or_else(|| Relation::new("", &detail.alias)),
            ephemeral: node.relation.is_none(),
        };
        match &node.spec {
            Spec::Model(_) | Spec::Seed(_) | Spec::Snapshot(_) => {
                let named = names.refs.entry(node.name.clone()).or_default();
                named.push(known());
            }
            Spec::Source(source) => {
                let tables = names.sources.entry(source.source_name.clone()).or_default();
                tables.entry(node.name.clone()).or_default().push(known());
            }
            _ => {}
        }
    }
}
