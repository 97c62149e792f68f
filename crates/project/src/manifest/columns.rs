//! Columns and constraints in the manifest.

use std::collections::BTreeMap;

use forebay_core::contract::Constraint;
use forebay_core::graph::Column;
use forebay_core::{Node, Spec};
use indexmap::IndexMap;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::Project;
use crate::jinja::{Asker, RefCall};
use crate::link::resolve;

/// By name.
pub(super) struct Columns<'a> {
    pub columns: &'a IndexMap<String, Column>,
    pub keys: Keys<'a>,
}

/// The relations that foreign keys point at, by the calls that are written.
pub(super) type Keys<'a> = BTreeMap<&'a str, String>;

impl<'a> Columns<'a> {
    pub fn of(node: &'a Node) -> Self {
        let (columns, keys) = (&node.columns, Keys::new());
        Self { columns, keys }
    }
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let described = |(name, column)| (name, described(column, &self.keys));
        serializer.collect_map(self.columns.iter().map(described))
    }
}

pub(super) fn keys<'a>(project: &Project, node: &'a Node) -> Keys<'a> {
    let mut keys = Keys::new();
    let (Spec::Model(model), Some(names)) = (&node.spec, project.shared.names.get()) else {
        return keys;
    };
    let asker = Asker {
        package: &node.package,
        group: node.group.as_deref(),
    };
    let columns = node.columns.values().flat_map(|column| &column.constraints);
    for constraint in model.contract.constraints.iter().chain(columns) {
        let Some(to) = constraint.to.as_deref() else {
            continue;
        };
        let id = RefCall::parse(to).and_then(|call| resolve(names, asker, &call).ok());
        let pointed = id.and_then(|id| project.graph.get(&id));
        if let Some(relation) = pointed.and_then(|node| project.written(node)) {
            keys.insert(to, relation);
        }
    }
    keys
}

#[derive(serde::Serialize)]
struct Described<'a> {
    name: &'a str,
    description: &'a str,
    meta: &'a Map<String, Json>,
    data_type: Option<&'a str>,
    constraints: Vec<Rule<'a>>,
    quote: Option<bool>,
    config: ColumnConfig<'a>,
    tags: &'a [String],
    granularity: Option<&'a str>,
    doc_blocks: &'a [String],
    #[serde(flatten)]
    further: &'a Map<String, Json>,
}

#[derive(serde::Serialize)]
struct ColumnConfig<'a> {
    meta: &'a Map<String, Json>,
    tags: &'a [String],
}

fn described<'a>(column: &'a Column, keys: &'a Keys<'a>) -> Described<'a> {
    let (meta, tags) = (&column.meta, &column.tags);
    Described {
        name: &column.name,
        description: &column.description,
        meta,
        data_type: column.data_type.as_deref(),
        constraints: column
            .constraints
            .iter()
            .map(|c| rule(c, false, keys))
            .collect(),
        quote: column.quote,
        config: ColumnConfig { meta, tags },
        tags,
        granularity: column.granularity.as_deref(),
        doc_blocks: &column.docs,
        further: &column.further,
    }
}

/// As templates see them: without what is not said.
pub(crate) fn shown_columns(node: &Node) -> Json {
    let mut all = json!(Columns::of(node));
    let entries = all.as_object_mut().into_iter().flat_map(Map::values_mut);
    for entry in entries.filter_map(Json::as_object_mut) {
        entry.retain(|_, value| !value.is_null());
    }
    all
}

#[derive(serde::Serialize)]
pub(super) struct Rule<'a> {
    r#type: &'static str,
    name: Option<&'a str>,
    expression: Option<&'a str>,
    warn_unenforced: bool,
    warn_unsupported: bool,
    to: Option<&'a str>,
    to_columns: &'a [String],
    /// Of a table's.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'a [String]>,
}

pub(super) struct ModelRules<'a> {
    pub constraints: &'a [Constraint],
    pub keys: Keys<'a>,
}

impl Serialize for ModelRules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rules = self.constraints.iter();
        serializer.collect_seq(rules.map(|constraint| rule(constraint, true, &self.keys)))
    }
}

pub(super) fn rule<'a>(constraint: &'a Constraint, of_table: bool, keys: &'a Keys<'a>) -> Rule<'a> {
    let to = constraint.to.as_deref();
    Rule {
        r#type: constraint.kind.as_str(),
        name: constraint.name.as_deref(),
        expression: constraint.expression.as_deref(),
        warn_unenforced: constraint.warn_unenforced,
        warn_unsupported: constraint.warn_unsupported,
        to: to.map(|to| keys.get(to).map_or(to, String::as_str)),
        to_columns: &constraint.to_columns,
        columns: of_table.then_some(&constraint.columns),
    }
}
