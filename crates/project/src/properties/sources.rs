//! `sources:`: tables that are filled from outside.

use forebay_core::graph::{Column, Freshness};
use forebay_core::{Location, Span};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::shapes;
use super::tests::TestDecl;
use super::{columns, config_and_tags, tests};
use crate::config::{Config, Kind, merge};
use crate::docs;
use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// One table of a source, with what it inherits from the source.
#[derive(Clone, Debug)]
pub(crate) struct SourceTable {
    pub source: String,
    pub table: String,
    pub schema: String,
    /// The table's name in the warehouse.
    pub identifier: String,
    pub source_description: String,
    /// `meta` of the source itself.
    pub source_meta: Json,
    pub external: Json,
    pub quoting: Json,
    /// `schema` as it is written.
    pub written_schema: Option<String>,
    pub description: String,
    /// The blocks of docs that it calls.
    pub docs: Vec<String>,
    pub loader: String,
    pub columns: IndexMap<String, Column>,
    pub tests: Vec<TestDecl>,
    pub config: Config,
    pub loaded_at_field: Option<String>,
    /// SQL that gives the moment of the newest row; its Jinja is rendered when it is asked.
    pub loaded_at_query: Option<String>,
    pub freshness: Option<Freshness>,
    /// Its ages as they are written.
    pub ages: Ages,
    /// `freshness: null`.
    pub never_stale: bool,
    pub file: String,
    pub at: Location,
}

/// What tables take over from their source.
struct Inherited {
    config: Config,
    loaded_at: LoadedAt,
    freshness: Option<Freshness>,
    ages: Ages,
    never_stale: bool,
}

/// What tells how new the rows are: a column or a query, not both.
#[derive(Clone, Default)]
struct LoadedAt {
    field: Option<String>,
    query: Option<String>,
}

const SHAPES: &[(&str, Kind)] = &[
    ("config", Kind::Mapping),
    ("description", Kind::Text),
    ("loader", Kind::Text),
    ("meta", Kind::Mapping),
    ("name", Kind::Text),
    ("quoting", Kind::Mapping),
    ("tables", Kind::List),
];

/// Of sources and tables; nothing is as good as no key.
const NULLABLE: &[(&str, Kind)] = &[
    ("external", Kind::Mapping),
    ("loaded_at_field", Kind::Text),
    ("loaded_at_query", Kind::Text),
];

/// Where a source's tables are: nothing is as good as no key.
const PLACE: &[(&str, Kind)] = &[("database", Kind::Text), ("schema", Kind::Text)];

/// Beside those that every table has.
const TABLE_SHAPES: &[(&str, Kind)] = &[("quoting", Kind::Mapping)];

const TOLERATED: &[&str] = &["database", "quoting", "overrides", "external", "docs"];

pub(crate) fn read(doc: Doc<'_>, yaml: &Yaml) -> Vec<SourceTable> {
    read_source(doc, yaml).unwrap_or_default()
}

fn read_source(doc: Doc<'_>, yaml: &Yaml) -> Option<Vec<SourceTable>> {
    let mut fields = Fields::of(doc, yaml, "a source")?;
    let name = fields.required("name")?;
    fields.what = format!("source '{name}'");
    shapes::check(doc, yaml, &fields.what, SHAPES);
    shapes::check_unless_null(doc, yaml, &fields.what, NULLABLE);
    shapes::check_unless_null(doc, yaml, &fields.what, PLACE);
    let inherited = inherited(doc, &mut fields, None);
    let template = SourceTable {
        schema: fields.text("schema").unwrap_or_else(|| name.clone()),
        source_description: fields.text("description").unwrap_or_default(),
        source_meta: inherited
            .config
            .get("meta")
            .map_or_else(|| json!({}), |meta| meta.value.clone()),
        external: Json::Null,
        quoting: fields.json("quoting").unwrap_or_default(),
        written_schema: fields.written("schema"),
        loader: fields.text("loader").unwrap_or_default(),
        source: name,
        table: String::new(),
        identifier: String::new(),
        description: String::new(),
        docs: Vec::new(),
        columns: IndexMap::new(),
        tests: Vec::new(),
        config: Config::new(),
        loaded_at_field: None,
        loaded_at_query: None,
        freshness: None,
        ages: Ages::default(),
        never_stale: false,
        file: doc.file.to_owned(),
        at: Location::default(),
    };
    fields.ignore(TOLERATED);
    let tables = fields.list("tables");
    fields.finish(Unknown::Error);
    let tags = texts(yaml.get("tags"));
    let tables = tables
        .iter()
        .filter_map(|yaml| table(doc, yaml, &template, &inherited, &tags));
    Some(tables.collect())
}

fn texts(yaml: Option<&Yaml>) -> Vec<String> {
    match yaml.map(Yaml::to_json) {
        Some(Json::String(text)) => vec![text],
        Some(Json::Array(items)) => {
            let texts = items.iter().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn table(
    doc: Doc<'_>,
    yaml: &Yaml,
    template: &SourceTable,
    inherited_from: &Inherited,
    tags: &[String],
) -> Option<SourceTable> {
    let source = &template.source;
    let mut fields = Fields::of(doc, yaml, format!("a table of the source '{source}'"))?;
    let name = fields.required("name")?;
    fields.what = format!("source table '{source}.{name}'");
    shapes::check(doc, yaml, &fields.what, shapes::ENTRY);
    shapes::check(doc, yaml, &fields.what, TABLE_SHAPES);
    shapes::check_unless_null(doc, yaml, &fields.what, NULLABLE);
    let declared = columns::read(doc, fields.list("columns"), &name, false);
    let (columns, mut found) = columns::split(declared);
    found.extend(tests::read_all(doc, &mut fields, None));
    // Those that are no settings are its tests' too.
    let own_tags = texts(yaml.get("tags"));
    for test in &mut found {
        test.column_tags
            .extend(tags.iter().chain(&own_tags).cloned());
    }
    let own = inherited(doc, &mut fields, Some(inherited_from));
    fields.ignore(TOLERATED);
    let table = SourceTable {
        identifier: fields.text("identifier").unwrap_or_else(|| name.clone()),
        docs: docs::called(fields.written("description").as_deref()),
        description: fields.text("description").unwrap_or_default(),
        external: fields.json("external").unwrap_or_default(),
        quoting: crate::config::over(&template.quoting, fields.json("quoting")),
        loader: fields
            .text("loader")
            .unwrap_or_else(|| template.loader.clone()),
        at: fields.at("name").in_file(doc.file),
        table: name,
        columns,
        tests: found,
        config: own.config,
        loaded_at_field: own.loaded_at.field,
        loaded_at_query: own.loaded_at.query,
        freshness: own.freshness,
        ages: own.ages,
        never_stale: own.never_stale,
        ..template.clone()
    };
    fields.finish(Unknown::Warn);
    Some(table)
}

/// The keys that a table inherits, merged with those of its source.
fn inherited(doc: Doc<'_>, fields: &mut Fields<'_>, from: Option<&Inherited>) -> Inherited {
    let mut all = from.map_or_else(Config::new, |from| from.config.clone());
    merge(&mut all, config_and_tags(doc, fields));
    let config_section = fields.get("config").filter(|yaml| yaml.as_map().is_some());
    let mut in_config = config_section.and_then(|yaml| Fields::of(doc, yaml, "config"));
    let mut loaded_at = loaded_at(doc, fields);
    let rule = from.and_then(|from| from.freshness.clone());
    let mut rule = (rule, from.map(|from| from.ages).unwrap_or_default());
    let mut never_stale = from.is_some_and(|from| from.never_stale);
    let is_off = |fields: &mut Fields<'_>| fields.get_or_null("freshness").map(Yaml::is_null);
    never_stale = is_off(fields).unwrap_or(never_stale);
    rule = freshness(doc, fields, rule);
    if let Some(fields) = &mut in_config {
        loaded_at = self::loaded_at(doc, fields).or(loaded_at);
        never_stale = is_off(fields).unwrap_or(never_stale);
        rule = freshness(doc, fields, rule);
    }
    Inherited {
        config: all,
        loaded_at: loaded_at
            .or_else(|| from.map(|from| from.loaded_at.clone()))
            .unwrap_or_default(),
        freshness: rule.0,
        ages: rule.1,
        never_stale,
    }
}

/// `loaded_at_field: null` switches an inherited one off.
fn loaded_at(doc: Doc<'_>, fields: &mut Fields<'_>) -> Option<LoadedAt> {
    let written = fields.get_or_null("loaded_at_field");
    let is_off = written.is_some_and(Yaml::is_null);
    let (field, query) = (
        fields.text("loaded_at_field"),
        fields.text("loaded_at_query"),
    );
    if field.as_deref() == Some("") {
        let message = format!("'loaded_at_field' of {} is empty", fields.what);
        doc.error(message, fields.at("loaded_at_field"));
    }
    if field.is_some() && query.is_some() {
        let message = format!(
            "{} has a loaded_at_field and a loaded_at_query",
            fields.what
        );
        doc.error(message, fields.at("loaded_at_query"));
    }
    (is_off || field.is_some() || query.is_some()).then_some(LoadedAt { field, query })
}

/// `freshness: null` switches an inherited rule off.
fn freshness(doc: Doc<'_>, fields: &mut Fields<'_>, base: Rule) -> Rule {
    let Some(yaml) = fields.get_or_null("freshness") else {
        return base;
    };
    let Some(mut fields) = Some(yaml)
        .filter(|yaml| !yaml.is_null())
        .and_then(|yaml| Fields::of(doc, yaml, "freshness"))
    else {
        return Rule::default();
    };
    shapes::check(doc, yaml, "freshness", &[("filter", Kind::Text)]);
    let (base, ages) = (base.0.unwrap_or_default(), base.1);
    let ages = Ages {
        warn_after: age(doc, &mut fields, "warn_after").or(ages.warn_after),
        error_after: age(doc, &mut fields, "error_after").or(ages.error_after),
    };
    let rule = Freshness {
        warn_after: ages.warn_after.map(Age::span),
        error_after: ages.error_after.map(Age::span),
        filter: fields.text("filter").or(base.filter),
    };
    fields.finish(Unknown::Warn);
    let has_rule = rule.warn_after.is_some() || rule.error_after.is_some();
    (has_rule.then_some(rule), ages)
}

/// `{count: 12, period: hour}`.
fn age(doc: Doc<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Age> {
    let yaml = fields.get(key)?;
    let mut fields = Fields::of(doc, yaml, format!("'{key}' of freshness"))?;
    let periods = PERIODS.map(|(name, _)| (name, name));
    let count = fields.json("count").as_ref().and_then(Json::as_i64);
    let period = fields.choice("period", &periods);
    if count.is_none_or(|count| count < 1) {
        fields.error(
            format!("'count' of '{key}' must be a whole number from 1 up"),
            yaml.at,
        );
    }
    fields.finish(Unknown::Warn);
    let age = Age {
        count: count.filter(|count| *count > 0)?,
        period: period?,
    };
    age.micros().map(|_| age)
}

const PERIODS: [(&str, i64); 3] = [("minute", 60), ("hour", 3_600), ("day", 86_400)];

/// `{count: 12, period: hour}` as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    pub count: i64,
    pub period: &'static str,
}

impl Age {
    /// None where it is more than can be counted.
    fn micros(self) -> Option<i64> {
        let seconds = PERIODS.iter().find(|(name, _)| *name == self.period)?.1;
        self.count.checked_mul(seconds)?.checked_mul(1_000_000)
    }

    fn span(self) -> Span {
        Span::from_micros(self.micros().unwrap_or(i64::MAX))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ages {
    pub warn_after: Option<Age>,
    pub error_after: Option<Age>,
}

type Rule = (Option<Freshness>, Ages);
