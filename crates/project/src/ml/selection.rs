//! Lists of features by name: `view:feature`, a whole view, or a feature service.

use forebay_core::ml::FeatureRef;
use forebay_core::{Diagnostic, NodeId, ResourceType, Spec, suggest};

use super::Ml;
use crate::yaml::{Doc, Fields, Mark};

/// Features, and the nodes that they come from.
pub(super) struct Selection {
    pub features: Vec<FeatureRef>,
    /// The views (and services) that they come from.
    pub parents: Vec<NodeId>,
}

/// Reads `features:`.
pub(super) fn selection(ml: &Ml<'_>, fields: &mut Fields<'_>, required: bool) -> Selection {
    let mut selection = Selection {
        features: Vec::new(),
        parents: Vec::new(),
    };
    let doc = fields.doc;
    for item in fields.list("features") {
        match item.as_text() {
            Some(text) => selection.add(ml, doc, text, item.at),
            None => fields.error(
                format!(
                    "a feature of {} is a name: view or view:feature",
                    fields.what
                ),
                item.at,
            ),
        }
    }
    if required && fields.get("features").is_none() {
        fields.missing("features");
    }
    selection
}

impl Selection {
    fn add(&mut self, ml: &Ml<'_>, doc: Doc<'_>, text: &str, at: Mark) {
        if let Some((view, feature)) = text.split_once(':') {
            self.add_feature(ml, doc, view.trim(), feature.trim(), at);
        } else if let Some((node, view)) = ml.view(text) {
            self.parent(&node.id);
            for feature in &view.features {
                self.push(doc, ml, text, &feature.name, at);
            }
        } else if let Some(node) = ml.find(ResourceType::FeatureService, text) {
            self.parent(&node.id);
            if let Spec::FeatureService(service) = &node.spec {
                for feature in &service.features {
                    self.push(doc, ml, &feature.view, &feature.feature, at);
                }
            }
            node.depends_on.iter().for_each(|id| self.parent(id));
        } else {
            ml.known(doc, ResourceType::FeatureView, text, at);
        }
    }

    fn add_feature(&mut self, ml: &Ml<'_>, doc: Doc<'_>, view: &str, feature: &str, at: Mark) {
        let Some((node, found)) = ml.view(view) else {
            ml.known(doc, ResourceType::FeatureView, view, at);
            return;
        };
        self.parent(&node.id);
        let names = || found.features.iter().map(|feature| feature.name.as_str());
        if names().any(|name| name == feature) {
            return self.push(doc, ml, view, feature, at);
        }
        ml.problems.push(
            Diagnostic::error(format!(
                "the feature view '{view}' has no feature '{feature}'"
            ))
            .at(at.in_file(doc.file))
            .maybe_hint(suggest::nearest(feature, names())),
        );
    }

    fn parent(&mut self, id: &NodeId) {
        if !self.parents.contains(id) {
            self.parents.push(id.clone());
        }
    }

    fn push(&mut self, doc: Doc<'_>, ml: &Ml<'_>, view: &str, feature: &str, at: Mark) {
        let feature = FeatureRef {
            view: view.to_owned(),
            feature: feature.to_owned(),
        };
        if self.features.contains(&feature) {
            let message = format!(
                "the feature '{}:{}' is listed twice",
                feature.view, feature.feature
            );
            ml.problems
                .push(Diagnostic::error(message).at(at.in_file(doc.file)));
        } else {
            self.features.push(feature);
        }
    }
}
