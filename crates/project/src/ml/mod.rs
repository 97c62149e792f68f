//! `ml/**/*.yml`: entities, feature views, feature services, training jobs, inference services and
//! monitors.

mod features;
mod judging;
mod monitors;
mod selection;
mod serving;
mod trainer;
mod training;
mod tuning;

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::ml::{Entity, FeatureView, TrainingJob};
use forebay_core::{Diagnostic, Location, Node, NodeId, Relation, ResourceType, Spec, suggest};
use indexmap::IndexMap;

use crate::files;
use crate::jinja::{Asker, Names, RefCall};
use crate::link;
use crate::problems::Problems;
use crate::yaml::{Doc, Fields, Mark, Unknown, Yaml};

/// What the ML files of a project define, while they are being read.
pub(crate) struct Ml<'a> {
    pub project: &'a str,
    pub names: &'a Names,
    pub problems: &'a Problems,
    pub entities: BTreeMap<String, (Entity, Location)>,
    pub nodes: Vec<Node>,
    /// What is defined with a mistake: those who name it are not to blame.
    broken: BTreeSet<(ResourceType, String)>,
}

/// Items of all files by kind: what is named comes before what names it, whatever file it is in.
#[derive(Default)]
struct Items<'a> {
    entities: Vec<(Doc<'a>, &'a Yaml)>,
    feature_views: Vec<(Doc<'a>, &'a Yaml)>,
    feature_services: Vec<(Doc<'a>, &'a Yaml)>,
    training_jobs: Vec<(Doc<'a>, &'a Yaml)>,
    inference_services: Vec<(Doc<'a>, &'a Yaml)>,
    monitors: Vec<(Doc<'a>, &'a Yaml)>,
}

/// The nodes of the files, in no particular order.
pub(crate) fn read(
    project: &str,
    names: &Names,
    problems: &Problems,
    files: &[(String, Yaml)],
) -> Vec<Node> {
    let mut items = Items::default();
    for (file, yaml) in files {
        sort(Doc { file, problems }, yaml, &mut items);
    }
    let mut ml = Ml {
        project,
        names,
        problems,
        entities: BTreeMap::new(),
        nodes: Vec::new(),
        broken: BTreeSet::new(),
    };
    for (doc, yaml) in items.entities {
        features::entity(&mut ml, doc, yaml);
    }
    let readers: [(ResourceType, Vec<_>, Reader); 5] = [
        (
            ResourceType::FeatureView,
            items.feature_views,
            features::view,
        ),
        (
            ResourceType::FeatureService,
            items.feature_services,
            features::service,
        ),
        (
            ResourceType::TrainingJob,
            items.training_jobs,
            training::job,
        ),
        (
            ResourceType::InferenceService,
            items.inference_services,
            serving::service,
        ),
        (ResourceType::Monitor, items.monitors, monitors::monitor),
    ];
    for (kind, items, read) in readers {
        for (doc, yaml) in items {
            match read(&ml, doc, yaml) {
                Some(node) => ml.nodes.push(node),
                None => ml.remember_broken(kind, yaml),
            }
        }
        training::register_models(&mut ml);
    }
    ml.nodes
}

type Reader = fn(&Ml<'_>, Doc<'_>, &Yaml) -> Option<Node>;

fn sort<'a>(doc: Doc<'a>, yaml: &'a Yaml, items: &mut Items<'a>) {
    let Some(mut fields) = Fields::of(doc, yaml, format!("the file {}", doc.file)) else {
        return;
    };
    crate::yaml_version(&mut fields);
    let mut take = |key, list: &mut Vec<(Doc<'a>, &'a Yaml)>| {
        list.extend(fields.list(key).iter().map(|yaml| (doc, yaml)));
    };
    take("entities", &mut items.entities);
    take("feature_views", &mut items.feature_views);
    take("feature_services", &mut items.feature_services);
    take("training_jobs", &mut items.training_jobs);
    take("inference_services", &mut items.inference_services);
    take("monitors", &mut items.monitors);
    fields.finish(Unknown::Error);
}

/// The mapping of one item, with its name.
fn named<'a>(doc: Doc<'a>, yaml: &'a Yaml, kind: &str) -> Option<(Fields<'a>, String)> {
    let mut fields = Fields::of(doc, yaml, format!("a {kind}"))?;
    let name = fields.required("name")?;
    fields.what = format!("{kind} '{name}'");
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !name.chars().all(plain) {
        let message =
            format!("'{name}' cannot be the name of a {kind}: use letters, digits, _ and -");
        fields.error(message, fields.at("name"));
        return None;
    }
    Some((fields, name))
}

impl Ml<'_> {
    fn asker(&self) -> Asker<'_> {
        Asker {
            package: self.project,
            group: None,
        }
    }

    fn id(&self, kind: ResourceType, name: &str) -> NodeId {
        NodeId::new(format!("{kind}.{}.{name}", self.project))
    }

    /// The parts that all kinds share; reads `description` and `tags`.
    fn node(
        &self,
        fields: &mut Fields<'_>,
        name: String,
        spec: Spec,
        depends_on: Vec<NodeId>,
    ) -> Node {
        let kind = spec.resource_type();
        let file = fields.doc.file;
        let mut fqn = vec![self.project.to_owned()];
        fqn.extend([files::stem(file).to_owned(), name.clone()]);
        let relation =
            (kind == ResourceType::FeatureView).then(|| Relation::new("features", &name));
        Node {
            id: self.id(kind, &name),
            package: self.project.to_owned(),
            location: fields.at("name").in_file(file),
            fqn,
            tags: fields.texts("tags"),
            group: None,
            description: fields.text("description").unwrap_or_default(),
            columns: IndexMap::new(),
            relation,
            depends_on,
            spec,
            name,
        }
    }

    fn find(&self, kind: ResourceType, name: &str) -> Option<&Node> {
        self.nodes
            .iter()
            .find(|node| node.resource_type() == kind && node.name == name)
    }

    fn names_of(&self, kind: ResourceType) -> impl Iterator<Item = &str> {
        let of_kind = self
            .nodes
            .iter()
            .filter(move |node| node.resource_type() == kind);
        of_kind.map(|node| node.name.as_str())
    }

    fn remember_broken(&mut self, kind: ResourceType, yaml: &Yaml) {
        let text = |key| yaml.get(key).and_then(Yaml::as_text).map(str::to_owned);
        let Some(name) = text("name") else {
            return;
        };
        if kind == ResourceType::TrainingJob {
            let model = text("model").unwrap_or_else(|| name.clone());
            self.broken.insert((ResourceType::RegisteredModel, model));
        }
        self.broken.insert((kind, name));
    }

    /// A node that must exist.
    fn known(&self, doc: Doc<'_>, kind: ResourceType, name: &str, at: Mark) -> Option<&Node> {
        let found = self.find(kind, name);
        if found.is_none() && !self.broken.contains(&(kind, name.to_owned())) {
            self.problems.push(
                Diagnostic::error(format!("no {} is called '{name}'", link::words(kind)))
                    .at(at.in_file(doc.file))
                    .maybe_hint(suggest::nearest(name, self.names_of(kind))),
            );
        }
        found
    }

    fn view(&self, name: &str) -> Option<(&Node, &FeatureView)> {
        let node = self.find(ResourceType::FeatureView, name)?;
        match &node.spec {
            Spec::FeatureView(view) => Some((node, view)),
            _ => None,
        }
    }

    fn jobs(&self) -> impl Iterator<Item = (&Node, &TrainingJob)> {
        self.nodes.iter().filter_map(|node| match &node.spec {
            Spec::TrainingJob(job) => Some((node, job.as_ref())),
            _ => None,
        })
    }

    /// `ref('x')` or `source('a', 'b')` under that key.
    fn table(&self, fields: &mut Fields<'_>, key: &'static str) -> Option<NodeId> {
        let text = fields.required(key)?;
        let location = fields.at(key).in_file(fields.doc.file);
        let Some(call) = RefCall::parse(&text) else {
            let message = format!(
                "'{key}' of {} must be ref('model') or source('source', 'table'), not '{text}'",
                fields.what
            );
            let bare = self.names.refs.contains_key(text.trim());
            let hint = bare.then(|| format!("write ref('{}')", text.trim()));
            self.problems
                .push(Diagnostic::error(message).at(location).maybe_hint(hint));
            return None;
        };
        self.problems.keep(
            link::resolve(self.names, self.asker(), &call).map_err(|problem| problem.at(location)),
        )
    }
}
