//! Entities, feature views and feature services.

use std::collections::BTreeSet;

use forebay_core::ml::{Entity, Feature, FeatureService, FeatureView};
use forebay_core::{Diagnostic, Node, Spec, suggest};

use super::selection::selection;
use super::{Ml, named};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// `{name: carrier, join_keys: [carrier]}`; the key is the entity's name where none is given.
pub(crate) fn entity(ml: &mut Ml<'_>, doc: Doc<'_>, yaml: &Yaml) {
    let Some((mut fields, name)) = named(doc, yaml, "entity") else {
        return;
    };
    let mut join_keys = fields.texts("join_keys");
    if join_keys.is_empty() {
        join_keys.push(name.clone());
    }
    fields.ignore(&["description", "tags"]);
    let location = fields.at("name").in_file(doc.file);
    fields.finish(Unknown::Error);
    if let Some((_, first)) = ml.entities.get(&name) {
        ml.problems.push(
            Diagnostic::error(format!("entity '{name}' is defined twice"))
                .at(location)
                .hint(format!("the other is at {first}")),
        );
        return;
    }
    let entity = Entity {
        name: name.clone(),
        join_keys,
    };
    ml.entities.insert(name, (entity, location));
}

pub(crate) fn view(ml: &Ml<'_>, doc: Doc<'_>, yaml: &Yaml) -> Option<Node> {
    let (mut fields, name) = named(doc, yaml, "feature view")?;
    let source = ml.table(&mut fields, "source");
    let view = FeatureView {
        source: source.clone()?,
        entities: entities(ml, &mut fields),
        timestamp: fields.required("timestamp").unwrap_or_default(),
        created_timestamp: fields.text("created_timestamp"),
        ttl: fields.parsed("ttl"),
        online: fields.flag("online").unwrap_or(false),
        features: features(&mut fields),
    };
    let node = ml.node(
        &mut fields,
        name,
        Spec::FeatureView(view),
        source.into_iter().collect(),
    );
    fields.finish(Unknown::Error);
    Some(node)
}

fn entities(ml: &Ml<'_>, fields: &mut Fields<'_>) -> Vec<Entity> {
    let at = fields.at("entities");
    let mut entities = Vec::new();
    for name in fields.texts("entities") {
        match ml.entities.get(&name) {
            Some((entity, _)) => entities.push(entity.clone()),
            None => ml.problems.push(
                Diagnostic::error(format!("no entity is called '{name}'"))
                    .at(at.in_file(fields.doc.file))
                    .maybe_hint(suggest::nearest(
                        &name,
                        ml.entities.keys().map(String::as_str),
                    ))
                    .hint("define it under entities: {name: ..., join_keys: [...]}"),
            ),
        }
    }
    entities
}

fn features(fields: &mut Fields<'_>) -> Vec<Feature> {
    let (doc, what) = (fields.doc, fields.what.clone());
    let items = fields.list("features");
    if items.is_empty() {
        fields.error(format!("{what} has no features"), fields.at("features"));
    }
    let mut seen = BTreeSet::new();
    let read = items
        .iter()
        .filter_map(|yaml| feature(doc, yaml, &what, &mut seen));
    read.collect()
}

/// `{name: late_share_1d, expr: avg(is_late), window: 1d}`; the expression is the column of the
/// feature's name where none is given.
fn feature(doc: Doc<'_>, yaml: &Yaml, what: &str, seen: &mut BTreeSet<String>) -> Option<Feature> {
    let mut fields = Fields::of(doc, yaml, format!("a feature of {what}"))?;
    let name = fields.required("name")?;
    fields.what = format!("feature '{name}' of {what}");
    let feature = Feature {
        expr: fields
            .text("expr")
            .unwrap_or_else(|| forebay_core::name::quote(&name)),
        window: fields.parsed("window"),
        description: fields.text("description").unwrap_or_default(),
        name,
    };
    let at = fields.at("name");
    fields.finish(Unknown::Error);
    if !seen.insert(feature.name.clone()) {
        doc.error(
            format!("{what} has two features called '{}'", feature.name),
            at,
        );
        return None;
    }
    Some(feature)
}

pub(crate) fn service(ml: &Ml<'_>, doc: Doc<'_>, yaml: &Yaml) -> Option<Node> {
    let (mut fields, name) = named(doc, yaml, "feature service")?;
    let selection = selection(ml, &mut fields, true);
    let spec = Spec::FeatureService(FeatureService {
        features: selection.features,
    });
    let node = ml.node(&mut fields, name, spec, selection.parents);
    fields.finish(Unknown::Error);
    Some(node)
}
