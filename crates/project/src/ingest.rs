//! `ingest/*.yml`: how source tables are filled.

use forebay_core::graph::Source;
use forebay_core::ingest::{
    Connector, CsvFiles, Expectation, Ingest, OnBadRow, OnFail, OnNewColumn, Rule, WriteDisposition,
};
use forebay_core::{Diagnostic, Location, Node, NodeId, Relation, Spec};
use indexmap::IndexMap;

use crate::nodes::{Cx, Detail, Draft, node_scope};
use crate::yaml::{Doc, Fields, Unknown, Value, Yaml};

/// One entry: the table as `source.table`, and how it is filled.
#[derive(Debug)]
pub(crate) struct Entry {
    pub source: String,
    pub table: String,
    pub description: String,
    pub ingest: Ingest,
}

pub(crate) fn read(doc: Doc<'_>, yaml: &Yaml) -> Vec<Entry> {
    let Some(mut fields) = Fields::of(doc, yaml, "an ingest file") else {
        return Vec::new();
    };
    crate::yaml_version(&mut fields);
    let entries = fields.list("ingest");
    fields.finish(Unknown::Error);
    entries.iter().filter_map(|yaml| entry(doc, yaml)).collect()
}

fn entry(doc: Doc<'_>, yaml: &Yaml) -> Option<Entry> {
    let mut fields = Fields::of(doc, yaml, "an ingest entry")?;
    let table = fields.required("table")?;
    fields.what = format!("ingest of '{table}'");
    let location = fields.at("table").in_file(doc.file);
    let description = fields.text("description").unwrap_or_default();
    let (connector, write) = (connector(&mut fields), write(&mut fields));
    let on_bad_row = fields.choice("on_bad_row", ON_BAD_ROW).unwrap_or_default();
    let on_new_column = fields
        .choice("on_new_column", ON_NEW_COLUMN)
        .unwrap_or_default();
    let (column_types, expect) = (column_types(&mut fields), expectations(&mut fields));
    let name = table
        .split_once('.')
        .filter(|(source, table)| !source.is_empty() && !table.is_empty());
    if name.is_none() {
        let message = format!("'table' of an ingest entry must be source.table, not '{table}'");
        doc.error(message, fields.at("table"));
    }
    fields.finish(Unknown::Error);
    let (source, table) = name?;
    Some(Entry {
        source: source.to_owned(),
        table: table.to_owned(),
        description,
        ingest: Ingest {
            connector: connector?,
            write: write?,
            column_types,
            on_bad_row,
            on_new_column,
            expect,
            location,
        },
    })
}

const ON_BAD_ROW: &[(&str, OnBadRow)] = &[("fail", OnBadRow::Fail), ("hold", OnBadRow::Hold)];

const ON_NEW_COLUMN: &[(&str, OnNewColumn)] = &[
    ("fail", OnNewColumn::Fail),
    ("add", OnNewColumn::Add),
    ("ignore", OnNewColumn::Ignore),
];

const ON_FAIL: &[(&str, OnFail)] = &[("hold", OnFail::Hold), ("fail", OnFail::Fail)];

/// Types that a column can be given.
const TYPES: &[(&str, &str)] = &[
    ("int64", "int64"),
    ("float64", "float64"),
    ("string", "string"),
    ("boolean", "boolean"),
    ("date", "date"),
    ("timestamp", "timestamp"),
];

fn connector(fields: &mut Fields<'_>) -> Option<Connector> {
    let Some(yaml) = fields.get("csv") else {
        fields.missing("csv");
        return None;
    };
    let what = format!("csv of {}", fields.what);
    let mut csv = Fields::of(fields.doc, yaml, what)?;
    let path = csv.required("path");
    let delimiter = csv.text("delimiter").unwrap_or_else(|| ",".into());
    let mut chars = delimiter.chars();
    let single = chars
        .next()
        .filter(|c| c.is_ascii() && chars.next().is_none());
    if single.is_none() {
        let message = format!(
            "the delimiter of {} must be a single ASCII character",
            fields.what
        );
        csv.error(message, csv.at("delimiter"));
    }
    let null_values = csv.texts("null_values");
    csv.finish(Unknown::Error);
    Some(Connector::Csv(CsvFiles {
        path: path?,
        delimiter: single?,
        null_values,
    }))
}

/// `append`, `replace` or `{merge: [key, ...]}`.
fn write(fields: &mut Fields<'_>) -> Option<WriteDisposition> {
    let yaml = fields.get("write");
    if let Some(Value::Map(_)) = yaml.map(|yaml| &yaml.value) {
        let what = format!("write of {}", fields.what);
        let mut merge = Fields::of(fields.doc, yaml?, what)?;
        let key = merge.texts("merge");
        if key.is_empty() {
            merge.error(
                format!("merge of {} needs a key: {{merge: [id]}}", fields.what),
                merge.at,
            );
        }
        merge.finish(Unknown::Error);
        return (!key.is_empty()).then_some(WriteDisposition::Merge { key });
    }
    if yaml.and_then(Yaml::as_text) == Some("merge") {
        fields.error(
            format!("merge of {} needs a key: {{merge: [id]}}", fields.what),
            fields.at("write"),
        );
        return None;
    }
    match fields.choice("write", &[("append", false), ("replace", true)]) {
        Some(false) => Some(WriteDisposition::Append),
        Some(true) => Some(WriteDisposition::Replace),
        None if yaml.is_some() => None,
        None => Some(WriteDisposition::Append),
    }
}

fn column_types(fields: &mut Fields<'_>) -> IndexMap<String, String> {
    let Some(yaml) = fields.get("columns") else {
        return IndexMap::new();
    };
    let what = format!("columns of {}", fields.what);
    let mut types = IndexMap::new();
    for entry in yaml.as_map().unwrap_or_default() {
        // Read as a mapping of one known key, so that a wrong type gets the usual message.
        let text = entry.value.as_text().unwrap_or_default();
        match TYPES.iter().find(|(name, _)| *name == text) {
            Some((_, kind)) => {
                types.insert(entry.key.clone(), (*kind).to_owned());
            }
            None => {
                let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
                let message = format!("'{text}' is no type for the column '{}'", entry.key);
                fields.doc.problems.push(
                    Diagnostic::error(message)
                        .at(entry.value.at.in_file(fields.doc.file))
                        .maybe_hint(forebay_core::suggest::nearest(text, names.iter().copied()))
                        .hint(format!("one of: {}", names.join(", "))),
                );
            }
        }
    }
    if yaml.as_map().is_none() {
        fields.error(
            format!(
                "{what} must be a mapping (column: type), not {}",
                yaml.kind()
            ),
            yaml.at,
        );
    }
    types
}

fn expectations(fields: &mut Fields<'_>) -> Vec<Expectation> {
    let what = fields.what.clone();
    let doc = fields.doc;
    let items = fields.list("expect").iter();
    items
        .filter_map(|yaml| expectation(doc, yaml, &what))
        .collect()
}

/// `{column: wind_speed, range: {max: 250}, on_fail: hold}`.
fn expectation(doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Expectation> {
    let mut fields = Fields::of(doc, yaml, format!("an expectation of {what}"))?;
    let column = fields.required("column");
    let on_fail = fields.choice("on_fail", ON_FAIL).unwrap_or_default();
    let not_null = fields
        .flag("not_null")
        .unwrap_or(false)
        .then_some(Rule::NotNull);
    let range = fields.get("range").and_then(|yaml| range(doc, yaml, what));
    let values = fields.texts("accepted_values");
    let accepted = (!values.is_empty()).then_some(Rule::AcceptedValues { values });
    let rules: Vec<Rule> = [not_null, range, accepted].into_iter().flatten().collect();
    let location = yaml.at.in_file(doc.file);
    fields.finish(Unknown::Error);
    let [rule] = <[Rule; 1]>::try_from(rules)
        .map_err(|rules| {
            let message = format!(
                "an expectation of {what} needs one rule, not {}",
                rules.len()
            );
            doc.problems.push(
                Diagnostic::error(message)
                    .at(location.clone())
                    .hint("not_null: true, range: {min: ..., max: ...} or accepted_values: [...]"),
            );
        })
        .ok()?;
    Some(Expectation {
        column: column?,
        rule,
        on_fail,
        location,
    })
}

fn range(doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Rule> {
    let mut fields = Fields::of(doc, yaml, format!("a range of {what}"))?;
    let (min, max) = (fields.number("min"), fields.number("max"));
    fields.finish(Unknown::Error);
    match (min, max) {
        (None, None) => {
            doc.error(format!("a range of {what} needs min, max or both"), yaml.at);
            None
        }
        (Some(min), Some(max)) if min > max => {
            doc.error(format!("a range of {what} has min above max"), yaml.at);
            None
        }
        _ => Some(Rule::Range { min, max }),
    }
}

/// Gives the entries to the sources that are declared, and declares those that are not.
pub(crate) fn attach(cx: &Cx<'_>, entries: Vec<Entry>, drafts: &mut Vec<Draft>) {
    for entry in entries {
        let id = crate::nodes::source_id(cx, &entry.source, &entry.table);
        let declared = drafts.iter_mut().find(|draft| draft.node.id == id);
        let Some(Spec::Source(source)) = declared.map(|draft| &mut draft.node.spec) else {
            drafts.push(undeclared(cx, id, entry));
            continue;
        };
        if let Some(first) = &source.ingest {
            cx.problems.push(
                Diagnostic::error(format!(
                    "'{}.{}' is filled twice",
                    entry.source, entry.table
                ))
                .at(entry.ingest.location.clone())
                .hint(format!("the other is at {}", first.location)),
            );
            continue;
        }
        source.ingest = Some(entry.ingest);
    }
}

fn undeclared(cx: &Cx<'_>, id: NodeId, entry: Entry) -> Draft {
    let location: Location = entry.ingest.location.clone();
    let place = Relation::new(&entry.source, &entry.table);
    let node = Node {
        id,
        name: entry.table.clone(),
        package: cx.project.name.clone(),
        location,
        fqn: vec![
            cx.project.name.clone(),
            entry.source.clone(),
            entry.table.clone(),
        ],
        tags: Vec::new(),
        group: None,
        description: entry.description,
        columns: IndexMap::new(),
        relation: Some(place.clone()),
        depends_on: Vec::new(),
        spec: Spec::Source(Source {
            source_name: entry.source,
            ingest: Some(entry.ingest),
            loaded_at_field: None,
            freshness: None,
        }),
    };
    let config = serde_json::Map::new();
    let detail = Detail {
        scope: node_scope(cx, &node, &config, &place, "").into(),
        alias: entry.table,
        ..Detail::default()
    };
    Draft { node, detail }
}
