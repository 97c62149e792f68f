//! Seeds: small CSV files of the project.

use std::sync::Arc;

use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Location, Node, NodeId, ResourceType, Spec};
use indexmap::{IndexMap, IndexSet};

use super::{
    Cx, Detail, Draft, Naming, Outcome, Section, fqn, node_scope, places, reader, relation,
    without_blanks,
};
use super::{hooks, parsed_hook};
use crate::config::{Reader, to_json, to_written};
use crate::hooks::{HookText, When};
use crate::jinja::NodeScope;
use crate::properties::Patch;
use crate::scan::SeedFile;

pub(crate) fn seed(cx: &Cx<'_>, seed: &SeedFile, patch: Option<&Patch>) -> Outcome {
    read(cx, seed, patch).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, seed: &SeedFile, patch: Option<&Patch>) -> Option<Outcome> {
    let fqn = fqn(cx, &seed.file, &seed.folder, &seed.name);
    let section: Section = |file| &file.seeds;
    let mut config = cx.settings(section, &fqn, patch.map(|patch| &patch.config));
    cx.override_settings(section, &fqn, &mut config);
    let reader = reader(cx, &config, format!("seed '{}'", seed.name));
    let off = reader.flag("enabled") == Some(false);
    reader.misspelt();
    reader.check_types();
    reader.check_materialized("seed");
    let location = Location::file(&seed.file);
    without_blanks(cx, &seed.name, &reader.what, &location);
    let naming = Naming {
        kind: ResourceType::Seed,
        name: &seed.name,
        version: None,
        location: &location,
        fqn: &fqn,
    };
    let relation = relation(cx, &naming, &reader)?;
    let place = relation.clone();
    let mut broken = None;
    let node = Node {
        id: cx.id(ResourceType::Seed, &seed.name, None),
        name: seed.name.clone(),
        package: cx.package.name.clone(),
        location,
        fqn,
        tags: reader
            .texts("tags")
            .into_iter()
            .collect::<IndexSet<_>>()
            .into_iter()
            .collect(),
        group: reader.text("group"),
        description: patch.map(|p| p.description.clone()).unwrap_or_default(),
        columns: patch.map(|p| p.columns.clone()).unwrap_or_default(),
        relation: Some(relation),
        depends_on: Vec::new(),
        spec: Spec::Seed(Seed {
            column_types: column_types(&reader),
            delimiter: delimiter(&reader).unwrap_or_else(|problem| {
                broken = Some(cx.problems.postpone(problem));
                ','
            }),
            quote_columns: reader.flag("quote_columns").unwrap_or(true),
        }),
    };
    let written = to_written(&config);
    let hooks = hooks(&config);
    let around = When::BOTH.map(|when| crate::hooks::placed(config.get(when.setting())));
    let places = places(&config);
    let config = to_json(&config);
    let scope = Arc::new(node_scope(cx, &node, &config, &place, ""));
    let detail = Detail {
        written,
        places,
        docs: patch.map(|p| p.docs.clone()).unwrap_or_default(),
        broken,
        macros: macros_of_hooks(cx, &scope, &hooks, &node)?,
        scope,
        config,
        alias: place.name,
        patch_file: patch.map(|p| p.file.clone()),
        hooks: around,
        ..Detail::default()
    };
    let draft = Box::new(Draft { node, detail });
    Some(match off {
        true => Outcome::Disabled(Some(draft)),
        false => Outcome::Draft(draft),
    })
}

/// The macros that its hooks call. A seed comes before every other node, so they may name none.
fn macros_of_hooks(
    cx: &Cx<'_>,
    scope: &Arc<NodeScope>,
    hooks: &[HookText],
    node: &Node,
) -> Option<IndexSet<NodeId>> {
    let mut macros = IndexSet::new();
    for hook in hooks {
        let record = parsed_hook(cx, scope, hook)?;
        if let Some(call) = record.calls.first() {
            let message = format!(
                "a hook of the seed '{}' depends on another node: {call}",
                node.name
            );
            cx.problems.push(
                Diagnostic::error(message)
                    .at(hook.at.clone())
                    .hint("a seed depends on nothing: put the hook on a model, or into on-run-end"),
            );
        }
        macros.extend(record.macros);
    }
    Some(macros)
}

fn column_types(reader: &Reader<'_>) -> IndexMap<String, String> {
    let types = reader.map("column_types").into_iter().flatten();
    let at = |name: &str| {
        let setting = reader.get("column_types");
        setting.map_or_else(Location::default, |setting| setting.at_key(name).clone())
    };
    types
        .filter_map(|(name, kind)| {
            if kind.as_str().is_none() {
                let message = format!(
                    "the type of '{name}' in column_types of {} must be a text",
                    reader.what
                );
                reader
                    .problems
                    .push(Diagnostic::error(message).at(at(name)));
            }
            Some((name.clone(), kind.as_str()?.to_owned()))
        })
        .collect()
}

fn delimiter(reader: &Reader<'_>) -> Result<char, Diagnostic> {
    let text = reader.text("delimiter").unwrap_or_else(|| ",".into());
    let mut chars = text.chars();
    let single = chars
        .next()
        .filter(|c| c.is_ascii() && chars.next().is_none());
    single.ok_or_else(|| {
        let message = format!(
            "the delimiter of {} must be a single character, not '{text}'",
            reader.what
        );
        Diagnostic::error(message).at(reader.at("delimiter"))
    })
}
