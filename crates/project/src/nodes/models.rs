//! Models: `models/**/*.sql`.

use forebay_core::graph::{Access, Materialized, Model};
use forebay_core::{Diagnostic, ResourceType, Spec, suggest};

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
    let materialized = materialized(cx, &reader)?;
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

/// By name, and built by us unless the project has macros of its own for it. A name that nobody knows is an error of
/// its model alone, when it runs.
fn materialized(cx: &Cx<'_>, reader: &Reader<'_>) -> Option<Materialized> {
    let name = reader.text("materialized");
    let name = name.as_deref().unwrap_or("view");
    let strategy = reader.text("incremental_strategy");
    let strategy = strategy.as_deref().filter(|_| name == "incremental");
    if name != "ephemeral" && cx.shared.is_overridden(name, strategy) {
        return by_macros(reader, name, strategy);
    }
    Some(match name {
        "table" => Materialized::Table,
        "view" => Materialized::View,
        "ephemeral" => Materialized::Ephemeral,
        "incremental" => Materialized::Incremental(incremental(reader)?),
        "materialized_view" => {
            let message = format!(
                "{} is built as a table: its rows change when it is built again",
                reader.what
            );
            let problem = Diagnostic::warning(message).at(reader.at("materialized"));
            reader.problems.push(problem);
            Materialized::Table
        }
        name => {
            let known = BUILT_IN.iter().copied();
            let message = format!(
                "{} wants the materialization '{name}', which nobody has",
                reader.what
            );
            let problem = Diagnostic::warning(message).at(reader.at("materialized"));
            reader
                .problems
                .push(problem.maybe_hint(suggest::nearest(name, known)));
            Materialized::Custom {
                name: name.to_owned(),
            }
        }
    })
}

const BUILT_IN: &[&str] = &[
    "table",
    "view",
    "ephemeral",
    "incremental",
    "materialized_view",
];

fn by_macros(reader: &Reader<'_>, name: &str, strategy: Option<&str>) -> Option<Materialized> {
    if strategy == Some("microbatch") {
        let message = format!(
            "{} runs in batches, which macros of the project cannot do",
            reader.what
        );
        let problem = Diagnostic::error(message).at(reader.at("incremental_strategy"));
        reader
            .problems
            .push(problem.hint("the project has a macro in the place of a built-in one"));
        return None;
    }
    Some(Materialized::Custom {
        name: name.to_owned(),
    })
}
