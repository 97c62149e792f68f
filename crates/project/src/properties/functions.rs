//! `functions:`: what functions of the database take and give.

use serde_json::{Map, Value as Json, json};

use super::{Patch, config, docs, shapes};
use crate::config::Kind;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// Of the whole: `returns` is not left out.
const ENTRY: &[(&str, Kind)] = &[
    ("arguments", Kind::List),
    ("config", Kind::Mapping),
    ("description", Kind::Text),
    ("name", Kind::Text),
    ("returns", Kind::Mapping),
];

pub(super) fn read(doc: Doc<'_>, yaml: &Yaml) -> Option<Patch> {
    let mut fields = Fields::of(doc, yaml, "a function")?;
    let name = fields.required("name")?;
    fields.what = format!("function '{name}'");
    shapes::check(doc, yaml, &fields.what, ENTRY);
    let arguments = fields.list("arguments").iter();
    let what = fields.what.clone();
    let arguments = arguments.filter_map(|item| argument(doc, item, &what));
    let arguments: Vec<Json> = arguments.collect();
    let unsorted = arguments
        .windows(2)
        .find(|pair| !pair[0]["default_value"].is_null() && pair[1]["default_value"].is_null());
    if let Some([_, later]) = unsorted {
        let later = later["name"].as_str().unwrap_or_default();
        let message =
            format!("the argument '{later}' of {what} has no default and follows one that has");
        fields.error(message, fields.at("arguments"));
    }
    let returns = match fields.get("returns") {
        Some(yaml) => described(doc, yaml, &format!("what {what} returns"), &[])?,
        None => {
            let message = format!("{what} does not say what it returns");
            let problem =
                forebay_core::Diagnostic::error(message).at(fields.at("name").in_file(doc.file));
            doc.problems.push(problem.hint("returns: {data_type: ...}"));
            return None;
        }
    };
    let patch = Patch {
        docs: docs::called(fields.written("description").as_deref()),
        file: doc.file.to_owned(),
        at: fields.at("name").in_file(doc.file),
        description: fields.written("description").unwrap_or_default(),
        config: config(doc, &mut fields),
        signature: json!({"arguments": arguments, "returns": returns}),
        name,
        ..Patch::default()
    };
    fields.ignore(&["columns", "access", "constraints"]);
    fields.finish(Unknown::Warn);
    Some(patch)
}

fn argument(doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Json> {
    described(
        doc,
        yaml,
        &format!("an argument of {what}"),
        &["name", "default_value"],
    )
}

/// A type with a description, and further keys of which `name` is not left out.
fn described(doc: Doc<'_>, yaml: &Yaml, what: &str, keys: &[&'static str]) -> Option<Json> {
    let mut fields = Fields::of(doc, yaml, what)?;
    let mut shown = Map::new();
    for key in keys {
        let value = match *key {
            "name" => Some(fields.required(key)?.into()),
            key => fields.json(key),
        };
        shown.insert((*key).to_owned(), value.unwrap_or_default());
    }
    shown.insert("data_type".to_owned(), fields.required("data_type")?.into());
    let description = fields.text("description");
    shown.insert("description".to_owned(), description.into());
    fields.finish(Unknown::Warn);
    Some(shown.into())
}
