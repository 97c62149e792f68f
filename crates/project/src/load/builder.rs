//! From the scanned files to drafts of nodes, and to the names that `ref` and `source` can use.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::graph::{Access, Version};
use forebay_core::{NodeId, Relation, ResourceType, Spec};

use super::lent::Lent;
use super::patches::Patches;
use crate::config::Quoting;
use crate::cores;
use crate::jinja::{Known, Names, RefCall};
use crate::nodes::{self, Cx, Draft, GenericTests, Outcome};
use crate::properties::{Patch, Properties};
use crate::scan::{Scanned, SqlFile};

/// Collects the nodes of dbt's files, and what `ref` can name.
pub(super) struct Builder<'a> {
    cx: &'a Cx<'a>,
    drafts: &'a mut Vec<Draft>,
    disabled: &'a mut Vec<Draft>,
    names: &'a mut Names,
}

impl<'a> Builder<'a> {
    pub fn new(
        cx: &'a Cx<'a>,
        drafts: &'a mut Vec<Draft>,
        disabled: &'a mut Vec<Draft>,
        names: &'a mut Names,
    ) -> Self {
        Self {
            cx,
            drafts,
            disabled,
            names,
        }
    }

    /// `of_off` describes seeds that have no description of their own, `lent` comes from other packages.
    pub fn nodes(
        &mut self,
        scanned: &Scanned,
        properties: &Properties,
        of_off: &[&Patch],
        lent: &Lent<'_>,
    ) {
        let cx = self.cx;
        let broken = &scanned.broken;
        let names = |files: &'_ [SqlFile]| -> Vec<String> {
            files
                .iter()
                .chain(broken)
                .map(|sql| sql.name.clone())
                .collect()
        };
        let files = names(&scanned.models);
        let files = files.iter().map(String::as_str);
        let patches =
            Patches::new(cx, "model", &properties.models, files).with(&lent.models, &lent.away);
        self.sql(
            ResourceType::Model,
            &scanned.models,
            patches,
            broken,
            nodes::model,
        );
        let patches = Patches::new(cx, "snapshot", &properties.snapshots, [])
            .with(&lent.snapshots, &lent.away);
        self.sql(
            ResourceType::Snapshot,
            &scanned.snapshots,
            patches,
            broken,
            nodes::snapshot,
        );
        let patches = Patches::new(cx, "seed", &properties.seeds, []);
        let mut patches = patches.with(&lent.seeds, &lent.away);
        for seed in &scanned.seeds {
            let of_off = || of_off.iter().find(|patch| patch.name == seed.name).copied();
            let outcome = nodes::seed(cx, seed, patches.take(&seed.name).or_else(of_off));
            self.keep(ResourceType::Seed, &seed.name, None, &seed.file, outcome);
        }
        patches.finish(&[]);
        let patches = Patches::new(cx, "test", &properties.tests, []);
        self.sql(
            ResourceType::Test,
            &scanned.tests,
            patches,
            broken,
            nodes::singular_test,
        );
        let patches = Patches::new(cx, "analysis", &properties.analyses, []);
        self.sql(
            ResourceType::Analysis,
            &scanned.analyses,
            patches,
            broken,
            nodes::analysis,
        );
        let patches = Patches::new(cx, "function", &properties.functions, []);
        self.sql(
            ResourceType::Function,
            &scanned.functions,
            patches,
            broken,
            nodes::function,
        );
        for table in &properties.sources {
            let name = format!("{}.{}", table.source, table.table);
            let outcome = nodes::source(cx, table);
            self.keep(ResourceType::Source, &name, None, &table.file, outcome);
        }
        for sql in broken {
            self.add(ResourceType::Model, sql, None, Outcome::Broken);
        }
    }

    fn sql<'p>(
        &mut self,
        kind: ResourceType,
        files: &'p [SqlFile],
        mut patches: Patches<'p>,
        broken: &[SqlFile],
        read: fn(&Cx<'_>, &SqlFile, Option<&Patch>) -> Outcome,
    ) {
        let described = files.iter().map(|sql| (sql, patches.take(&sql.name)));
        let described: Vec<_> = described.collect();
        let outcomes = cores::map(&described, |(sql, patch)| read(self.cx, sql, *patch));
        for ((sql, patch), outcome) in described.into_iter().zip(outcomes) {
            self.add(kind, sql, patch, outcome);
        }
        patches.finish(broken);
    }

    fn add(&mut self, kind: ResourceType, sql: &SqlFile, patch: Option<&Patch>, outcome: Outcome) {
        let name = patch.map_or(&sql.name, |patch| &patch.name);
        let version = patch.and_then(|patch| patch.version.as_ref());
        self.keep(kind, name, version, &sql.file, outcome);
    }

    fn keep(
        &mut self,
        kind: ResourceType,
        name: &str,
        version: Option<&Version>,
        file: &str,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Draft(draft) => self.drafts.push(*draft),
            Outcome::Disabled(draft) => {
                self.names.disabled.insert(name.to_owned(), file.to_owned());
                self.disabled.extend(draft.map(|draft| *draft));
            }
            Outcome::Broken => {
                let known = Known {
                    id: self.cx.id(kind, name, version),
                    package: self.cx.package.name.clone(),
                    version: version.cloned(),
                    access: Access::Public,
                    group: None,
                    relation: Relation::new(&self.cx.shared.target.schema, name),
                    quoting: self.cx.shared.quoting,
                    ephemeral: false,
                    location: None,
                    event_time: None,
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
        let tests = GenericTests { cx: self.cx };
        let mut targets = Vec::new();
        let nodes = self.drafts.iter().map(|draft| &draft.node);
        let groups: BTreeMap<&NodeId, &Option<String>> =
            nodes.map(|node| (&node.id, &node.group)).collect();
        let off: BTreeSet<&NodeId> = self.disabled.iter().map(|draft| &draft.node.id).collect();
        let is_known = |id: &NodeId| groups.contains_key(id) || off.contains(id);
        // As in dbt, tests of what is switched off or not there are in the manifest, and do not run.
        let mut declare = |id: Option<NodeId>, key, call, file, declared| {
            let group = id.as_ref().and_then(|id| groups.get(id).copied());
            targets.push(nodes::Target {
                group: group.cloned().flatten(),
                id,
                call,
                file,
                tests: declared,
                key,
            });
        };
        let patches = [
            (ResourceType::Model, &properties.models),
            (ResourceType::Seed, &properties.seeds),
            (ResourceType::Snapshot, &properties.snapshots),
        ];
        for (kind, patches) in patches {
            for patch in patches {
                // Under the wrong section they are tests all the same.
                let kinds = [
                    kind,
                    ResourceType::Model,
                    ResourceType::Seed,
                    ResourceType::Snapshot,
                ];
                let ids = kinds.map(|kind| self.cx.id(kind, &patch.name, patch.version.as_ref()));
                let id = ids.into_iter().find(is_known);
                let key = format!("{kind}s.{}", patch.name);
                declare(id, key, patch.call(), &patch.file, &patch.tests);
            }
        }
        for table in &properties.sources {
            let id = nodes::source_id(self.cx, &table.source, &table.table);
            let call = RefCall::Source {
                source: table.source.clone(),
                table: table.table.clone(),
            };
            let key = format!("sources.{}", table.source);
            let id = Some(id).filter(is_known);
            declare(id, key, call, &table.file, &table.tests);
        }
        let found = cores::map(&targets, |target| tests.of(target));
        for outcome in found.into_iter().flatten() {
            match outcome {
                Outcome::Draft(draft) => self.drafts.push(*draft),
                Outcome::Disabled(draft) => self.disabled.extend(draft.map(|draft| *draft)),
                Outcome::Broken => {}
            }
        }
    }
}

/// Makes what has been read known to `ref` and `source`.
pub(super) fn register(drafts: &[Draft], quoting: Quoting, names: &mut Names) {
    for Draft { node, detail, .. } in drafts {
        let known = || Known {
            id: node.id.clone(),
            package: node.package.clone(),
            version: match &node.spec {
                Spec::Model(model) => model.version.clone(),
                _ => None,
            },
            access: match &node.spec {
                Spec::Model(model) => model.access,
                _ => Access::default(),
            },
            group: node.group.clone(),
            relation: node
                .relation
                .clone()
                .unwrap_or_else(|| Relation::new("", &detail.alias)),
            quoting: quoting.over(&detail.quoting),
            ephemeral: node.relation.is_none(),
            location: detail.location.clone(),
            event_time: detail
                .config
                .get("event_time")
                .and_then(|column| Some(column.as_str()?.to_owned())),
        };
        match &node.spec {
            Spec::Model(_) | Spec::Seed(_) | Spec::Snapshot(_) => {
                let named = names.refs.entry(node.name.clone()).or_default();
                named.push(known());
            }
            Spec::Function(_) => {
                let named = names.functions.entry(node.name.clone()).or_default();
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
