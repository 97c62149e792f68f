//! Semantic models: the entities, dimensions and measures of a model.

use std::collections::BTreeMap;

use forebay_core::semantic::SemanticModel;
use forebay_core::{Diagnostic, NodeId, ResourceType, Spec};
use serde_json::{Map, Value as Json, json};

use super::{Semantic, name_of};
use crate::config::from_yaml;
use crate::jinja::{Asker, RefCall};
use crate::link;
use crate::nodes::{Content, Cx, Entry, Item, Outcome, Section, meta_only, settled, shaped};
use crate::problems::Problems;
use crate::yaml::{Doc, Fields, Yaml};

const ENTITIES: &[&str] = &["primary", "foreign", "natural", "unique"];
const DIMENSIONS: &[&str] = &["categorical", "time"];
const AGGREGATIONS: &[&str] = &[
    "sum",
    "min",
    "max",
    "count_distinct",
    "sum_boolean",
    "average",
    "percentile",
    "median",
    "count",
];

pub(super) fn read(semantic: &Semantic<'_>, item: &Item) -> Outcome {
    let (cx, kind) = (semantic.cx, ResourceType::SemanticModel);
    let Some(mut entry) = Entry::open(cx, kind, |file| &file.semantic_models, item) else {
        return Outcome::Broken;
    };
    let content = content(semantic, &mut entry.fields);
    entry.finish(cx, content)
}

fn content(semantic: &Semantic<'_>, fields: &mut Fields<'_>) -> Option<Content> {
    let (cx, doc, what) = (semantic.cx, fields.doc, fields.what.clone());
    let text = fields.required("model");
    let call = text.as_deref().map(|text| {
        RefCall::parse(text).ok_or_else(|| {
            Diagnostic::error(format!(
                "'model' of {what} must be ref('model'), not '{text}'"
            ))
        })
    });
    let config = fields.json("config").unwrap_or_default();
    let asker = Asker {
        package: &cx.package.name,
        group: config["group"].as_str(),
    };
    let place = fields.at("model").in_file(doc.file);
    let found = call.map(|call| {
        let call = call?;
        let id = link::resolve(semantic.names, asker, &call)?;
        Ok((call, id))
    });
    let found =
        found.and_then(|found| cx.problems.keep(found.map_err(|p: Diagnostic| p.at(place))));
    let elements =
        |fields: &mut Fields<'_>, key, types: Types<'_>, shape: &[(&'static str, Json)]| {
            elements(doc, fields, key, types, shape)
        };
    let null = Json::Null;
    let named = |more: &[(&'static str, Json)]| {
        let mut shape = vec![
            ("name", Json::Null),
            ("description", Json::Null),
            ("label", Json::Null),
            ("expr", Json::Null),
            ("config", Json::Null),
        ];
        shape.extend(more.iter().cloned());
        shape
    };
    let entities = elements(
        fields,
        "entities",
        ("type", ENTITIES),
        &named(&[("type", null.clone()), ("role", null.clone())]),
    );
    let dimensions = elements(
        fields,
        "dimensions",
        ("type", DIMENSIONS),
        &named(&[
            ("type", null.clone()),
            ("is_partition", false.into()),
            ("type_params", null.clone()),
        ]),
    );
    let mut measures = elements(
        fields,
        "measures",
        ("agg", AGGREGATIONS),
        &named(&[
            ("agg", null.clone()),
            ("create_metric", false.into()),
            ("agg_params", null.clone()),
            ("non_additive_dimension", null.clone()),
            ("agg_time_dimension", null),
        ]),
    );
    // As in dbt, which makes the metric and shows nothing of it here.
    for measure in &mut measures {
        measure["create_metric"] = false.into();
    }
    let (label, primary) = (fields.text("label"), fields.text("primary_entity"));
    let defaults = fields.json("defaults");
    let (call, id) = found?;
    let names = |all: &[Json]| -> Vec<String> {
        let names = all.iter().filter_map(|element| element["name"].as_str());
        names.map(str::to_owned).collect()
    };
    let spec = SemanticModel {
        model: id.clone(),
        entities: names(&entities),
        dimensions: names(&dimensions),
        measures: names(&measures),
    };
    let shown = json!({
        "model": text,
        "node_relation": relation(semantic, &id),
        "label": label,
        "defaults": defaults,
        "entities": entities,
        "dimensions": dimensions.into_iter().map(dimension).collect::<Vec<_>>(),
        "measures": measures.into_iter().map(measure).collect::<Vec<_>>(),
        "metadata": null,
        "primary_entity": primary,
    });
    Some(Content {
        spec: Spec::SemanticModel(spec),
        depends_on: vec![id],
        calls: vec![call],
        shown,
    })
}

/// The key that names an element's kind, and the kinds there are.
type Types<'a> = (&'static str, &'a [&'a str]);

fn elements(
    doc: Doc<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    (kind, known): Types<'_>,
    shape: &[(&'static str, Json)],
) -> Vec<Json> {
    let what = fields.what.clone();
    let read = |yaml: &Yaml| {
        let mut element = shaped(doc, yaml, &format!("one of the {key} of {what}"), shape)?;
        for needed in ["name", kind] {
            if element[needed].is_null() {
                doc.error(
                    format!("one of the {key} of {what} has no '{needed}'"),
                    yaml.at,
                );
                return None;
            }
        }
        let found = element[kind].as_str().unwrap_or_default().to_lowercase();
        if !known.contains(&&*found) {
            let at = yaml.get(kind).map_or(yaml.at, |yaml| yaml.at);
            let message = format!("'{found}' is no '{kind}' of {key}, in {what}");
            doc.problems.push(
                Diagnostic::error(message)
                    .at(at.in_file(doc.file))
                    .hint(format!("one of: {}", known.join(", "))),
            );
            return None;
        }
        element.insert(kind.to_owned(), found.into());
        let config = meta_only(element.get("config"));
        element.insert("config".to_owned(), config);
        Some(Json::Object(element))
    };
    fields.list(key).iter().filter_map(read).collect()
}

fn dimension(mut written: Json) -> Json {
    written["metadata"] = Json::Null;
    if let Json::Object(params) = &written["type_params"] {
        let mut params = params.clone();
        params.entry("validity_params").or_insert(Json::Null);
        written["type_params"] = params.into();
    }
    written
}

/// dbt keeps expressions as texts.
fn measure(mut written: Json) -> Json {
    written["expr"] = match &written["expr"] {
        Json::Null => Json::Null,
        Json::String(text) => text.clone().into(),
        other => crate::jinja::python_repr(other).into(),
    };
    if let Json::Object(given) = &written["agg_params"] {
        let mut params = Map::from_iter([
            ("percentile".to_owned(), Json::Null),
            ("use_discrete_percentile".to_owned(), false.into()),
            ("use_approximate_percentile".to_owned(), false.into()),
        ]);
        params.extend(given.clone());
        written["agg_params"] = params.into();
    }
    if let Json::Object(given) = &mut written["non_additive_dimension"] {
        given.entry("window_groupings").or_insert(json!([]));
    }
    written
}

fn relation(semantic: &Semantic<'_>, id: &NodeId) -> Json {
    let node = semantic.nodes.get(id);
    let Some(relation) = node.and_then(|node| node.relation.as_ref()) else {
        return Json::Null;
    };
    let database = &semantic.cx.shared.target.database;
    json!({
        "alias": relation.name,
        "schema_name": relation.schema,
        "database": database,
        "relation_name": semantic.cx.shared.quoting.write(database, relation, [true; 3]),
    })
}

/// Which semantic model has which measure.
pub(super) fn measures(cx: &Cx<'_>, items: &[Item]) -> BTreeMap<String, NodeId> {
    let mut found = BTreeMap::new();
    for item in items {
        let Some(name) = name_of(&item.yaml) else {
            continue;
        };
        let id = cx.id(ResourceType::SemanticModel, &name, None);
        for measure in list(&item.yaml, "measures").iter().filter_map(name_of) {
            found.insert(measure, id.clone());
        }
    }
    found
}

/// `create_metric: true`: a measure that is a metric too.
pub(super) fn made_metrics(cx: &Cx<'_>, items: &[Item]) -> Vec<Item> {
    let mut made = Vec::new();
    for item in items {
        // As in dbt, they take over what their semantic model says.
        let section: Section = |file| &file.semantic_models;
        let doc = Doc {
            file: &item.file,
            problems: &Problems::default(),
        };
        let config = item.yaml.get("config").and_then(Yaml::as_map);
        let config = from_yaml(doc, config.into_iter().flatten());
        let name = name_of(&item.yaml).unwrap_or_default();
        let kind = ResourceType::SemanticModel;
        let (_, config) = settled(cx, section, &item.file, &name, kind, config);
        let said = |key: &str| config.get(key).map(|setting| setting.value.clone());
        for measure in list(&item.yaml, "measures") {
            let written = measure.to_json();
            let (Some(name), Some(true)) =
                (written["name"].as_str(), written["create_metric"].as_bool())
            else {
                continue;
            };
            let text = |key: &str| written[key].as_str().map(str::to_owned);
            let metric = json!({
                "name": name,
                "label": text("label").unwrap_or_else(|| name.to_owned()),
                "type": "simple",
                "type_params": {"measure": name, "expr": text("expr").unwrap_or_else(|| name.to_owned())},
                "description": text("description").unwrap_or_else(|| format!("Metric created from measure {name}")),
                "config": {
                    "enabled": said("enabled").unwrap_or(json!(true)),
                    "meta": said("meta").unwrap_or_else(|| json!({})),
                },
            });
            made.push(Item {
                file: item.file.clone(),
                yaml: Yaml::from_json(metric, measure.at),
            });
        }
    }
    made
}

fn list<'a>(yaml: &'a Yaml, key: &str) -> &'a [Yaml] {
    yaml.get(key).and_then(Yaml::as_list).unwrap_or_default()
}
