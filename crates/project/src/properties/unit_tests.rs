//! `unit_tests:` as they are written: names are not looked up and fixture files not read yet.

use std::collections::BTreeMap;

use forebay_core::unit_test::{Overrides, Row};
use forebay_core::{Diagnostic, Location};
use serde_json::{Map, Value as Json};

use super::config;
use crate::config::Config;
use crate::yaml::{Doc, Fields, Mark, Unknown, Value, Yaml};

#[derive(Clone, Debug)]
pub(crate) struct UnitTestDecl {
    pub name: String,
    pub model: String,
    pub model_at: Location,
    pub description: String,
    /// Inputs as they are written, such as `ref('orders')`, and their rows.
    pub given: Vec<(String, FixtureDecl)>,
    pub expect: FixtureDecl,
    pub overrides: Option<Overrides>,
    /// Versions of the model that it is for; both empty for all of them.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub config: Config,
    pub file: String,
    pub at: Location,
}

#[derive(Clone, Debug)]
pub(crate) struct FixtureDecl {
    pub format: FixtureFormat,
    pub rows: Option<RowsDecl>,
    /// The name of a file that has the rows.
    pub file: Option<String>,
    pub at: Location,
    /// Where its rows or their file are named.
    pub rows_at: Location,
    /// Where the rows first name each column.
    pub columns: BTreeMap<String, Location>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FixtureFormat {
    Dict,
    Csv,
    Sql,
}

#[derive(Clone, Debug)]
pub(crate) enum RowsDecl {
    Dict(Vec<Row>),
    /// CSV or SQL.
    Text(String),
}

const FORMATS: &[(&str, FixtureFormat)] = &[
    ("dict", FixtureFormat::Dict),
    ("csv", FixtureFormat::Csv),
    ("sql", FixtureFormat::Sql),
];

pub(super) fn read(doc: Doc<'_>, yaml: &Yaml) -> Option<UnitTestDecl> {
    let mut fields = Fields::of(doc, yaml, "a unit test")?;
    let name = fields.required("name");
    if let Some(name) = &name {
        fields.what = format!("unit test '{name}'");
    }
    let at = fields.at("name");
    let model = fields.required("model");
    let model_at = fields.at("model").in_file(doc.file);
    if fields.peek("given").is_none() {
        fields.missing("given");
    }
    let given = fields.list("given").iter();
    let given: Vec<_> = given
        .filter_map(|item| given_rows(doc, item, &fields.what))
        .collect();
    if fields.get("expect").is_none() {
        fields.missing("expect");
    }
    let expect = fields.get("expect");
    let expect = expect.and_then(|yaml| {
        let mut expect = Fields::of(doc, yaml, format!("'expect' of {}", fields.what))?;
        let found = fixture(doc, &mut expect, yaml.at);
        expect.finish(Unknown::Warn);
        found
    });
    let (include, exclude) = versions(doc, &mut fields);
    let decl = UnitTestDecl {
        description: fields.text("description").unwrap_or_default(),
        overrides: overrides(doc, &mut fields),
        config: config(doc, &mut fields),
        file: doc.file.to_owned(),
        at: at.in_file(doc.file),
        name: name?,
        model: model?,
        model_at,
        given,
        expect: expect?,
        include,
        exclude,
    };
    fields.finish(Unknown::Warn);
    Some(decl)
}

fn given_rows(doc: Doc<'_>, yaml: &Yaml, test: &str) -> Option<(String, FixtureDecl)> {
    let mut fields = Fields::of(doc, yaml, format!("an input of {test}"))?;
    let input = fields.required("input")?;
    fields.what = format!("the input {input} of {test}");
    let rows = fixture(doc, &mut fields, yaml.at)?;
    fields.finish(Unknown::Warn);
    Some((input, rows))
}

fn fixture(doc: Doc<'_>, fields: &mut Fields<'_>, at: Mark) -> Option<FixtureDecl> {
    let written = fields.get("format").is_some();
    let format = match fields.choice("format", FORMATS) {
        None if written => return None,
        found => found.unwrap_or(FixtureFormat::Dict),
    };
    let file = fields.text("fixture");
    let rows = match (fields.get("rows"), format) {
        (None, _) => None,
        (Some(yaml), FixtureFormat::Dict) => Some(RowsDecl::Dict(dicts(doc, fields, yaml)?)),
        (Some(_), _) => Some(RowsDecl::Text(fields.text("rows")?)),
    };
    if rows.is_none() && file.is_none() && format != FixtureFormat::Dict {
        let what = &fields.what;
        doc.problems.push(
            Diagnostic::error(format!("{what} has no rows"))
                .at(at.in_file(doc.file))
                .hint("write them under rows:, or name a file of tests/fixtures with fixture:"),
        );
        return None;
    }
    let columns = match format {
        FixtureFormat::Dict => columns(doc, fields.get("rows")),
        FixtureFormat::Csv | FixtureFormat::Sql => BTreeMap::new(),
    };
    let written = ["fixture", "rows"];
    let written = written.into_iter().find(|key| fields.get(key).is_some());
    let rows_at = written.map_or(at, |key| fields.at(key));
    Some(FixtureDecl {
        format,
        rows,
        file,
        at: at.in_file(doc.file),
        rows_at: rows_at.in_file(doc.file),
        columns,
    })
}

fn columns(doc: Doc<'_>, rows: Option<&Yaml>) -> BTreeMap<String, Location> {
    let mut columns = BTreeMap::new();
    let rows = rows.and_then(Yaml::as_list).unwrap_or_default();
    for row in rows {
        let Value::Map(cells) = &row.value else {
            continue;
        };
        for cell in cells {
            let at = cell.key_at.in_file(doc.file);
            columns.entry(cell.key.clone()).or_insert(at);
        }
    }
    columns
}

fn dicts(doc: Doc<'_>, fields: &Fields<'_>, yaml: &Yaml) -> Option<Vec<Row>> {
    let wrong = |at: Mark| {
        let message = format!("the rows of {} must be a list of mappings", fields.what);
        doc.problems.push(
            Diagnostic::error(message)
                .at(at.in_file(doc.file))
                .hint("such as - {id: 1, name: a}; other forms need format: csv or format: sql"),
        );
        None
    };
    let Some(items) = yaml.as_list() else {
        return wrong(yaml.at);
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        match item.to_json() {
            Json::Object(row) => rows.push(row.into_iter().collect()),
            _ => return wrong(item.at),
        }
    }
    Some(rows)
}

fn overrides(doc: Doc<'_>, fields: &mut Fields<'_>) -> Option<Overrides> {
    let yaml = fields.get("overrides")?;
    let mut fields = Fields::of(doc, yaml, format!("'overrides' of {}", fields.what))?;
    let mut map = |key| -> Map<String, Json> {
        let entries = fields.map(key).iter();
        entries
            .map(|entry| (entry.key.clone(), entry.value.to_json()))
            .collect()
    };
    let overrides = Overrides {
        macros: map("macros"),
        vars: map("vars"),
        env_vars: map("env_vars"),
    };
    fields.finish(Unknown::Warn);
    Some(overrides)
}

fn versions(doc: Doc<'_>, fields: &mut Fields<'_>) -> (Vec<String>, Vec<String>) {
    let yaml = fields.get("versions");
    let found =
        yaml.and_then(|yaml| Fields::of(doc, yaml, format!("'versions' of {}", fields.what)));
    let Some(mut fields) = found else {
        return (Vec::new(), Vec::new());
    };
    let both = (fields.texts("include"), fields.texts("exclude"));
    fields.finish(Unknown::Warn);
    both
}
