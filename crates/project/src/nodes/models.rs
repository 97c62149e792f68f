//! Models: `models/**/*.sql`.

use forebay_core::graph::{Access, Materialized, Model};
use forebay_core::{Diagnostic, ResourceType, Spec};

use super::contracts::{check_contract, contract, keys};
use super::incremental::incremental;
use super::{Cx, Outcome, Parsed, Subject, reader, relation};
use crate::config::Reader;
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn model(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let subject = Subject::new(cx, ResourceType::Model, |file| &file.models, sql, patch);
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let mut written = subject.config.clone();
    cx.override_settings(subject.section, &subject.fqn, &mut written);
    // What is switched off from outside may name what is not installed: it is not run, unless it
    // may switch itself on.
    let off = reader(cx, &written, subject.what()).flag("enabled") == Some(false);
    let mut parsed = match off && !subject.sql.raw().contains("enabled") {
        true => Parsed::unread(written),
        false => subject.parse(cx)?,
    };
    let reader = reader(cx, &parsed.config, subject.what());
    let off = reader.flag("enabled") == Some(false);
    reader.misspelt();
    reader.unsupported(&["grants", "sql_header"]);
    let materialized = materialized(&reader)?;
    let relation = relation(cx, &subject.naming(), &reader)?;
    let (alias, schema) = (relation.name.clone(), relation.schema.clone());
    let relation = Some(relation).filter(|_| materialized != Materialized::Ephemeral);
    let patch = subject.patch;
    keys(cx, &subject, &mut parsed.calls);
    let model = Model {
        materialized,
        raw_sql: subject.sql.raw().to_owned(),
        contract: contract(&reader, patch),
        access: reader.choice("access", ACCESS).unwrap_or_default(),
        version: subject.version().cloned(),
        deprecation_date: patch.and_then(|patch| patch.deprecation_date.clone()),
    };
    check_contract(&reader, patch, &model);
    let spec = Spec::Model(model);
    let mut draft = Box::new(subject.draft(cx, parsed, relation, alias, spec));
    draft.detail.schema = schema;
    Some(match off {
        true => Outcome::Disabled(Some(draft)),
        false => Outcome::Draft(draft),
    })
}

const ACCESS: &[(&str, Access)] = &[
    ("private", Access::Private),
    ("protected", Access::Protected),
    ("public", Access::Public),
];

#[derive(Clone, Copy)]
enum Kind {
    Table,
    View,
    MaterializedView,
    Ephemeral,
    Incremental,
}

fn materialized(reader: &Reader<'_>) -> Option<Materialized> {
    let kinds = [
        ("table", Kind::Table),
        ("view", Kind::View),
        ("materialized_view", Kind::MaterializedView),
        ("incremental", Kind::Incremental),
        ("ephemeral", Kind::Ephemeral),
    ];
    if reader
        .config
        .get("materialized")
        .is_none_or(|s| s.value.is_null())
    {
        return Some(Materialized::View);
    }
    Some(match reader.choice("materialized", &kinds)? {
        Kind::Table => Materialized::Table,
        Kind::View => Materialized::View,
        Kind::MaterializedView => {
            let message = format!(
                "{} is built as a table: its rows change when it is built again",
                reader.what
            );
            let problem = Diagnostic::warning(message).at(reader.at("materialized"));
            reader.problems.push(problem);
            Materialized::Table
        }
        Kind::Ephemeral => Materialized::Ephemeral,
        Kind::Incremental => Materialized::Incremental(incremental(reader)?),
    })
}
