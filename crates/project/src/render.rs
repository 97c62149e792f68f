//! Jinja in YAML: renders the texts of a tree in place.

use std::sync::Arc;

use forebay_core::Diagnostic;
use serde_json::Value as Json;

use crate::jinja::{Engine, Mode, NodeScope, Shared};
use crate::yaml::{Doc, Entry, Mark, Value, Yaml};

/// Renders YAML texts outside of any node.
pub(crate) struct Renderer<'a> {
    pub engine: &'a Engine,
    pub shared: &'a Arc<Shared>,
    /// The package whose texts these are; empty while none is known.
    pub package: &'a str,
}

/// Which values stay as they are written, by the keys that lead to them.
type Skip = fn(&[&str]) -> bool;

impl Renderer<'_> {
    /// Problems are reported at the place of the text; the text stays then.
    pub fn render(&self, doc: Doc<'_>, yaml: &mut Yaml, skip: Skip) {
        self.walk(doc, yaml, skip, &mut Vec::new());
    }

    fn walk<'y>(&self, doc: Doc<'_>, yaml: &'y mut Yaml, skip: Skip, path: &mut Vec<&'y str>) {
        if let Value::Scalar(scalar) = &yaml.value {
            let is_description = path.last() == Some(&"description");
            let rendered = has_jinja(&scalar.text).then(|| match is_description {
                true => self.description(doc, &scalar.text, yaml.at),
                false => self.text(doc, &scalar.text, yaml.at),
            });
            if let Some(json) = rendered.flatten() {
                let written = Some(scalar.text.clone().into_boxed_str());
                *yaml = Yaml {
                    written,
                    ..Yaml::from_json(json, yaml.at)
                };
            } else if let Some(text) = without_last_line_end(scalar.json.as_str(), path) {
                *yaml = Yaml::from_json(text.into(), yaml.at);
            }
            return;
        }
        match &mut yaml.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for item in items {
                    self.walk(doc, item, skip, path);
                }
            }
            Value::Map(entries) => {
                for Entry { key, value, .. } in entries {
                    path.push(key);
                    if !skip(path) {
                        self.walk(doc, value, skip, path);
                    }
                    path.pop();
                }
            }
        }
    }

    /// A setting: one that is not defined is an error.
    pub fn text(&self, doc: Doc<'_>, text: &str, at: Mark) -> Option<Json> {
        let value = self.value(doc, text, at, true)?;
        if value.is_undefined() {
            let written = text.trim();
            let problem = Diagnostic::error(format!("{written} is not defined"))
                .at(at.in_file(doc.file))
                .hint("the texts of YAML files know var, env_var and target; a word in quotes is a text");
            doc.problems.push(problem);
            return None;
        }
        Some(serde_json::to_value(&value).unwrap_or_default())
    }

    /// A description: what is not defined is the empty text. dbt renders those of what is there, and an example of a
    /// macro's call often stands in one that is of nothing.
    pub fn description(&self, doc: Doc<'_>, text: &str, at: Mark) -> Option<Json> {
        let value = self.value(doc, text, at, false)?;
        match value.is_undefined() {
            true => Some("".into()),
            false => Some(serde_json::to_value(&value).unwrap_or_default()),
        }
    }

    fn value(&self, doc: Doc<'_>, text: &str, at: Mark, strict: bool) -> Option<minijinja::Value> {
        let scope = Arc::new(NodeScope {
            package: self.package.to_owned(),
            strict,
            ..NodeScope::default()
        });
        let evaluated = self
            .engine
            .evaluate(text, self.shared, &scope, &Mode::Parse);
        match evaluated {
            Ok((value, _)) => Some(value),
            Err(failure) => {
                doc.problems.push(failure.at(&at.in_file(doc.file)));
                None
            }
        }
    }
}

/// A text without Jinja goes through it all the same in dbt, but for descriptions: one line end is lost.
fn without_last_line_end<'t>(text: Option<&'t str>, path: &[&str]) -> Option<&'t str> {
    let text = text?.strip_suffix('\n')?;
    let is_plain = !has_jinja(text) && path.last() != Some(&"description");
    is_plain.then_some(text)
}

pub(crate) fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}
