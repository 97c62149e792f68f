//! What property files define without SQL: exposures, metrics and their like.

use forebay_core::{Node, NodeId, ResourceType, Spec};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::{Cx, Detail, Draft, Outcome, Section, reader, tags};
use crate::config::{to_json, to_written};
use crate::jinja::RefCall;
use crate::properties::{BESIDE, config_and_tags};
use crate::yaml::{Doc, Fields, Mark, Unknown, Yaml};

/// One entry of a property file, as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub file: String,
    pub yaml: Yaml,
}

/// An entry that is being read: what all kinds have in common.
pub(crate) struct Entry<'a> {
    pub kind: ResourceType,
    pub section: Section,
    pub name: String,
    pub fields: Fields<'a>,
}

/// What one of a kind adds.
pub(crate) struct Content {
    pub spec: Spec,
    pub depends_on: Vec<NodeId>,
    pub calls: Vec<RefCall>,
    /// What the manifest shows of it.
    pub shown: Json,
}

impl<'a> Entry<'a> {
    pub fn open(cx: &Cx<'a>, kind: ResourceType, section: Section, item: &'a Item) -> Option<Self> {
        let doc = Doc {
            file: &item.file,
            problems: cx.problems,
        };
        let what = crate::link::words(kind);
        let article = if kind == ResourceType::Exposure {
            "an"
        } else {
            "a"
        };
        let mut fields = Fields::of(doc, &item.yaml, format!("{article} {what}"))?;
        let name = fields.required("name")?;
        fields.what = format!("{what} '{name}'");
        Some(Self {
            kind,
            section,
            name,
            fields,
        })
    }

    pub fn at(&self) -> Mark {
        self.fields.at("name")
    }

    /// The node; `content` is missing where a problem was reported.
    pub fn finish(mut self, cx: &Cx<'_>, content: Option<Content>) -> Outcome {
        let doc = self.fields.doc;
        let location = self.at().in_file(doc.file);
        let description = self.fields.text("description").unwrap_or_default();
        let within = self.fields.peek("config");
        let is_within = |key: &str| within.is_some_and(|config| config.get(key).is_some());
        let tags_within = within.and_then(|config| match config.get("tags")?.to_written() {
            Json::Null => None,
            tags @ Json::Array(_) => Some(tags),
            tag => Some(json!([tag])),
        });
        let beside = BESIDE.iter().filter(|key| self.fields.peek(key).is_some());
        let beside: Vec<&str> = beside.copied().filter(|key| !is_within(key)).collect();
        let entry = config_and_tags(doc, &mut self.fields);
        let what = self.fields.what.clone();
        // As in dbt.
        self.fields.finish(match self.kind {
            ResourceType::Exposure => Unknown::Error,
            _ => Unknown::Warn,
        });
        let Some(content) = content else {
            return Outcome::Broken;
        };
        let folder = cx.package.file.models_in.iter();
        let folder = folder.filter(|folder| doc.file.starts_with(folder.as_str()));
        let folder = folder.max_by_key(|folder| folder.len());
        let fqn = super::fqn(cx, doc.file, folder.map_or("", String::as_str), &self.name);
        let mut settings = cx.settings(self.section, &fqn, Some(&entry));
        cx.override_settings(self.section, &fqn, &mut settings);
        // As in dbt, what stands beside `config:` is not noted as written there.
        let mut written = to_written(&settings);
        written.retain(|key, _| !beside.contains(&key.as_str()));
        if let Some(tags) = tags_within {
            written.insert("tags".to_owned(), tags);
        }
        let reader = reader(cx, &settings, what);
        let off = reader.flag("enabled") == Some(false);
        let node = Node {
            id: cx.id(self.kind, &self.name, None),
            package: cx.package.name.clone(),
            location,
            fqn,
            tags: tags(&reader),
            group: reader.text("group"),
            description,
            columns: IndexMap::new(),
            relation: None,
            depends_on: content.depends_on,
            spec: content.spec,
            name: self.name,
        };
        let detail = Detail {
            config: to_json(&settings),
            written,
            calls: content.calls,
            shown: content.shown,
            ..Detail::default()
        };
        let draft = Box::new(Draft { node, detail });
        match off {
            true => Outcome::Disabled(Some(draft)),
            false => Outcome::Draft(draft),
        }
    }
}

/// The keys that a thing may have, with what it is without them: unknown ones are reported, none
/// is checked further.
pub(crate) fn shaped(
    doc: Doc<'_>,
    yaml: &Yaml,
    what: &str,
    shape: &[(&'static str, Json)],
) -> Option<Map<String, Json>> {
    let mut fields = Fields::of(doc, yaml, what)?;
    let mut shaped = Map::new();
    for (key, default) in shape {
        let value = fields.json(key).unwrap_or_else(|| default.clone());
        shaped.insert((*key).to_owned(), value);
    }
    fields.finish(Unknown::Warn);
    Some(shaped)
}

/// `{meta: ...}` of an element.
pub(crate) fn meta_only(config: Option<&Json>) -> Json {
    let meta = config.and_then(|config| config.get("meta")).cloned();
    json!({"meta": meta.unwrap_or_else(|| json!({}))})
}
