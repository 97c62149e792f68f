//! Groups: who owns which nodes, and who may read a private model.

use std::collections::BTreeMap;

use forebay_core::exposure::Owner;
use forebay_core::{Diagnostic, Location, NodeId, suggest};
use serde_json::Value as Json;

use super::exposures::owner;
use super::item::{Item, meta_only};
use super::{Cx, Draft, Section};
use crate::config::to_json;
use crate::yaml::{Doc, Fields, Unknown};

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub name: String,
    pub package: String,
    pub at: Location,
    pub owner: Owner,
    pub description: Option<String>,
    pub config: Json,
}

/// The groups of all packages by id.
pub(crate) type Groups = BTreeMap<NodeId, Group>;

pub(crate) fn group(cx: &Cx<'_>, item: &Item, groups: &mut Groups) {
    let Some(group) = read(cx, item) else {
        return;
    };
    let id = NodeId::new(format!("group.{}.{}", group.package, group.name));
    if let Some(other) = groups.get(&id) {
        cx.problems.push(
            Diagnostic::error(format!("two groups are called '{}'", group.name))
                .at(group.at)
                .hint(format!("the other is at {}", other.at)),
        );
        return;
    }
    groups.insert(id, group);
}

fn read(cx: &Cx<'_>, item: &Item) -> Option<Group> {
    let doc = Doc {
        file: &item.file,
        problems: cx.problems,
    };
    let mut fields = Fields::of(doc, &item.yaml, "a group")?;
    let name = fields.required("name")?;
    fields.what = format!("group '{name}'");
    let config = fields.json("config");
    let group = Group {
        package: cx.package.name.clone(),
        at: fields.at("name").in_file(doc.file),
        owner: owner(&mut fields)?,
        description: fields.text("description"),
        config: settled(cx, doc.file, &name, config.as_ref()),
        name,
    };
    fields.finish(Unknown::Error);
    Some(group)
}

/// As in dbt, a group has the settings of models by its place, but for their hooks.
fn settled(cx: &Cx<'_>, file: &str, name: &str, own: Option<&Json>) -> Json {
    let fqn = super::fqn(cx, cx.package.below(file), "", name);
    let section: Section = |file| &file.models;
    let mut settings = cx.settings(section, &fqn, None);
    cx.override_settings(section, &fqn, &mut settings);
    settings.retain(|key, _| !["pre_hook", "post_hook"].contains(&&**key));
    let mut all = meta_only(own);
    for (key, value) in to_json(&settings) {
        match (key.as_str(), all["meta"].as_object(), value) {
            ("meta", Some(own), Json::Object(mut meta)) => {
                meta.extend(own.clone());
                all["meta"] = meta.into();
            }
            (_, _, value) => all[key] = value,
        }
    }
    all
}

/// A node can only be in a group that there is, in its package or in the project.
pub(crate) fn check(cx: &Cx<'_>, groups: &Groups, draft: &Draft) {
    let Some(group) = &draft.node.group else {
        return;
    };
    let mut known = groups.values();
    if known.any(|known| known.name == *group) {
        return;
    }
    let kind = draft.node.resource_type();
    // Said at the node that the test is declared on.
    if kind == forebay_core::ResourceType::Test {
        return;
    }
    let what = format!("{} '{}'", crate::link::words(kind), draft.node.name);
    let at = draft.detail.places.get("group").filter(|at| at.line > 0);
    let names = groups.values().map(|known| known.name.as_str());
    cx.problems.push(
        Diagnostic::error(format!(
            "{what} is in a group '{group}' that does not exist"
        ))
        .at(at.unwrap_or(&draft.node.location).clone())
        .maybe_hint(suggest::nearest(group, names))
        .hint("define it in a property file: groups: [{name: ..., owner: {name: ...}}]"),
    );
}
