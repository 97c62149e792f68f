//! `columns:` of a model, seed, snapshot or source table.

use forebay_core::graph::Column;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::contract::constraints;
use super::shapes;
use super::tests::{self, TestDecl};
use crate::config::Kind;
use crate::docs;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// One column, and the tests declared on it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub column: Column,
    pub tests: Vec<TestDecl>,
}

/// The columns as they are written, each once, with the tests of all that is said of it.
///
/// `quoted`: names are to be quoted in tests, unless a column says otherwise.
pub(crate) fn read(doc: Doc<'_>, items: &[Yaml], owner: &str, quoted: bool) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    for item in items {
        let Some((column, at)) = column(doc, item, owner, quoted) else {
            continue;
        };
        let name = &column.column.name;
        if let Some(first) = all.iter_mut().find(|other| other.column.name == *name) {
            let message = format!("the column '{name}' of '{owner}' is described twice");
            doc.warning(message, at);
            let mut tests = std::mem::take(&mut first.tests);
            tests.extend(column.tests);
            *first = Declared { tests, ..column };
        } else {
            all.push(column);
        }
    }
    all
}

/// The columns by name, and the tests of all of them.
pub(crate) fn split(all: Vec<Declared>) -> (IndexMap<String, Column>, Vec<TestDecl>) {
    let (mut columns, mut tests) = (IndexMap::new(), Vec::new());
    for declared in all {
        tests.extend(declared.tests);
        columns.insert(declared.column.name.clone(), declared.column);
    }
    (columns, tests)
}

fn column(
    doc: Doc<'_>,
    item: &Yaml,
    owner: &str,
    quoted: bool,
) -> Option<(Declared, crate::yaml::Mark)> {
    let mut fields = Fields::of(doc, item, format!("a column of '{owner}'"))?;
    let name = fields.required("name")?;
    fields.what = format!("column '{name}' of '{owner}'");
    shapes::check(doc, item, &fields.what, shapes::ENTRY);
    shapes::check_unless_null(doc, item, &fields.what, &[("data_type", Kind::Text)]);
    let quote = fields.flag("quote");
    let tested = match quote.unwrap_or(quoted) {
        true => forebay_core::name::quote(&name),
        false => name.clone(),
    };
    let mut tests = tests::read_all(doc, &mut fields, Some(&tested));
    let (tags, meta) = tags_and_meta(doc, &mut fields);
    for test in &mut tests {
        test.column_tags.clone_from(&tags);
    }
    let mut column = Column {
        docs: docs::called(fields.written("description").as_deref()),
        description: fields.text("description").unwrap_or_default(),
        data_type: fields.text("data_type"),
        quote,
        constraints: constraints(doc, fields.list("constraints"), &fields.what.clone()),
        tags,
        meta,
        granularity: fields.text("granularity"),
        at: Some(fields.at_first(&["data_type", "name"])),
        name,
        further: Map::new(),
    };
    fields.ignore(&["docs"]);
    let further = fields.rest();
    // What the manifest has of its own is not said twice.
    let further = further.filter(|entry| entry.key != "doc_blocks");
    let further = further.map(|entry| (entry.key.clone(), entry.value.to_json()));
    column.further = further.collect();
    fields.ignore(&["policy_tags", "dimension", "entity", "databricks_tags"]);
    let at = fields.at("name");
    fields.finish(Unknown::Warn);
    Some((Declared { column, tests }, at))
}

/// Both may stand under `config:` or beside it.
fn tags_and_meta(doc: Doc<'_>, fields: &mut Fields<'_>) -> (Vec<String>, Map<String, Json>) {
    let mut tags = fields.texts("tags");
    let mut meta = object(fields.json("meta"));
    let config = fields
        .get("config")
        .and_then(|yaml| Fields::of(doc, yaml, format!("config of {}", fields.what)));
    if let Some(mut config) = config {
        tags.extend(config.texts("tags"));
        meta.extend(object(config.json("meta")));
    }
    (tags, meta)
}

fn object(json: Option<Json>) -> Map<String, Json> {
    match json {
        Some(Json::Object(map)) => map,
        _ => Map::new(),
    }
}
