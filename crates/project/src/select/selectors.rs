//! `selectors.yml`: selections that have a name.

use forebay_core::{Diagnostic, suggest};
use serde_json::Value as Json;

use super::criterion::Criterion;
use super::methods;
use super::shown::shown;
use super::spec::{How, Indirect, Spec};
use crate::yaml::{Doc, Entry, Fields, Unknown, Yaml};

#[derive(Clone, Debug)]
pub(crate) struct Selector {
    pub name: String,
    /// Whether it counts where nothing is selected.
    pub default: bool,
    pub spec: Spec,
    /// As the manifest has it.
    pub shown: Json,
}

/// The selectors of a file, in its order: one may use those before it.
pub(crate) fn read(doc: Doc<'_>, yaml: &Yaml) -> Vec<Selector> {
    let mut found: Vec<Selector> = Vec::new();
    let Some(mut fields) = Fields::of(doc, yaml, doc.file) else {
        return found;
    };
    for entry in fields.list("selectors") {
        if let Some(selector) = selector(doc, entry, &found) {
            found.push(selector);
        }
    }
    fields.finish(Unknown::Error);
    let mut defaults = found.iter().filter(|selector| selector.default);
    if let (Some(first), Some(second)) = (defaults.next(), defaults.next()) {
        let (first, second) = (&first.name, &second.name);
        doc.error(
            format!("both '{first}' and '{second}' are the default selector"),
            yaml.at,
        );
    }
    found
}

fn selector(doc: Doc<'_>, yaml: &Yaml, before: &[Selector]) -> Option<Selector> {
    let mut fields = Fields::of(doc, yaml, "a selector")?;
    let name = fields.required("name")?;
    fields.what = format!("selector '{name}'");
    fields.text("description");
    let default = fields.flag("default").unwrap_or(false);
    let definition = fields.get("definition");
    if definition.is_none() {
        fields.missing("definition");
    }
    fields.finish(Unknown::Error);
    let reader = Reader { doc, before };
    Some(Selector {
        spec: reader.spec(definition?)?,
        shown: shown(yaml.to_json(), before),
        name,
        default,
    })
}

struct Reader<'a> {
    doc: Doc<'a>,
    before: &'a [Selector],
}

impl Reader<'_> {
    fn spec(&self, yaml: &Yaml) -> Option<Spec> {
        if let Some(text) = yaml.as_text() {
            let criterion = Criterion::parse(text);
            let placed = criterion.map_err(|problem| problem.at(yaml.at.in_file(self.doc.file)));
            return self.known(self.doc.problems.keep(placed)?, yaml);
        }
        let Some(entries) = yaml.as_map() else {
            let found = yaml.kind();
            self.doc.error(
                format!("a selection must be a text or a mapping, not {found}"),
                yaml.at,
            );
            return None;
        };
        match entries {
            [Entry { key, value, .. }] if key == "union" => self.group(How::Union, value),
            [Entry { key, value, .. }] if key == "intersection" => {
                self.group(How::Intersection, value)
            }
            [Entry { key, value, .. }] if key != "method" => {
                let value = self.value(value)?;
                self.known(Criterion::plain(Some(key), &value), yaml)
            }
            _ => self.method(yaml),
        }
    }

    /// A list; one of its entries may say what to leave out.
    fn group(&self, how: How, yaml: &Yaml) -> Option<Spec> {
        let Some(items) = yaml.as_list() else {
            let found = yaml.kind();
            self.doc
                .error(format!("selections must be a list, not {found}"), yaml.at);
            return None;
        };
        let (without, with): (Vec<&Yaml>, Vec<&Yaml>) = items
            .iter()
            .partition(|item| item.get("exclude").is_some() && item.get("method").is_none());
        // All are read before one that is wrong ends it.
        let with: Vec<Option<Spec>> = with.iter().map(|item| self.spec(item)).collect();
        let with = with.into_iter().collect::<Option<Vec<_>>>()?;
        let group = Spec::group(how, with);
        match without[..] {
            [] => Some(group),
            [one] => self.except(group, one.get("exclude")?),
            [_, second, ..] => {
                self.doc
                    .error("one list of selections has several 'exclude'", second.at);
                None
            }
        }
    }

    fn except(&self, from: Spec, exclude: &Yaml) -> Option<Spec> {
        let excluded = self.group(How::Union, exclude)?;
        Some(Spec::group(How::Difference, vec![from, excluded]))
    }

    /// `{method: tag, value: nightly, children: true, exclude: [...]}`.
    fn method(&self, yaml: &Yaml) -> Option<Spec> {
        let mut fields = Fields::of(self.doc, yaml, "a selection")?;
        let method = fields.required("method");
        let value = fields.get("value");
        if value.is_none() {
            fields.missing("value");
        }
        let (method, value) = (method?, self.value(value?)?);
        if method == "selector" {
            // As in dbt, what else is said of it is passed over.
            fields.finish(Unknown::Warn);
            return self.inherited(&value, yaml);
        }
        let depth = |on: Option<bool>, depth: Option<u64>| {
            on.unwrap_or(false).then_some(depth.map(|d| d as usize))
        };
        let (children, children_depth) = (fields.flag("children"), fields.whole("children_depth"));
        let (parents, parents_depth) = (fields.flag("parents"), fields.whole("parents_depth"));
        let criterion = Criterion {
            children_with_parents: fields.flag("childrens_parents").unwrap_or(false),
            children: depth(children, children_depth),
            parents: depth(parents, parents_depth),
            indirect: self.indirect(&mut fields),
            ..Criterion::plain(Some(&method), &value)
        };
        let exclude = fields.get("exclude");
        fields.finish(Unknown::Warn);
        let found = self.known(criterion, yaml)?;
        match exclude {
            None => Some(found),
            Some(exclude) => self.except(found, exclude),
        }
    }

    /// By a method that there is.
    fn known(&self, criterion: Criterion, yaml: &Yaml) -> Option<Spec> {
        let known = methods::exists(&criterion);
        let placed = known.map_err(|problem| problem.at(yaml.at.in_file(self.doc.file)));
        self.doc.problems.keep(placed)?;
        Some(Spec::Criterion(criterion))
    }

    fn value(&self, yaml: &Yaml) -> Option<String> {
        let text = yaml.as_text().map(str::to_owned);
        if text.is_none() {
            let found = yaml.kind();
            self.doc.error(
                format!("what is selected must be a text, not {found}"),
                yaml.at,
            );
        }
        text
    }

    fn indirect(&self, fields: &mut Fields<'_>) -> Option<Indirect> {
        let text = fields.text("indirect_selection")?;
        let found = Indirect::parse(&text);
        if found.is_none() {
            let names: Vec<&str> = Indirect::ALL.iter().map(|(name, _)| *name).collect();
            let problem = Diagnostic::error(format!("'{text}' is no way of indirect selection"));
            let at = fields.at("indirect_selection").in_file(self.doc.file);
            self.doc
                .problems
                .push(problem.at(at).hint(format!("one of: {}", names.join(", "))));
        }
        found
    }

    fn inherited(&self, name: &str, yaml: &Yaml) -> Option<Spec> {
        let found = self.before.iter().find(|selector| selector.name == name);
        if found.is_none() {
            let names = self.before.iter().map(|selector| selector.name.as_str());
            self.doc.problems.push(
                Diagnostic::error(format!("no selector before this one is called '{name}'"))
                    .at(yaml.at.in_file(self.doc.file))
                    .maybe_hint(suggest::nearest(name, names)),
            );
        }
        found.map(|selector| selector.spec.clone())
    }
}
