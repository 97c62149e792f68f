//! dbt's property files: descriptions, columns, tests and settings beside the SQL.

mod columns;
mod contract;
mod sources;
mod tests;
mod unit_tests;
mod versions;

use forebay_core::contract::Constraint;
use forebay_core::graph::{Column, Version};
use forebay_core::{Diagnostic, Location};
use indexmap::IndexMap;

use crate::config::{Config, Setting, from_yaml, merge};
use crate::jinja::RefCall;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(crate) use sources::SourceTable;
pub(crate) use tests::{Argument, TestDecl};
pub(crate) use unit_tests::{FixtureDecl, FixtureFormat, RowsDecl, UnitTestDecl};

/// What a property file says about one model, seed, snapshot or singular test.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    pub name: String,
    pub file: String,
    pub at: Location,
    pub description: String,
    pub config: Config,
    pub columns: IndexMap<String, Column>,
    pub tests: Vec<TestDecl>,
    /// Those of the table as a whole.
    pub constraints: Vec<Constraint>,
    pub deprecation_date: Option<String>,
    /// Of a model with several versions, and the name of the file that has its SQL.
    pub version: Option<Version>,
    pub defined_in: Option<String>,
    /// A snapshot written in YAML: what it reads, such as `ref('orders')`.
    pub relation: Option<(String, Location)>,
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
    pub sources: Vec<SourceTable>,
    pub unit_tests: Vec<UnitTestDecl>,
}

/// Sections that dbt has and that say nothing to us yet.
const TOLERATED: &[&str] = &[
    "version",
    "macros",
    "analyses",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "groups",
    "functions",
    "anchors",
];

impl Properties {
    pub fn add(&mut self, doc: Doc<'_>, yaml: &Yaml) {
        let Some(mut fields) = Fields::of(doc, yaml, format!("the property file {}", doc.file))
        else {
            return;
        };
        fields.ignore(TOLERATED);
        self.models
            .extend(patches(doc, fields.list("models"), "model"));
        self.seeds
            .extend(patches(doc, fields.list("seeds"), "seed"));
        self.snapshots
            .extend(patches(doc, fields.list("snapshots"), "snapshot"));
        self.tests
            .extend(patches(doc, fields.list("data_tests"), "test"));
        self.tests
            .extend(patches(doc, fields.list("tests"), "test"));
        for source in fields.list("sources") {
            self.sources.extend(sources::read(doc, source));
        }
        let unit_tests = fields.list("unit_tests").iter();
        self.unit_tests
            .extend(unit_tests.filter_map(|item| unit_tests::read(doc, item)));
        fields.finish(Unknown::Warn);
    }
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
    let at = fields.at("name").in_file(doc.file);
    let columns = columns::read(doc, fields.list("columns"), &name);
    let tests = tests::read_all(doc, &mut fields, None);
    let what = fields.what.clone();
    let patch = Patch {
        file: doc.file.to_owned(),
        at,
        description: fields.text("description").unwrap_or_default(),
        config: config(doc, &mut fields),
        columns: IndexMap::new(),
        tests: Vec::new(),
        constraints: contract::constraints(doc, fields.list("constraints"), &what),
        deprecation_date: fields.text("deprecation_date"),
        version: None,
        defined_in: None,
        relation: fields
            .text("relation")
            .map(|text| (text, fields.at("relation").in_file(doc.file))),
        name,
    };
    fields.ignore(&[
        "time_spine",
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

/// Settings that may stand beside `config:`.
const BESIDE: &[&str] = &["tags", "meta", "docs", "group", "contract", "access"];

/// `config:`, and what stands beside it; the same in both places is one too many.
fn config(doc: Doc<'_>, fields: &mut Fields<'_>) -> Config {
    let mut config = from_yaml(doc, fields.map("config"));
    for key in BESIDE {
        let Some(yaml) = fields.get(key) else {
            continue;
        };
        let at = yaml.at.in_file(doc.file);
        if let Some(other) = config.get(*key).filter(|_| *key != "tags") {
            let message = format!("{} has two settings '{key}'", fields.what);
            let hint = format!("the other is under config: at {}", other.at);
            doc.problems
                .push(Diagnostic::error(message).at(at).hint(hint));
            continue;
        }
        let value = yaml.to_json();
        let beside = [((*key).to_owned(), Setting { value, at })].into_iter();
        merge(&mut config, beside.collect());
    }
    config
}
