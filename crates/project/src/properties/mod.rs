//! dbt's property files: descriptions, columns, tests and settings beside the SQL.

mod columns;
mod contract;
mod functions;
mod macros;
mod shapes;
mod sources;
mod tests;
mod unit_tests;
mod versions;

use forebay_core::contract::Constraint;
use forebay_core::graph::{Column, Version};
use forebay_core::{Diagnostic, Location};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::config::{Config, Kind, Setting, from_yaml, merge};
use crate::docs;
use crate::jinja::RefCall;
use crate::nodes::Item;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(crate) use macros::MacroPatch;
pub(crate) use sources::{Age, Ages, SourceTable};
pub(crate) use tests::{Argument, INLINE, TestDecl};
pub(crate) use unit_tests::{FixtureDecl, FixtureFormat, RowsDecl, UnitTestDecl};

/// What a property file says about one model, seed, snapshot or singular test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub name: String,
    pub file: String,
    pub at: Location,
    pub description: String,
    /// The blocks of docs that it calls.
    pub docs: Vec<String>,
    pub config: Config,
    pub columns: IndexMap<String, Column>,
    pub tests: Vec<TestDecl>,
    /// Those of the table as a whole.
    pub constraints: Vec<Constraint>,
    pub deprecation_date: Option<String>,
    /// Which column of a time spine has which granularity.
    pub time_spine: Json,
    /// Of a model with several versions, and the name of the file that has its SQL.
    pub version: Option<Version>,
    pub defined_in: Option<String>,
    /// A snapshot written in YAML: what it reads, such as `ref('orders')`.
    pub relation: Option<(String, Location)>,
    /// Of a function of the database: its arguments, and what it returns.
    pub signature: Json,
}

impl Patch {
    /// How a template names the node.
    pub fn call(&self) -> RefCall {
        RefCall::Ref {
            package: None,
            name: self.name.clone(),
            version: self.version.as_ref().map(|version| version.v.clone()),
        }
    }

    /// The name of its file, without the extension.
    pub fn file_name(&self) -> &str {
        self.defined_in.as_deref().unwrap_or(&self.name)
    }
}

/// All property files together.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub models: Vec<Patch>,
    pub seeds: Vec<Patch>,
    pub snapshots: Vec<Patch>,
    pub tests: Vec<Patch>,
    pub analyses: Vec<Patch>,
    pub functions: Vec<Patch>,
    pub macros: Vec<MacroPatch>,
    pub sources: Vec<SourceTable>,
    pub unit_tests: Vec<UnitTestDecl>,
    pub groups: Vec<Item>,
    pub exposures: Vec<Item>,
    pub semantic_models: Vec<Item>,
    pub metrics: Vec<Item>,
    pub saved_queries: Vec<Item>,
    /// The texts of files that are no YAML.
    pub unreadable: Vec<String>,
}

/// Sections that dbt has and that say nothing to us yet.
const TOLERATED: &[&str] = &["version", "anchors"];

impl Properties {
    pub fn add(&mut self, doc: Doc<'_>, yaml: &Yaml) {
        let Some(mut fields) = Fields::of(doc, yaml, format!("the property file {}", doc.file))
        else {
            return;
        };
        fields.ignore(TOLERATED);
        shapes::check_sections(doc, yaml);
        self.models
            .extend(patches(doc, fields.list("models"), "model"));
        self.seeds
            .extend(patches(doc, fields.list("seeds"), "seed"));
        self.snapshots
            .extend(patches(doc, fields.list("snapshots"), "snapshot"));
        for key in ["data_tests", "tests"] {
            let named = fields.list(key).iter().filter(|item| has_name(doc, item));
            self.tests
                .extend(named.filter_map(|item| patch(doc, item, "test")).flatten());
        }
        for source in fields.list("sources") {
            self.sources.extend(sources::read(doc, source));
        }
        let analyses = fields.list("analyses");
        self.analyses.extend(patches(doc, analyses, "analysis"));
        let macros = fields.list("macros").iter();
        self.macros
            .extend(macros.filter_map(|item| macros::read(doc, item)));
        let mut take = |key, all: &mut Vec<Item>| {
            all.extend(fields.list(key).iter().map(|yaml| Item {
                file: doc.file.to_owned(),
                yaml: yaml.clone(),
            }));
        };
        take("groups", &mut self.groups);
        take("exposures", &mut self.exposures);
        take("semantic_models", &mut self.semantic_models);
        take("metrics", &mut self.metrics);
        take("saved_queries", &mut self.saved_queries);
        let described = fields.list("functions").iter();
        let described = described.filter_map(|item| functions::read(doc, item));
        self.functions.extend(described);
        let unit_tests = fields.list("unit_tests").iter();
        self.unit_tests
            .extend(unit_tests.filter_map(|item| unit_tests::read(doc, item)));
        fields.finish(Unknown::Warn);
    }
}

/// As in dbt, what describes no singular test by its name is left out.
fn has_name(doc: Doc<'_>, item: &Yaml) -> bool {
    let named = item.to_json()["name"].is_string();
    if !named {
        let problem = Diagnostic::warning("an entry that describes singular tests has no 'name'");
        let problem = problem.at(item.at.in_file(doc.file));
        doc.problems
            .push(problem.hint("generic tests are declared on a model, or on a column of it"));
    }
    named
}

fn patches(doc: Doc<'_>, items: &[Yaml], kind: &str) -> Vec<Patch> {
    items
        .iter()
        .filter_map(|item| patch(doc, item, kind))
        .flatten()
        .collect()
}

fn patch(doc: Doc<'_>, yaml: &Yaml, kind: &str) -> Option<Vec<Patch>> {
    let mut fields = Fields::of(doc, yaml, format!("a {kind}"))?;
    let name = fields.required("name")?;
    fields.what = format!("{kind} '{name}'");
    shapes::check(doc, yaml, &fields.what, shapes::ENTRY);
    let at = fields.at("name").in_file(doc.file);
    let quoted = fields.flag("quote_columns").unwrap_or(false);
    let columns = columns::read(doc, fields.list("columns"), &name, quoted);
    let tests = tests::read_all(doc, &mut fields, None);
    let what = fields.what.clone();
    let patch = Patch {
        docs: docs::called(fields.written("description").as_deref()),
        file: doc.file.to_owned(),
        at,
        description: fields.text("description").unwrap_or_default(),
        config: config(doc, &mut fields),
        columns: IndexMap::new(),
        tests: Vec::new(),
        constraints: contract::constraints(doc, fields.list("constraints"), &what),
        deprecation_date: contract::deprecation_date(&mut fields),
        time_spine: time_spine(doc, &mut fields, &columns),
        version: None,
        signature: Json::Null,
        defined_in: None,
        relation: fields
            .text("relation")
            .map(|text| (text, fields.at("relation").in_file(doc.file))),
        name,
    };
    fields.ignore(&[
        "primary_key",
        "original_file_path",
        "loaded_at_field",
        "agg_time_dimension",
        "semantic_model",
        "metrics",
        "derived_semantics",
    ]);
    let common = versions::Common {
        patch,
        columns,
        tests,
    };
    let patches = versions::patches(doc, &mut fields, common);
    fields.finish(Unknown::Warn);
    Some(patches)
}

/// Its column must be there, and say how fine it is.
fn time_spine(doc: Doc<'_>, fields: &mut Fields<'_>, columns: &[columns::Declared]) -> Json {
    let what = fields.what.clone();
    let Some(yaml) = fields.get("time_spine") else {
        return Json::Null;
    };
    let Some(mut spine) = Fields::of(doc, yaml, format!("the time spine of {what}")) else {
        return Json::Null;
    };
    let Some(name) = spine.required("standard_granularity_column") else {
        return Json::Null;
    };
    let granularities = spine.list("custom_granularities").iter();
    let granularity = |yaml: &Yaml| {
        let yaml = yaml.to_json();
        json!({"name": yaml["name"], "column_name": yaml["column_name"]})
    };
    let granularities: Vec<Json> = granularities.map(granularity).collect();
    let known = |name: &str| columns.iter().find(|known| known.column.name == name);
    let place = spine.at("standard_granularity_column");
    match known(&name) {
        None => spine.error(
            format!(
                "the time spine of {what} names a column '{name}' that {what} does not describe"
            ),
            place,
        ),
        Some(found) if found.column.granularity.is_none() => {
            spine.error(
                format!(
                    "the column '{name}' of {what} has no granularity, which its time spine needs"
                ),
                place,
            );
        }
        Some(_) => {}
    }
    for granularity in &granularities {
        let column = granularity["column_name"]
            .as_str()
            .or(granularity["name"].as_str());
        if let Some(column) = column.filter(|column| known(column).is_none()) {
            spine.error(format!("the time spine of {what} names a column '{column}' that {what} does not describe"), yaml.at);
        }
    }
    spine.finish(Unknown::Warn);
    json!({"standard_granularity_column": name, "custom_granularities": granularities})
}

/// Settings that may stand beside `config:`. Tags may where dbt reads them there.
pub(crate) const BESIDE: &[&str] = &["tags", "meta", "docs", "group", "contract", "access"];

/// `config:`, and what stands beside it, without tags: as in dbt, those of models and their like count under `config:`
/// alone.
fn config(doc: Doc<'_>, fields: &mut Fields<'_>) -> Config {
    if let Some(tags) = fields.get("tags") {
        let message = format!("tags of {} are read under config: alone", fields.what);
        let hint = "config: {tags: [...]}";
        let problem = Diagnostic::warning(message).hint(hint);
        doc.problems.push(problem.at(tags.at.in_file(doc.file)));
    }
    let keys = BESIDE.iter().filter(|key| **key != "tags");
    config_and(keys, doc, fields)
}

/// `config:`, and what stands beside it but for tags and meta: those of exposures and metrics are no settings there.
pub(crate) fn config_alone(doc: Doc<'_>, fields: &mut Fields<'_>) -> Config {
    let keys = BESIDE.iter().filter(|key| !["tags", "meta"].contains(key));
    config_and(keys, doc, fields)
}

/// `config:`, and what stands beside it.
pub(crate) fn config_and_tags(doc: Doc<'_>, fields: &mut Fields<'_>) -> Config {
    config_and(BESIDE.iter(), doc, fields)
}

/// The same in both places is one too many.
fn config_and<'a>(
    beside: impl Iterator<Item = &'a &'static str>,
    doc: Doc<'_>,
    fields: &mut Fields<'_>,
) -> Config {
    let mut config = from_yaml(doc, fields.map("config"));
    // What is compared between two states of a project is the rendered text of property files.
    config
        .values_mut()
        .for_each(|setting| setting.written = None);
    if let Some(access) = fields.peek("access").filter(|yaml| yaml.is_null()) {
        let message = format!(
            "'access' of {} must be private, protected or public, not nothing",
            fields.what
        );
        doc.error(message, access.at);
    }
    for key in beside {
        let Some(yaml) = fields.get(key) else {
            continue;
        };
        // As in dbt, nobody asks there what they are.
        if *key == "tags" && !Kind::Texts.fits(&yaml.to_json()) {
            continue;
        }
        let at = yaml.at.in_file(doc.file);
        if let Some(other) = config.get(*key).filter(|_| *key != "tags") {
            let message = format!("{} has two settings '{key}'", fields.what);
            let hint = format!("the other is under config: at {}", other.at);
            doc.problems
                .push(Diagnostic::error(message).at(at).hint(hint));
            continue;
        }
        let beside = [((*key).to_owned(), Setting::plain(yaml.to_json(), at))].into_iter();
        merge(&mut config, beside.collect());
    }
    config
}
