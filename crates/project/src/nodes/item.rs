//! What property files define without SQL: exposures, metrics and their like.

use forebay_core::{Location, Node, NodeId, ResourceType, Spec};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::{Cx, Detail, Draft, Outcome, Section, reader, tags};
use crate::config::{Config, Setting, merge, to_json, to_written};
use crate::jinja::RefCall;
use crate::properties::{BESIDE, config_alone, config_and_tags};
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
        let is_plain = matches!(self.kind, ResourceType::Exposure | ResourceType::Metric);
        let mut beside = Beside::of(&self.fields);
        if is_plain {
            beside.keys.retain(|key| !["tags", "meta"].contains(key));
        }
        let entry = match is_plain {
            true => config_alone(doc, &mut self.fields),
            false => config_and_tags(doc, &mut self.fields),
        };
        let (own_tags, own_meta) = match is_plain {
            true => (self.fields.texts("tags"), self.fields.json("meta")),
            false => (Vec::new(), None),
        };
        let what = self.fields.what.clone();
        // As in dbt.
        self.fields.finish(match self.kind {
            ResourceType::Exposure => Unknown::Error,
            _ => Unknown::Warn,
        });
        let Some(content) = content else {
            return Outcome::Broken;
        };
        let own = to_written(&entry);
        let (fqn, mut settings) = settled(cx, self.section, doc.file, &self.name, self.kind, entry);
        // As in dbt, what the project says of these is not counted.
        let of_project = !matches!(
            self.kind,
            ResourceType::SemanticModel | ResourceType::SavedQuery
        );
        let written = beside.without(match of_project {
            true => to_written(&settings),
            false => own,
        });
        let mut shown = content.shown;
        match self.kind {
            ResourceType::Exposure => {
                let (tags, meta) = &cx.package.file.of_exposures;
                let tags = [&tags[..], &own_tags].concat();
                joined(&mut settings, &tags, [Some(meta.clone()), own_meta]);
            }
            ResourceType::Metric => {
                let meta = settings.get("meta").map(|setting| setting.value.clone());
                let meta = meta.filter(|meta| *meta != json!({})).or(own_meta);
                shown["meta"] = meta.unwrap_or_else(|| json!({}));
            }
            ResourceType::SemanticModel => share_meta(&mut shown, settings.get("meta")),
            _ => {}
        }
        let reader = reader(cx, &settings, what);
        let off = reader.flag("enabled") == Some(false);
        let node = Node {
            id: cx.id(self.kind, &self.name, None),
            package: cx.package.name.clone(),
            location,
            fqn,
            tags: match self.kind {
                ResourceType::Metric => own_tags,
                _ => tags(&reader),
            },
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
            shown,
            ..Detail::default()
        };
        let draft = Box::new(Draft { node, detail });
        match off {
            true => Outcome::Disabled(Some(draft)),
            false => Outcome::Draft(draft),
        }
    }
}

/// Where an entry has its place among the settings by folder, and what holds for it.
pub(crate) fn settled(
    cx: &Cx<'_>,
    section: Section,
    file: &str,
    name: &str,
    kind: ResourceType,
    entry: Config,
) -> (Vec<String>, Config) {
    let fqn = super::fqn(cx, cx.package.below(file), "", name);
    let mut settings = cx.settings(section, &fqn, None);
    if kind == ResourceType::Exposure {
        // As in dbt, of an exposure's tags and meta the nearest count.
        settings.retain(|key, _| !(["tags", "meta"].contains(&&**key) && entry.contains_key(key)));
    }
    merge(&mut settings, entry);
    cx.override_settings(section, &fqn, &mut settings);
    (fqn, settings)
}

/// What is said right below the project's `exposures`, and beside an exposure's `config:`, is added to its settings.
fn joined(settings: &mut Config, tags: &[String], meta: [Option<Json>; 2]) {
    if !tags.is_empty() {
        let own = Setting::plain(json!(tags), Location::default());
        merge(settings, [("tags".to_owned(), own)].into_iter().collect());
    }
    let settled = settings.get("meta").map(|setting| setting.value.clone());
    let said = meta.into_iter().chain([settled]).flatten();
    let mut all = Map::new();
    for meta in said {
        if let Json::Object(meta) = meta {
            all.extend(meta);
        }
    }
    if !all.is_empty() {
        let all = Setting::plain(all.into(), Location::default());
        settings.insert("meta".to_owned(), all);
    }
}

/// What a semantic model says for all, each of its elements has, unless it says otherwise.
fn share_meta(shown: &mut Json, meta: Option<&Setting>) {
    let Some(Json::Object(meta)) = meta.map(|meta| &meta.value) else {
        return;
    };
    for key in ["entities", "dimensions", "measures"] {
        let elements = shown[key].as_array_mut().into_iter().flatten();
        for element in elements {
            let own = element["config"]["meta"].as_object().cloned();
            let mut all = meta.clone();
            all.extend(own.unwrap_or_default());
            element["config"]["meta"] = Json::Object(all);
        }
    }
}

/// What stands beside `config:` is not noted as written there.
struct Beside {
    keys: Vec<&'static str>,
    /// As `config:` itself has them.
    tags: Option<Json>,
}

impl Beside {
    fn of(fields: &Fields<'_>) -> Self {
        let within = fields.peek("config");
        let is_within = |key: &str| within.is_some_and(|config| config.get(key).is_some());
        let tags = within.and_then(|config| match config.get("tags")?.to_written() {
            Json::Null => None,
            tags @ Json::Array(_) => Some(tags),
            tag => Some(json!([tag])),
        });
        let keys = BESIDE.iter().filter(|key| fields.peek(key).is_some());
        Self {
            keys: keys.copied().filter(|key| !is_within(key)).collect(),
            tags,
        }
    }

    fn without(self, mut written: Map<String, Json>) -> Map<String, Json> {
        written.retain(|key, _| !self.keys.contains(&key.as_str()));
        if let Some(tags) = self.tags {
            written.insert("tags".to_owned(), tags);
        }
        written
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
