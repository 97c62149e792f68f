//! dbt's property files: descriptions, columns, tests and settings beside the SQL.

mod columns;
mod sources;
mod tests;

use forebay_core::Location;
use forebay_core::graph::Column;
use indexmap::IndexMap;

use crate::config::{Config, Setting, from_yaml, merge};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(crate) use sources::SourceTable;
pub(crate) use tests::{Argument, TestDecl};

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
    /// A snapshot written in YAML: what it reads, such as `ref('orders')`.
    pub relation: Option<(String, Location)>,
}

/// All property files together.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub models: Vec<Patch>,
    pub seeds: Vec<Patch>,
    pub snapshots: Vec<Patch>,
    pub tests: Vec<Patch>,
    pub sources: Vec<SourceTable>,
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
        for test in fields.list("unit_tests") {
            doc.warning("unit tests are not run yet", test.at);
        }
        fields.finish(Unknown::Warn);
    }
}

fn patches(doc: Doc<'_>, items: &[Yaml], kind: &str) -> Vec<Patch> {
    items
        .iter()
        .filter_map(|item| patch(doc, item, kind))
        .collect()
}

fn patch(doc: Doc<'_>, yaml: &Yaml, kind: &str) -> Option<Patch> {
    let mut fields = Fields::of(doc, yaml, format!("a {kind}"))?;
    let name = fields.required("name")?;
    fields.what = format!("{kind} '{name}'");
    let at = fields.at("name").in_file(doc.file);
    let (columns, mut tests) = columns::read(doc, fields.list("columns"), &name);
    tests.extend(tests::read_all(doc, &mut fields, None));
    let patch = Patch {
        file: doc.file.to_owned(),
        at,
        description: fields.text("description").unwrap_or_default(),
        config: config(doc, &mut fields),
        columns,
        tests,
        relation: fields
            .text("relation")
            .map(|text| (text, fields.at("relation").in_file(doc.file))),
        name,
    };
    fields.ignore(&[
        "docs",
        "access",
        "group",
        "latest_version",
        "constraints",
        "deprecation_date",
        "time_spine",
        "primary_key",
        "original_file_path",
        "loaded_at_field",
        "agg_time_dimension",
        "semantic_model",
        "metrics",
        "derived_semantics",
    ]);
    if fields.get("versions").is_some() {
        let message = format!(
            "versions of models are not supported yet: {kind} '{}'",
            patch.name
        );
        doc.error(message, fields.at("versions"));
    }
    fields.finish(Unknown::Warn);
    Some(patch)
}

/// `config:`, and the settings that may stand beside it.
fn config(doc: Doc<'_>, fields: &mut Fields<'_>) -> Config {
    let mut config = Config::new();
    for key in ["tags", "meta"] {
        if let Some(yaml) = fields.get(key) {
            let at = yaml.at.in_file(doc.file);
            config.insert(
                key.to_owned(),
                Setting {
                    value: yaml.to_json(),
                    at,
                },
            );
        }
    }
    merge(&mut config, from_yaml(doc, fields.map("config")));
    config
}
