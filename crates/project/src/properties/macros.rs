//! `macros:`: what a macro does and takes.

use forebay_core::Location;
use serde_json::{Value as Json, json};

use super::shapes;
use crate::config::over;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

#[derive(Clone, Debug)]
pub(crate) struct MacroPatch {
    pub name: String,
    pub file: String,
    pub at: Location,
    pub description: String,
    pub meta: Json,
    pub docs: Json,
    /// `[{name, type, description}]`.
    pub arguments: Json,
}

pub(super) fn read(doc: Doc<'_>, yaml: &Yaml) -> Option<MacroPatch> {
    let mut fields = Fields::of(doc, yaml, "a macro")?;
    let name = fields.required("name")?;
    fields.what = format!("macro '{name}'");
    shapes::check(doc, yaml, &fields.what, shapes::ENTRY);
    let arguments = fields.list("arguments").iter();
    let arguments = arguments.filter_map(|item| argument(doc, item, &fields.what));
    let arguments: Vec<Json> = arguments.collect();
    let config = fields.get("config").map(Yaml::to_json).unwrap_or_default();
    let of_config = |key: &str| config.get(key).cloned();
    let patch = MacroPatch {
        file: doc.file.to_owned(),
        at: fields.at("name").in_file(doc.file),
        description: fields.text("description").unwrap_or_default(),
        meta: over(
            &fields.json("meta").unwrap_or_else(|| json!({})),
            of_config("meta"),
        ),
        docs: of_config("docs")
            .or(fields.json("docs"))
            .unwrap_or_else(|| json!({})),
        arguments: arguments.into(),
        name,
    };
    fields.ignore(&["columns", "tests", "data_tests", "tags"]);
    fields.finish(Unknown::Warn);
    Some(patch)
}

fn argument(doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Json> {
    let mut fields = Fields::of(doc, yaml, format!("an argument of {what}"))?;
    let argument = json!({
        "name": fields.required("name")?,
        "type": fields.text("type"),
        "description": fields.text("description").unwrap_or_default(),
    });
    Some(argument)
}
